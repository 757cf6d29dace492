"""Searches: what varies, trials that are remembered, and a report of them."""

import csv
import dataclasses

import numpy as np
import pytest

from zoo.cli.main import main
from zoo.errors import ZooError
from zoo.training import Recipe
from zoo.training.recipe import load_recipe, recipes
from zoo.tuning import report, space
from zoo.tuning.search import tune
from zoo.tuning.space import DEPTH, Axis, changed, default_axes, parse


@pytest.fixture
def recipe(digits, tmp_path):
    np.savez(
        tmp_path / "digits.npz",
        x_train=digits[0][:300],
        y_train=digits[1][:300],
        x_test=digits[0][300:310],
        y_test=digits[1][300:310],
    )
    model = dict(variant="ae", backbone="mlp", input_shape=(8, 8, 1), latent_dim=4, hidden=(16,))
    return Recipe("ae_mlp.digits", model, str(tmp_path / "digits.npz"), epochs=2, batch_size=30, metrics=("mse",))


# -- the space


def test_axes_from_text():
    assert parse("latent_dim=8,16") == Axis("latent_dim", (8, 16))
    assert parse("learning-rate=1e-4:1e-2") == Axis("learning_rate", low=1e-4, high=1e-2, log=True)
    assert parse("batch_norm=true,False") == Axis("batch_norm", (True, False))
    levels = parse("level=0,0.25,1").choices
    assert levels == (0.0, 0.25, 1.0) and all(isinstance(level, float) for level in levels)
    assert parse("beta=1:4") == Axis("beta", low=1, high=4) and parse("noise=masking,gaussian").choices == ("masking", "gaussian")


@pytest.mark.parametrize(
    "text", ("latent_dim", "=3", "beta=", "beta=3:1", "beta=1:2:3", "beta=a:b", "beta=1,1", "a=true:false", "a=1,x", "a=0,true")
)
def test_text_that_is_no_axis(text):
    with pytest.raises(ZooError, match="got "):
        parse(text)


@pytest.mark.parametrize("name", recipes())
def test_every_recipe_can_be_varied_along_its_default_axes(name):
    recipe = load_recipe(name)
    axes = default_axes(recipe)
    space.check(recipe, axes)
    assert "learning_rate" in [axis.name for axis in axes]
    for axis in axes:
        for value in axis.choices or (axis.low, axis.high):
            other = changed(recipe, {axis.name: value})
            assert isinstance(other, Recipe)
            if axis.choices and len(axis.choices) > 1:
                assert len({str(changed(recipe, {axis.name: v}).as_json()) for v in axis.choices}) == len(axis.choices)


def test_depth_is_that_of_the_backbone():
    options = dict(variant="ae", input_shape=(8, 8, 1), latent_dim=4)
    deeper = {
        "mlp": (dict(hidden=(16,)), dict(hidden=(16, 16, 16))),
        "conv": (dict(filters=(4, 8), strides=(1, 2)), dict(filters=(4, 8, 16), strides=(1, 2, 2))),
        "resnet": (dict(filters=(4,), blocks=1), dict(filters=(4,), blocks=3)),
    }
    for backbone, (before, after) in deeper.items():
        recipe = Recipe("a_b.c", dict(**options, backbone=backbone, **before), "c", epochs=1, batch_size=1, metrics=())
        assert changed(recipe, {DEPTH: 3}).model == {**recipe.model, **after}


@pytest.mark.parametrize("name", ["autoencoder_tiny_taesd.cifar10", "autoencoder_dc_dcae.cifar10"])
def test_stages_that_several_options_list_are_left_alone(name):
    recipe = load_recipe(name)
    assert DEPTH not in [axis.name for axis in default_axes(recipe)]
    with pytest.raises(ZooError, match="sets no depth"):
        space.check(recipe, [Axis(DEPTH, (1, 2))])


def test_an_axis_that_the_recipe_has_not(recipe):
    with pytest.raises(ZooError, match="no setting 'latent_dims'. Did you mean 'latent_dim'"):
        space.check(recipe, [Axis("latent_dims", (1, 2))])
    with pytest.raises(ZooError, match="expected each setting once"):
        space.check(recipe, [Axis("latent_dim", (1, 2))] * 2)
    flat = dataclasses.replace(recipe, model={**recipe.model, "hidden": ()})
    with pytest.raises(ZooError, match="sets no depth"):
        space.check(flat, [Axis(DEPTH, (1, 2))])


# -- the search


def test_a_grid_tries_all_and_ranks_them(recipe, tmp_path, capsys):
    axes = [Axis("latent_dim", (1, 16)), Axis("learning_rate", (1e-5, 1e-2))]
    rows = tune(recipe, "grid", 10, axes, folder=tmp_path / "search")
    assert len(rows) == 4 and {(row["latent_dim"], row["learning_rate"]) for row in rows} == {
        (1, 1e-5),
        (1, 1e-2),
        (16, 1e-5),
        (16, 1e-2),
    }
    scores = [row["score"] for row in rows]
    assert scores == sorted(scores)
    assert (rows[0]["latent_dim"], rows[0]["learning_rate"]) == (16, 1e-2)
    assert capsys.readouterr().out.count("trial ") == 4
    # The same search again has nothing left to do.
    assert tune(recipe, "grid", 10, axes, folder=tmp_path / "search") == rows
    assert "trial " not in capsys.readouterr().out


def test_a_stopped_search_goes_on(recipe, tmp_path, monkeypatch, capsys):
    from zoo.tuning import search

    axes, real, calls = [Axis("learning_rate", low=1e-4, high=1e-2, log=True)], search.measure, []

    def stopping(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    monkeypatch.setattr(search, "measure", stopping)
    with pytest.raises(KeyboardInterrupt):
        tune(recipe, "random", 4, axes, folder=tmp_path / "search")
    assert capsys.readouterr().out.count("trial ") == 2
    rows = tune(recipe, "random", 4, axes, folder=tmp_path / "search")
    assert len(rows) == 4 and all(row["score"] is not None for row in rows)
    assert capsys.readouterr().out.count("trial ") == 2


def test_bayesian_looks_where_it_is_good(recipe, tmp_path):
    rows = tune(recipe, "bayesian", 5, [Axis("latent_dim", low=1, high=16)], folder=tmp_path / "search")
    assert len(rows) == 5 and all(1 <= row["latent_dim"] <= 16 for row in rows)
    assert rows[0]["latent_dim"] > rows[-1]["latent_dim"]


def test_higher_is_better_where_it_is(recipe, tmp_path):
    rows = tune(recipe, "grid", 2, [Axis("latent_dim", (1, 16))], "psnr", folder=tmp_path / "search")
    assert rows[0]["score"] > rows[1]["score"] and rows[0]["latent_dim"] == 16


def test_a_trial_that_fails_does_not_end_the_search(recipe, tmp_path):
    axes = [Axis("latent_dim", (8, -1))]
    good, bad = tune(recipe, "grid", 2, axes, folder=tmp_path / "search")
    assert good["score"] is not None and bad["score"] is None and bad["latent_dim"] == -1
    with pytest.raises(ZooError, match="all 2 trials failed"):
        tune(recipe, "grid", 2, [Axis("latent_dim", (-2, -1))], folder=tmp_path / "other")


def test_words_and_numbers_are_tried(recipe, tmp_path):
    recipe = dataclasses.replace(recipe, model={**recipe.model, "backbone": "conv", "hidden": (), "filters": (4,)}, epochs=1)
    del recipe.model["hidden"]
    rows = tune(recipe, "grid", 4, [parse("batch_norm=true,false"), parse("learning_rate=0,0.001")], folder=tmp_path / "search")
    assert [row["score"] is None for row in rows] == [False, False, True, True]
    tried = {(row["batch_norm"], row["learning_rate"]) for row in rows}
    assert tried == {(norm, rate) for norm in (True, False) for rate in (0.0, 0.001)}
    report.write_table(tmp_path, rows)
    assert report.draw(rows, "mse", tmp_path / "trials.png") and "true" not in report.as_text(rows, "mse")


def test_a_search_for_something_else_is_not_gone_on_with(recipe, tmp_path, monkeypatch):
    axes, folder = [Axis("latent_dim", (2, 8))], tmp_path / "search"
    rows = tune(recipe, "grid", 2, axes, folder=folder)
    before = (folder / "search.json").read_bytes()
    for changes, named in (
        (dict(metric="psnr"), "metric"),
        (dict(axes=[Axis("latent_dim", (2, 9))]), "axes"),
        (dict(held_out=0.2), "held_out"),
        (dict(recipe=dataclasses.replace(recipe, epochs=3)), "epochs"),
    ):
        given = {"recipe": recipe, "strategy": "grid", "trials": 2, "axes": axes, "folder": folder, **changes}
        with pytest.raises(ZooError, match=f"with different values of {named}; give the same values, another --output"):
            tune(**given)
    assert (folder / "search.json").read_bytes() == before
    assert len(tune(recipe, "grid", 2, [Axis("latent_dim", (3, 4))], folder=folder, restart=True)) == 2
    again = tune(recipe, "grid", 2, axes, folder=folder, restart=True)
    assert [row["score"] for row in again] == [row["score"] for row in rows]


def test_images_sorted_by_class_are_held_out_of_every_class(recipe, tmp_path, digits, monkeypatch):
    from zoo.tuning import search

    order = np.argsort(digits[1][:300], kind="stable")
    np.savez(tmp_path / "sorted.npz", x_train=digits[0][order], y_train=digits[1][order])
    seen, real = [], search.measure
    monkeypatch.setattr(search, "measure", lambda *args, **kw: seen.append(args[2]) or real(*args, **kw))
    recipe = dataclasses.replace(recipe, dataset=str(tmp_path / "sorted.npz"), epochs=1)
    tune(recipe, "grid", 1, [Axis("latent_dim", (2,))], folder=tmp_path / "search")
    held, train = seen[0]["test"], seen[0]["train"]
    assert len(held.images) == 30 and len(np.unique(held.labels)) > 6
    assert sorted([*held.ids, *train.ids], key=int) == [str(i) for i in range(300)]
    np.testing.assert_array_equal(held.images, digits[0][order][np.array(held.ids, int)])


def test_the_test_split_is_not_looked_at(recipe, tmp_path, digits):
    axes = [Axis("latent_dim", (4, 8))]
    rows = tune(recipe, "grid", 2, axes, folder=tmp_path / "search")
    np.savez(
        tmp_path / "other.npz", x_train=digits[0][:300], y_train=digits[1][:300], x_test=digits[0][:5] * 0, y_test=digits[1][:5]
    )
    other = dataclasses.replace(recipe, dataset=str(tmp_path / "other.npz"))
    again = tune(other, "grid", 2, axes, folder=tmp_path / "again")
    assert [row["score"] for row in again] == [row["score"] for row in rows]


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(strategy="bayes"), "Did you mean 'bayesian'"),
        (dict(trials=0), "got trials=0"),
        (dict(held_out=1.0), "a fraction between 0 and 1"),
        (dict(metric="mes"), "there is no metric 'mes'"),
    ],
)
def test_wrong_arguments(recipe, tmp_path, options, message):
    with pytest.raises(ZooError, match=message):
        tune(recipe, folder=tmp_path / "search", **options)


# -- the report


def test_the_command(recipe, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("zoo.cli.tune.load_recipe", lambda name: recipe)
    argv = [
        "tune",
        "ae_mlp.digits",
        "--strategy",
        "grid",
        "--vary",
        "latent_dim=2,8",
        "--epochs",
        "1",
        "--output",
        str(tmp_path / "out"),
    ]
    assert main(argv) == 0
    out = capsys.readouterr().out
    assert "latent_dim" in out and "trials.csv and trials.png" in out
    with open(tmp_path / "out" / "trials.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["latent_dim"] for row in rows] == ["8", "2"] and float(rows[0]["score"]) < float(rows[1]["score"])
    assert (tmp_path / "out" / "trials.png").read_bytes().startswith(b"\x89PNG")


def test_pictures_of_words_and_of_equal_values(tmp_path):
    rows = [dict(trial=str(i), noise=n, level=0.5, score=s, seconds=1.0) for i, (n, s) in enumerate([("a", 0.1), ("b", 3.0)])]
    assert report.draw([*rows, {**rows[0], "score": None}], "mse", tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000
    assert "failed" in report.as_text([*rows, {**rows[0], "score": None}], "mse")
    assert report.as_text(rows * 20, "mse").endswith("and 30 more")
