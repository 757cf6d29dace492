"""Recipes: each builds and trains; flags change what they say; what is wrong is one line and exit code 2."""

import ast
import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_recipe import tiny_recipe

import zoo
from zoo.cli.main import main
from zoo.evaluation.measurement import check
from zoo.pretrained import manifest
from zoo.publishing import train as publishing
from zoo.training import fit as training
from zoo.training import run
from zoo.training.initialization import pca as training_pca
from zoo.training.recipe import Recipe, load_recipe, recipes

ROOT = Path(__file__).parents[2]


def orthonormal(images, count):
    """In place of principal components: some orthonormal ones."""
    x = np.asarray(images).reshape(len(images), -1) / 255
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(x.shape[1], count)))[0]
    return x.mean(axis=0), basis.T, np.ones(count)


def some_always():
    """Some always, the others with `-m ""`: each takes one to three seconds."""
    names = sorted(p.stem for p in (ROOT / "training_scripts").glob("*.py"))
    return [name if i % 12 == 0 else pytest.param(name, marks=pytest.mark.slow) for i, name in enumerate(names)]


@pytest.mark.parametrize("name", some_always())
def test_a_recipe_takes_two_steps(name, tmp_path, monkeypatch, eagerly):
    # The eigenvectors of a colour image's covariance take longer than all else; test_training_pca has real ones.
    monkeypatch.setattr(training_pca, "principal_components", orthonormal)
    recipe = load_recipe(name)
    # A size of a backbone, as in mae_vit_tiny, is part of the name only.
    model, _, dataset = name.partition(".")
    assert recipe.name == name and dataset.startswith(recipe.dataset)
    backbone = recipe.model.get("backbone") or zoo.create(**recipe.model).config["backbone"]
    assert re.fullmatch(f"{recipe.model['variant']}_{backbone}(_[a-z]+)?", model)
    check(recipe.metrics)
    pretrain = min(1, recipe.start_epochs)
    labelled = min(recipe.labelled, 4) if isinstance(recipe.labelled, int) else recipe.labelled
    few = dict(batch_size=4, epochs=1, start_epochs=pretrain, validation=0, patience=None, labelled=labelled)
    model = recipe.model
    if "stochastic_layers" in model:
        # One at every resolution shows what fifteen do, which take minutes to trace.
        model = {**model, "stochastic_layers": tuple(min(1, count) for count in model["stochastic_layers"])}
    if "atoms" in model:
        # As few as eight images have patches for.
        model = {**model, "atoms": 16}
    small = dataclasses.replace(recipe, model=model, **few)
    shape = recipe.model["input_shape"]
    images = np.random.default_rng(0).integers(0, 256, (8, *shape)).astype("uint8")
    model, checkpoint = training.fit(small, images, tmp_path, labels=np.arange(8) % 2)
    assert int(model.optimizer.iterations) == 2
    assert model.data_shape == shape
    (row,) = checkpoint.rows
    assert all(np.isfinite(value) for value in row.values()) and {"loss", "reconstruction"} < row.keys()
    assert np.isfinite(model.encode(images)).all()


def test_a_script_says_what_it_is_and_ends_with_run():
    for path in recipes().values():
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), path
        assert ast.unparse(tree.body[-1]).replace("'", '"') == 'if __name__ == "__main__":\n    run(RECIPE)', path


@pytest.fixture
def trained(monkeypatch):
    """What `train` was called with, in place of a training."""
    calls = []
    monkeypatch.setattr(publishing, "train", lambda recipe, **rest: calls.append((recipe, rest)))
    return calls


def test_no_flags_change_nothing(trained):
    run(tiny_recipe(), [])
    rest = dict(data_dir=None, output_dir=None, run_dir=None, restart=False, tensorboard=False, measurable=False)
    assert trained == [(tiny_recipe(), rest)]


@pytest.mark.parametrize(
    "flag, field, value",
    [
        ("--epochs 7", "epochs", 7),
        ("--batch-size 8", "batch_size", 8),
        ("--learning-rate 0.5", "learning_rate", 0.5),
        ("--seed 9", "seed", 9),
        ("--seed 0", "seed", 0),
        ("--precision mixed_bfloat16", "precision", "mixed_bfloat16"),
        ("--data other.npz", "dataset", "other.npz"),
    ],
)
def test_a_flag_changes_the_field_it_names(flag, field, value, trained):
    recipe = tiny_recipe(seed=3)
    run(recipe, flag.split())
    assert trained[0][0] == dataclasses.replace(recipe, **{field: value})
    assert trained[0][1]["measurable"] is (field == "dataset"), "the recipe's metrics were not chosen for other data"


@pytest.mark.parametrize(
    "flag, argument, value",
    [
        ("--data-dir data", "data_dir", "data"),
        ("--output-dir out", "output_dir", "out"),
        ("--run-dir runs/1", "run_dir", "runs/1"),
        ("--restart", "restart", True),
        ("--tensorboard", "tensorboard", True),
        ("--publish", "output_dir", manifest.weights_dir()),
    ],
)
def test_a_flag_changes_where_and_how(flag, argument, value, trained):
    run(tiny_recipe(), flag.split())
    recipe, rest = trained[0]
    assert recipe == tiny_recipe() and rest[argument] == value
    assert sum(v not in (None, False) for v in rest.values()) == 1


BAD = {
    "--epochs 0": "epochs=0, expected at least 1",
    "--epochs -3": "epochs=-3, expected at least 1",
    "--epochs many": "'many'",
    "--epochs": "expected one argument",
    "--batch-size 0": "batch_size=0, expected at least 1",
    "--learning-rate 0": "learning_rate=0.0, expected a positive number",
    "--learning-rate nan": "learning_rate=nan, expected a positive number",
    "--seed -1": "seed=-1, expected",
    "--precision float8": "'float8'",
    "--epoch-count 3": "--epoch-count",
    "stray": "stray",
    "--publish --output-dir out": "not allowed with",
}


@pytest.mark.parametrize("flags", BAD)
def test_bad_flags_are_one_line_and_exit_code_2(flags, trained, capsys):
    with pytest.raises(SystemExit) as left:
        run(tiny_recipe(), flags.split(), prog="zoo train")
    out, err = capsys.readouterr()
    assert left.value.code == 2 and out == "" and trained == []
    assert err.count("\n") == 1 and err.startswith("dae_mlp.digits: ") and BAD[flags] in err


def test_bad_flags_of_a_script_need_no_framework():
    script = ROOT / "training_scripts" / "linear_mlp.mnist.py"
    code = (
        "import runpy, sys; sys.argv = ['x', '--epochs', '0']; sys.modules['keras'] = None; "
        f"runpy.run_path({str(script)!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    wanted = "linear_mlp.mnist: got epochs=0, expected at least 1, or 0 with start='patches'.\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", wanted)


@pytest.mark.parametrize(
    "fault, line, code",
    [
        (zoo.ZooError("got a,\nexpected b."), "got a, expected b.", 2),
        (PermissionError(13, "Permission denied", "weights/x"), "weights/x: Permission denied", 2),
        (KeyboardInterrupt(), "interrupted; the same command resumes after the last complete epoch", 130),
    ],
)
def test_what_fails_on_the_way_is_one_line(fault, line, code, monkeypatch, capsys):
    def fail(recipe, **rest):
        raise fault

    monkeypatch.setattr(publishing, "train", fail)
    with pytest.raises(SystemExit) as left:
        run(tiny_recipe(), [])
    assert left.value.code == code
    assert capsys.readouterr().err == f"dae_mlp.digits: {line}\n"


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(epochs=0), "epochs=0"),
        (dict(start="middle"), "start='middle', expected one of random, pca, patches, layerwise"),
        (dict(start="layerwise"), "start_epochs=0, expected at least 1"),
        (dict(precision="float16"), "precision='float16', expected one of float32, mixed_bfloat16"),
        (dict(patience=0, ema=None), "patience=0"),
        (dict(patience=3), "patience=3, expected None with ema"),
        (dict(ema=1.0), "ema=1.0"),
        (dict(clip_norm=0.0), "clip_norm=0.0"),
        (dict(warmup_epochs=-1), "warmup_epochs=-1"),
        (dict(weight_decay=-0.1), "weight_decay=-0.1"),
    ],
)
def test_a_recipe_refuses_what_cannot_be(changes, message):
    with pytest.raises(zoo.ZooError, match=message):
        tiny_recipe(**changes)


def test_what_is_done_with_the_weights_does_not_decide_them():
    recipe = tiny_recipe()
    idle = dict(metrics=("psnr",), half=True, embedded=False, samples=False, baseline=("mse", 1.0, "x"))
    for changes in ({key: value} for key, value in idle.items()):
        assert dataclasses.replace(recipe, **changes).sha256() == recipe.sha256()
    decides = [f.name for f in dataclasses.fields(Recipe) if f.name in recipe.decides()]
    assert {"model", "seed", "epochs", "dataset", "precision", "start", "transforms"} < set(decides)
    assert dataclasses.replace(recipe, seed=1).sha256() != recipe.sha256()


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(zoo.ZooError, match="no recipe 'vae_mlp.mnst'.*Did you mean 'vae_mlp.mnist'"):
        load_recipe("vae_mlp.mnst")


def test_all_runs_every_recipe(trained):
    assert main(["train", "--all", "--epochs", "2", "--run-dir", "mine"]) == 0
    assert [recipe.name for recipe, _ in trained] == list(recipes())
    assert {recipe.epochs for recipe, _ in trained} == {2}
    assert [Path(rest["run_dir"]) for _, rest in trained] == [Path("mine") / name for name in recipes()]
