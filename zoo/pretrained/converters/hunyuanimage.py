"""AutoencoderKLHunyuanImage of diffusers: the autoencoder of HunyuanImage 2.1, as `autoencoder_kl_ldm`."""

import re

from zoo.errors import ZooError

CLASSES = ("AutoencoderKLHunyuanImage",)

_SIDE = 256
_GROUPS = 32


def config(theirs, input_shape=None):
    """The zoo's config of one of theirs."""
    for option in ("downsample_match_channel", "upsample_match_channel"):
        if theirs.get(option, True) is not True:
            raise ZooError(f"got an AutoencoderKLHunyuanImage with {option}={theirs[option]!r}, expected True.")
    filters, channels = list(theirs["block_out_channels"]), theirs["in_channels"]
    factor = 2 ** (len(filters) - 1)
    if theirs["spatial_compression_ratio"] != factor or theirs["out_channels"] != channels:
        raise ZooError(
            f"got an AutoencoderKLHunyuanImage with spatial_compression_ratio={theirs['spatial_compression_ratio']} and "
            f"{theirs['out_channels']} channels out, expected {factor} for {len(filters)} stages and as many channels as go in."
        )
    return {
        "variant": "autoencoder_kl",
        "backbone": "ldm",
        "input_shape": list(input_shape or (_SIDE, _SIDE, channels)),
        "latent_channels": theirs["latent_channels"],
        "projected": False,
        "scaling": theirs.get("scaling_factor") or 1.0,
        "filters": filters,
        "blocks": theirs["layers_per_block"],
        "groups": _GROUPS,
        "folding": True,
    }


_ENDS = {"kernel": "weight", "gamma": "weight"}
_PARTS = {"middle": "mid_block", "query": "to_q", "key": "to_k", "value": "to_v", "out": "proj"}


def sources(path, config):
    """Name of the array of the variable at `path`; in their files, blocks are numbered through all stages."""
    side, rest = re.fullmatch(r"(\w+)/backbone/(?:stages/2/)?(.*)", path).groups()
    *parts, last = rest.split("/")
    if parts[0] == "blocks":
        stage, kind, *inner = parts[1:]
        count = config["blocks"] + (side == "decoder")
        index = int(stage) * (count + 1) + (count if kind == "resize" else int(inner.pop(0)))
        parts = ["down_blocks" if side == "encoder" else "up_blocks", str(index), *inner]
    return ".".join([side, *(_PARTS.get(part, part) for part in parts), _ENDS.get(last, "bias")])
