"""HieraForPreTraining of transformers: Hiera as masked autoencoder (Ryali et al. 2023), as `mae_hiera`."""

import re

from zoo.errors import ZooError
from zoo.pretrained.converters import vit_mae

CLASSES = ("HieraForPreTraining",)

_DEFAULTS = {
    "embed_dim": 96,
    "image_size": [224, 224],
    "depths": [2, 3, 16, 3],
    "num_heads": [1, 2, 4, 8],
    "masked_unit_attention": [True, True, False, False],
    "mlp_ratio": 4.0,
    "decoder_hidden_size": 512,
    "decoder_depth": 8,
    "decoder_num_heads": 16,
    "normalize_pixel_loss": True,
    "mask_ratio": 0.6,
    "layer_norm_eps": 1e-6,
}
# What has one value in all models that the zoo reads.
_FIXED = {
    "patch_size": [7, 7],
    "patch_stride": [4, 4],
    "patch_padding": [3, 3],
    "query_stride": [2, 2],
    "embed_dim_multiplier": 2.0,
    "num_channels": 3,
    "hidden_act": "gelu",
}


def config(theirs, input_shape=None):
    """The zoo's config of one of theirs."""
    for option, value in _FIXED.items():
        got = theirs.get(option, value)
        if (list(got) if isinstance(got, (list, tuple)) else got) != value:
            raise ZooError(f"got a HieraForPreTraining with {option}={got!r}, expected {value!r}.")
    theirs = {**_DEFAULTS, **theirs}
    blocks, heads, local = (list(theirs[name]) for name in ("depths", "num_heads", "masked_unit_attention"))
    side = 2 ** (len(blocks) - 1)
    pools, unit = theirs.get("num_query_pool", 3), list(theirs.get("masked_unit_size", (8, 8)))
    if pools != len(blocks) - 1 or unit != [side, side]:
        raise ZooError(
            f"got a HieraForPreTraining of {len(blocks)} stages with num_query_pool={pools} and masked_unit_size={unit}, "
            f"expected {len(blocks) - 1} and {[side, side]}."
        )
    stages = sum(local)
    if local != [i < stages for i in range(len(blocks))] or heads != [heads[0] * 2**i for i in range(len(blocks))]:
        raise ZooError(
            f"got a HieraForPreTraining with masked_unit_attention={local} and num_heads={heads}, expected the first stages and "
            "numbers that double."
        )
    height, width = theirs["image_size"]
    return {
        "variant": "mae",
        "backbone": "hiera",
        "input_shape": list(input_shape or (height, width, 3)),
        "mask_ratio": theirs["mask_ratio"],
        "mean": list(vit_mae.MEAN),
        "deviation": list(vit_mae.DEVIATION),
        "normalized_targets": theirs["normalize_pixel_loss"],
        "width": theirs["embed_dim"],
        "blocks": blocks,
        "heads": heads[0],
        "local_stages": stages,
        "mlp_ratio": theirs["mlp_ratio"],
        "decoder_width": theirs["decoder_hidden_size"],
        "decoder_depth": theirs["decoder_depth"],
        "decoder_heads": theirs["decoder_num_heads"],
        "epsilon": theirs["layer_norm_eps"],
        "trained_grid": [height // (4 * side), width // (4 * side)],
    }


_ENDS = {
    "encoder/embed": "hiera.embeddings.patch_embeddings.projection",
    "encoder/norm": "encoder_norm",
    "decoder/embed": "decoder.decoder_embeddings",
    "decoder/norm": "decoder.decoder_norm",
    "decoder/out": "decoder.decoder_pred",
}
_BLOCK = {
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "qkv": "attn.qkv",
    "attended": "attn.proj",
    "attention/qkv": "attn.qkv",
    "attention/out": "attn.proj",
    "project": "proj",
    "hidden": "mlp.fc1",
    "out": "mlp.fc2",
}


def sources(path, config):
    """Name of the array of the variable at `path`."""
    side, rest = re.fullmatch(r"(\w+)/backbone/(?:net/)?(.*)", path).groups()
    *parts, last = rest.split("/")
    if last == "positions":
        return "hiera.embeddings.position_embeddings" if side == "encoder" else "decoder.decoder_position_embeddings"
    if last == "hidden" and not parts:
        return "decoder.mask_token"
    end = "weight" if last in ("kernel", "gamma") else "bias"
    if parts[0] == "fusions":
        return f"multiscale_fusion.multi_scale_fusion_heads.{parts[1]}.{end}"
    if parts[0] == "stages":
        return f"hiera.encoder.stages.{parts[1]}.layers.{parts[2]}.{_BLOCK['/'.join(parts[3:])]}.{end}"
    if parts[0] == "blocks":
        return f"decoder.decoder_block.layers.{parts[1]}.{_BLOCK['/'.join(parts[2:])]}.{end}"
    return f"{_ENDS[f'{side}/{parts[0]}']}.{end}"
