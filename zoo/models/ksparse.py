"""k-sparse autoencoder: only the k largest hidden units speak (Makhzani & Frey 2013, arXiv:1312.5663).

x̂ = W₂ supp_k(W₁x + b₁) + b₂
"""

from zoo.layers.k_sparse import KSparseCode
from zoo.models._assemble import assemble, configuration, shallow

BACKBONES = ("mlp", "conv", "resnet")


def build(
    backbone="mlp", input_shape=(28, 28, 1), latent_dim=1000, k=25, alpha=1.0, loss="mse", **backbone_options
):
    """A linear code of `latent_dim` units of which the `k` largest stay.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: units of the code.
        k: units that stay in training.
        alpha: factor on `k` when encoding.
        loss: name of the reconstruction loss, see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    return assemble(
        backbone, input_shape, KSparseCode(latent_dim, k, alpha), loss, shallow(backbone, backbone_options), config
    )
