"""AutoencoderTiny and AutoencoderDC of diffusers with random weights, saved with what they make of some images.

    python compact_references.py FOLDER NAME...

writes, for every name of `REFERENCES`, FOLDER/NAME/ in the layout of diffusers and FOLDER/NAME.npz with arrays for every size:
`x`, images (N, H, W, C) in 0..1, `code`, `decoded`, and the outputs of the layers in between under their names.

In a process of its own, as PyTorch and TensorFlow in one may crash each other. Nothing of the zoo is imported here.
"""

import sys
from pathlib import Path

import numpy as np

_SMALL = {"attention_head_dim": 4, "latent_channels": 4, "scaling_factor": 0.4}
_KINDS = ["ResBlock"] * 3 + ["EfficientViTBlock"] * 3
# Name -> class, config, sizes of the images. The small ones go down every branch; the others are public.
REFERENCES = {
    "tiny": (
        "AutoencoderTiny",
        {
            "encoder_block_out_channels": [6, 6, 6],
            "decoder_block_out_channels": [8, 8, 8],
            "num_encoder_blocks": [1, 0, 2],
            "num_decoder_blocks": [2, 1, 1],
            "act_fn": "gelu",
            "latent_channels": 5,
            "scaling_factor": 0.8,
            "shift_factor": 0.1,
        },
        [(2, 12, 20), (1, 4, 4)],
    ),
    "taesd": ("AutoencoderTiny", {}, [(1, 64, 48)]),
    # As those for ImageNet: the first stage skipped, pixels to maps and back, batch normalization, attention to single pixels.
    "shuffling": (
        "AutoencoderDC",
        {
            "encoder_block_types": ["ResBlock", "ResBlock", "EfficientViTBlock"],
            "decoder_block_types": ["ResBlock", "ResBlock", "EfficientViTBlock"],
            "encoder_block_out_channels": [4, 8, 16],
            "decoder_block_out_channels": [4, 8, 16],
            "encoder_layers_per_block": [0, 1, 2],
            "decoder_layers_per_block": [0, 2, 1],
            "encoder_qkv_multiscales": [[], [], []],
            "decoder_qkv_multiscales": [[], [], []],
            "decoder_norm_types": ["batch_norm", "batch_norm", "rms_norm"],
            "decoder_act_fns": ["relu", "relu", "silu"],
            **_SMALL,
        },
        [(2, 16, 24), (1, 4, 4)],
    ),
    # As Sana's, with what none of the public ones has: heads that leave maps over, two windows, no shortcuts at the code.
    "interpolating": (
        "AutoencoderDC",
        {
            "encoder_block_types": ["ResBlock", "EfficientViTBlock", "EfficientViTBlock"],
            "decoder_block_types": ["EfficientViTBlock", "ResBlock", "EfficientViTBlock"],
            "encoder_block_out_channels": [6, 12, 12],
            "decoder_block_out_channels": [6, 6, 12],
            "encoder_layers_per_block": [1, 1, 2],
            "decoder_layers_per_block": [1, 1, 1],
            "encoder_qkv_multiscales": [[], [5], [3, 5]],
            "decoder_qkv_multiscales": [[3], [], [5]],
            "decoder_norm_types": ["rms_norm", "rms_norm", "batch_norm"],
            "downsample_block_type": "conv",
            "upsample_block_type": "interpolate",
            "encoder_out_shortcut": False,
            "decoder_in_shortcut": False,
            "decoder_conv_act_fn": "silu",
            **_SMALL,
            "attention_head_dim": 5,
        },
        [(2, 16, 24), (1, 4, 8)],
    ),
    # dc-ae-f32c32-sana-1.0, the smallest.
    "sana": (
        "AutoencoderDC",
        {
            "encoder_block_types": _KINDS,
            "decoder_block_types": _KINDS,
            "downsample_block_type": "conv",
            "upsample_block_type": "interpolate",
            "scaling_factor": 0.41407,
        },
        [(1, 64, 96)],
    ),
}


def main(folder, *names):
    """Write the references called `names`."""
    import diffusers
    import torch

    torch.set_num_threads(1)
    for name in names:
        kind, config, sizes = REFERENCES[name]
        torch.manual_seed(0)
        model = getattr(diffusers, kind)(**config).eval()
        with torch.no_grad():
            for key, array in [*model.named_parameters(), *model.named_buffers()]:
                # Fresh norms and biases are ones and zeros, by which a mistake would not show.
                if array.ndim == 1:
                    array.add_(0.2 * (torch.rand(array.shape) if key.endswith("running_var") else torch.randn(array.shape)))
        model.save_pretrained(Path(folder) / name)
        arrays = {}
        for i, size in enumerate(sizes):
            x = np.random.default_rng(i).random((*size, 3), dtype=np.float32)
            arrays.update({f"{i}/{key}": value for key, value in {"x": x, **_run(model, x)}.items()})
        np.savez(Path(folder) / f"{name}.npz", **arrays)


def _run(model, x):
    import torch

    found = {}

    def keep(name, layer):
        return layer.register_forward_hook(lambda *call: found.__setitem__(name, _numpy(call[2])))

    chains = ("encoder.down_blocks", "decoder.up_blocks", "encoder.layers", "decoder.layers")
    modules = dict(model.named_modules())
    handles = [
        keep(f"{chain}.{i}", layer) for chain in chains if chain in modules for i, layer in enumerate(modules[chain].children())
    ]
    with torch.no_grad():
        latents = model.encode(2 * torch.from_numpy(x).permute(0, 3, 1, 2) - 1, return_dict=False)[0]
        decoded = model.decode(latents, return_dict=False)[0]
    for handle in handles:
        handle.remove()
    code = (latents - model.config.get("shift_factor", 0.0)) * model.config.scaling_factor
    return {**found, "code": _numpy(code), "decoded": (_numpy(decoded) + 1) / 2}


def _numpy(tensor):
    # A copy: the rectifiers of diffusers' chains may work in place.
    return tensor.permute(0, 2, 3, 1).contiguous().numpy().copy()


if __name__ == "__main__":
    main(*sys.argv[1:])
