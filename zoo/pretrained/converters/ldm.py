"""AutoencoderKL, AutoencoderKLFlux2, AsymmetricAutoencoderKL and VQModel of diffusers: the autoencoders of Stable Diffusion,
SDXL, SD3, FLUX, VQGAN and latent diffusion."""

import re

from zoo.errors import ZooError

CLASSES = ("AutoencoderKL", "AutoencoderKLFlux2", "AsymmetricAutoencoderKL", "VQModel")

_SIDE = 256
_DOWN = {"DownEncoderBlock2D": False, "AttnDownEncoderBlock2D": True}
_UP = {"UpDecoderBlock2D": False, "AttnUpDecoderBlock2D": True}
# Options with a single supported meaning; the first value is the default.
_FIXED = {
    "act_fn": ("silu",),
    "latents_mean": (None,),
    "latents_std": (None,),
    "norm_type": ("group",),
    "lookup_from_codebook": (False, True),
    "batch_norm_eps": (1e-4,),
}
# Defaults of the class where they are not those of AutoencoderKL.
_FLUX2 = {
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 2,
    "latent_channels": 32,
}


def config(theirs, input_shape=None):
    """The zoo's config of a model with the config `theirs`, for images of `input_shape` (default: 256 x 256)."""
    for option, values in _FIXED.items():
        if theirs.get(option, values[0]) not in values:
            raise ZooError(f"got a {theirs['_class_name']} with {option}={theirs[option]!r}, expected {values[0]!r}.")
    asymmetric, flux2 = (theirs["_class_name"] == name for name in ("AsymmetricAutoencoderKL", "AutoencoderKLFlux2"))
    theirs = {**_FLUX2, **theirs} if flux2 else theirs
    filters = list(theirs["down_block_out_channels" if asymmetric else "block_out_channels"])
    channels = theirs.get("in_channels", 3)
    if theirs.get("out_channels", 3) != channels:
        raise ZooError(f"got out_channels={theirs['out_channels']} with in_channels={channels}, expected equal numbers.")
    down = [_attention(kind, _DOWN) for kind in theirs["down_block_types"]]
    up = [_attention(kind, _UP) for kind in theirs["up_block_types"]]
    if up[::-1] != down or len(down) != len(filters):
        raise ZooError(f"got the blocks {theirs['down_block_types']} and {theirs['up_block_types']}, expected mirrored lists.")
    network = {
        "backbone": "ldm",
        "input_shape": list(input_shape or (_SIDE, _SIDE, channels)),
        "filters": filters,
        "blocks": theirs.get("layers_per_down_block" if asymmetric else "layers_per_block", 1),
        "groups": theirs.get("norm_num_groups", 32),
        "attention": [i for i, has in enumerate(down) if has],
        "middle_attention": theirs.get("mid_block_add_attention", True),
    }
    if theirs["_class_name"] == "VQModel":
        latent = theirs.get("latent_channels", 3)
        width = theirs.get("vq_embed_dim") or latent
        codes = theirs.get("num_vq_embeddings", 256)
        return {"variant": "vq_gan", "latent_channels": latent, "latent_dim": width, "codes": codes, **network}
    if asymmetric:
        network["decoder_filters"] = list(theirs["up_block_out_channels"])
        network["decoder_blocks"] = theirs.get("layers_per_up_block", 1)
    if flux2:
        network["decoder_filters"] = theirs.get("decoder_block_out_channels") or filters
        side = set(theirs.get("patch_size", (2, 2)))
        if len(side) != 1:
            raise ZooError(f"got an AutoencoderKLFlux2 with patch_size={theirs['patch_size']}, expected two equal numbers.")
        network["standardized"] = side.pop()
    before, after = theirs.get("use_quant_conv", True), theirs.get("use_post_quant_conv", True)
    if before != after:
        raise ZooError(f"got use_quant_conv={before} and use_post_quant_conv={after}, expected both or neither.")
    return {
        "variant": "autoencoder_kl",
        "latent_channels": theirs.get("latent_channels", 4),
        "projected": before,
        "scaling": 1.0 if flux2 else theirs.get("scaling_factor", 0.18215),
        "shift": theirs.get("shift_factor") or 0.0,
        **network,
    }


def _attention(kind, known):
    if kind not in known:
        raise ZooError(f"got a block of type {kind}, expected {' or '.join(known)}.")
    return known[kind]


_ENDS = {"kernel": "weight", "gamma": "weight", "embeddings": "weight"}
_STATISTICS = {"mean": "bn.running_mean", "variance": "bn.running_var"}
# Those are read for the encoder and for the decoder.
REPEATED = tuple(_STATISTICS.values())
_PARTS = {
    "conv_in": "conv_in",
    "conv_out": "conv_out",
    "norm_out": "conv_norm_out",
    "middle": "mid_block",
    "shortcut": "conv_shortcut",
    "norm": "group_norm",
    "query": "to_q",
    "key": "to_k",
    "value": "to_v",
    "out": "to_out.0",
}


def sources(path, config):
    """The name in their file of the array of the variable at `path`."""
    *parts, last = path.split("/")
    if last in _STATISTICS:
        return _STATISTICS[last]
    end = _ENDS.get(last, "bias")
    side = parts[0]
    if parts[1] == "bottleneck" or side == "bottleneck":
        return "quantize.embedding.weight" if last == "embeddings" else f"quant_conv.{end}"
    inside = parts[2:]
    if side == "decoder":
        # The scaling of the code and the convolution after it come before the network.
        inside = inside[2:]
        if not inside:
            return f"post_quant_conv.{end}"
    names = []
    for part in inside:
        if part == "blocks":
            names.append("down_blocks" if side == "encoder" else "up_blocks")
        elif part == "resize":
            names.append("downsamplers.0" if side == "encoder" else "upsamplers.0")
        else:
            names.append(_PARTS.get(part, part))
    return ".".join([side, *names, end])


_OLD = (
    (re.compile(r"\.query\."), ".to_q."),
    (re.compile(r"\.key\."), ".to_k."),
    (re.compile(r"\.value\."), ".to_v."),
    (re.compile(r"\.proj_attn\."), ".to_out.0."),
)


def canonical(name):
    """The current name of an array: most of these models were published with older names for attention."""
    for old, new in _OLD:
        name = old.sub(new, name)
    return name


def ignored(name):
    """A count of training steps, and the asymmetric decoder's second encoder, of an image with holes, which is not used here."""
    return name == "bn.num_batches_tracked" or name.startswith("decoder.condition_encoder.")
