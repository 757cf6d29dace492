"""Which way of a metric is the better one; by names alone, so that tables are rendered without a framework."""

_HIGHER = ("ssim", "elbo", "mig", "factor_vae_score", "sap", "dci_disentanglement")
_HIGHER_ENDS = ("accuracy", "psnr", "usage", "perplexity")


def higher_is_better(metric):
    """Whether a higher value of the metric called `metric` is the better one; of all others the lowest is."""
    return metric in _HIGHER or metric.endswith(_HIGHER_ENDS)
