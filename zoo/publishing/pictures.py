"""Figures of a model: reconstructions, samples, and the latent plane."""

from pathlib import Path

import keras
import numpy as np

from zoo.data.image_files import encode_png
from zoo.errors import ZooError
from zoo.layers.bottlenecks.discrete import DiscreteCode
from zoo.layers.bottlenecks.gaussian_map import GaussianMap
from zoo.modalities.image import check_images, image_file_shape, is_image_shape, unit_array
from zoo.utils.distributions import missing_package
from zoo.utils.files import replacing, write_atomically

_GAP = 2
_WHITE = 1.0


def side_by_side(model, images, path, columns=16):
    """Write a PNG file of images, their corrupted versions if the model has a corruption, and the reconstructions.

    A model with a corruption reconstructs the corrupted images. The corruption is the same in each call.

    Args:
        model: an `Autoencoder` of images.
        images: (N, *input_shape), uint8 or floats 0..1.
        path: of the PNG file.
        columns: images per row. Below each row of images are a row of corrupted images, if any, and one of reconstructions.

    Raises:
        ZooError: if the model is not a model of images.
    """
    _check(model)
    images = check_images(images, model.data_shape)
    stages = [unit_array(images)]
    # Not by `reconstruct`, which refuses values outside 0..1, as noise produces them: the model gets inputs as in training.
    shown, made = _example(model, stages[0])
    stages += [made] if np.array_equal(shown, stages[0]) else [shown, made]
    groups = []
    for start in range(0, len(images), columns):
        groups.append(np.concatenate([_grid(stage[start : start + columns], columns) for stage in stages]))
    _write_png(_stack(groups), path)


def samples_grid(model, path, n=64, seed=0):
    """Write a PNG file of `n` samples from the prior in an approximately square grid; `seed` is the random seed.

    Raises:
        ZooError: if the model is not a model of images, or has no prior.
    """
    _check(model)
    _write_png(_grid(model.sample(n, seed), int(np.ceil(np.sqrt(n)))), path)


def draws_images(model):
    """Whether samples from the model's own prior look like images of the data.

    This is not the case if the code is a feature map whose positions the prior samples independently: such codes decode to
    texture. A sampler fitted to the codes gives images of such a model, see `zoo.samplers`.
    """
    bottleneck = model.bottleneck
    if isinstance(bottleneck, (DiscreteCode, GaussianMap)) and len(bottleneck.code_shape) == 3:
        return False
    try:
        model.sample(1)
    except ZooError:
        return False
    return True


def latent_plane(model, images, labels, path, side=20):
    """Plot the latent plane of a model: the codes of images, colored by class, and images decoded from a grid of codes.

    Args:
        model: an `Autoencoder` of images with 2 latent dimensions.
        images: (N, *input_shape).
        labels: classes (N,), integers.
        path: of the plot, .png, .svg or .pdf.
        side: number of decoded images per side of the grid, which spans the central 98 % of the codes.

    Raises:
        ZooError: if the code does not consist of 2 numbers, or matplotlib is not installed.
    """
    _check(model)
    if tuple(model.bottleneck.code_shape) != (2,):
        raise ZooError(f"got a code of shape {tuple(model.bottleneck.code_shape)}, expected 2 numbers to plot the latent plane.")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise missing_package("a plot of the latent plane", "matplotlib") from None
    codes = model.encode(images)
    low, high = np.percentile(codes, [1, 99], axis=0)
    across, up = (np.linspace(low[i], high[i], side) for i in (0, 1))
    # Rows of an image are counted downwards, the second code upwards.
    decoded = model.decode(np.stack(np.meshgrid(across, up[::-1]), axis=-1).reshape(-1, 2))

    # A Figure without pyplot requires no display and leaves no global state.
    figure = Figure(figsize=(13, 6.2), layout="constrained")
    scatter, grid = figure.subplots(1, 2)
    classes = np.unique(labels)
    points = scatter.scatter(*codes.T, c=np.searchsorted(classes, labels), s=3, cmap="tab10", vmin=-0.5, vmax=9.5, linewidths=0)
    colors = [points.cmap(points.norm(i)) for i in range(len(classes))]
    handles = [scatter.plot([], [], "o", color=c, label=str(name))[0] for c, name in zip(colors, classes)]
    scatter.legend(handles=handles, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, handletextpad=0)
    scatter.set(title=f"codes of {len(codes)} images", xlabel="z₁", ylabel="z₂", xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    shown = _mosaic(decoded, side, gap=0)
    extent = (low[0], high[0], low[1], high[1])
    grid.imshow(shown.squeeze(-1) if shown.shape[-1] == 1 else shown, cmap="gray", vmin=0, vmax=1, extent=extent, aspect="auto")
    grid.set(title="decoded grid of codes", xlabel="z₁", ylabel="z₂")

    path = Path(path)
    try:
        with replacing(path) as temporary:
            figure.savefig(temporary, dpi=100)
    except ValueError as error:
        raise ZooError(f"cannot write the plot {path}: {error}") from None


def _check(model):
    if not is_image_shape(model.data_shape):
        raise ZooError(f"figures require a model of images (height, width, channels), got inputs of shape {model.data_shape}.")
    if image_file_shape(model.data_shape) is None:
        raise ZooError(f"figures require 1 or 3 channels, got {model.data_shape[-1]}.")


def _example(model, images):
    """The outputs of `model.example` for images as NumPy arrays; the corruption is the same in each call."""
    state = None if model.corruption is None else model.corruption.seed_generator.state
    before = None if state is None else np.asarray(state)
    if state is not None:
        state.assign(np.zeros_like(before))
    try:
        return [np.asarray(keras.ops.convert_to_numpy(x), np.float32) for x in model.example(keras.ops.convert_to_tensor(images))]
    finally:
        if state is not None:
            state.assign(before)


def _grid(images, columns):
    return _mosaic(images, columns, _GAP)


def _mosaic(images, columns, gap):
    """(N, H, W, C) -> (rows (H + gap), columns (W + gap), C), row by row, the rest white."""
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    cells = np.full((rows * columns, height + gap, width + gap, channels), _WHITE, np.float32)
    cells[:count, :height, :width] = images
    cells = cells.reshape(rows, columns, height + gap, width + gap, channels)
    return cells.swapaxes(1, 2).reshape(rows * (height + gap), columns * (width + gap), channels)


def _stack(groups):
    """Groups of rows below each other, with gaps in between."""
    gap = np.full((3 * _GAP, *groups[0].shape[1:]), _WHITE, np.float32)
    parts = [part for group in groups for part in (group, gap)]
    return np.concatenate(parts[:-1])


def _write_png(picture, path):
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ZooError(f"got the file {path}, expected a name that ends in .png.")
    picture = np.pad(picture, ((_GAP, 0), (_GAP, 0), (0, 0)), constant_values=_WHITE)
    data = encode_png(np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8))
    try:
        write_atomically(path, data)
    except OSError as error:
        raise ZooError(f"cannot write the image {path}: {error.strerror}.") from None
