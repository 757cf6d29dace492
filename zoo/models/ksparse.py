"""k-sparse autoencoder: only the k largest activations are kept (Makhzani & Frey 2013, arXiv:1312.5663).

x̂ = W₂ supp_k(W₁x + b₁) + b₂
"""

import keras
from keras import ops

from zoo.layers.bottlenecks.k_sparse import KSparseCode
from zoo.models.base.assemble import assemble, configuration, shallow

BACKBONES = ("mlp", "conv", "resnet")


def build(backbone="mlp", input_shape=(28, 28, 1), latent_dim=1000, k=25, alpha=1.0, loss="mse", **backbone_options):
    """A linear code of `latent_dim` units of which the `k` largest are kept.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: units of the code.
        k: number of units kept.
        alpha: factor on `k` for the features.
        loss: name of the reconstruction loss, see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    options = shallow(backbone, backbone_options)
    model = assemble(backbone, input_shape, KSparseCode(latent_dim, k, alpha), loss, options, config)
    if backbone == "mlp" and not tuple(options["hidden"]):
        _tie(model)
    return model


def _tie(model):
    """Initialize the two layers as each other's transpose, with unit-length columns; in the paper they stay tied.

    With independent initial weights, most units are never among the largest and do not learn.
    """
    (decoder,) = [layer for layer in model.decoder.backbone.stages if isinstance(layer, keras.layers.Dense)]
    kernel = model.bottleneck.dense.kernel
    kernel.assign(kernel / ops.norm(kernel, axis=0, keepdims=True))
    if tuple(decoder.kernel.shape) == tuple(kernel.shape)[::-1]:  # not with several outputs per pixel
        decoder.kernel.assign(ops.transpose(kernel))
