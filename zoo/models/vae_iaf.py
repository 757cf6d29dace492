"""VAE with inverse autoregressive flows in its posterior (Kingma et al. 2016, arXiv:1606.04934).

"Improving variational inference with inverse autoregressive flow":
E [-log p(x|z_T) + log q₀(z₀|x) - Σ_t Σ_d log σ_t,d - log p(z_T)], z_t = σ_t z_t-1 + (1 - σ_t) m_t and
σ_t = sigmoid(s_t + 2), with (m_t, s_t) from a MADE of z_t-1 and a context from the encoder, in nats per image
"""

from zoo.errors import ZooError
from zoo.flows.autoregressive import GatedAutoregressive, stack
from zoo.layers.bottlenecks.flow_posterior import FlowCode
from zoo.models.base.assemble import assemble, configuration

BACKBONES = ("mlp", "conv", "resnet")


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=32,
    n_made=4,
    made_hidden=(320, 320),
    context_dim=128,
    warmup_steps=0,
    loss="bernoulli",
    **backbone_options,
):
    """`latent_dim` latent variables with an autoregressive posterior; the features are the flow of its Gaussian's mean.

    The paper uses free bits for models with many stochastic layers; they are not used here.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: number of latent variables.
        n_made: number of flows; the order of the variables is reversed between them.
        made_hidden: units of the hidden layers of each flow's MADE.
        context_dim: size of the context that the encoder gives to the flows.
        warmup_steps: training steps over which the weight of the divergence rises linearly from 0 to 1.
        loss: the likelihood: "bernoulli", "gaussian" or "logistic_mixture", see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    if n_made < 1 or context_dim < 1:
        raise ZooError(f"got n_made={n_made} and context_dim={context_dim}, expected at least 1 of each.")
    flow = stack(GatedAutoregressive, latent_dim, n_made, made_hidden)
    code = FlowCode(latent_dim, flow, context_dim, warmup_steps)
    return assemble(backbone, input_shape, code, loss, backbone_options, config)
