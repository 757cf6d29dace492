"""Pictures as they are in files: gray and color by models of either, and the command that restores a folder of them."""

import numpy as np
import pytest
from keras import ops
from PIL import Image
from tiny import tiny

from zoo.cli.main import main
from zoo.data.image_files import with_channels
from zoo.inference.pictures import restored_picture
from zoo.pretrained.loading import save
from zoo.utils import bicubic

RNG = np.random.default_rng(0)
COLOR = RNG.integers(0, 256, (40, 56, 3), dtype=np.uint8)


def silent(model):
    """The model with a network that puts out zeros."""
    for variable in model.decoder.backbone.net.trainable_variables:
        variable.assign(ops.zeros_like(variable))
    return model


def as_bytes(image):
    return np.round(255 * np.clip(image, 0, 1)).astype(np.uint8)


def test_a_gray_denoiser_restores_each_channel():
    model = tiny("denoising_conv", (16, 16, 1))
    made = restored_picture(model, COLOR)
    expected = [as_bytes(model.reconstruct([COLOR[..., i : i + 1]])[0]) for i in range(3)]
    assert made.dtype == np.uint8 and np.abs(made - np.concatenate(expected, -1).astype(int)).max() <= 1


def test_gray_inpainting_fills_what_is_black_in_all_channels():
    image = np.maximum(COLOR, 1)
    image[..., 1] = 0
    image[10:20, 10:20] = 0
    made = restored_picture(tiny("inpainting_conv", (16, 16, 1)), image)
    known = image.any(axis=-1)
    np.testing.assert_array_equal(made[known], image[known])
    assert (made[~known] != 0).any()


def test_gray_super_resolution_and_removal_of_artifacts_restore_the_luma():
    made = restored_picture(silent(tiny("superres_conv", (12, 12, 1), edges="mirror")), COLOR)
    # Bicubic enlargement is linear: that of the luma and the chroma is that of the colors.
    assert np.abs(made - 255 * np.clip(bicubic.resized(COLOR / 255, (80, 112)), 0, 1)).max() <= 1.1
    model = tiny("artifact_removal_conv", (16, 16, 1))
    made = restored_picture(model, COLOR)
    luma = np.clip(with_channels(COLOR / np.float32(255), 1), 0, 1)
    change = model.reconstruct([luma])[0] - luma
    inside = np.all((made > 0) & (made < 255), axis=-1)
    assert np.abs((made / 255 - COLOR / 255) - change)[inside].max() <= 1.1 / 255


def test_a_color_model_restores_gray_images_to_gray():
    model = tiny("denoising_conv", (16, 16, 3))
    gray = COLOR[..., :1]
    expected = with_channels(model.reconstruct([np.repeat(gray, 3, -1)])[0], 1)
    assert np.abs(restored_picture(model, gray) - 255 * np.clip(expected, 0, 1)).max() <= 0.51


# -- the command


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folder of a denoiser of color images whose network puts out zeros, and of super-resolution."""
    folder = tmp_path_factory.mktemp("models")
    save(silent(tiny("denoising_dncnn", (16, 16, 3))), folder / "denoiser")
    save(silent(tiny("superres_conv", (12, 12, 3), edges="mirror")), folder / "enlarger")
    return folder


def run(models, source, output, *more, name="denoiser"):
    return main(["reconstruct", str(models / name), "--input", str(source), "--output", str(output), *more])


def kinds(folder):
    """Writes pictures of every kind that Pillow writes; returns a mapping of file name to the expected result."""
    color, gray = Image.fromarray(COLOR), Image.fromarray(COLOR[..., 0])
    exif = Image.Exif()
    exif[0x0112] = 6
    clear = Image.fromarray(np.dstack([COLOR[..., 0], np.full((40, 56), 255, np.uint8)]), "LA")
    half = clear.copy()
    half.putalpha(128)
    smooth = Image.fromarray(as_bytes(np.linspace(0, 1, 40 * 56).reshape(40, 56, 1).repeat(3, -1)))
    files = {
        "color.png": (color, {}, COLOR),
        "gray.png": (gray, {}, COLOR[..., 0]),
        "cmyk.jpg": (smooth.convert("CMYK"), {"quality": 95}, np.asarray(smooth)),
        "turned.png": (color, {"exif": exif}, np.rot90(COLOR, -1)),
        "palette.png": (color.quantize(16), {}, np.asarray(color.quantize(16).convert("RGB"))),
        "clear.png": (clear, {}, COLOR[..., 0]),
        "half.png": (half, {}, COLOR[..., 0] * (128 / 255) + 127),
        "deep.png": (Image.fromarray(COLOR[..., 0].astype(np.uint16) * 257), {}, COLOR[..., 0]),
        "bits.png": (gray.convert("1"), {}, np.asarray(gray.convert("L").convert("1")) * 255),
        "point.png": (Image.fromarray(COLOR[:1, :1]), {}, COLOR[:1, :1]),
        "wide.png": (Image.fromarray(np.tile(COLOR[:1], (1, 12, 1))), {}, np.tile(COLOR[:1], (1, 12, 1))),
    }
    for name, (picture, options, _) in files.items():
        picture.save(folder / name, **options)
    return {name: expected for name, (_, _, expected) in files.items()}


def test_a_folder_of_pictures_of_every_kind(models, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    expected = kinds(tmp_path / "in")
    assert run(models, tmp_path / "in", tmp_path / "out") == 0
    assert f"wrote {len(expected)} images" in capsys.readouterr().out
    for name, image in expected.items():
        written = Image.open(tmp_path / "out" / (name if name.endswith(".png") else f"{name}.png"))
        assert written.mode == ("L" if np.ndim(image) == 2 else "RGB"), name
        limit = 12 if name == "cmyk.jpg" else 1
        assert np.abs(np.asarray(written).astype(int) - image).max() <= limit, name


def test_what_cannot_be_read_is_one_line_or_skipped(models, tmp_path, capsys, monkeypatch):
    (tmp_path / "in").mkdir()
    Image.fromarray(COLOR).save(tmp_path / "in" / "b.png")
    Image.fromarray(COLOR[..., 0]).save(tmp_path / "in" / "c.png")
    (tmp_path / "in" / "d.png").write_bytes((tmp_path / "in" / "b.png").read_bytes()[:-500])
    Image.new("1", (20_000, 20_000)).save(tmp_path / "in" / "a.png")
    assert run(models, tmp_path / "in", tmp_path / "out") == 2
    line = capsys.readouterr().err.strip()
    assert "a.png cannot be read as an image: the PNG file unpacks to more than" in line and "\n" not in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]
    assert run(models, tmp_path / "in", tmp_path / "out", "--skip-unreadable") == 0
    err = capsys.readouterr().err
    assert "skipped a.png: unreadable" in err and "skipped d.png: unreadable" in err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["b.png", "c.png"]


def test_super_resolution_enlarges_each_picture(models, tmp_path):
    (tmp_path / "in").mkdir()
    for name, image in (("a.png", COLOR), ("b.png", COLOR[:6, :6]), ("c.png", COLOR[:6, 2:8]), ("d.png", COLOR[:7, :9, 0])):
        Image.fromarray(image).save(tmp_path / "in" / name)
    assert run(models, tmp_path / "in", tmp_path / "out", name="enlarger") == 0
    sizes = [Image.open(path).size for path in sorted((tmp_path / "out").iterdir())]
    assert sizes == [(112, 80), (12, 12), (12, 12), (18, 14)]
    made = np.asarray(Image.open(tmp_path / "out" / "a.png")).astype(int)
    assert np.abs(made - 255 * np.clip(bicubic.resized(COLOR / 255, (80, 112)), 0, 1)).max() <= 1


def test_progress_shows_images_and_the_tiles_of_large_ones(models, tmp_path, monkeypatch, capsys):
    import sys

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    (tmp_path / "in").mkdir()
    Image.fromarray(np.tile(COLOR, (1, 12, 1))).save(tmp_path / "in" / "a.png")
    assert run(models, tmp_path / "in", tmp_path / "out") == 0
    err = capsys.readouterr().err
    assert "2 of 2 tiles" in err and "1/1" in err
