"""Metrics by name, one kind a file. Each is a function of a `Subject`, with its parameters as keywords, that returns a mapping:
`value`, `n` (test images), `protocol` (in words), `tolerance`, and whatever else it has to say."""

from zoo.evaluation.metrics import classes, codebook, density, factors, reconstruction, samples

METRICS = {
    name: metric
    for kind in (reconstruction, classes, density, samples, codebook, factors)
    for name, metric in kind.METRICS.items()
}

# Said before a training whose end they would spoil.
NEEDS_SKLEARN = ("sap", "dci_disentanglement")
