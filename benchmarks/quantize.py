"""Effects of int8 on the accuracy of a linear probe, the size and the speed.

    pip install -e .
    python benchmarks/quantize.py --docs

The probe is fitted to the first 10,000 training images of MNIST and tested on all 10,000 test images. Sizes are those of the
encoder as an ONNX file; speeds are those of this file on ONNX Runtime, on one thread, and of `encode`, on Keras's backend.

A second table is of `dtype="int8"` in feature extraction, with the first 10,000 training images and the test images of CIFAR-10;
the speed-up is that of one thread, as measured when the graph is quantized.
"""

import argparse
import os
import statistics
import tempfile
import time

import numpy as np
from turns import write_table

SETS = ("dae_mlp.mnist", "stacked_mlp.mnist", "sparse_mlp.mnist")
COLOR_SETS = ("ae_resnet.cifar10", "dae_conv.cifar10")
ROUNDS = 5
BATCH = 128


def speed(function, x):
    """Images per second, median of the rounds."""
    function(x[:BATCH])
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for i in range(0, len(x), BATCH):
            function(x[i : i + BATCH])
        taken.append(time.perf_counter() - start)
    return len(x) / statistics.median(taken)


def measured(model, train, test):
    """Accuracy of the probe, megabytes, and images per second of ONNX Runtime and of `encode`."""
    from zoo.evaluation.probes import linear_probe
    from zoo.inference.export.exporting import export
    from zoo.inference.graph_files import session

    features = [model.encode(images, 1000) for images in (train.images, test.images)]
    accuracy = linear_probe(features[0], train.labels, features[1], test.labels)["accuracy"]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "encoder.onnx")
        export(model, path, "onnx")
        size, by_onnx = os.path.getsize(path) / 1e6, speed(session(path), test.images)
    return accuracy, size, by_onnx, speed(lambda x: model.encode(x, BATCH), test.images)


def in_int8(names):
    """The table of features computed in int8."""
    import zoo
    from zoo.data.sources import ArrayStream, load
    from zoo.evaluation.probes import linear_probe
    from zoo.inference.calibration import calibration_images
    from zoo.inference.runtimes.int8 import int8_graph
    from zoo.inference.runtimes.subject import Subject

    train, test = load("cifar10", "train[:10000]"), load("cifar10", "test")
    lines = [
        "| weights | linear probe, float32 | linear probe, int8 | change of the features | speed-up | used by `auto` |",
        "|---|---|---|---|---|---|",
    ]
    for name in names:
        accuracies = []
        for dtype in ("float32", "int8"):
            rows = [zoo.extract_features(name, data.images, "onnxruntime", dtype=dtype) for data in (train, test)]
            accuracies.append(linear_probe(rows[0], train.labels, rows[1], test.labels)["accuracy"])
        subject = Subject(name)
        images = calibration_images(ArrayStream(train.images, 1024), np.asarray, "uint8")
        _, effect = int8_graph(subject, "uint8", images)
        cells = [f"{value:.4f}" for value in accuracies] + [f"{effect.difference:.1%}", f"{effect.speedup:.2f}"]
        lines.append(f"| `{name}` | {' | '.join(cells)} | {'yes' if effect.pays else 'no'} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", action="store_true", help="write the tables to their pages of the documentation")
    parser.add_argument("--only", choices=("weights", "features"), help="measure one table only")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if arguments.only != "weights":
        text = in_int8(COLOR_SETS)
        print(text)
        if arguments.docs:
            write_table("int8 features", text)
    if arguments.only == "features":
        return
    import zoo
    from zoo.data.sources import load

    train, test = load("mnist", "train[:10000]"), load("mnist", "test")
    lines = [f"{len(os.sched_getaffinity(0))} cores of a CPU; speeds in images per second, median of {ROUNDS} rounds."]
    lines += [
        "",
        "| weights | | linear probe, accuracy | encoder, MB | ONNX Runtime, one thread | `encode` |",
        "|---|---|---|---|---|---|",
    ]
    for name in SETS:
        model = zoo.load(name)
        for kind, given in (("float32", model), ("int8", None)):
            accuracy, size, by_onnx, by_keras = measured(given or zoo.quantize(model), train, test)
            shown = f"`{name}`" if given else ""
            lines.append(f"| {shown} | {kind} | {accuracy:.4f} | {size:.2f} | {by_onnx:,.0f} | {by_keras:,.0f} |")
    text = "\n".join(lines)
    print(text)
    if arguments.docs:
        write_table("int8", text)


if __name__ == "__main__":
    main()
