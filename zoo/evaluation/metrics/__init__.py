"""Metrics by name, one kind a file. Each is a function of a `Subject`, with its parameters as keywords, that returns a mapping:
`value`, `n` (test images), `protocol` (in words), `tolerance`, and whatever else it has to say.

What would make a metric fail whatever the model is said by its check, a function of the parameters given and of the data set's
name, before a training whose end it would spoil.
"""

from zoo.evaluation.metrics import classes, codebook, density, factors, finetuned, reconstruction, restoration, samples

_KINDS = (reconstruction, restoration, classes, finetuned, density, samples, codebook, factors)

METRICS = {name: metric for kind in _KINDS for name, metric in kind.METRICS.items()}
CHECKS = {**samples.CHECKS, **factors.CHECKS}
