"""Tiny autoencoders of diffusers, such as madebyollin/taesd, as `autoencoder_tiny_taesd`."""

import re

from zoo.errors import ZooError
from zoo.pretrained.converters.shapes import image_shape

CLASSES = ("AutoencoderTiny",)

_DEFAULTS = {
    "in_channels": 3,
    "out_channels": 3,
    "encoder_block_out_channels": (64, 64, 64, 64),
    "decoder_block_out_channels": (64, 64, 64, 64),
    "act_fn": "relu",
    "upsample_fn": "nearest",
    "latent_channels": 4,
    "upsampling_scaling_factor": 2,
    "num_encoder_blocks": (1, 3, 3, 3),
    "num_decoder_blocks": (3, 3, 3, 1),
    "scaling_factor": 1.0,
    "shift_factor": 0.0,
}
# Options without effect on the function of the model: storage of codes as bytes, precision, a copy of another option.
_IGNORED = ("latent_magnitude", "latent_shift", "force_upcast", "block_out_channels")
_ACTIVATIONS = ("relu", "silu", "swish", "mish", "gelu")
_CONVOLUTIONS = {"conv1": "conv.0", "conv2": "conv.2", "conv3": "conv.4"}


def config(theirs, input_shape=None):
    """The zoo's config of a model, for `zoo.models.registry.build`.

    Args:
        theirs: mapping in the config.json of the model.
        input_shape: (height, width, channels) of the images; None for 256 x 256.
    """
    given = {name: value for name, value in theirs.items() if not name.startswith("_") and name not in _IGNORED}
    for name in given:
        if name not in _DEFAULTS:
            raise ZooError(f"this AutoencoderTiny has the option {name}={given[name]!r}, which the zoo does not support.")
    theirs = {**_DEFAULTS, **given}
    for name, known in (("upsample_fn", ("nearest",)), ("upsampling_scaling_factor", (2,)), ("act_fn", _ACTIVATIONS)):
        if theirs[name] not in known:
            raise ZooError(f"this AutoencoderTiny has {name}={theirs[name]!r}, expected {' or '.join(map(str, known))}.")
    for name in ("encoder_block_out_channels", "decoder_block_out_channels"):
        if len(set(theirs[name])) != 1:
            raise ZooError(f"this AutoencoderTiny has {name}={theirs[name]!r}, expected equal numbers of channels.")
    channels = theirs["in_channels"]
    if theirs["out_channels"] != channels:
        raise ZooError(f"this AutoencoderTiny has out_channels={theirs['out_channels']}, expected in_channels={channels}.")
    input_shape = image_shape(input_shape, channels, f"an AutoencoderTiny with in_channels={channels}")
    return {
        "variant": "autoencoder_tiny",
        "backbone": "taesd",
        "input_shape": list(input_shape),
        "latent_channels": theirs["latent_channels"],
        "scaling": theirs["scaling_factor"],
        "shift": theirs["shift_factor"],
        "loss": "mse",
        "filters": theirs["encoder_block_out_channels"][0],
        "blocks": list(theirs["num_encoder_blocks"]),
        "decoder_filters": theirs["decoder_block_out_channels"][0],
        "decoder_blocks": list(theirs["num_decoder_blocks"]),
        "activation": theirs["act_fn"],
    }


def sources(path, config):
    """The name in their file of the array of the variable at `path`."""
    side, index, rest = re.fullmatch(r"(\w+)/backbone/(?:stages/1/)?stages/(\d+)/(.*)", path).groups()
    # In their decoder, the clamp of the codes is not one of the layers.
    index = int(index) - (side == "decoder")
    *inner, last = rest.split("/")
    return ".".join([side, "layers", str(index), *(_CONVOLUTIONS[name] for name in inner), {"kernel": "weight"}.get(last, last)])
