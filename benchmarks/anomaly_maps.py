"""Anomaly maps: defects planted in crops of photographs are found by the crops without defects of the same photograph.

    pip install -e '.[sklearn,plots]'
    python benchmarks/anomaly_maps.py kodak/ --docs

Each photograph is a category of its own, as a texture or a product is. Normal crops are from its left part, test crops from its
right part; half of the test crops get a defect, see `zoo.evaluation.defects`. Baselines are the squared difference from the mean
crop, the reconstruction error of principal components, and the patch detector with the same encoder before its training. The
encoder was chosen by the results for three of the photographs of Kodak.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from turns import write_table

from zoo.anomaly import PatchDetector
from zoo.anomaly.heat_maps import over
from zoo.anomaly.maps import smoothed
from zoo.data.image_files import encode_png
from zoo.data.photographs import photographs
from zoo.evaluation.defects import KINDS
from zoo.evaluation.metrics.anomaly import Trial
from zoo.layers.math.pca import principal_components
from zoo.modalities.image import unit_array
from zoo.models import registry
from zoo.pretrained.loading import load
from zoo.utils.files import write_atomically

# The part of the width from which normal crops are taken.
_NORMAL = 0.6
_COMPONENTS = 32
# A small bank, because a category has few crops.
_CORESET = 0.02
_SHOWN, _ENLARGED = 8, 3


def crops(photograph, columns, count, side, rng):
    """Random crops (count, side, side, C) of the given range of columns."""
    left = rng.integers(columns[0], columns[1] - side + 1, count)
    top = rng.integers(0, photograph.shape[0] - side + 1, count)
    return np.stack([photograph[a : a + side, b : b + side] for a, b in zip(top, left)])


def category(photograph, encoders, autoencoders, arguments):
    """The `Trial` of a photograph, and a mapping of method to its maps and scores, or None for the scores of the maps."""
    rng, border = np.random.default_rng(arguments.seed), int(_NORMAL * photograph.shape[1])
    side = next(iter(encoders.values())).data_shape[0]
    train = crops(photograph, (0, border), arguments.normal, side, rng)
    trial = Trial(crops(photograph, (border, photograph.shape[1]), arguments.tested, side, rng), arguments.seed)
    mean, components, _ = principal_components(train, _COMPONENTS)
    rows = unit_array(trial.images).reshape(len(trial.images), -1)
    found = {}
    for name, made in {"mean crop": mean, f"PCA-{_COMPONENTS}": (rows - mean) @ components.T @ components + mean}.items():
        error = np.square(rows - np.clip(made, 0, 1)).reshape(trial.images.shape).mean(axis=-1)
        found[name] = smoothed(error.astype(np.float32)), None
    for name, model in autoencoders.items():
        found[name] = model.anomaly_map(trial.images, batch_size=32), None
    for name, model in encoders.items():
        detector = PatchDetector(model, arguments.layers, coreset=_CORESET, seed=arguments.seed)
        found[name] = detector.fit(train).maps_and_scores(trial.images)
    return trial, found


def write_picture(path, trial, maps):
    """Write test crops with defects, the defects, and the maps over the crops, in three rows."""
    first = len(trial.images) // 2
    some = np.s_[first : first + _SHOWN]
    images, masks = unit_array(trial.images[some]), trial.masks[some]
    rows = images, np.repeat(masks[..., None], 3, axis=-1), over(images, maps[some], float(maps.min()), float(maps.max()))
    picture = np.concatenate([np.concatenate(list(np.pad(row, ((0, 0), (1, 1), (1, 1), (0, 0)))), axis=1) for row in rows])
    picture = picture.repeat(_ENLARGED, axis=0).repeat(_ENLARGED, axis=1)
    write_atomically(path, encode_png(np.round(255 * picture).astype(np.uint8)))


def as_markdown(table, count, arguments):
    lines = [
        f"{count} photographs, {arguments.normal} normal and {arguments.tested} test crops each, seed {arguments.seed}. AUROC in "
        "percent, mean over photographs: over the pixels of images without a defect and of those with one of the kind, over all "
        "pixels, and over images.",
        "",
        f"| | {' | '.join(KINDS)} | all pixels | images |",
        "|---" * (3 + len(KINDS)) + "|",
    ]
    for name, curves in table.items():
        means = [f"{100 * np.mean([each[of] for each in curves]):.1f}" for of in (*KINDS, "pixel", "image")]
        lines.append(f"| {name} | {' | '.join(means)} |")
    return "\n".join(lines)


def main():
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("folder", help="folder of photographs")
    flags.add_argument("--encoder", default="wta_conv.cifar10", help="the model whose encoder is used (wta_conv.cifar10)")
    flags.add_argument("--layers", nargs="+", help="its depths (the default of the detector)")
    text = "models whose reconstruction errors are compared (inpainting_unet.cifar10)"
    flags.add_argument("--errors", nargs="*", default=["inpainting_unet.cifar10"], help=text)
    flags.add_argument("--photographs", type=int, default=24, help="number of photographs, in the order of their names (24)")
    flags.add_argument("--normal", type=int, default=100, help="number of normal crops per photograph (100)")
    flags.add_argument("--tested", type=int, default=80, help="number of test crops per photograph, half with a defect (80)")
    flags.add_argument("--seed", type=int, default=0)
    flags.add_argument("--docs", action="store_true", help="write the table and the picture to the documentation")
    arguments = flags.parse_args()
    model = load(arguments.encoder)
    ours = f"**zoo**, patches of `{arguments.encoder}`"
    encoders = {f"patches of `{arguments.encoder}` before training": registry.build(model.config), ours: model}
    autoencoders = {f"**zoo**, errors of `{name}`": load(name) for name in arguments.errors}
    table, shown = {}, None
    images = photographs(arguments.folder, model.data_shape[-1])[: arguments.photographs]
    for i, photograph in enumerate(images):
        trial, found = category(photograph, encoders, autoencoders, arguments)
        for name, (maps, scores) in found.items():
            table.setdefault(name, []).append({**trial.curves(maps, scores), **trial.curves_by_kind(maps)})
        shown = shown or (trial, found[ours][0])
        row = {name: {of: round(100 * value, 1) for of, value in curves[-1].items()} for name, curves in table.items()}
        print(f"{i + 1}/{len(images)}", row, file=sys.stderr, flush=True)
    text = as_markdown(table, len(images), arguments)
    print(text)
    if arguments.docs:
        write_table("anomaly maps", text)
        write_picture(Path(__file__).parents[1] / "docs" / "anomaly_maps.png", *shown)


if __name__ == "__main__":
    main()
