"""ViTMAEForPreTraining of transformers: the masked autoencoders of He et al. 2022, base, large and huge."""

import re

import numpy as np

from zoo.errors import ZooError

CLASSES = ("ViTMAEForPreTraining",)

# Normalization of all published models: mean and standard deviation of ImageNet.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_FIXED = {"hidden_act": "gelu", "qkv_bias": True, "num_channels": 3}


def config(theirs, input_shape=None):
    """The zoo's config of a model with the config `theirs`, for images of `input_shape` (default: the size that it states)."""
    for option, value in _FIXED.items():
        if theirs.get(option, value) != value:
            raise ZooError(f"got a ViT-MAE with {option}={theirs[option]!r}, expected {value!r}.")
    side, patch = theirs.get("image_size", 224), theirs.get("patch_size", 16)
    if not isinstance(side, int) or not isinstance(patch, int):
        raise ZooError(f"got a ViT-MAE with image_size={side} and patch_size={patch}, expected an integer for each.")
    width, hidden = theirs.get("hidden_size", 768), theirs.get("intermediate_size", 3072)
    decoder_width, decoder_hidden = theirs.get("decoder_hidden_size", 512), theirs.get("decoder_intermediate_size", 2048)
    if hidden * decoder_width != decoder_hidden * width:
        raise ZooError(
            f"got a ViT-MAE with {hidden} hidden units for a width of {width} in the encoder, and {decoder_hidden} for "
            f"{decoder_width} in the decoder, expected the same ratio."
        )
    return {
        "variant": "mae",
        "backbone": "vit",
        "input_shape": list(input_shape or (side, side, 3)),
        "mask_ratio": theirs.get("mask_ratio", 0.75),
        "mean": list(MEAN),
        "deviation": list(DEVIATION),
        "normalized_targets": theirs.get("norm_pix_loss", False),
        "patch_size": patch,
        "width": width,
        "depth": theirs.get("num_hidden_layers", 12),
        "heads": theirs.get("num_attention_heads", 12),
        "mlp_ratio": hidden / width,
        "decoder_width": decoder_width,
        "decoder_depth": theirs.get("decoder_num_hidden_layers", 8),
        "decoder_heads": theirs.get("decoder_num_attention_heads", 16),
        "epsilon": theirs.get("layer_norm_eps", 1e-12),
        "trained_grid": [side // patch] * 2,
    }


_BLOCK = {
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "attention/out": "attention.o_proj",
    "hidden": "mlp.fc1",
    "out": "mlp.fc2",
}
_ENDS = {"encoder": {"embed": "vit.embeddings.patch_embeddings.projection", "norm": "vit.layernorm"}}
_ENDS["decoder"] = {name: f"decoder.decoder_{theirs}" for name, theirs in (("embed", "embed"), ("norm", "norm"), ("out", "pred"))}
_BLOCKS = {"encoder": "vit.layers", "decoder": "decoder.decoder_layers"}


def sources(path, config):
    """The name in their file of the array of the variable at `path`, or the names of the arrays that are concatenated to it."""
    side, _, *inside, last = path.split("/")
    if last in ("first", "hidden"):
        return "vit.embeddings.cls_token" if last == "first" else "decoder.mask_token"
    end = "weight" if last in ("kernel", "gamma") else "bias"
    inside = inside[1:]
    if inside[0] != "blocks":
        return f"{_ENDS[side][inside[0]]}.{end}"
    block = f"{_BLOCKS[side]}.{inside[1]}"
    part = "/".join(inside[2:])
    if part == "attention/qkv":
        return tuple(f"{block}.attention.{name}_proj.{end}" for name in "qkv")
    return f"{block}.{_BLOCK[part]}.{end}"


# Older and newer files have other names for the parts of a block than the model; the second name results from a rule for the
# encoder that is applied to the decoder's blocks, too.
_OLD = (
    (r"^vit\.encoder\.layer\.", "vit.layers."),
    (r"^decoder\.decoder_encoder\.layer\.", "decoder.decoder_layers."),
    (r"\.attention\.attention\.query\.", ".attention.q_proj."),
    (r"\.attention\.attention\.key\.", ".attention.k_proj."),
    (r"\.attention\.attention\.value\.", ".attention.v_proj."),
    (r"\.attention\.output\.dense\.", ".attention.o_proj."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"(\.\d+)\.output\.dense\.", r"\1.mlp.fc2."),
)


def canonical(name):
    """The current name of an array."""
    for old, new in _OLD:
        name = re.sub(old, new, name)
    return name


def constants(model):
    """The position embeddings, which the files contain and the model computes, for the image size of the training."""
    return {
        "vit.embeddings.position_embeddings": positions_of(model.config, "width"),
        "decoder.decoder_pos_embed": positions_of(model.config, "decoder_width"),
    }


def positions_of(config, width):
    """Position embeddings (1, 1 + patches, width), of which the first is zero, for the image size of the training.

    Args:
        config: that of a `mae_vit`.
        width: the name of the option that is the size of a token.
    """
    from zoo.layers.blocks.tokens import positions

    return np.pad(positions(config["trained_grid"], config[width]), ((1, 0), (0, 0)))[None]
