"""Sparse autoencoder: a penalty keeps most units inactive (Ng 2011, "Sparse autoencoder", CS294A lecture notes).

E |x - x̂|² + λ E Σ_j |h_j|  (L1)   or   E |x - x̂|² + β Σ_j KL(ρ || E h_j)  (KL, on the mean activation)
"""

from zoo.errors import ZooError
from zoo.layers.bottlenecks.sparsity import KLSparseCode, L1Code
from zoo.models.base.assemble import assemble, configuration, shallow

BACKBONES = ("mlp", "conv", "resnet")


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=1000,
    penalty="kl",
    weight=1e-3,
    target=0.05,
    loss="mse",
    **backbone_options,
):
    """A code of `latent_dim` units with a penalty on their activations. On "mlp", the default is no hidden layer but the code.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: units of the code, usually more than are active for one input.
        penalty: "l1" (rectified units) or "kl" (sigmoid units).
        weight: λ or β, in units of the reconstruction loss.
        target: ρ, the target mean activation, between 0 and 1, for "kl".
        loss: name of the reconstruction loss, see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    if penalty not in ("l1", "kl"):
        raise ZooError(f"got penalty={penalty!r}, expected 'l1' or 'kl'.")
    code = L1Code(latent_dim, weight) if penalty == "l1" else KLSparseCode(latent_dim, weight, target)
    return assemble(backbone, input_shape, code, loss, shallow(backbone, backbone_options), config)
