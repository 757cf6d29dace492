"""Metrics by name, one file for each kind.

A metric is a function of a `Subject`, with its parameters as keyword arguments, that returns a mapping: `value`, `n` (number of
test images), `protocol` (a description), `tolerance`, and further fields of the metric. `CHECKS` maps some metrics to a function
of the given parameters and the name of the data set, which raises a `ZooError` if the metric cannot be measured with any model.
It is called before a training, so that the training is not lost.
"""

from zoo.evaluation.metrics import (
    anomaly,
    classes,
    codebook,
    density,
    factors,
    finetuned,
    holes,
    luma,
    photographs,
    reconstruction,
    restoration,
    samples,
)

_KINDS = (
    reconstruction,
    restoration,
    photographs,
    luma,
    holes,
    classes,
    finetuned,
    density,
    samples,
    codebook,
    factors,
    anomaly,
)

METRICS = {name: metric for kind in _KINDS for name, metric in kind.METRICS.items()}
CHECKS = {**samples.CHECKS, **factors.CHECKS, **anomaly.CHECKS}
