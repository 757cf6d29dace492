"""Tiny autoencoders in the files of their author (github.com/madebyollin/taesd), one of the encoder and one of the decoder, as
`autoencoder_tiny_taesd`: TAESD, TAESDXL, TAESD3, TAEF1 and TAEF2."""

import re

from zoo.errors import ZooError
from zoo.pretrained.converters.shapes import image_shape

CLASSES = ("TAESD",)
LAYOUT = "taesd_encoder.pth beside taesd_decoder.pth"

_NAME = re.compile(r"(encoder|decoder)\.(\d+)\.(weight|bias|conv\.[024]\.(?:weight|bias)|pool\.[013]\.(?:weight|bias))")


def described(shapes):
    """See `families.modules`."""
    found = [_NAME.fullmatch(name) for name in shapes]
    if not all(found) or not {"encoder.0.weight", "decoder.1.weight"} <= shapes.keys():
        return None
    blocks, branches = {}, {}
    for side in ("encoder", "decoder"):
        blocks[side], branches[side] = _resolutions({(int(m[2]), m[3]) for m in found if m[1] == side})
    low = branches["encoder"][-1]
    if branches["decoder"][0] != low or any(branches["encoder"][:-1]) or any(branches["decoder"][1:]):
        raise ZooError("got a TAESD with a second branch in some of its blocks, expected it in all of the lowest resolution.")
    last = max(int(m[2]) for m in found if m[1] == "encoder")
    return {
        "_class_name": "TAESD",
        "channels": shapes["encoder.0.weight"][1],
        "latent_channels": shapes[f"encoder.{last}.weight"][0],
        "filters": shapes["encoder.0.weight"][0],
        "blocks": blocks["encoder"],
        "decoder_filters": shapes["decoder.1.weight"][0],
        "decoder_blocks": blocks["decoder"],
        "global_branch": low,
    }


def _resolutions(arrays):
    """Number of blocks of each resolution in the order of the layers, and whether they have a second branch, from pairs of the
    index of a layer and the name of one of its arrays."""
    blocks, branches = [0], [False]
    for index in sorted({index for index, _ in arrays}):
        if (index, "conv.0.weight") in arrays:
            blocks[-1] += 1
            branches[-1] = branches[-1] or (index, "pool.0.weight") in arrays
        elif (index, "bias") not in arrays:
            # The convolutions between the resolutions have no bias.
            blocks.append(0)
            branches.append(False)
    return blocks, branches


def config(theirs, input_shape=None):
    """The mapping from which `zoo.models.registry.build` makes the model.

    Args:
        theirs: what `described` returns.
        input_shape: (height, width, channels) of the images, None for 256 x 256.
    """
    channels = theirs["channels"]
    input_shape = image_shape(input_shape, channels, f"a TAESD of {channels} channels")
    options = {key: value for key, value in theirs.items() if key not in ("_class_name", "channels")}
    return {"variant": "autoencoder_tiny", "backbone": "taesd", "input_shape": list(input_shape), "loss": "mse", **options}


_LAYERS = {
    "conv1": "conv.0",
    "conv2": "conv.2",
    "conv3": "conv.4",
    "expand": "pool.0",
    "norm": "pool.1",
    "reduce": "pool.3",
}
_ENDS = {"kernel": "weight", "gamma": "weight", "beta": "bias", "bias": "bias"}


def sources(path, config):
    """The name of the array for the variable at `path`."""
    side, index, inner, last = re.fullmatch(r"(\w+)/backbone/(?:stages/1/)?stages/(\d+)/(?:(\w+)/)?(\w+)", path).groups()
    return ".".join([side, index, *([_LAYERS[inner]] if inner else []), _ENDS[last]])
