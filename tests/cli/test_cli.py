"""Every command, and how each ends when something is wrong: exit code 2, one line, nothing half-written."""

import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import tiny

import zoo
from zoo.anomaly.heat_maps import over
from zoo.cli import exits
from zoo.cli import main as cli
from zoo.data.writers import ImageFolder
from zoo.models.base.classifier import classifier
from zoo.pretrained import manifest
from zoo.pretrained.loading import save
from zoo.pretrained.public import public
from zoo.training import recipe as recipes

NAME = "ae_mlp.digits"
SCRIPT = """
from zoo.training import Recipe, run

RECIPE = Recipe(
    name="ae_mlp.digits",
    model=dict(variant="ae", backbone="mlp", input_shape=(8, 8, 1), latent_dim=4, hidden=(16,)),
    dataset="absent.npz",
    epochs=1,
    batch_size=20,
    metrics=("mse", "knn_error"),
    baseline=("mse", 0.1, "a guess"),
)

if __name__ == "__main__":
    run(RECIPE)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory, digits, images):
    """A folder of models and images: what a user has at hand."""
    place = tmp_path_factory.mktemp("cli")
    save(tiny("ae_conv"), place / "ae")
    save(tiny("vae_mlp"), place / "vae")
    save(tiny("ae_mlp", input_shape=(12,)), place / "vectors")
    np.save(place / "uint8.npy", images)
    np.save(place / "float.npy", images / np.float32(255))
    x, y = digits
    np.savez(place / "digits.npz", x_train=x[:40], y_train=y[:40], x_test=x[40:70], y_test=y[40:70])
    with ImageFolder(place / "pictures") as folder:
        folder.write(images)
    (place / "scripts").mkdir()
    (place / "scripts" / f"{NAME}.py").write_text(SCRIPT)
    return place


@pytest.fixture
def scripts(place, monkeypatch):
    monkeypatch.setattr(recipes, "scripts_dir", lambda: place / "scripts")


def _train(place, output, *more):
    run = ["--output-dir", str(output), "--run-dir", str(output.with_name(f"{output.name}.run"))]
    return cli.main(["train", NAME, "--data", str(place / "digits.npz"), *run, *more])


@pytest.fixture(scope="module")
def trained(place):
    """A weights folder with one set, trained for two steps by the command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipes, "scripts_dir", lambda: place / "scripts")
        assert _train(place, place / "weights") == 0
    return place / "weights"


@pytest.fixture
def weights(trained, monkeypatch):
    """That folder, as the zoo's own."""
    monkeypatch.setattr(manifest, "weights_dir", lambda: trained)
    return trained


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """A zoo without weights."""
    monkeypatch.setattr(manifest, "weights_dir", lambda: tmp_path / "none")


@pytest.fixture
def run(capfd):
    """A function that runs a command which must succeed, and gives its standard output and error."""

    def run(*argv):
        capfd.readouterr()
        code = cli.main([str(a) for a in argv])
        out, err = capfd.readouterr()
        assert code == 0, err
        return out, err

    return run


@pytest.fixture
def fails(capfd):
    """A function that runs a command which must fail in one line on the standard error, and gives that line."""

    def fails(*argv, code=2):
        capfd.readouterr()
        assert cli.main([str(a) for a in argv]) == code
        out, err = capfd.readouterr()
        assert out == ""
        assert err.startswith("zoo: ") and err.endswith("\n") and err.count("\n") == 1, err
        return err

    return fails


def left(folder):
    return sorted(p.name for p in folder.iterdir())


# -- what is there


def test_list(run, weights):
    out, err = run("list")
    entry = zoo.info(NAME)
    own, *others = out.splitlines()
    assert own.startswith(NAME) and err == "" and [line.split()[0] for line in others] == sorted(public())
    assert f"mse {entry['metrics']['mse']['value']:.4g}" in out
    assert run("list", "ae_*")[0] == own + "\n"


def test_list_models(run):
    out, _ = run("list", "--models")
    assert [line.split()[0] for line in out.splitlines()] == zoo.list_models()
    out, _ = run("list", "--models", "vae_*")
    assert "vae_mlp" in out and all(line.startswith("vae_") for line in out.splitlines())


def test_a_pattern_that_nothing_matches(fails, weights):
    assert "no model matches 'vea*'" in fails("list", "--models", "vea*")
    assert "no weight set matches 'ae_mlp.digit'. Did you mean 'ae_mlp.digits'?" in fails("list", "ae_mlp.digit")


def test_info(run, weights):
    out, _ = run("info", NAME)
    entry = zoo.info(NAME)
    assert out.startswith(f"{NAME}\n") and entry["sha256"] in out and "latent_dim=4" in out
    assert f"{entry['metrics']['mse']['value']:.6g} (test split, 30 images" in out
    assert json.loads(run("info", NAME, "--json")[0]) == entry


@pytest.mark.parametrize("installed, words", [(True, "bytes, installed,"), (False, "bytes, not installed,")])
def test_info_and_list_say_whether_the_file_is_installed(run, weights, monkeypatch, installed, words):
    monkeypatch.setattr(manifest, "is_installed", lambda entry: installed)
    assert words in run("info", NAME)[0]
    out, err = run("list", NAME)
    assert ("not installed" in out) is not installed and ("pip install . ./weights" in err) is not installed


def test_help(run):
    for argv in ([], ["--help"], ["train", NAME, "--help"]):
        assert "usage: zoo" in run(*argv)[0]
    out, _ = run("--help")
    assert [line.split()[0] for line in out.splitlines() if re.match(r"    [a-z]", line)] == list(cli.COMMANDS)


def test_the_help_of_no_command_loads_a_framework():
    """In one process: whatever any of them loads would be there at the end."""
    check = (
        "import sys; from zoo.cli.main import COMMANDS, main\n"
        "for name in COMMANDS: assert main([name, '--help']) == 0\n"
        "print(*({'tensorflow', 'keras', 'numpy', 'jax', 'torch', 'pooch'} & set(sys.modules)), file=sys.stderr)"
    )
    out, err = zoo_process("-c", check).communicate()
    assert [line.split()[2] for line in out.splitlines() if line.startswith("usage: zoo ")] == list(cli.COMMANDS)
    assert err == "\n"


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_refuses_unknown_flags_and_names_its_own_help(fails, command):
    needed = {
        "info": ["x"],
        "encode": ["x", "--output", "y"],
        "reconstruct": ["x", "--output", "y"],
        "score": ["x", "--output", "y"],
        "sample": ["x", "--output", "y"],
        "finetune": ["x", "--data", "y", "--output", "z"],
        "tune": ["x"],
        "evaluate": ["x"],
        "export": ["x", "--format", "onnx", "--output", "y"],
        "convert": ["x", "y"],
        "gallery": ["x"],
        "push": ["x", "hf://u/r"],
    }
    line = fails(command, *needed.get(command, []), "--no-such-flag")
    assert line == f"zoo: unrecognized arguments: --no-such-flag; see 'zoo {command} --help'.\n"


def test_flags_may_be_abbreviated_for_every_command(run, fails, scripts):
    assert run("list", "--mod")[0] == run("list", "--models")[0]
    assert "epochs=0, expected at least 1" in fails("train", NAME, "--ep", "0")


def test_train_wants_one_recipe_or_all(fails, scripts):
    assert "the name of one recipe, or --all" in fails("train")
    assert "the name of one recipe, or --all" in fails("train", NAME, "--all")


# -- encode, score


def features(path):
    if path.suffix == ".npz":
        return np.load(path)["features"]
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix == ".csv":
        return np.loadtxt(path, delimiter=",", skiprows=1, usecols=range(1, 5), dtype=np.float32)
    table = pytest.importorskip("pyarrow.parquet").read_table(path)
    return np.stack([column.to_numpy() for column in table.columns[1:]], axis=1)


@pytest.mark.parametrize("suffix", (".npz", ".npy", ".csv", ".parquet"))
def test_encode_to_every_format(run, place, tmp_path, images, suffix):
    path = tmp_path / f"features{suffix}"
    out, err = run("encode", place / "ae", place / "uint8.npy", "--output", path)
    assert out == f"wrote 40 x 4 features to {path}\n" and err == ""
    wanted = zoo.load(place / "ae").encode(images)
    np.testing.assert_allclose(features(path), wanted, rtol=1e-5, atol=1e-6)
    assert left(tmp_path) == [path.name]


def test_the_same_features_from_bytes_floats_and_pictures(run, place, tmp_path):
    for source in ("uint8.npy", "float.npy", "pictures"):
        run("encode", place / "ae", "--input", place / source, "--output", tmp_path / f"{source}.npz", "--batch-size", 16)
    found = {source: np.load(tmp_path / f"{source}.npz") for source in ("uint8.npy", "float.npy", "pictures")}
    for source in ("float.npy", "pictures"):
        np.testing.assert_allclose(found[source]["features"], found["uint8.npy"]["features"], rtol=1e-5, atol=1e-6)
    assert found["uint8.npy"]["features"].std() > 0
    assert found["pictures"]["ids"][:2].tolist() == ["00000.png", "00001.png"]
    assert found["uint8.npy"]["ids"][:2].tolist() == ["0", "1"]


def test_encode_at_a_depth(run, place, tmp_path, images):
    model = zoo.load(place / "ae")
    layer = model.encoder.feature_layers[0]
    run("encode", place / "ae", place / "uint8.npy", "--layer", layer, "--pool", "2", "--output", tmp_path / "a.npy")
    np.testing.assert_allclose(np.load(tmp_path / "a.npy"), np.asarray(model.encoder.at(layer, 2)(images)), rtol=1e-5, atol=1e-6)


def test_score(run, place, tmp_path, images):
    out, _ = run("score", place / "ae", place / "uint8.npy", "--output", tmp_path / "scores.csv")
    assert "wrote 40 x 1 scores" in out
    scores = np.loadtxt(tmp_path / "scores.csv", delimiter=",", skiprows=1)[:, 1]
    np.testing.assert_allclose(scores, zoo.load(place / "ae").anomaly_score(images), rtol=1e-4)


def test_score_beside_normal_images(run, fails, place, tmp_path, images):
    source = place / "uint8.npy"
    run("score", place / "ae", source, "--by", "knn", "--normal", source, "--output", tmp_path / "scores.npy")
    expected = zoo.load(place / "ae").anomaly_score(images, by="knn", normal=images)
    np.testing.assert_allclose(np.load(tmp_path / "scores.npy")[:, 0], expected, rtol=1e-4, atol=1e-5)
    assert "give them with --normal" in fails("score", place / "ae", source, "--by", "knn", "--output", tmp_path / "b.npy")


def test_score_draws_heat_maps(run, fails, place, tmp_path, images):
    given = ("score", place / "ae", "--input", place / "pictures", "--maps", tmp_path / "maps")
    out, err = run(*given, "--output", tmp_path / "scores.npz", "--batch-size", "16")
    maps = zoo.load(place / "ae").anomaly_map(images)
    assert f"wrote 40 heat maps to {tmp_path / 'maps'}, colors from {maps.min():.4g} to {maps.max():.4g}" in out and err == ""
    assert left(tmp_path) == ["maps", "maps.legend.png", "scores.npz"]
    assert left(tmp_path / "maps") == left(place / "pictures")
    picture = np.asarray(Image.open(tmp_path / "maps" / "00007.png"), int)
    assert np.abs(picture / 255 - over(images[7:8], maps[7:8], maps.min(), maps.max())[0]).max() < 0.01
    scores = np.load(tmp_path / "scores.npz")
    np.testing.assert_allclose(scores["features"][:, 0], zoo.load(place / "ae").anomaly_score(images), rtol=1e-4)
    assert "do not overwrite anything" in fails(*given)
    inside = fails("score", place / "ae", place / "pictures", "--maps", place / "pictures" / "maps")
    assert "inside the input images" in inside


def test_score_against_patches_of_normal_images(run, place, tmp_path, images):
    from zoo.anomaly import PatchDetector

    model, source = zoo.load(place / "ae"), place / "uint8.npy"
    detector = PatchDetector(model).fit(images)
    detector.save(tmp_path / "bank.safetensors")
    expected = detector.score(images)
    given = ("score", place / "ae", source, "--maps")
    for normal in (source, tmp_path / "bank.safetensors"):
        scores = tmp_path / f"{normal.stem}.npy"
        out, _ = run(*given, tmp_path / f"{normal.stem} maps", "--normal", normal, "--output", scores)
        assert "distance of the features to those of normal images" in out
        np.testing.assert_allclose(np.load(scores)[:, 0], expected, rtol=1e-3, atol=1e-4)


def test_encode_by_name(run, weights, place, tmp_path, images):
    run("encode", NAME, place / "uint8.npy", "--output", tmp_path / "a.npy")
    np.testing.assert_allclose(np.load(tmp_path / "a.npy"), zoo.load(NAME).encode(images), rtol=1e-5, atol=1e-6)


def test_vectors(run, place, tmp_path):
    vectors = np.random.default_rng(0).normal(size=(9, 12)).astype(np.float32)
    np.save(tmp_path / "in.npy", vectors)
    run("encode", place / "vectors", tmp_path / "in.npy", "--output", tmp_path / "out.npy")
    assert np.load(tmp_path / "out.npy").shape == (9, 4)


def test_a_progress_bar_where_someone_watches(place, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    argv = ["encode", str(place / "ae"), str(place / "uint8.npy"), "--batch-size", "16", "--output", str(tmp_path / "a.npy")]
    assert cli.main(argv) == 0
    out, err = capsys.readouterr()
    assert out == f"wrote 40 x 4 features to {tmp_path / 'a.npy'}\n"
    assert "40/40" in err and err.endswith("\n")


# -- pictures out


def png(path):
    import tensorflow as tf

    return tf.io.decode_png(path.read_bytes()).numpy()


def test_reconstruct(run, place, tmp_path, images):
    out, _ = run("reconstruct", place / "ae", place / "pictures", "--output", tmp_path / "out")
    assert out == f"wrote 40 images to {tmp_path / 'out'}\n"
    assert left(tmp_path) == ["out"] and left(tmp_path / "out") == left(place / "pictures")
    wanted = zoo.load(place / "ae").reconstruct(images)
    found = np.stack([png(path) for path in sorted((tmp_path / "out").iterdir())])
    assert np.abs(found / 255 - wanted).max() <= 0.51 / 255


def test_normal_images_that_nothing_looks_at(fails, place, tmp_path):
    normal = ("--normal", place / "uint8.npy", "--output", tmp_path / "scores.csv")
    assert "give a file for the scores with --output" in fails("score", place / "ae", place / "uint8.npy")
    maps = ("--maps", tmp_path / "maps", "--by", "likelihood")
    assert "'likelihood' has no map; use --maps with --by" in fails("score", place / "vae", place / "uint8.npy", *maps)
    assert "--normal has no effect with --by reconstruction" in fails("score", place / "ae", place / "uint8.npy", *normal)


def test_sample(run, fails, place, tmp_path):
    for folder in ("a", "b"):
        run("sample", place / "vae", "-n", 3, "--seed", 1, "--output", tmp_path / folder)
    run("sample", place / "vae", "-n", 3, "--seed", 2, "--output", tmp_path / "c")
    read = {f: np.stack([png(path) for path in sorted((tmp_path / f).iterdir())]) for f in "abc"}
    assert read["a"].shape == (3, 8, 8, 1)
    np.testing.assert_array_equal(read["a"], read["b"])
    assert (read["a"] != read["c"]).any()


def test_results_do_not_go_where_the_images_are(fails, place, tmp_path):
    shutil.copytree(place / "pictures", tmp_path / "photos")
    shutil.copy(place / "uint8.npy", tmp_path / "x.npy")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for command in (
        ("reconstruct", place / "ae", tmp_path / "photos", "--output", tmp_path / "photos"),
        ("encode", place / "ae", tmp_path / "x.npy", "--output", tmp_path / "x.npy"),
        ("score", place / "ae", tmp_path / "x.npy", "--output", tmp_path / "x.npy"),
        ("finetune", place / "ae", "--data", tmp_path / "photos", "--output", tmp_path / "photos" / "run"),
    ):
        assert "the input images; choose another place" in fails(*command)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_classifier_gives_no_images(fails, run, place, tmp_path):
    save(classifier(tiny("ae_conv"), ["a", "b"]), tmp_path / "cut")
    out, images = tmp_path / "out", place / "uint8.npy"
    for command in (
        ("score", tmp_path / "cut", images, "--output", tmp_path / "scores.csv"),
        ("reconstruct", tmp_path / "cut", images, "--output", out),
        ("sample", tmp_path / "cut", "--output", out),
        ("export", tmp_path / "cut", "--format", "onnx", "--part", "decoder", "--output", tmp_path / "a.onnx"),
        ("export", tmp_path / "cut", "--format", "onnx", "--part", "autoencoder", "--output", tmp_path / "a.onnx"),
    ):
        assert "has no decoder and returns no images" in fails(*command)
    run("score", tmp_path / "cut", images, "--by", "knn", "--normal", images, "--output", tmp_path / "scores.csv")
    assert left(tmp_path) == ["cut", "scores.csv"]


def test_no_samples_without_a_prior_and_no_pictures_of_vectors(fails, place, tmp_path):
    fails("sample", place / "ae", "--output", tmp_path / "out")
    assert "shape (12,)" in fails("sample", place / "vectors", "--output", tmp_path / "out")
    assert left(tmp_path) == []


# -- what is wrong with the input

BAD_ARRAYS = {
    "shape": (np.zeros((3, 7, 8, 1), np.uint8), "shape (3, 7, 8, 1), expected (N, 8, 8, 1)"),
    "channels": (np.zeros((3, 8, 8, 3), np.uint8), "shape (3, 8, 8, 3), expected (N, 8, 8, 1)"),
    "dtype": (np.zeros((3, 8, 8, 1), np.int64), "dtype int64, expected uint8 0..255 or floats 0..1"),
    "range": (np.full((3, 8, 8, 1), 200.0), "floats from 200 to 200, expected 0..1"),
    "nan": (np.full((3, 8, 8, 1), np.nan), "NaN or infinite values in 3 of 3"),
    "empty": (np.zeros((0, 8, 8, 1), np.uint8), "shape (0, 8, 8, 1), expected images"),
    "objects": (np.array([{}], dtype=object), "contains Python objects"),
}


@pytest.mark.parametrize("command", ("encode", "score", "reconstruct"))
@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_bad_arrays(fails, place, tmp_path, command, case):
    array, message = BAD_ARRAYS[case]
    (tmp_path / "out").mkdir()
    np.save(tmp_path / "in.npy", array)
    output = tmp_path / "out" / ("images" if command == "reconstruct" else "rows.csv")
    assert message in fails(command, place / "ae", tmp_path / "in.npy", "--output", output)
    assert left(tmp_path / "out") == []


@pytest.mark.parametrize("suffix", ("rows.npz", "rows.npy", "rows.csv", "rows.parquet", "images"))
def test_nothing_is_left_of_a_source_that_goes_bad_half_way(fails, place, tmp_path, images, suffix):
    bad = images / np.float32(255)
    bad[30] = np.nan
    np.save(tmp_path / "in.npy", bad)
    command = "reconstruct" if suffix == "images" else "encode"
    line = fails(command, place / "ae", tmp_path / "in.npy", "--batch-size", 8, "--output", tmp_path / suffix)
    assert "NaN or infinite values in 1 of 8" in line
    assert left(tmp_path) == ["in.npy"]


def test_folders_of_pictures(run, fails, place, tmp_path):
    out, pictures = tmp_path / "rows.npz", tmp_path / "pictures"
    pictures.mkdir()
    assert "contains no images" in fails("encode", place / "ae", pictures, "--output", out)
    for path in sorted((place / "pictures").iterdir())[:3]:
        (pictures / path.name).write_bytes(path.read_bytes())
    (pictures / "00001.png").write_bytes(b"no picture")
    line = fails("encode", place / "ae", pictures, "--output", out)
    assert "00001.png cannot be read as an image" in line and "--skip-unreadable" in line
    assert left(tmp_path) == ["pictures"]
    _, err = run("encode", place / "ae", pictures, "--output", out, "--skip-unreadable")
    assert err == "zoo: skipped 00001.png: unreadable\nzoo: skipped 1 in total\n"
    assert np.load(out)["ids"].tolist() == ["00000.png", "00002.png"]


def test_pictures_of_another_size(run, fails, place, tmp_path):
    with ImageFolder(tmp_path / "pictures") as folder:
        folder.write(np.full((2, 20, 16, 3), 90, np.uint8))
    line = fails("encode", place / "ae", tmp_path / "pictures", "--output", tmp_path / "rows.npy")
    assert "00000.png has shape (20, 16, 1), expected (8, 8, 1); give --resize" in line
    run("encode", place / "ae", tmp_path / "pictures", "--output", tmp_path / "rows.npy", "--resize")
    grey = zoo.load(place / "ae").encode(np.full((2, 8, 8, 1), 90, np.uint8))
    np.testing.assert_allclose(np.load(tmp_path / "rows.npy"), grey, rtol=1e-5, atol=1e-6)


def test_sources_that_are_none(fails, place, tmp_path):
    def line(*source):
        return fails("encode", place / "ae", *source, "--output", tmp_path / "rows.npy")

    assert "there is no file" in line(tmp_path / "absent.npy")
    assert "there is no folder" in line(f"{tmp_path}/absent/")
    assert "no folder, file or TFDS data set 'mnst'. Did you mean 'mnist'" in line("mnst")
    assert "give the data either" in line()
    assert "give the data either" in line("mnist", "--input", "mnist")
    assert left(tmp_path) == []


def test_outputs_that_cannot_be(fails, place, tmp_path):
    def line(command, output):
        return fails(command, place / "ae", place / "uint8.npy", "--output", output)

    assert "'rows.txt', expected a name ending in .npz, .npy, .csv, .parquet" in line("encode", tmp_path / "rows.txt")
    assert "there is no folder" in line("score", tmp_path / "absent" / "rows.npy")
    assert "there is no folder" in line("reconstruct", tmp_path / "absent" / "out")
    assert "is a file, expected a folder" in line("reconstruct", place / "float.npy")
    assert left(tmp_path) == []


def test_a_missing_extra(fails, place, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    line = fails("encode", place / "ae", place / "uint8.npy", "--output", tmp_path / "rows.parquet")
    assert "pip install 'autoencoder-zoo[parquet]'" in line
    assert left(tmp_path) == []


def test_warnings_of_other_packages_are_printed_as_usual(monkeypatch, capsys):
    usual = []
    monkeypatch.setattr(warnings, "showwarning", lambda *given, **more: usual.append(str(given[0])))
    with exits.warnings_as_lines("me"):
        warnings.warn("of another package", RuntimeWarning, stacklevel=1)
        warnings.warn("of the\nzoo", zoo.ZooWarning, stacklevel=1)
    assert usual == ["of another package"] and capsys.readouterr().err == "me: of the zoo\n"
    warnings.warn("afterwards", zoo.ZooWarning, stacklevel=1)
    assert usual == ["of another package", "afterwards"]


def test_any_other_missing_package(fails, monkeypatch):
    def lacking(arguments):
        raise ModuleNotFoundError("No module named 'pooch'", name="pooch")

    monkeypatch.setattr("zoo.cli.list.run", lacking)
    assert "pip install pooch" in fails("list")


# -- names and options

UNKNOWN = {
    "command": (["encod"], "there is no command 'encod'. Did you mean 'encode'?"),
    "option": (["list", "--modles"], "unrecognized arguments: --modles"),
    "two options": (["list", "--models", "--weights"], "not allowed with"),
    "no output": (["encode", "x", "y"], "required: --output"),
    "batch size": (["encode", "x", "y", "--output", "a.npy", "--batch-size", "0"], "got '0', expected an integer"),
    "batch text": (["score", "x", "y", "--output", "a.npy", "--batch-size", "many"], "got 'many', expected an integer"),
    "samples": (["sample", "x", "--output", "a", "-n", "-3"], "got '-3', expected an integer of at least 1"),
    "seed": (["sample", "x", "--output", "a", "--seed", "-1"], "got '-1', expected an integer of at least 0"),
    "no name": (["train"], "the name of one recipe, or --all"),
    "recipe": (["train", "ae_mlp.digit"], "there is no recipe 'ae_mlp.digit'. Did you mean 'ae_mlp.digits'?"),
    "metric": (["evaluate", NAME, "--metrics", "mss"], "there is no metric 'mss'. Did you mean"),
    "no metric": (["evaluate", NAME, "--metrics", ","], "got no metric"),
    "probe": (["evaluate", NAME, "--probe", "linaer"], "there is no probe 'linaer'. Did you mean 'linear'"),
    "check and metrics": (["evaluate", NAME, "--check", "--metrics", "mse"], "cannot be combined with --metrics or --probe"),
    "evaluate option": (["evaluate", NAME, "--chek", "1"], "unrecognized arguments"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_unknown_names_and_options(fails, weights, scripts, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    argv, message = UNKNOWN[case]
    assert message in fails(*argv)
    assert left(tmp_path) == []


NAMED = {
    "info": ["info", "ae_mlp.digit"],
    "encode": ["encode", "ae_mlp.digit", "{place}/uint8.npy", "--output", "rows.npy"],
    "score": ["score", "ae_mlp.digit", "{place}/uint8.npy", "--output", "rows.npy"],
    "reconstruct": ["reconstruct", "ae_mlp.digit", "{place}/uint8.npy", "--output", "out"],
    "sample": ["sample", "ae_mlp.digit", "--output", "out"],
    "verify": ["verify", NAME, "ae_mlp.digit"],
    "evaluate": ["evaluate", "ae_mlp.digit"],
}


@pytest.mark.parametrize("command", NAMED)
def test_an_unknown_weight_set(fails, weights, place, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    line = fails(*(a.format(place=place) for a in NAMED[command]))
    assert "there is no weight set 'ae_mlp.digit'. Did you mean 'ae_mlp.digits'?" in line
    assert left(tmp_path) == []


def test_a_model_folder_that_is_none(fails, place, tmp_path):
    line = fails("encode", place / "pictures", place / "uint8.npy", "--output", tmp_path / "rows.npy")
    assert "expected a folder written by zoo.save" in line
    line = fails("encode", place / "absent", place / "uint8.npy", "--output", tmp_path / "rows.npy")
    assert "there is no saved model at" in line


def test_unknown_depths(fails, place, tmp_path):
    def line(*options):
        return fails("encode", place / "ae", place / "uint8.npy", "--output", tmp_path / "rows.npy", *options)

    assert "there is no feature layer 'cod'. Did you mean 'code'?" in line("--layer", "cod")
    assert "pool='max', expected" in line("--layer", "code", "--pool", "max")
    assert "pool=0, expected" in line("--layer", "code", "--pool", "0")
    assert left(tmp_path) == []


def test_a_zoo_without_weights(fails, empty):
    assert "no weight set matches" in fails("list", "ae_*")
    assert "no weight sets to verify" in fails("verify")


# -- interruptions


@pytest.mark.parametrize("name", ("rows.npz", "images"))
def test_ctrl_c_leaves_nothing(place, tmp_path, monkeypatch, capfd, name):
    def interrupted(stream, unit):
        yield ["0"], np.load(place / "uint8.npy")[:1] if name == "images" else np.zeros((1, 4), np.float32)
        raise KeyboardInterrupt

    monkeypatch.setattr("zoo.cli.reading.with_progress", interrupted)
    command = "reconstruct" if name == "images" else "encode"
    capfd.readouterr()
    assert cli.main([command, str(place / "ae"), str(place / "uint8.npy"), "--output", str(tmp_path / name)]) == 130
    assert capfd.readouterr() == ("", "zoo: interrupted\n")
    assert left(tmp_path) == []


def test_a_full_disk_and_memory_are_one_line(fails, monkeypatch):
    full = OSError(28, "No space left on device", "rows.npy")
    for error, words in ((full, "rows.npy: No space left on device"), (MemoryError(), "out of memory")):

        def raising(arguments, error=error):
            raise error

        monkeypatch.setattr("zoo.cli.list.run", raising)
        assert words in fails("list")


def zoo_process(*argv, **options):
    root = Path(zoo.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    return subprocess.Popen([sys.executable, *argv], env=environment, stdout=-1, stderr=-1, text=True, **options)


def test_a_closed_pipe_is_no_error():
    process = zoo_process("-m", "zoo", "list", "--models")
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 0
    process.stderr.close()


def test_listing_loads_no_framework():
    check = (
        "import sys, zoo; assert zoo.__version__; from zoo.cli.main import main; assert main(['list', '--models']) == 0; "
        "main(['list']); main(['info', 'absent']); "
        "print(*({'tensorflow', 'keras', 'numpy', 'jax', 'torch', 'pooch'} & set(sys.modules)), file=sys.stderr)"
    )
    out, err = zoo_process("-c", check).communicate()
    assert "vae_mlp" in out
    assert err.splitlines()[-1] == ""


def test_a_process_says_one_line_and_no_more(place, tmp_path):
    np.save(tmp_path / "in.npy", np.full((2, 8, 8, 1), 7.0))
    process = zoo_process("-m", "zoo", "encode", str(place / "ae"), str(tmp_path / "in.npy"), "--output", str(tmp_path / "a.npz"))
    out, err = process.communicate()
    assert process.returncode == 2 and out == ""
    assert err == "zoo: got floats from 7 to 7, expected 0..1 (or uint8 0..255); divide by 255.\n"
    assert left(tmp_path) == ["in.npy"]


# -- verify, evaluate, train


def test_verify(run, weights, monkeypatch, tmp_path, capfd):
    out, _ = run("verify")
    assert out.split()[:2] == [NAME, "ok"] and "features within" in out
    assert run("verify", NAME)[0] == out
    # A copy whose bytes, and one whose features, are not what the manifest says; and one whose file is elsewhere.
    entry = zoo.info(NAME)
    data = (weights / entry["file"]).read_bytes()
    whole = json.loads((weights / "manifest.json").read_text())
    monkeypatch.setattr(manifest, "weights_dir", lambda: tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps(whole))
    assert "absent" in run("verify")[0]
    (tmp_path / entry["file"]).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert cli.main(["verify"]) == 1
    assert "corrupt" in capfd.readouterr().out
    (tmp_path / entry["file"]).write_bytes(data)
    whole["weights"][NAME]["reference_features"]["features"][0][0] += 1
    (tmp_path / "manifest.json").write_text(json.dumps(whole))
    assert cli.main(["verify"]) == 1
    assert "drifted" in capfd.readouterr().out


def test_evaluate_a_folder(run, fails, place, tmp_path):
    data = ["--data", place / "digits.npz"]
    out, _ = run("evaluate", place / "ae", *data)
    assert [line.split()[0] for line in out.splitlines()] == ["metric", "mse", "psnr"]
    found = json.loads(run("evaluate", place / "ae", *data, "--metrics", "mse", "--probe", "knn", "--json")[0])
    assert set(found) == {"mse", "knn_error"} and found["mse"]["n"] == 30
    x = np.load(place / "digits.npz")["x_test"] / np.float32(255)
    wanted = np.mean((zoo.load(place / "ae").reconstruct(x) - x) ** 2)
    assert found["mse"]["value"] == pytest.approx(wanted, rel=1e-4)
    assert "give the data with --data" in fails("evaluate", place / "ae")
    assert "no card to check" in fails("evaluate", place / "ae", *data, "--check")
    assert "there is no file" in fails("evaluate", place / "ae", "--data", tmp_path / "absent.npz")


def test_pictures_of_a_model(run, fails, place, tmp_path):
    data = ["--data", place / "digits.npz"]
    out, err = run("evaluate", place / "vae", *data, "--picture", tmp_path / "vae.png")
    assert out == "" and left(tmp_path) == ["vae.png", "vae.samples.png"]
    assert "there is no folder" in fails("evaluate", place / "vae", *data, "--picture", tmp_path / "absent" / "a.png")
    assert "ends in .png" in fails("evaluate", place / "vae", *data, "--picture", tmp_path / "a.jpg")
    run("evaluate", place / "ae", "--data", place / "pictures", "--picture", tmp_path / "ae.png")
    assert left(tmp_path) == ["ae.png", "vae.png", "vae.samples.png"]


BASELINES = {f"knn_error of {name}": "ok" for name in ("raw input", "PCA", "untrained")}


def by_metric(table):
    """What the last column of a printed table says of the metric, or baseline of one, in the first."""
    cells = [re.split(r"  +", line) for line in table.splitlines()[1:]]
    return {row[0]: row[-1] for row in cells}


def test_check_against_the_card(run, weights, place, tmp_path, monkeypatch, capfd):
    data = ["--data", str(place / "digits.npz")]
    out, _ = run("evaluate", NAME, "--check", *data)
    assert by_metric(out) == {"mse": "ok", "knn_error": "ok", **BASELINES}
    # The same weights beside a card that says better.
    entry = zoo.info(NAME)
    (tmp_path / entry["file"]).write_bytes((weights / entry["file"]).read_bytes())
    whole = json.loads((weights / "manifest.json").read_text())
    whole["weights"][NAME]["metrics"]["mse"]["value"] *= 0.98
    (tmp_path / "manifest.json").write_text(json.dumps(whole))
    monkeypatch.setattr(manifest, "weights_dir", lambda: tmp_path)
    capfd.readouterr()
    assert cli.main(["evaluate", NAME, "--check", *data]) == 1
    out, err = capfd.readouterr()
    assert by_metric(out) == {"mse": "OFF", "knn_error": "ok", **BASELINES}
    assert err.splitlines()[-1] == f"zoo: mse of {NAME} differ from the card by more than the tolerance"
    assert cli.main(["evaluate", NAME, "--check", "--json", *data]) == 1
    assert json.loads(capfd.readouterr().out)["mse"]["ok"] is False


def test_train_on_a_folder_keeps_a_tenth_for_the_test(scripts, digits, tmp_path, monkeypatch, capfd):
    for i, (image, label) in enumerate(zip(digits[0][:100], digits[1][:100])):
        (tmp_path / "photos" / str(label % 2)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(tmp_path / "photos" / str(label % 2) / f"{i}.png")
    data = ["--data", str(tmp_path / "photos")]
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", NAME, *data, "--output-dir", "mine"]) == 0
    entry = manifest.read(tmp_path / "mine")[NAME]
    assert entry["dataset"]["n"] == 90 and {(r["n"], r["split"]) for r in entry["metrics"].values()} == {(10, "drawn tenth")}
    card = (tmp_path / "mine" / "cards" / f"{NAME}.md").read_text()
    assert "photos , all but a drawn tenth, 90 images" in card and "| drawn tenth | 10 |" in card
    monkeypatch.setattr(manifest, "weights_dir", lambda: tmp_path / "mine")
    capfd.readouterr()
    assert cli.main(["evaluate", NAME, "--check", *data]) == 0
    assert by_metric(capfd.readouterr().out) == {"mse": "ok", "knn_error": "ok", **BASELINES}
    # Without classes a probe is left out, and said to be.
    np.save(tmp_path / "plain.npy", digits[0][:60])
    assert cli.main(["train", NAME, "--data", "plain.npy", "--output-dir", "plain", "--run-dir", "other"]) == 0
    assert "the metric knn_error is not measured: plain has no labels" in capfd.readouterr().err
    assert set(manifest.read(tmp_path / "plain")[NAME]["metrics"]) == {"mse"}


def test_train_leaves_published_weights_alone(scripts, weights, place, tmp_path, monkeypatch):
    before = {path: path.read_bytes() for path in weights.rglob("*") if path.is_file()}
    monkeypatch.chdir(tmp_path)
    argv = ["train", NAME, "--data", str(place / "digits.npz"), "--seed", "3"]
    assert cli.main(argv) == 0
    assert {path: path.read_bytes() for path in weights.rglob("*") if path.is_file()} == before
    written = manifest.read(tmp_path / "runs" / NAME / "weights")[NAME]
    model = zoo.load(f"runs/{NAME}/model")
    x = np.load(place / "digits.npz")["x_test"]
    assert zoo.evaluation.measure(model, ["mse"], str(place / "digits.npz"), progress=None)["mse"]["value"] == pytest.approx(
        written["metrics"]["mse"]["value"], rel=1e-4
    )
    assert np.abs(model.encode(x) - zoo.load(NAME).encode(x)).max() > 1e-3, "another seed gives another model"
    monkeypatch.setattr(manifest, "weights_dir", lambda: tmp_path / "own")
    assert cli.main([*argv, "--publish"]) == 0
    assert manifest.read(tmp_path / "own")[NAME]["sha256"] == written["sha256"]


def test_train_writes_a_weight_set(trained):
    entry = manifest.read(trained)[NAME]
    assert (trained / entry["file"]).stat().st_size == entry["bytes"]
    assert entry["run"]["epochs"] == 1 and set(entry["metrics"]) == {"mse", "knn_error"}


@pytest.mark.parametrize(
    "flags",
    (
        ["--epochs", "0"],
        ["--epochs", "-3"],
        ["--epochs", "many"],
        ["--batch-size", "0"],
        ["--batch-size", "41"],
        ["--learning-rate", "nan"],
        ["--precision", "float8"],
        ["--epoch-count", "3"],
        ["--data", "absent.npz"],
    ),
    ids=" ".join,
)
def test_train_refuses_bad_flags_in_one_line(scripts, place, tmp_path, monkeypatch, capfd, flags):
    monkeypatch.chdir(tmp_path)
    capfd.readouterr()
    assert _train(place, tmp_path / "weights", *flags) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.count("\n") == 1
    assert flags[-1].lstrip("-") in err or flags[0].lstrip("-") in err
    assert not list(tmp_path.rglob("*.safetensors")) and not (tmp_path / "weights" / "manifest.json").exists()
