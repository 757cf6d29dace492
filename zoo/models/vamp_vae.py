"""VAE with a VampPrior, a mixture of posteriors of learned pseudo-inputs (Tomczak & Welling 2018, arXiv:1705.07120).

E_q(z|x) [-log p(x|z) + log q(z|x) - log 1/K Σ_k q(z|u_k)], by one sample, in nats per image
"""

from zoo.errors import ZooError
from zoo.layers.bottlenecks.vamp import VampCode
from zoo.models.base.assemble import assemble, configuration
from zoo.utils.numbers import is_whole

BACKBONES = ("mlp", "conv", "resnet")


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=40,
    pseudo_inputs=500,
    loss="bernoulli",
    **backbone_options,
):
    """`latent_dim` Gaussian latent variables whose prior is learned; the features are the posterior's means.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: number of latent variables.
        pseudo_inputs: K, number of components of the prior.
        loss: the likelihood: "bernoulli", "gaussian" or "logistic_mixture", see `zoo.losses`.
        **backbone_options: see `zoo.backbones`; `batch_norm` is not supported.
    """
    config = configuration(build, locals())
    if not is_whole(pseudo_inputs) or pseudo_inputs < 1:
        raise ZooError(f"got pseudo_inputs={pseudo_inputs!r}, expected a whole number, at least 1.")
    if backbone_options.get("batch_norm"):
        raise ZooError("batch_norm=True is not supported, because pseudo-inputs would change its moving statistics; omit it.")
    code = VampCode(latent_dim, input_shape, pseudo_inputs)
    model = assemble(backbone, input_shape, code, loss, backbone_options, config)
    code.read(model.encoder.backbone)
    return model
