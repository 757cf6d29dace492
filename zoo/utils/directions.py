"""Whether higher or lower values of a metric are better, by its name, so that tables can be rendered without a framework."""

_HIGHER = ("elbo", "mig", "factor_vae_score", "sap", "dci_disentanglement")
_HIGHER_PARTS = ("accuracy", "psnr", "ssim", "usage", "perplexity", "auroc")


def higher_is_better(metric):
    """Whether higher values of the metric called `metric` are better; otherwise lower ones are. Data after a dot is ignored."""
    metric = metric.partition(".")[0]
    return metric in _HIGHER or any(part in metric for part in _HIGHER_PARTS)
