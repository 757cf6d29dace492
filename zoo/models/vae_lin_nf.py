"""VAE with planar and radial flows in its posterior (Rezende & Mohamed 2015, arXiv:1505.05770).

"Variational inference with normalizing flows":
E [-log p(x|z_K) + log q₀(z₀|x) - Σ_k log|det ∂z_k/∂z_k-1| - log p(z_K)], z₀ ~ q₀(z|x) a Gaussian, z_k = f_k(z_k-1), in nats
an image
"""

from zoo.errors import ZooError, suggest
from zoo.flows.flow import Chain
from zoo.flows.planar import Planar
from zoo.flows.radial import Radial
from zoo.layers.bottlenecks.flow_posterior import FlowCode
from zoo.models.base.assemble import assemble, configuration

BACKBONES = ("mlp", "conv", "resnet")

_FLOWS = {"planar": Planar, "radial": Radial}


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=40,
    flows=("planar",) * 10,
    warmup_steps=0,
    loss="bernoulli",
    **backbone_options,
):
    """`latent_dim` latent variables whose posterior is a Gaussian transformed by flows; the features are the flow of its mean.

    As in the paper, the encoder predicts the parameters of the flows for each image.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: number of latent variables.
        flows: a name, "planar" or "radial", for each flow, first to last.
        warmup_steps: training steps over which the weight of the divergence rises linearly from 0 to 1.
        loss: the likelihood: "bernoulli", "gaussian" or "logistic_mixture", see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    if isinstance(flows, str) or not flows:
        raise ZooError(f"got flows={flows!r}, expected a tuple of one or more names, such as ('planar', 'planar').")
    for name in flows:
        if name not in _FLOWS:
            raise ZooError(f"there is no flow {name!r}.{suggest(name, _FLOWS)} There are {', '.join(_FLOWS)}.")
    code = FlowCode(latent_dim, Chain([_FLOWS[name]() for name in flows]), warmup_steps=warmup_steps)
    return assemble(backbone, input_shape, code, loss, backbone_options, config)
