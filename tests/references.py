"""Models of other libraries with random weights, saved with what they make of some images; run in a process of its own.

    python references.py FOLDER NAME...

writes, for every name of `REFERENCES`, FOLDER/NAME/ in the library's layout and FOLDER/NAME.npz with arrays: `x`, images
(N, H, W, C) in 0..1, and what the test compares, feature maps and images as (N, H, W, C).

PyTorch and TensorFlow in one process may crash each other. Nothing of the zoo is imported here.
"""

import sys
from pathlib import Path

import numpy as np


def references():
    """Mapping of name to (function that makes the model, sizes of the images, whether it is a public architecture's)."""
    small = dict(block_out_channels=[8, 16, 16], layers_per_block=2, norm_num_groups=4)
    blocks = dict(down_block_types=["DownEncoderBlock2D"] * 3, up_block_types=["UpDecoderBlock2D"] * 3)
    attending = dict(
        down_block_types=["DownEncoderBlock2D", "AttnDownEncoderBlock2D"],
        up_block_types=["AttnUpDecoderBlock2D", "UpDecoderBlock2D"],
        block_out_channels=[8, 16],
        layers_per_block=1,
        norm_num_groups=4,
    )
    full = dict(
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=[128, 256, 512, 512],
        layers_per_block=2,
    )
    flux = dict(use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.1159, scaling_factor=0.3611)
    vit = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=48, image_size=32, patch_size=8)
    vit_decoder = dict(
        decoder_hidden_size=16, decoder_num_hidden_layers=2, decoder_num_attention_heads=4, decoder_intermediate_size=32
    )
    return {
        "kl": (lambda: _kl(**blocks, **small), ((2, 40, 56), (1, 16, 8))),
        "kl_plain": (lambda: _kl(**attending, **flux, latent_channels=6, mid_block_add_attention=False), ((3, 18, 22),)),
        "vq": (lambda: _vq(**attending, num_vq_embeddings=20, vq_embed_dim=5), ((2, 18, 22),)),
        "mae": (lambda: _mae(**vit, **vit_decoder), ((2, 32, 32), (1, 48, 40))),
        "sd_vae": (lambda: _kl(**full, sample_size=512), ((1, 64, 64),)),
        "flux_vae": (lambda: _kl(**full, **flux, latent_channels=16), ((1, 64, 64),)),
        "mae_vit_base": (lambda: _mae(), ((1, 224, 224),)),
    }


def _kl(**config):
    from diffusers import AutoencoderKL

    return AutoencoderKL(**config)


def _vq(**config):
    from diffusers import VQModel

    model = VQModel(**config)
    model.quantize.embedding.weight.data.normal_(0, 1)
    return model


def _mae(**config):
    from transformers import ViTMAEConfig, ViTMAEForPreTraining

    model = ViTMAEForPreTraining(ViTMAEConfig(**config, norm_pix_loss=True))
    # A fresh model's positions are zeros (transformers 5.23), a published one's are not.
    embeddings = model.vit.embeddings
    embeddings.patch_embeddings.projection._is_hf_initialized = False
    embeddings.initialize_weights()
    model.decoder.initialize_weights(embeddings.patch_embeddings.num_patches)
    return model


def run(model, x):
    """What a model makes of images (N, H, W, C) in 0..1: a mapping of names to arrays."""
    import torch

    kind = type(model).__name__
    found, handles = {}, []

    def keep(name, module):
        handles.append(module.register_forward_hook(lambda *call: found.__setitem__(name, _numpy(call[2]))))

    with torch.no_grad():
        images = torch.from_numpy(x).permute(0, 3, 1, 2)
        if kind == "ViTMAEForPreTraining":
            mean, deviation = (torch.tensor(numbers).view(1, 3, 1, 1) for numbers in (IMAGENET_MEAN, IMAGENET_DEVIATION))
            images = (images - mean) / deviation
            for i, layer in enumerate(model.vit.layers):
                keep(f"block{i + 1}", layer)
            every = torch.arange(model.vit.embeddings.patch_embeddings.num_patches * 4).repeat(len(x), 1).float()
            patches = (x.shape[1] // model.config.patch_size) * (x.shape[2] // model.config.patch_size)
            elsewhere = dict(interpolate_pos_encoding=True) if x.shape[1] != model.config.image_size else {}
            model.config.mask_ratio = 0.0
            found["tokens"] = _numpy(model.vit(images, noise=every[:, :patches], **elsewhere).last_hidden_state)
            if not elsewhere:
                model.config.mask_ratio = 0.75
                noise = torch.rand(len(x), patches, generator=torch.Generator().manual_seed(1))
                handles.clear()
                for layer in model.vit.layers:
                    layer._forward_hooks.clear()
                out = model(images, noise=noise)
                found.update(noise=_numpy(noise), logits=_numpy(out.logits), loss=_numpy(out.loss))
            return found
        images = 2 * images - 1
        for i, block in enumerate(model.encoder.down_blocks):
            keep(f"stage{i + 1}", block)
        keep("middle", model.encoder.mid_block)
        if kind == "VQModel":
            h = model.encode(images).latents
            found["vectors"] = _numpy(h)
            z = h
        else:
            posterior = model.encode(images).latent_dist
            found.update(mean=_numpy(posterior.mean), log_variance=_numpy(posterior.logvar))
            z = posterior.mean
        found["reconstruction"] = (_numpy(model.decode(z).sample) + 1) / 2
    return found


IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def _numpy(tensor):
    tensor = tensor[0] if isinstance(tensor, tuple) else tensor
    return (tensor.permute(0, 2, 3, 1) if tensor.ndim == 4 else tensor).contiguous().numpy()


def main(folder, *names):
    """Write the references called `names`."""
    import torch

    torch.set_num_threads(1)
    for name in names:
        torch.manual_seed(0)
        make, sizes = references()[name]
        model = make().eval()
        with torch.no_grad():
            for parameter_name, parameter in model.named_parameters():
                # Fresh norms and biases are ones and zeros, by which a mistake would not show.
                if parameter.ndim == 1 or "token" in parameter_name:
                    parameter.add_(0.3 * torch.randn(parameter.shape))
        shards = dict(max_shard_size="8KB") if name == "kl" else {}
        model.save_pretrained(Path(folder) / name, **shards)
        arrays = {}
        for i, size in enumerate(sizes):
            x = np.random.default_rng(i).random((*size, 3), dtype=np.float32)
            arrays[f"{i}/x"] = x
            arrays.update({f"{i}/{key}": value for key, value in run(model, x).items()})
        np.savez(Path(folder) / f"{name}.npz", **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
