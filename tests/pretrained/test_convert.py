"""Models of other libraries: every array used once, errors that name what is wrong, files from a hub or laid by hand."""

import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hub_server import Hub
from original_arrays import arrays_of, filled
from safetensors.numpy import load_file, save_file

import zoo
from zoo.cli.main import main
from zoo.data.writers import ImageFolder
from zoo.errors import ZooError
from zoo.models import registry
from zoo.pretrained import foreign, public
from zoo.pretrained.arrays import named_variables
from zoo.pretrained.converters import autoencoder_rae, families, hiera, hunyuanimage, ldm, swin, vit_mae
from zoo.pretrained.resolve import resolve

pytestmark = pytest.mark.usefixtures("eagerly")

KL = {
    "_class_name": "AutoencoderKL",
    "block_out_channels": [4, 8],
    "down_block_types": ["DownEncoderBlock2D"] * 2,
    "up_block_types": ["UpDecoderBlock2D"] * 2,
    "norm_num_groups": 2,
    "latent_channels": 3,
    "scaling_factor": 0.5,
    "shift_factor": 0.25,
}
FLUX2 = {
    "_class_name": "AutoencoderKLFlux2",
    **{key: KL[key] for key in ("down_block_types", "up_block_types", "norm_num_groups", "latent_channels")},
    "block_out_channels": [4, 8],
    "decoder_block_out_channels": [4, 4],
    "layers_per_block": 1,
}
ASYMMETRIC = {
    **KL,
    "_class_name": "AsymmetricAutoencoderKL",
    "down_block_out_channels": [4, 8],
    "up_block_out_channels": [6, 8],
    "layers_per_up_block": 2,
}
HUNYUAN = {
    "_class_name": "AutoencoderKLHunyuanImage",
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "block_out_channels": [32, 64],
    "layers_per_block": 1,
    "spatial_compression_ratio": 2,
}
VQ = {**KL, "_class_name": "VQModel", "num_vq_embeddings": 7, "vq_embed_dim": 5}
MAE = {
    "architectures": ["ViTMAEForPreTraining"],
    "image_size": 16,
    "patch_size": 4,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "decoder_hidden_size": 8,
    "decoder_num_hidden_layers": 1,
    "decoder_num_attention_heads": 2,
    "decoder_intermediate_size": 16,
}
SHAPE = (16, 24, 3)


@functools.cache
def made(family, text):
    """A model of another library's config, given as JSON, with random weights, and its arrays there. Tests change neither."""
    theirs = json.loads(text)
    # These state the size of their images.
    stated = family in (vit_mae, autoencoder_rae)
    model = filled(registry.build(family.config(theirs, None if stated else SHAPE)))
    return model, arrays_of(model, family)


@pytest.fixture
def written(tmp_path):
    """A function (config, family) that writes a model in another library's layout and gives its folder and the model."""

    def written(theirs, family, change=None):
        text = json.dumps(theirs)
        model, arrays = made(family, text)
        folder = tmp_path / "theirs"
        folder.mkdir()
        (folder / "config.json").write_text(text)
        save_file(change(arrays) if change else arrays, folder / "diffusion_pytorch_model.safetensors")
        return folder, model

    return written


def same(a, b, images=None):
    x = np.random.default_rng(1).random((3, *a.data_shape), dtype=np.float32) if images is None else images
    np.testing.assert_array_equal(a.encode(x), b.encode(x))
    np.testing.assert_array_equal(a.reconstruct(x), b.reconstruct(x))


@pytest.mark.parametrize("theirs, family", [(KL, ldm), (MAE, vit_mae)], ids=["kl", "mae"])
def test_a_folder_becomes_the_model(written, theirs, family, tmp_path):
    folder, model = written(theirs, family)
    found = zoo.load(folder, SHAPE if theirs is not MAE else None)
    assert found.config == model.config
    same(found, model)
    # And by the command, in the zoo's own format.
    size = ["--size", "16", "24"] if theirs is not MAE else []
    assert main(["convert", str(folder), str(tmp_path / "ours"), *size]) == 0
    same(zoo.load(tmp_path / "ours"), model)


HIERA = {
    "architectures": ["HieraForPreTraining"],
    "embed_dim": 4,
    "image_size": [16, 16],
    "depths": [1, 2],
    "num_heads": [1, 2],
    "masked_unit_attention": [True, False],
    "num_query_pool": 1,
    "masked_unit_size": [2, 2],
    "decoder_hidden_size": 8,
    "decoder_depth": 1,
    "decoder_num_heads": 2,
}
SWIN = {
    "architectures": ["SwinForMaskedImageModeling"],
    "image_size": 16,
    "patch_size": 2,
    "embed_dim": 4,
    "depths": [1, 2],
    "num_heads": [1, 2],
    "window_size": 4,
    "encoder_stride": 4,
}
RAE = {
    "_class_name": "AutoencoderRAE",
    "encoder_hidden_size": 64,
    "encoder_num_hidden_layers": 1,
    "encoder_input_size": 28,
    "decoder_hidden_size": 8,
    "decoder_num_hidden_layers": 1,
    "decoder_num_attention_heads": 2,
    "decoder_intermediate_size": 12,
    "patch_size": 8,
    "latents_mean": np.zeros((64, 2, 2)).tolist(),
    "latents_std": np.ones((64, 2, 2)).tolist(),
}
OTHERS = [(HIERA, hiera), (SWIN, swin), (VQ, ldm)]
OTHERS += [pytest.param(*other, marks=pytest.mark.slow) for other in ((FLUX2, ldm), (ASYMMETRIC, ldm), (HUNYUAN, hunyuanimage))]


@pytest.mark.parametrize("theirs, family", OTHERS, ids=lambda value: families.kind(value) or "")
def test_other_classes_become_the_model_and_codes_become_images(written, theirs, family):
    folder, model = written(theirs, family)
    found = zoo.load(folder, SHAPE)
    assert found.config == model.config == registry.build(model.config).config
    x = np.random.default_rng(1).random((2, *SHAPE), dtype=np.float32)
    np.testing.assert_array_equal(found.encode(x), model.encode(x))
    masked = family in (hiera, swin)
    code = found.encode(x) if not masked else np.array(found.code(x))
    made = found.reconstruct(x) if not masked else model.decode(np.array(model.code(x)))
    np.testing.assert_allclose(found.decode(code), made, atol=1e-5)


@pytest.mark.parametrize("kind, patch", [("dinov2", 14), ("mae", 14)])
def test_a_representation_autoencoder_decodes_features_of_another_size(written, kind, patch):
    theirs = {**RAE, "encoder_type": kind, "encoder_patch_size": patch}
    folder, model = written(theirs, autoencoder_rae)
    found = zoo.load(folder)
    assert found.config == model.config == registry.build(model.config).config and found.data_shape == (16, 16, 3)
    x = np.random.default_rng(1).random((2, 16, 16, 3), dtype=np.float32)
    same(found, model, x)
    assert found.encode(x).shape == (2, 64) and np.array(found.code(x)).shape == (2, 2, 2, 64)
    np.testing.assert_allclose(found.decode(np.array(found.code(x))), found.reconstruct(x), atol=1e-5)
    # Only the decoder learns.
    trained = {id(variable) for variable in found.trainable_variables}
    assert trained == {id(variable) for variable in found.decoder.trainable_variables}
    with pytest.raises(ZooError, match=r"input_shape=\(24, 24, 3\) for an AutoencoderRAE, whose images are \(16, 16, 3\)"):
        zoo.load(folder, (24, 24, 3))


def test_windows_are_as_large_as_the_maps_of_the_training_allow(written):
    """The window of the last stage of SimMIM's large model is 12 places, of maps of 6: the authors' code makes it 6."""
    folder, model = written({**SWIN, "window_size": 8}, swin)
    tables = {path: variable.shape for path, variable in named_variables(model).items() if path.endswith("attention/bias")}
    assert sorted({shape[0] for shape in tables.values()}) == [7**2, 15**2]
    x = np.random.default_rng(1).random((1, 24, 32, 3), dtype=np.float32)
    assert np.isfinite(zoo.load(folder, (24, 32, 3)).encode(x)).all()


def test_codes_of_flux_2_are_squares_of_places_standardized(written):
    folder, _ = written(FLUX2, ldm)
    model = zoo.load(folder, SHAPE)
    x = np.random.default_rng(1).random((2, *SHAPE), dtype=np.float32)
    mean, _ = model.posterior(x)
    assert mean.shape == (2, 8, 12, 3) and model.bottleneck.code_shape == (4, 6, 12)
    squares = mean.reshape(2, 4, 2, 6, 2, 3).transpose(0, 1, 3, 5, 2, 4).reshape(2, 4, 6, 12)
    arrays = load_file(folder / "diffusion_pytorch_model.safetensors")
    expected = (squares - arrays["bn.running_mean"]) / np.sqrt(arrays["bn.running_var"] + 1e-4)
    np.testing.assert_allclose(model.encode(x).reshape(expected.shape), expected, rtol=1e-4, atol=1e-5)
    assert model.sample_posterior(x).shape == expected.shape
    with pytest.raises(ZooError, match="codes of 7 x 12 places and standardized=2"):
        zoo.load(folder, (14, 24, 3))


def test_an_asymmetric_decoders_other_encoder_is_passed_over(written):
    folder, _ = written(ASYMMETRIC, ldm, _with("decoder.condition_encoder.layers.0.weight", np.zeros(3, np.float32)))
    assert zoo.load(folder, SHAPE).config["decoder_filters"] == [6, 8]


def test_load_knows_the_layout_and_another_size(written):
    folder, model = written(KL, ldm)
    assert resolve(folder).data_shape == (256, 256, 3)
    same(zoo.load(folder, input_shape=SHAPE), model)
    with pytest.raises(ZooError, match="got images of 15 x 24 for 2 stages, expected height and width divisible by 2"):
        zoo.load(folder, input_shape=(15, 24, 3))


def test_a_saved_model_loads_at_another_size(tmp_path):
    model = zoo.create("denoising", "unet", input_shape=(8, 8, 1), filters=(4, 8), blocks=1)
    zoo.save(model, tmp_path / "small")
    larger = zoo.load(tmp_path / "small", input_shape=(16, 12, 1))
    assert larger.reconstruct(np.zeros((1, 16, 12, 1), np.uint8)).shape == (1, 16, 12, 1)
    dense = zoo.create("ae", "mlp", input_shape=(8, 8, 1), hidden=(4,), latent_dim=2)
    zoo.save(dense, tmp_path / "dense")
    with pytest.raises(ZooError, match="does not fit"):
        zoo.load(tmp_path / "dense", input_shape=(9, 9, 1))


def test_codes_are_scaled_and_posteriors_drawn_from(written):
    folder, _ = written(KL, ldm)
    model = zoo.load(folder, SHAPE)
    x = np.random.default_rng(1).random((2, *SHAPE), dtype=np.float32)
    mean, log_variance = model.posterior(x)
    assert mean.shape == log_variance.shape == (2, 8, 12, 3)
    np.testing.assert_allclose(model.encode(x).reshape(mean.shape), (mean - 0.25) * 0.5, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.decode((mean - 0.25) * 0.5), model.reconstruct(x), atol=1e-5)
    draw = model.sample_posterior(x, seed=3)
    noise = (draw / 0.5 + 0.25 - mean) / np.exp(log_variance / 2)
    assert abs(noise.mean()) < 0.15 and abs(noise.std() - 1) < 0.1, "over 576 numbers"
    np.testing.assert_array_equal(draw, model.sample_posterior(x, seed=3))
    assert np.any(draw != model.sample_posterior(x, seed=4))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16], ids=["float16", "bfloat16"])
def test_halves_become_float32(written, dtype):
    folder, model = written(KL, ldm, lambda arrays: {name: value.astype(dtype) for name, value in arrays.items()})
    found = zoo.load(folder, SHAPE)
    for path, variable in named_variables(model).items():
        got = named_variables(found)[path]
        assert str(got.dtype) == "float32"
        np.testing.assert_array_equal(np.array(got), np.array(variable).astype(dtype).astype(np.float32))


def test_shards_are_one(written):
    folder, model = written(KL, ldm)
    whole = folder / "diffusion_pytorch_model.safetensors"
    names = sorted(load_file(whole))
    shards = {f"part-{i}.safetensors": names[i::3] for i in range(3)}
    arrays = load_file(whole)
    for file, inside in shards.items():
        save_file({name: arrays[name] for name in inside}, folder / file)
    whole.unlink()
    index = {"weight_map": {name: file for file, inside in shards.items() for name in inside}}
    (folder / f"{whole.name}.index.json").write_text(json.dumps(index))
    same(zoo.load(folder, SHAPE), model)
    (folder / "part-1.safetensors").unlink()
    with pytest.raises(ZooError, match="lacks part-1.safetensors, listed in its index"):
        zoo.load(folder, SHAPE)
    index["weight_map"][names[0]] = "../elsewhere.safetensors"
    (folder / f"{whole.name}.index.json").write_text(json.dumps(index))
    with pytest.raises(ZooError, match="with files in other folders"):
        zoo.load(folder, SHAPE)


def _without(name):
    return lambda arrays: {key: value for key, value in arrays.items() if key != name}


def _with(name, value):
    return lambda arrays: {**arrays, name: value}


@pytest.mark.parametrize(
    "change, told",
    [
        (_without("encoder.conv_in.weight"), "missing: encoder.conv_in.weight"),
        (_with("encoder.conv_more.weight", np.zeros(3, np.float32)), "not used: encoder.conv_more.weight"),
        (_with("encoder.conv_in.weight", np.zeros((4, 3, 5, 5), np.float32)), r"encoder.conv_in.weight has shape \(4, 3, 5, 5\)"),
        (_with("encoder.conv_in.bias", np.full(4, np.nan, np.float32)), "NaN or infinite values in encoder.conv_in.bias"),
        (
            _with("encoder.mid_block.attentions.0.query.weight", np.zeros((8, 8), np.float32)),
            "two arrays for encoder.mid_block.attentions.0.to_q.weight",
        ),
    ],
    ids=["missing", "left", "shape", "nan", "twice"],
)
def test_arrays_that_do_not_fit_are_named(written, change, told):
    folder, _ = written(KL, ldm, change)
    with pytest.raises(ZooError, match=told):
        zoo.load(folder, SHAPE)


def test_positions_must_be_those_that_the_model_computes(written):
    folder, _ = written(MAE, vit_mae, _with("vit.embeddings.position_embeddings", np.ones((1, 17, 16), np.float32)))
    with pytest.raises(ZooError, match="the values of vit.embeddings.position_embeddings in .* differ"):
        zoo.load(folder)


def test_a_transformer_reads_images_of_another_size(written):
    folder, model = written(MAE, vit_mae)
    larger = zoo.load(folder, input_shape=(24, 20, 3))
    assert larger.encoder.backbone.net.positions.shape == (30, 16)
    assert larger.encode(np.zeros((2, 24, 20, 3), np.uint8)).shape == (2, 16)
    np.testing.assert_array_equal(model.encoder.backbone.net.positions, zoo.load(folder).encoder.backbone.net.positions)


@pytest.mark.parametrize(
    "old, new",
    [
        ("vit.layers.0.attention.q_proj.bias", "vit.encoder.layer.0.attention.attention.query.bias"),
        ("vit.layers.1.attention.o_proj.weight", "vit.encoder.layer.1.attention.output.dense.weight"),
        ("vit.layers.1.mlp.fc1.bias", "vit.encoder.layer.1.intermediate.dense.bias"),
        ("vit.layers.10.mlp.fc2.bias", "vit.encoder.layer.10.output.dense.bias"),
        ("decoder.decoder_layers.0.mlp.fc2.bias", "decoder.decoder_layers.0.output.dense.bias"),
        ("decoder.decoder_layers.0.attention.k_proj.bias", "decoder.decoder_encoder.layer.0.attention.attention.key.bias"),
    ],
)
def test_older_names_are_known(old, new):
    assert vit_mae.canonical(new) == old == vit_mae.canonical(old)


@pytest.mark.parametrize(
    "old, new",
    [
        ("swin.encoder.layers.0.blocks.1.attention.q_proj.bias", "swin.encoder.layers.0.blocks.1.attention.self.query.bias"),
        ("swin.encoder.layers.0.blocks.1.attention.o_proj.bias", "swin.encoder.layers.0.blocks.1.attention.output.dense.bias"),
        ("swin.encoder.layers.0.blocks.1.mlp.fc1.bias", "swin.encoder.layers.0.blocks.1.intermediate.dense.bias"),
        ("swin.encoder.layers.0.blocks.1.mlp.fc2.bias", "swin.encoder.layers.0.blocks.1.output.dense.bias"),
        (
            "swin.encoder.layers.0.blocks.1.attention.relative_position_bias.relative_position_bias_table",
            "swin.encoder.layers.0.blocks.1.attention.self.relative_position_bias_table",
        ),
    ],
)
def test_older_names_of_swin_are_known(old, new):
    assert swin.canonical(new) == old == swin.canonical(old)


@pytest.mark.parametrize(
    "change, told",
    [
        ({"_class_name": "AutoencoderOobleck"}, "contains a AutoencoderOobleck, expected one of AsymmetricA"),
        ({"act_fn": "relu"}, "act_fn='relu', expected 'silu'"),
        ({"latents_mean": [0.0]}, "latents_mean"),
        ({"down_block_types": ["CrossAttnDownBlock2D"] * 2}, "a block of type CrossAttnDownBlock2D"),
        ({"use_quant_conv": False}, "expected both or neither"),
        ({**FLUX2, "batch_norm_eps": 1e-5}, "batch_norm_eps=1e-05, expected 0.0001"),
        ({**FLUX2, "patch_size": [2, 1]}, "expected two equal numbers"),
        ({**HUNYUAN, "spatial_compression_ratio": 4}, "spatial_compression_ratio=4 .* expected 2 for 2 stages"),
        ({**HIERA, "_class_name": None, "patch_stride": [2, 2]}, r"patch_stride=\[2, 2\], expected \[4, 4\]"),
        ({**HIERA, "_class_name": None, "num_query_pool": 2}, "num_query_pool=2 .* expected 1"),
        ({**HIERA, "_class_name": None, "num_heads": [2, 2]}, r"num_heads=\[2, 2\], expected .* numbers that double"),
        ({**SWIN, "_class_name": None, "num_heads": [1, 3]}, r"num_heads=\[1, 3\], expected as many numbers that double"),
        ({**SWIN, "_class_name": None, "encoder_stride": 8}, "patch_size=2 and encoder_stride=8, expected encoder_stride=4"),
        ({**SWIN, "_class_name": None, "use_absolute_embeddings": True}, "use_absolute_embeddings=True, expected False"),
        ({**RAE, "encoder_type": "siglip2"}, "an AutoencoderRAE of siglip2, expected one of dinov2, mae"),
        ({**RAE, "latents_std": None}, "expected numbers for each feature and place in both, or none"),
        ({"architecture": "hiera_base_224", "_class_name": None, "num_classes": 3}, "hiera_base_224.None, expected .* masking"),
        ({**HUNYUAN, "upsample_match_channel": False}, "upsample_match_channel=False, expected True"),
    ],
    ids=str,
)
def test_what_is_not_read_is_said(written, change, told):
    folder, _ = written(KL, ldm)
    (folder / "config.json").write_text(json.dumps({**KL, **change}))
    with pytest.raises(ZooError, match=told):
        zoo.load(folder)


def test_a_folder_without_safetensors(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(KL))
    with pytest.raises(ZooError, match="contains no weights, expected model.safetensors or diffusion_pytorch_model.safe"):
        zoo.load(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ZooError, match="pytorch_model.bin is not a file of torch.save"):
        zoo.load(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"garbage")
    with pytest.raises(ZooError, match="cannot be read as a safetensors file"):
        zoo.load(tmp_path)


def test_features_come_from_the_folder_by_every_door(written, tmp_path):
    folder, model = written(MAE, vit_mae)
    images = np.random.default_rng(2).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    assert main(["encode", str(folder), str(tmp_path / "images.npy"), "--output", str(tmp_path / "f.npy")]) == 0
    np.testing.assert_allclose(np.load(tmp_path / "f.npy"), model.encode(images), atol=1e-4)
    assert zoo.load_encoder(folder, layer="block1", pool="token").feature_layers[0] == "block1"


@pytest.mark.slow
def test_a_converted_model_is_fine_tuned_and_probed(written, tmp_path):
    folder, _ = written(MAE, vit_mae)
    rng = np.random.default_rng(0)
    photos, out = tmp_path / "photos", tmp_path / "tuned"
    photos.mkdir()
    for name, shade in (("dark", 60), ("light", 180)):
        with ImageFolder(photos / name) as images:
            images.write(np.clip(rng.normal(shade, 20, (20, 16, 16, 3)), 0, 255).astype(np.uint8))
    command = [
        "finetune",
        str(folder),
        "--data",
        str(tmp_path / "photos"),
        "--output",
        str(tmp_path / "tuned"),
        "--batch-size",
        "12",
    ]
    assert main([*command, "--epochs", "6", "--learning-rate", "0.003"]) == 0
    tuned = zoo.load(tmp_path / "tuned" / "model")
    assert tuned.classify(np.full((1, 16, 16, 3), 180, np.uint8)).argmax() == 1
    assert main(["evaluate", str(out / "model"), "--data", str(photos)]) == 2


# -- public names

NAMES = sorted(public.public())


def test_public_models_are_of_classes_that_are_read():
    assert {entry["class"] for entry in public.public().values()} <= families.families().keys()
    for name, entry in public.public().items():
        assert name not in zoo.list_weights()
        assert entry.keys() >= {"origin", "revision", "subfolder", "input_shape", "parameters", "sha256", "licence", "dataset"}


def test_the_list_shows_them_with_size_licence_and_origin(capsys):
    assert main(["list", "--weights"]) == 0
    lines = capsys.readouterr().out.splitlines()
    [line] = [line for line in lines if line.startswith("sd_vae_ft_mse ")]
    assert "334.6 MB" in line and "MIT" in line and "hf://stabilityai/sd-vae-ft-mse" in line
    assert main(["info", "mae_vit_base.imagenet1k"]) == 0
    told = capsys.readouterr().out
    assert "Apache-2.0" in told and "111,907,840 parameters" in told and "fine-tuned, %: 83.66" in told
    assert main(["info", "sd_vae_ft_mze"]) == 2
    assert "Did you mean 'sd_vae_ft_mse'" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*is not verified")
def test_the_lines_of_the_documentation_run():
    """With small models, laid by hand where the public ones would be fetched to."""
    text = (Path(__file__).parents[2] / "docs" / "public_models.md").read_text(encoding="utf-8")
    [block] = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "hf://" in block]
    four = {"down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4}
    kl, mae = ({**KL, **four, "block_out_channels": [2] * 4}, ldm), ({**MAE, "image_size": 224}, vit_mae)
    small = {"hf://facebook/vit-mae-base": mae, "hf://stabilityai/sd-vae-ft-mse": kl, "hf://user/repo": kl}
    for origin, (theirs, family) in small.items():
        folder = foreign.cache_folder(origin)
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps(theirs))
        save_file(arrays_of(registry.build(family.config(theirs)), family), folder / "model.safetensors")
    rng = np.random.default_rng(0)
    images, photographs = (rng.integers(0, 256, (1, *shape, 3), dtype=np.uint8) for shape in ((512, 512), (512, 600)))
    exec(compile(block, "public_models.md", "exec"), scope := {"images": images, "photographs": photographs})
    assert scope["encoder"].predict(np.zeros((1, 224, 224, 3), np.uint8), verbose=0).shape == (1, 16)
    assert scope["codes"].shape == scope["mean"].shape == (1, 64, 64, 3)
    assert scope["large"].shape == photographs.shape and scope["other"].data_shape == (256, 256, 3)


PROGRAM = """
import zoo
from zoo.errors import ZooError
from zoo.cli.main import main
from zoo.pretrained import public
entry = public.public()["sd_vae_ft_mse"]
entry["input_shape"] = [16, 24, 3]
{lines}
"""


refused = """
try:
    zoo.load("sd_vae_ft_mse")
except ZooError as error:
    print(error)
"""


@pytest.fixture
def hub(tmp_path):
    """A hub of this machine, and a function that runs lines of Python in a process that knows it alone."""
    server = Hub()

    def run(lines, **more):
        environment = {
            **os.environ,
            "HF_ENDPOINT": server.address,
            "HF_HOME": str(tmp_path / "hf"),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "ZOO_CACHE": str(tmp_path / "cache"),
            **more,
        }
        argv = [sys.executable, "-c", PROGRAM.format(lines=lines)]
        done = subprocess.run(argv, env=environment, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    yield server, run
    server.close()


@pytest.mark.slow
def test_a_public_name_is_fetched_once_and_pinned(hub, written, tmp_path):
    pytest.importorskip("huggingface_hub")
    server, run = hub
    folder, model = written(KL, ldm)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    server.repositories["stabilityai/sd-vae-ft-mse"] = files
    zoo.save(model, tmp_path / "ours")
    lines = """
import numpy as np
x = np.random.default_rng(0).random((2, 16, 24, 3), dtype=np.float32)
print(np.abs(zoo.load("sd_vae_ft_mse").encode(x) - zoo.load("ours").encode(x)).max())
# By its address it is another model, at the size of its class.
print(zoo.load("hf://stabilityai/sd-vae-ft-mse", input_shape=(16, 24, 3)).encoder.feature_layers)
"""
    assert run(lines).splitlines() == ["0.0", "['stage1', 'stage2', 'middle', 'code']"]
    server.status = 503
    lines = f"""
print(zoo.load("sd_vae_ft_mse").data_shape)
main(["verify", "sd_vae_ft_mse"])
from pathlib import Path
[kept] = Path("cache/originals").glob("*/diffusion_pytorch_model.safetensors")
content = kept.read_bytes()
kept.write_bytes(content[:-4] + bytes(4))
main(["verify", "sd_vae_ft_mse"])
kept.write_bytes(content[:-8])
{refused}
"""
    shape, good, bad, told = run(lines, HF_HUB_OFFLINE="1").splitlines()
    assert shape == "(16, 24, 3)"
    assert good.split()[:2] == ["sd_vae_ft_mse", "unpinned"] and bad.split()[:2] == ["sd_vae_ft_mse", "corrupt"]
    assert "differs from the file first downloaded" in told


@pytest.mark.slow
def test_without_a_network_it_says_how_to_place_the_files_and_placing_them_works(hub, written, tmp_path):
    pytest.importorskip("huggingface_hub")
    _, run = hub
    offline = {"HF_HUB_OFFLINE": "1"}
    told = run(refused, **offline)
    assert "hf://stabilityai/sd-vae-ft-mse could not be downloaded" in told
    assert "copy its config.json and its weight files to " in told
    folder, model = written(KL, ldm)
    place = tmp_path / "cache" / "originals" / foreign.cache_folder("hf://stabilityai/sd-vae-ft-mse").name
    assert str(place) in told
    place.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        (place / path.name).write_bytes(path.read_bytes())
    assert "wrote sd_vae_ft_mse to out" in run('main(["convert", "sd_vae_ft_mse", "out"])', **offline)
    same(zoo.load(tmp_path / "out"), model)
