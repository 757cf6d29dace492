"""Conditional VAE: encoder and decoder are conditioned on class labels (Sohn, Lee & Yan 2015, NeurIPS; Kingma et al. 2014).

E_q(z|x,y) [-log p(x|z, y)] + KL(q(z|x, y) || N(0, I)), in nats per image
"""

from zoo.errors import ZooError
from zoo.layers.bottlenecks.labelled import ConditionalCode
from zoo.models.base.assemble import assemble, configuration
from zoo.models.base.labelled import LabelledAutoencoder, check_classes

BACKBONES = ("mlp", "conv", "resnet")


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=50,
    classes=10,
    label_dropout=0.1,
    loss="bernoulli",
    **backbone_options,
):
    """`latent_dim` Gaussian latent variables, independent of the label a priori, for variation within the classes.

    Trains on {"images": (N, ...), "labels": (N,)}, -1 for an unknown label, or on images alone. `encode`, `reconstruct` and
    `anomaly_score` take images without labels; `sample(n, labels=...)` samples from the given classes.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: number of latent variables.
        classes: number of classes.
        label_dropout: fraction of the labels hidden in training.
        loss: the likelihood: "bernoulli", "gaussian" or "logistic_mixture", see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    check_classes(classes)
    if not 0 <= label_dropout <= 1:
        raise ZooError(f"got label_dropout={label_dropout}, expected a fraction from 0 to 1.")
    code = ConditionalCode(latent_dim, classes, label_dropout)
    return assemble(backbone, input_shape, code, loss, backbone_options, config, model=LabelledAutoencoder)
