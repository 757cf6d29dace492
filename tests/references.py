"""Models of transformers and diffusers with random weights, saved with what they make of some images.

    python references.py FOLDER NAME...

writes, for every name of `reference_models.MODELS`, FOLDER/NAME/ in the library's layout and FOLDER/NAME.npz with arrays for
every size: `x`, images (N, H, W, C) in 0..1, and what is compared: outputs of layers, codes and images, maps as (N, H, W, C).

In a process of its own, as PyTorch and TensorFlow in one may crash each other. Nothing of the zoo is imported here.
"""

import copy
import json
import sys
from pathlib import Path

import numpy as np
import torch
from reference_models import MODELS
from safetensors.torch import save_file

_IMAGENET_MEAN, _IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def main(folder, *names):
    """Write the references called `names`."""
    torch.set_num_threads(1)
    for name in names:
        torch.manual_seed(0)
        kind, config, sizes = MODELS[name]
        model = _made(kind, config)
        _save(model, Path(folder) / name, config)
        arrays = {}
        for i, size in enumerate(sizes):
            x = np.random.default_rng(i).random((*size, 3), dtype=np.float32)
            with torch.no_grad():
                found = _RUN[kind](model, torch.from_numpy(x).permute(0, 3, 1, 2))
            arrays.update({f"{i}/{key}": value for key, value in {"x": x, **found}.items()})
        np.savez(Path(folder) / f"{name}.npz", **arrays)


def _save(model, folder, config):
    if hasattr(model, "save_pretrained"):
        # In small shards, for one, so that there are several to read.
        model.save_pretrained(folder, **(dict(max_shard_size="8KB") if folder.name == "kl" else {}))
        return
    folder.mkdir()
    if type(model).__name__ == "Hiera":
        # As timm saves a model that it knows by name, with the arguments that differ.
        about = {"architecture": "hiera_base_224", "num_classes": 0, "pretrained_cfg": {"tag": "mae"}, "model_args": config}
        (folder / "config.json").write_text(json.dumps(about))
        save_file(model.state_dict(), folder / "model.safetensors")
        return
    # As a checkpoint of training code.
    torch.save({"model": model.state_dict(), "epoch": 1}, folder / "checkpoint.pth")


@torch.no_grad()
def _made(kind, config):
    import diffusers
    import transformers

    if kind == "VisionTransformer":
        from diffusers.models.embeddings import get_2d_sincos_pos_embed
        from timm.models.vision_transformer import VisionTransformer

        model = VisionTransformer(**config)
        # As the code of MAE does.
        side = model.patch_embed.grid_size[0]
        places = get_2d_sincos_pos_embed(config["embed_dim"], side, True, 1, base_size=side, output_type="pt")
        model.pos_embed.copy_(places[None].float())
    elif kind == "HieraForPreTraining":
        model = transformers.HieraForPreTraining(transformers.HieraConfig(**config))
    elif kind == "SwinForMaskedImageModeling":
        model = transformers.SwinForMaskedImageModeling(transformers.SwinConfig(**config))
        for key, array in model.named_parameters():
            if key.endswith("bias_table"):
                array.normal_(0, 0.5)
    elif kind == "Hiera":
        from timm.models.hiera import Hiera

        model = Hiera(num_classes=0, **config)
    elif kind == "ConvNeXt":
        from timm.models.convnext import ConvNeXt

        model = ConvNeXt(num_classes=0, ls_init_value=None, **config)
    elif kind == "ViTMAEForPreTraining":
        model = transformers.ViTMAEForPreTraining(transformers.ViTMAEConfig(**config))
        # A fresh model's positions are zeros (transformers 5.23), a published one's are not.
        embeddings = model.vit.embeddings
        embeddings.patch_embeddings.projection._is_hf_initialized = False
        embeddings.initialize_weights()
        model.decoder.initialize_weights(embeddings.patch_embeddings.num_patches)
    elif kind == "AutoencoderRAE":
        side = config.get("encoder_input_size", 224) // config.get("encoder_patch_size", 14)
        shape = (config.get("encoder_hidden_size", 768), side, side)
        model = diffusers.AutoencoderRAE(latents_mean=torch.randn(shape), latents_std=0.5 + torch.rand(shape), **config)
        embeddings = model.encoder.embeddings
        if config.get("encoder_type") == "mae":
            embeddings.patch_embeddings.projection._is_hf_initialized = False
            embeddings.initialize_weights()
        else:
            embeddings.position_embeddings.normal_(0, 0.5)
    else:
        model = getattr(diffusers, kind)(**config)
    if kind == "VQModel":
        model.quantize.embedding.weight.data.normal_(0, 1)
    for key, array in [*model.named_parameters(), *model.named_buffers()]:
        # Fresh norms and biases are ones and zeros, by which a mistake would not show.
        if array.is_floating_point() and (array.ndim == 1 or "token" in key):
            array.add_(0.2 * (torch.rand if key.endswith("running_var") else torch.randn)(array.shape))
    return model.eval()


def _encoded(model, images):
    """Tokens of all patches, in their order, and the outputs of all blocks."""
    with _Kept({f"block{i + 1}": layer for i, layer in enumerate(model.blocks)}) as found:
        tokens = _numpy(model.forward_features(_standardized(images)))
    return {**found, "tokens": tokens}


def _standardized(images):
    mean, deviation = (torch.tensor(numbers).view(1, 3, 1, 1) for numbers in (_IMAGENET_MEAN, _IMAGENET_DEVIATION))
    return (images - mean) / deviation


def _convolved(model, images):
    """The maps of all stages."""
    with _Kept({f"stage{i + 1}": stage for i, stage in enumerate(model.stages)}) as found:
        last = model.stages(model.stem(_standardized(images)))
    return {**found, "features": _numpy(last.mean(dim=(2, 3)))}


def _staged(model, images):
    """The maps of all stages, and the means of the last."""
    last, maps = model.forward_intermediates(_standardized(images))
    found = {f"stage{i + 1}": _numpy(stage) for i, stage in enumerate(maps)}
    return {**found, "features": _numpy(last.mean(dim=1))}


def _hierarchical(model, images):
    """Tokens of all units behind their mean, and what the model finds behind a mask."""
    images = _standardized(images)
    units = (images.shape[2] // 32) * (images.shape[3] // 32)
    embeddings = model.hiera.embeddings.patch_embeddings
    with _Kept({"tokens": model.encoder_norm}) as found:
        embeddings.mask_ratio = 0.0
        model(images)
    tokens = torch.from_numpy(found["tokens"]).flatten(1, 3)
    noise = torch.rand(len(images), units, generator=torch.Generator().manual_seed(1))
    embeddings.mask_ratio = model.config.mask_ratio
    out = model(images, noise=noise)
    # From one channel after the other to one pixel after the other.
    logits = out.logits.unflatten(2, (3, -1)).transpose(2, 3).flatten(2)
    return {
        "tokens": _numpy(torch.cat([tokens.mean(dim=1, keepdim=True), tokens], dim=1)),
        "noise": _numpy(noise),
        "logits": _numpy(logits),
        "loss": _numpy(out.loss),
    }


def _replaced(model, images):
    """The maps of all stages; at the size that the model is made for also what it finds where a token has replaced the image."""
    images = _standardized(images)
    patch, stride, last = model.config.patch_size, model.config.encoder_stride, len(model.config.depths) - 1
    # A run on smaller maps would leave its smaller windows to the next.
    model = copy.deepcopy(model)
    with _Kept({f"stage{i + 1}": stage.blocks[-1] for i, stage in enumerate(model.swin.encoder.layers)}) as found:
        tokens = _numpy(model.swin(images).last_hidden_state)
    height, width = images.shape[2] // patch, images.shape[3] // patch
    maps = {f"stage{i + 1}": found[f"stage{i + 1}"].reshape(len(images), height >> i, width >> i, -1) for i in range(last + 1)}
    maps["tokens"] = tokens.reshape(len(images), height >> last, width >> last, -1)
    if images.shape[2] != model.config.image_size:
        return maps
    rows, columns = images.shape[2] // stride, images.shape[3] // stride
    noise = torch.rand(len(images), rows * columns, generator=torch.Generator().manual_seed(1))
    hidden = noise.argsort(dim=1).argsort(dim=1) >= int(0.4 * rows * columns)
    hidden = hidden.view(-1, rows, columns).repeat_interleave(stride // patch, 1).repeat_interleave(stride // patch, 2)
    out = model(images, bool_masked_pos=hidden.flatten(1))
    return {**maps, "noise": _numpy(noise), "logits": _numpy(out.reconstruction), "loss": _numpy(out.loss)}


class _Kept(dict):
    """Outputs of layers by name, in a model's next run."""

    def __init__(self, layers):
        super().__init__()
        self.handles = [layer.register_forward_hook(self._keeper(name)) for name, layer in layers.items()]

    def _keeper(self, name):
        return lambda *call: self.__setitem__(name, _numpy(call[2]))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for handle in self.handles:
            handle.remove()


def _masked(model, images):
    """Tokens of all patches, in their order; at the size that the model is made for also what it finds behind a mask."""
    images = _standardized(images)
    patch, side = model.config.patch_size, model.config.image_size
    patches = (images.shape[2] // patch) * (images.shape[3] // patch)
    elsewhere = images.shape[2] != side
    with _Kept({f"block{i + 1}": layer for i, layer in enumerate(model.vit.layers)}) as found:
        model.config.mask_ratio = 0.0
        order = torch.arange(patches).repeat(len(images), 1).float()
        more = dict(interpolate_pos_encoding=True) if elsewhere else {}
        tokens = _numpy(model.vit(images, noise=order, **more).last_hidden_state)
    if elsewhere:
        return {**found, "tokens": tokens}
    model.config.mask_ratio = 0.75
    noise = torch.rand(len(images), patches, generator=torch.Generator().manual_seed(1))
    out = model(images, noise=noise)
    return {**found, "tokens": tokens, "noise": _numpy(noise), "logits": _numpy(out.logits), "loss": _numpy(out.loss)}


def _latent(model, images):
    """Every stage of the encoder, the code as the model's class calls it, and the image."""
    images = 2 * images - 1
    # HunyuanImage's blocks are of one list for all stages.
    grouped = hasattr(model.encoder.down_blocks[0], "resnets")
    stages = {f"stage{i + 1}": block for i, block in enumerate(model.encoder.down_blocks)} if grouped else {}
    with _Kept({**stages, "middle": model.encoder.mid_block}) as found:
        if type(model).__name__ == "VQModel":
            z = model.encode(images).latents
            found["vectors"] = _numpy(z)
        else:
            posterior = model.encode(images).latent_dist
            z = posterior.mean
            found.update(mean=_numpy(z), log_variance=_numpy(posterior.logvar))
        if type(model).__name__ == "AutoencoderKLFlux2":
            # As its pipeline does with the code.
            squares = torch.nn.functional.pixel_unshuffle(z, model.config.patch_size[0])
            found["code"] = _numpy(model.bn(squares))
    return {**found, "reconstruction": (_numpy(model.decode(z).sample) + 1) / 2}


def _represented(model, images):
    """Every block of the encoder, the code, and the image."""
    blocks = getattr(model.encoder, "layers", None) or model.encoder.encoder.layer
    with _Kept({f"block{i + 1}": layer for i, layer in enumerate(blocks)}) as found:
        code = model.encode(images).latent
    side = code.shape[-1]
    found = {name: tokens[:, -(side**2) :].reshape(len(images), side, side, -1) for name, tokens in found.items()}
    return {**found, "code": _numpy(code), "reconstruction": _numpy(model.decode(code).sample)}


def _compact(model, images):
    """Every layer of both nets under its own name, the code in its scale, and the image."""
    chains = ("encoder.down_blocks", "decoder.up_blocks", "encoder.layers", "decoder.layers")
    modules = dict(model.named_modules())
    layers = {f"{c}.{i}": layer for c in chains if c in modules for i, layer in enumerate(modules[c].children())}
    with _Kept(layers) as found:
        latents = model.encode(2 * images - 1, return_dict=False)[0]
        decoded = model.decode(latents, return_dict=False)[0]
    code = (latents - model.config.get("shift_factor", 0.0)) * model.config.scaling_factor
    return {**found, "code": _numpy(code), "reconstruction": (_numpy(decoded) + 1) / 2}


_RUN = {
    "ViTMAEForPreTraining": _masked,
    "HieraForPreTraining": _hierarchical,
    "SwinForMaskedImageModeling": _replaced,
    "VisionTransformer": _encoded,
    "Hiera": _staged,
    "ConvNeXt": _convolved,
    "AutoencoderKL": _latent,
    "AutoencoderKLFlux2": _latent,
    "AsymmetricAutoencoderKL": _latent,
    "AutoencoderKLHunyuanImage": _latent,
    "VQModel": _latent,
    "AutoencoderRAE": _represented,
    "AutoencoderTiny": _compact,
    "AutoencoderDC": _compact,
}


def _numpy(tensor):
    tensor = tensor[0] if isinstance(tensor, tuple) else tensor
    # A copy: the rectifiers of diffusers' chains may work in place.
    return (tensor.permute(0, 2, 3, 1) if tensor.ndim == 4 else tensor).contiguous().numpy().copy()


if __name__ == "__main__":
    main(*sys.argv[1:])
