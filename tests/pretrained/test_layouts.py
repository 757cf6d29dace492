"""Files without a config: which model they are is read from their arrays."""

import numpy as np
import pytest
from original_arrays import arrays_of, filled
from safetensors.numpy import save_file
from torch_files import dump, tensor

import zoo
from zoo.cli.main import main
from zoo.errors import ZooError
from zoo.models import registry
from zoo.pretrained import hub
from zoo.pretrained.converters import convnextv2, dncnn, hiera_timm, mae, simmim, taesd
from zoo.pretrained.resolve import resolve

pytestmark = pytest.mark.usefixtures("eagerly")

TAESD = {"channels": 3, "latent_channels": 5, "filters": 4, "blocks": [1, 2], "decoder_filters": 6, "decoder_blocks": [0, 1]}
DNCNN = {"channels": 1, "filters": 3, "depth": 4}
MAE = {"patch_size": 4, "width": 192, "depth": 2, "mlp_ratio": 0.125, "positions": 9}
MODELS = {
    "taesd": (taesd, {**TAESD, "global_branch": False}),
    "taef2": (taesd, {**TAESD, "blocks": [1, 1], "decoder_blocks": [1, 2], "global_branch": True}),
    "dncnn": (dncnn, DNCNN),
    "mae": (mae, {**MAE, "decoder_width": 384, "decoder_depth": 1}),
    "mae encoder": (mae, MAE),
    "simmim": (
        simmim,
        {
            "image_size": 16,
            "patch_size": 2,
            "embed_dim": 4,
            "depths": [2, 1],
            "num_heads": [1, 2],
            "window_size": 4,
            "mlp_ratio": 2.0,
            "encoder_stride": 4,
        },
    ),
    "fcmae": (convnextv2, {"filters": [4, 6], "blocks": [1, 2]}),
}


def original(name):
    """The family, the model with random weights, and the arrays of its original."""
    family, theirs = MODELS[name]
    model = filled(registry.build(family.config(theirs, (16, 8, 3) if family in (taesd, convnextv2) else None)))
    arrays = arrays_of(model, family)
    if family is simmim:
        # What the files have besides: four windows of 16 places.
        arrays["encoder.layers.0.blocks.1.attn_mask"] = np.zeros((4, 16, 16), np.float32)
        arrays["encoder.layers.0.blocks.1.attn.relative_position_index"] = np.zeros((16, 16), np.int64)
    return family, model, arrays


def state(arrays):
    return {name: tensor(value, str(i)) for i, (name, value) in enumerate(arrays.items())}


def written(arrays, folder):
    """The files of arrays: one, or one for each of encoder and decoder."""
    sides = {side: {n.partition(".")[2]: v for n, v in arrays.items() if n.startswith(side)} for side in ("encoder", "decoder")}
    halves = sides["encoder"] and sides["decoder"] and len(arrays) == sum(map(len, sides.values()))
    if not halves or "encoder.mask_token" in arrays:
        dump(folder / "model.pth", {"model": state(arrays), "epoch": 800})
        return [folder / "model.pth"]
    for side, inside in sides.items():
        dump(folder / f"tiny_{side}.pth", state(inside), legacy=side == "decoder")
    return [folder / f"tiny_{side}.pth" for side in sides]


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_known_by_its_arrays(name, tmp_path):
    family, model, arrays = original(name)
    assert family.described({key: value.shape for key, value in arrays.items()}).items() >= MODELS[name][1].items()
    for place in (tmp_path, *written(arrays, tmp_path)):
        found = zoo.load(place, input_shape=model.data_shape)
        assert found.config == model.config
    x = np.random.default_rng(1).random((2, *model.data_shape), dtype=np.float32)
    np.testing.assert_array_equal(found.encode(x), model.encode(x))
    if hasattr(model, "decoder"):
        np.testing.assert_array_equal(found.reconstruct(x), model.reconstruct(x))


def test_safetensors_are_known_by_their_arrays_too(tmp_path):
    _, model, arrays = original("dncnn")
    save_file(arrays, tmp_path / "denoiser.safetensors")
    assert resolve(tmp_path / "denoiser.safetensors").name == "denoiser"
    assert zoo.load(tmp_path).config == model.config


def test_an_encoder_alone_gives_features_and_no_images(tmp_path, capsys):
    _, model, arrays = original("mae encoder")
    [file] = written(arrays, tmp_path)
    images = np.random.default_rng(1).integers(0, 256, (3, 12, 12, 3), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    assert main(["convert", str(file), str(tmp_path / "mine")]) == 0
    found = zoo.load(tmp_path / "mine")
    assert found.encoder.feature_layers == ["block1", "block2", "code"] and found.output_shape == (None, 192)
    np.testing.assert_array_equal(found.encode(images), model.encode(images))
    assert main(["encode", str(file), str(tmp_path / "images.npy"), "--output", str(tmp_path / "f.npy")]) == 0
    np.testing.assert_allclose(np.load(tmp_path / "f.npy"), model.encode(images), rtol=1e-3, atol=1e-4)
    capsys.readouterr()
    assert main(["reconstruct", str(file), str(tmp_path / "images.npy"), "--output", str(tmp_path / "r")]) == 2
    assert "has no decoder and returns no images" in capsys.readouterr().err


@pytest.mark.parametrize(
    "names, told",
    [
        ({"a.weight": (3, 4), "b.weight": (3, 4)}, r"its 2 arrays \(a.weight, b.weight, ...\) are of no known layout; known are"),
        (
            {"model.0.weight": (4, 1, 3, 3), "model.0.bias": (4,), "model.2.weight": (2, 4, 3, 3), "model.2.bias": (2,)},
            "no known",
        ),
        ({"0.weight": (4, 3, 3, 3), "0.bias": (4,)}, "no known layout"),
    ],
    ids=["other", "widths", "half"],
)
def test_other_arrays_are_named(names, told, tmp_path):
    dump(tmp_path / "m.pth", state({name: np.zeros(shape, np.float32) for name, shape in names.items()}))
    with pytest.raises(ZooError, match=told):
        zoo.load(tmp_path / "m.pth")


@pytest.mark.parametrize(
    "original, timm",
    [
        ("downsample_layers.0.1.bias", "stem.1.bias"),
        ("downsample_layers.2.0.weight", "stages.2.downsample.0.weight"),
        ("stages.2.11.dwconv.weight", "stages.2.blocks.11.conv_dw.weight"),
        ("stages.0.1.grn.gamma", "stages.0.blocks.1.mlp.grn.weight"),
        ("stages.3.0.pwconv2.bias", "stages.3.blocks.0.mlp.fc2.bias"),
    ],
)
def test_names_of_convnext_v2_are_those_of_timm(original, timm):
    assert convnextv2.canonical(original) == timm == convnextv2.canonical(timm)


def test_a_size_that_arrays_do_not_show_is_refused(tmp_path):
    _, _, arrays = original("mae encoder")
    shapes = {name: tuple(8 if n == 192 else n for n in value.shape) for name, value in arrays.items()}
    with pytest.raises(ZooError, match="width 8, expected one of 192, 384"):
        mae.config(mae.described(shapes))


def test_positions_that_were_learned_are_refused(tmp_path):
    _, _, arrays = original("mae encoder")
    [file] = written({**arrays, "pos_embed": np.ones_like(arrays["pos_embed"])}, tmp_path)
    with pytest.raises(ZooError, match="the values of pos_embed in .* differ from those that the model computes"):
        zoo.load(file)


def test_a_folder_of_several_models_asks_for_one(tmp_path):
    for name in ("a", "b"):
        dump(tmp_path / f"{name}.pth", {"x": tensor(np.zeros(3, np.float32), "0")})
    with pytest.raises(ZooError, match="contains several models .a.pth, b.pth.; give one of these files"):
        zoo.load(tmp_path)


def test_a_card_says_nothing_of_a_folder_that_is_called_as_a_public_model(tmp_path):
    _, _, arrays = original("taesd")
    (tmp_path / "taesd").mkdir()
    written(arrays, tmp_path / "taesd")
    checkpoint = resolve(tmp_path / "taesd")
    assert checkpoint.name == "taesd" and "Converted from" not in hub.card(checkpoint, "hf://me/mine")


def test_a_file_that_is_not_there_or_asks_for_code_is_one_line(tmp_path, capsys):
    dump(tmp_path / "m.pth", {"x": np.arange})
    for file, told in ((tmp_path / "none.pth", "there is no file"), (tmp_path / "m.pth", "m.pth asks for")):
        assert main(["convert", str(file), str(tmp_path / "mine")]) == 2
        told_here = capsys.readouterr().err
        assert told in told_here and told_here.count("\n") == 1
    assert not (tmp_path / "mine").exists()


def test_a_config_of_timm_is_an_encoder_with_its_normalization():
    theirs = {"architecture": "vit_base_patch16_224", "pretrained_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3, "tag": "mae"}}
    ours = mae.config(theirs)
    assert ours["variant"] == "features" and ours["model"]["mean"] == [0.5] * 3 and ours["model"]["deviation"] == [0.25] * 3
    assert ours["model"]["input_shape"] == [224, 224, 3] and ours["model"]["heads"] == 12
    ours = convnextv2.config({"architecture": "convnextv2_nano", "num_classes": 0, "pretrained_cfg": {"tag": "fcmae"}})
    assert ours["model"]["filters"] == [80, 160, 320, 640] and ours["model"]["blocks"] == [2, 2, 8, 2]
    ours = hiera_timm.config({"architecture": "hiera_large_224", "num_classes": 0, "pretrained_cfg": {"tag": "mae"}})
    assert ours["model"]["width"] == 144 and ours["model"]["blocks"] == [2, 6, 36, 4] and not ours["model"]["fused"]
    with pytest.raises(ZooError, match="got a convnextv2_nano.fcmae_ft_in1k, expected weights trained by masking"):
        convnextv2.config({"architecture": "convnextv2_nano", "pretrained_cfg": {"tag": "fcmae_ft_in1k"}})
