"""Anomaly detection by the one-class protocol: one class is normal, and the test images of all other classes are anomalous.

    pip install -e '.[sklearn]'
    python benchmarks/one_class.py --docs

For each class, an autoencoder is trained on the training images of this class only, and the whole test split is scored by
`zoo.anomaly`. Baselines are the reconstruction error of 32 principal components and the distance to the nearest training image,
both computed from the pixels. The area under the ROC curve is compared. The settings in `MODELS` are the same for all classes of
a data set; they were chosen by the results for a few classes on a part of the test split, because the images of one class contain
no anomalies to choose by.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from turns import write_table

MODELS = {
    "mnist": dict(
        model=dict(variant="dae", backbone="mlp", hidden=(1024,), latent_dim=128, noise="gaussian", level=0.8),
        steps=3000,
        rate=1e-3,
        metric="euclidean",
    ),
    # The reconstruction error of photographs depends mainly on their amount of detail; edges, compared by their direction,
    # distinguish the classes.
    "cifar10": dict(
        model=dict(
            variant="wta",
            backbone="conv",
            filters=(128,),
            kernel_size=7,
            strides=(1,),
            rate=0.2,
            pool=8,
            pool_stride=8,
            pooling="average",
            atom=7,
            loss="contrast_mse",
        ),
        steps=300,
        rate=1e-2,
        metric="cosine",
    ),
}
SHAPES = {"mnist": (28, 28, 1), "cifar10": (32, 32, 3)}
BATCH = 64
SCORES = ("reconstruction", "knn", "combined")


def one_class(dataset, normal, seed, data_dir):
    """Mapping of a detector's name to its AUROC, for one normal class of a data set."""
    import numpy as np
    from sklearn.decomposition import PCA
    from sklearn.metrics import roc_auc_score

    from zoo.anomaly import AnomalyDetector, distance
    from zoo.data import sources
    from zoo.modalities.image import unit_array

    train, test = (sources.load(dataset, split, data_dir, image_shape=SHAPES[dataset]) for split in ("train", "test"))
    x, anomalous = train.images[train.labels == normal], test.labels != normal
    flat, queries = (unit_array(images).reshape(len(images), -1) for images in (x, test.images))
    pca = PCA(32, svd_solver="full").fit(flat)
    scores = {
        "PCA-32": np.square(queries - pca.inverse_transform(pca.transform(queries))).sum(axis=1),
        "1-NN": distance(queries, flat, 1),
    }
    model = trained(dataset, x, seed)
    for by in SCORES:
        scores[by] = AnomalyDetector(model, by, metric=MODELS[dataset]["metric"]).fit(x).score(test.images)
    return {name: float(roc_auc_score(anomalous, values)) for name, values in scores.items()}


def trained(dataset, images, seed):
    """The autoencoder of `MODELS`, trained on images of one class."""
    import keras

    from zoo.data.pipeline import training_batches
    from zoo.models import registry

    spec = MODELS[dataset]
    keras.utils.set_random_seed(seed)
    model = registry.create(**spec["model"], input_shape=SHAPES[dataset])
    rate = keras.optimizers.schedules.CosineDecay(spec["rate"], spec["steps"])
    model.compile(keras.optimizers.Adam(rate), steps_per_execution=20)
    batches = training_batches(images, BATCH, seed, 0, spec["steps"])
    model.fit(batches, epochs=1, steps_per_epoch=spec["steps"], shuffle=False, verbose=0)
    return model


def as_markdown(dataset, table, seed, minutes):
    """A table of AUROC in percent: one row per detector, one column per class, and the mean."""
    detectors = list(next(iter(table.values())))
    spec = MODELS[dataset]
    model = ", ".join(f"{key}={value}" for key, value in spec["model"].items())
    cores = len(os.sched_getaffinity(0))
    lines = [
        f"{dataset}: `{model}`, {spec['steps']} steps of {BATCH} images per class, seed {seed}, {minutes:.0f} minutes on "
        f"{cores} core{'s' * (cores > 1)} of a CPU. AUROC in percent, by class.",
        "",
        f"| | {' | '.join(map(str, table))} | mean |",
        "|---|" + "---|" * (len(table) + 1),
    ]
    for detector in detectors:
        values = [100 * row[detector] for row in table.values()]
        shown = f"**zoo**, {detector}" if detector in SCORES else f"{detector} of the pixels"
        lines.append(f"| {shown} | {' | '.join(f'{v:.1f}' for v in values)} | **{sum(values) / len(values):.2f}** |")
    return "\n".join(lines)


def main():
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--datasets", nargs="+", choices=MODELS, default=list(MODELS))
    flags.add_argument("--seed", type=int, default=0)
    flags.add_argument("--data-dir", help="folder of the TFDS data sets")
    flags.add_argument("--results", type=Path, help="folder for the results of each class, with which an interrupted run resumes")
    flags.add_argument("--docs", action="store_true", help="write the tables to their page of the documentation")
    arguments = flags.parse_args()
    tables = []
    for dataset in arguments.datasets:
        kept = arguments.results and arguments.results / f"one_class.{dataset}.{arguments.seed}.json"
        done = json.loads(kept.read_text()) if kept and kept.exists() else {}
        for normal in range(10):
            if str(normal) in done:
                continue
            start = time.perf_counter()
            figures = one_class(dataset, normal, arguments.seed, arguments.data_dir)
            done[str(normal)] = {"auroc": figures, "seconds": time.perf_counter() - start}
            print(dataset, normal, {name: round(100 * value, 2) for name, value in figures.items()}, file=sys.stderr, flush=True)
            if kept:
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(json.dumps(done))
        table = {normal: done[str(normal)]["auroc"] for normal in range(10)}
        minutes = sum(row["seconds"] for row in done.values()) / 60
        tables.append(as_markdown(dataset, table, arguments.seed, minutes))
    text = "\n\n".join(tables)
    print(text)
    if arguments.docs:
        write_table("one class", text)


if __name__ == "__main__":
    main()
