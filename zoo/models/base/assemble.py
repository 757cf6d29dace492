"""The last step of every variant's `build`: connect, build and compile the components."""

import inspect

from zoo import backbones, losses
from zoo.backbones.linear_path import LinearPathDecoder
from zoo.models.base.autoencoder import Autoencoder
from zoo.models.base.decoder import Decoder
from zoo.models.base.encoder import Encoder
from zoo.optimizers.adam import Adam


def assemble(
    backbone,
    input_shape,
    bottleneck,
    loss,
    backbone_options,
    config,
    corruption=None,
    decoder=None,
    model=Autoencoder,
    features=None,
    pair=None,
):
    """An `Autoencoder` of these components with initial weights, compiled with Adam at 1e-3.

    Args:
        backbone: name of the backbone.
        input_shape: shape of one input.
        bottleneck: a `Bottleneck`.
        loss: the reconstruction loss, see `zoo.losses.get`.
        backbone_options: mapping of the backbone's options.
        config: mapping from which `zoo.models.registry.build` rebuilds this model, see `configuration`.
        corruption: a layer active in training only, or None.
        decoder: function (code_shape, outputs) -> `Backbone`, instead of the mirrored encoder, or None.
        model: the class of the model.
        features: the depth that the encoder's features are taken from, or None, see `Encoder`.
        pair: a `Pair` to use instead of the backbone's own, or None.
    """
    loss = losses.get(loss)
    input_shape = tuple(input_shape)
    pair = pair or backbones.build(backbone, input_shape, **backbone_options)
    whole_encoder = Encoder(pair.encoder, bottleneck, features, name="encoder")
    whole_encoder.build((None, *input_shape))
    decoder = (decoder or pair.decoder)(bottleneck.code_shape, loss.parameters(input_shape[-1]))
    if pair.linear_path:
        decoder = LinearPathDecoder(decoder, input_shape, loss.shift)
    whole_decoder = Decoder(decoder, loss, name="decoder")
    built = model(whole_encoder, whole_decoder, corruption=corruption, config=config, name=f"{config['variant']}_{backbone}")
    built.build((None, *input_shape))
    built.compile(Adam(1e-3))
    return built


def configuration(build, values):
    """The JSON-serializable mapping of a variant's `build` and its arguments, given as `locals()` at its start."""
    signature = inspect.signature(build)
    named = {name: values[name] for name in signature.parameters if name in values and name != "backbone_options"}
    options = values.get("backbone_options", {})
    config = {"variant": build.__module__.rpartition(".")[2], **named, **options}
    return {key: _plain(value) for key, value in config.items()}


def _plain(value):
    if isinstance(value, losses.ReconstructionLoss):
        return losses.spec(value)
    return [_plain(v) for v in value] if isinstance(value, (tuple, list)) else value


def shallow(backbone, options):
    """The options of a backbone; for `mlp`, by default without hidden layers."""
    return {"hidden": (), **options} if backbone == "mlp" else options
