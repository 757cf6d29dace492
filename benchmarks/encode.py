"""Speed of feature extraction: the zoo's runtimes, and Keras, TensorFlow, PyTorch and the runtimes alone, on the same networks.

    pip install -e '.[openvino]' torch==2.13.0
    python benchmarks/encode.py --docs

All run in one process: after a warm-up call they alternate, and the median over the rounds is reported. All get the same uint8
images and scale them to 0..1 themselves. Then, in separate processes: the peak memory for two numbers of images, and the start-up
time of commands.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from turns import write_table

NETS = {
    "mlp": dict(about="784-500-50", shape=(28, 28, 1), images=40_000),
    "conv": dict(about="32-64-128 filters, 128 latents, 32 x 32 x 3", shape=(32, 32, 3), images=20_000),
    "resnet": dict(about="32-64-128 filters, a block each, 128 latents, 32 x 32 x 3", shape=(32, 32, 3), images=6_000),
}
BATCH = 256


def model_of(net):
    import zoo

    options = {
        "mlp": dict(hidden=(500,), latent_dim=50, activation="relu"),
        "conv": dict(filters=(32, 64, 128), latent_dim=128),
        "resnet": dict(filters=(32, 64, 128), blocks=1, latent_dim=128, activation="relu"),
    }[net]
    return zoo.create("ae", backbone=net, input_shape=NETS[net]["shape"], **options)


def torch_of(net, side=32):
    """The same network in PyTorch, channels last in memory; conv and resnet for images of `side` x `side`. Its weights differ,
    on which the speed does not depend."""
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, count):
            super().__init__()
            self.first, self.second = (nn.Conv2d(count, count, 3, padding=1) for _ in range(2))
            self.scale = nn.Parameter(torch.zeros(()))

        def forward(self, x):
            return x + self.scale * self.second(torch.relu(self.first(torch.relu(x))))

    if net == "mlp":
        made = nn.Sequential(nn.Flatten(), nn.Linear(784, 500), nn.ReLU(), nn.Linear(500, 50))
    else:
        counts, stages = (3, 32, 64, 128), []
        for before, after in zip(counts, counts[1:]):
            stages.append(nn.Conv2d(before, after, 3, stride=2, padding=1))
            stages.append(nn.ReLU() if net == "conv" else Block(after))
        made = nn.Sequential(*stages, nn.ReLU(), nn.Flatten(), nn.Linear(128 * (side // 8) ** 2, 128))
    return made.eval().to(memory_format=torch.channels_last)


def contenders(net, folder):
    """Mapping of name to a function from images to features."""
    import keras
    import numpy as np
    import onnxruntime
    import openvino
    import tensorflow as tf
    import torch
    from openvino.properties import hint

    from zoo.inference import runtimes
    from zoo.inference.export.exporting import export
    from zoo.inference.features import extract_features

    model = model_of(net)
    function = tf.function(lambda x: model.encoder(x), reduce_retracing=True)
    network = torch_of(net)
    export(model, f"{folder}/{net}.onnx", "onnx")
    export(model, f"{folder}/{net}.xml", "openvino")
    session = onnxruntime.InferenceSession(f"{folder}/{net}.onnx", providers=["CPUExecutionProvider"])
    [name] = [value.name for value in session.get_inputs()]
    single = {hint.inference_precision(): openvino.Type.f32}
    compiled = openvino.Core().compile_model(f"{folder}/{net}.xml", "CPU", single)

    def batches(x):
        return (x[i : i + BATCH] for i in range(0, len(x), BATCH))

    def in_torch(x):
        with torch.inference_mode():
            given = torch.from_numpy(x).permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.channels_last) / 255
            return network(given).numpy()

    def by_zoo(runtime):
        return lambda x: extract_features(model, x, runtime)

    functional = keras.Sequential([keras.Input(NETS[net]["shape"], dtype="uint8"), model.encoder])
    return {
        "`keras.Model.predict`": lambda x: functional.predict(x, batch_size=BATCH, verbose=0),
        "`tf.function`": lambda x: np.concatenate([function(b).numpy() for b in batches(x)]),
        "PyTorch, channels last": lambda x: np.concatenate([in_torch(b) for b in batches(x)]),
        "ONNX Runtime": lambda x: np.concatenate([session.run(None, {name: b})[0] for b in batches(x)]),
        "OpenVINO": lambda x: np.concatenate([compiled(b)[0] for b in batches(x)]),
        "zoo, tensorflow": by_zoo("tensorflow"),
        "zoo, onnxruntime": by_zoo("onnxruntime"),
        "zoo, openvino": by_zoo("openvino"),
        f"**zoo, auto** ({runtimes.automatic()})": by_zoo("auto"),
    }


def speeds(net, rounds):
    """Median number of images per second of every contender."""
    import numpy as np

    x = np.random.default_rng(0).integers(0, 256, (NETS[net]["images"], *NETS[net]["shape"]), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        functions = contenders(net, folder)
        for function in functions.values():
            function(x[: 4 * BATCH])
        seconds = {name: [] for name in functions}
        for _ in range(rounds):
            for name, function in functions.items():
                start = time.perf_counter()
                function(x)
                seconds[name].append(time.perf_counter() - start)
    return {name: len(x) / statistics.median(taken) for name, taken in seconds.items()}


def peak(count):
    """Peak memory, in MB, of a process that writes the features of `count` images to a file."""
    program = f"""
import json, resource, sys
sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})
import numpy as np
from encode import model_of
from zoo.inference.features import extract_features
batch = np.random.default_rng(0).integers(0, 256, (1000, 28, 28, 1), dtype=np.uint8)
extract_features(model_of("mlp"), (batch for _ in range({count} // 1000)), output="features.npy")
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
"""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def starts(rounds):
    """Median duration of commands in new processes, in seconds."""
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/one.npy", np.zeros((1, 32, 32, 3), np.uint8))
        encode = ["-m", "zoo", "encode", "ae_resnet.cifar10", "one.npy", "--output", "features.npy"]
        commands = {
            "`import tensorflow`": ["-c", "import tensorflow"],
            "`zoo list`": ["-m", "zoo", "list"],
            "`zoo encode` of one image, with a cached graph": encode,
            "`zoo encode` of one image, with TensorFlow": [*encode, "--runtime", "tensorflow"],
        }
        result = {}
        for name, command in commands.items():
            taken = []
            for _ in range(rounds + 1):  # the first one fills the disk cache and exports the graph
                start = time.perf_counter()
                subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, check=True)
                taken.append(time.perf_counter() - start)
            result[name] = statistics.median(taken[1:])
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--docs", action="store_true", help="write the tables to their page of the documentation")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    memory = {count: peak(count) for count in (10_000, 1_000_000)}
    commands = starts(arguments.rounds)
    results = {net: speeds(net, arguments.rounds) for net in NETS}
    cores = len(os.sched_getaffinity(0))
    lines = [f"{cores} cores of a CPU, float32, images per second, median of {arguments.rounds} rounds; in brackets the"]
    lines += ["speed-up of `auto`.", ""]
    heads = [f"{net}: {spec['about']}" for net, spec in NETS.items()]
    lines += [f"| | {' | '.join(heads)} |", "|---" * (len(NETS) + 1) + "|"]
    for name in next(iter(results.values())):
        cells = []
        for table in results.values():
            auto = next(speed for key, speed in table.items() if "auto" in key)
            cells.append(f"{table[name]:,.0f}" + ("" if "auto" in name else f" ({auto / table[name]:.2f})"))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    few, many = memory.values()
    lines += ["", f"Peak memory of the MLP: {few:,.0f} MB for 10,000 images, {many:,.0f} MB for 1,000,000.", ""]
    lines += [f"Duration in a new process, in seconds: {'; '.join(f'{name} {taken:.2f}' for name, taken in commands.items())}."]
    text = "\n".join(lines)
    print(text)
    if arguments.docs:
        write_table("encode", text)


if __name__ == "__main__":
    main()
