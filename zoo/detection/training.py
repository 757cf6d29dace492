"""Fitting a `TableDetector` to normal rows, with settings that depend on the number of rows only."""

import warnings

import keras
import numpy as np

from zoo.detection.detector import BANK, PARTS, TableDetector, calibrate
from zoo.optimizers.adam import AdamW

# From this many rows on, some are held out: the network of the best loss on them is kept, and the scores are calibrated on them.
# Fewer would miss the rows, and their losses are too noisy to choose by.
_ENOUGH = 500
_HELD_OUT, _MOST_HELD = 0.1, 4000
# Each row held out is measured this often, with other masks and noise, until there are about so many.
_MEASURED = 1000
# Steps and rows per step of a small table, and of a large one.
_FEW, _SMALL, _STEPS, _BATCH = 2_000, 128, (700, 2500), 256
_LARGE = 50_000
# A column whose median is this many times its spread is stored relative to it: float32 has 24 bits.
_FAR = 1e4
# How often the loss on the rows held out is measured, in steps, and after how many measurements without a lower one to stop.
_EVERY, _PATIENCE = 100, 6
_LEARNING_RATE, _WEIGHT_DECAY = 2e-3, 1e-3
# About this many numbers of the rows are kept in memory for the training.
_MOST_NUMBERS = 50_000_000
# Number of steps up to which compiling takes longer than running eagerly.
_FEW_STEPS = 100


def fit(x, seed, epochs=None, parts=PARTS, members=2):
    """A `TableDetector` of rows (N, D), floats with NaN for missing values; also a list of the training loss.

    Args:
        x: normal rows; a few anomalous ones among them do little harm.
        seed: of initial weights, masks, noise and samples.
        epochs: number of passes over the rows; None decides the number of steps by the number of rows.
        parts, members: see `TableDetector`.
    """
    rng = np.random.default_rng(seed)
    keras.utils.set_random_seed(seed)
    x = np.asarray(x)
    order = rng.permutation(len(x))
    count = int(min(_HELD_OUT * len(x), _MOST_HELD)) if len(x) >= _ENOUGH else 0
    held, train = x[order[:count]], x[order[count:]]
    kept = x[rng.permutation(len(x))[:BANK]]
    detector = TableDetector(x.shape[1], len(kept), members, parts=parts, name="table_detector")
    detector.build()
    mean, scale = moments(x)
    detector.mean.assign(mean)
    detector.scale.assign(scale)
    detector.bank.assign(detector.apply(lambda rows: detector.standardized(rows)[0], kept))
    curve = _train(detector, train, held, rng, epochs) if set(parts) - {"neighbours"} else []
    calibrate(detector, kept, held if count else kept)
    return detector, curve


def origins(x):
    """What to subtract from the columns of rows (N, D), float64, so that float32 keeps their digits: the median of columns that
    are far from zero compared with their spread, otherwise 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # columns without any value
        middle, spread = np.nan_to_num(np.nanmedian(x, axis=0)), np.nan_to_num(np.nanstd(x, axis=0))
    return np.where(np.abs(middle) > _FAR * spread, middle, 0.0) * (spread > 0)


def moments(x):
    """Mean and standard deviation (D,), of the values that are present; the scale of a constant column is 1."""
    x = np.asarray(x, np.float64)
    present = np.isfinite(x)
    count = np.maximum(present.sum(axis=0), 1)
    mean = np.where(present, x, 0).sum(axis=0) / count
    scale = np.sqrt(np.where(present, np.square(x - mean), 0).sum(axis=0) / count)
    # The deviation of a constant column is rounding, which must not be amplified.
    return mean, np.where(scale > 1e-7 * np.maximum(np.abs(mean), 1e-30), scale, 1.0)


def _train(detector, train, held, rng, epochs):
    """Train the network, and restore that of the best loss on the rows held out; returns the losses of the steps."""
    network = detector.network
    # The rows are in random order, so that the first ones are a sample of more.
    train = detector.apply(detector.network_inputs, train[: max(_LARGE, _MOST_NUMBERS // train.shape[1])])
    batch = min(_SMALL if len(train) < _FEW else _BATCH, max(len(train), 2))
    if epochs is not None:
        steps = int(epochs * np.ceil(len(train) / batch))
    else:
        share = np.clip(np.log(len(train) / _FEW) / np.log(_LARGE / _FEW), 0, 1)
        steps = int(_STEPS[0] + share * (_STEPS[1] - _STEPS[0]))
    rate = keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, max(steps, 1))
    network.compile(AdamW(rate, weight_decay=_WEIGHT_DECAY), run_eagerly=steps <= _FEW_STEPS)
    if len(held):
        held = np.repeat(detector.apply(detector.network_inputs, held), max(1, _MEASURED // len(held)), axis=0)
    best, weights, worse, curve = np.inf, None, 0, []
    for step in range(steps):
        curve.append(float(network.train_on_batch(train[rng.integers(0, len(train), batch)])))
        if len(held) and (step + 1) % _EVERY == 0:
            loss = float(network.test_on_batch(held))
            if loss < best:
                best, weights, worse = loss, network.get_weights(), 0
            else:
                worse += 1
                if worse == _PATIENCE:
                    break
    if weights is not None:
        network.set_weights(weights)
    return curve
