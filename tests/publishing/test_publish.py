"""Publishing: a weight file, its manifest entry, its card and pictures, each of which says what was measured."""

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny_recipe import tiny_recipe

import zoo
from zoo.cli import maintenance
from zoo.cli.main import main
from zoo.data import sources
from zoo.evaluation.measurement import repeat
from zoo.pretrained import manifest
from zoo.pretrained import verification as weights
from zoo.pretrained.hashes import sha256_of
from zoo.publishing import card, publish, readme, remeasure
from zoo.publishing import train as training
from zoo.publishing.readme import render
from zoo.publishing.seeds import publish_median
from zoo.training.initialization.start import fresh_model
from zoo.training.recipe import load_recipe, recipes

NAME = "vae_mlp.digits"
VAE = dict(variant="vae", input_shape=(8, 8, 1), latent_dim=3, hidden=(16,), loss="bernoulli")


def recipe(**changes):
    fields = dict(
        name=NAME,
        model=VAE,
        epochs=1,
        metrics=("mse", {"metric": "elbo", "k": 2, "n": 40}, {"metric": "pca_mse", "clip": False}, "knn_error"),
        baseline=("mse", 0.05, "a guess"),
        optimizer="adam",
        weight_decay=0.0,
        ema=None,
        transforms=("binarize",),
        half=True,
        embedded=True,
    )
    return tiny_recipe(**{**fields, **changes})


@pytest.fixture(scope="module")
def dataset(digits, tmp_path_factory):
    images, labels = digits
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(path, x_train=images[:256], y_train=labels[:256], x_test=images[256:376], y_test=labels[256:376])
    return str(path)


@pytest.fixture(scope="module")
def published(dataset, tmp_path_factory):
    """A weights folder with one set, and the entry that `train` returned."""
    root = tmp_path_factory.mktemp("published")
    entry = training.train(recipe(dataset=dataset), output_dir=root / "weights", run_dir=root / "run")
    return root / "weights", entry


@pytest.fixture
def here(published, monkeypatch):
    """The published folder in the place of the zoo's own."""
    monkeypatch.setattr(manifest, "weights_dir", lambda: published[0])
    return published


def stating(entry, folder, place, monkeypatch):
    """A copy of the published `folder` at `place` that states `entry`, in the place of the zoo's own."""
    shutil.copytree(folder, place, dirs_exist_ok=True)
    manifest.write_entry(NAME, entry, place)
    monkeypatch.setattr(manifest, "weights_dir", lambda: place)


def files(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} - {".lock"}


def test_all_is_written_and_nothing_else(published):
    folder, entry = published
    cards = {f"cards/{NAME}.md", f"cards/{NAME}.png", f"cards/{NAME}.samples.png", f"cards/{NAME}.history.csv"}
    assert files(folder) == {"manifest.json", entry["file"], *cards}
    for name in cards:
        assert (folder / name).stat().st_size > 50
    assert (folder / "cards" / f"{NAME}.history.csv").read_text().startswith("epoch,")


def test_the_entry_says_what_the_set_is(published, dataset):
    folder, entry = published
    assert manifest.read(folder) == {NAME: entry}
    data = (folder / entry["file"]).read_bytes()
    assert entry["sha256"] == hashlib.sha256(data).hexdigest() and entry["bytes"] == len(data)
    assert entry["file"] == f"{NAME}-{entry['sha256'][:8]}.safetensors" and entry["revision"] == 1
    assert entry["dataset"] == {"name": "digits", "version": "", "split": "train", "n": 256}
    assert entry["config"] == zoo.create(**VAE).config
    assert entry["recipe"]["sha256"] == recipe(dataset=dataset).sha256() and entry["recipe"]["seed"] == 0
    run = entry["run"]
    assert (run["backend"], run["seed"], run["epochs"], run["precision"]) == ("tensorflow", 0, 1, "float32")
    assert run["parameters"] == zoo.create(**VAE).count_params()
    assert {"python", "zoo", "keras", "tensorflow", "numpy"} == set(run["versions"])
    assert entry["metrics"].keys() == {"mse", "elbo", "pca_mse", "knn_error"}
    assert entry["metrics"]["elbo"]["parameters"] == {"k": 2, "n": 40}
    json.dumps(entry, allow_nan=False)


def test_what_is_loaded_by_name_is_what_was_measured(here, dataset):
    _, entry = here
    model = zoo.load(NAME)
    again = repeat(model, entry["metrics"], dataset, progress=None)
    assert {k: r["value"] for k, r in again.items()} == {k: r["value"] for k, r in entry["metrics"].items()}
    assert weights.verify_reference_features(NAME) < 1e-5
    assert weights.verify([NAME])[0][1] == "ok"


def test_half_precision_is_on_disk_only(here):
    from safetensors.numpy import load_file

    folder, entry = here
    assert {a.dtype for k, a in load_file(folder / entry["file"]).items() if "seed" not in k} == {np.dtype("float16")}
    assert {v.dtype for v in zoo.load(NAME).trainable_variables} == {"float32"}


@pytest.mark.parametrize("drift, code", [(0.0, 0), (0.9, 0), (1.5, 1), (-1.5, 1)])
def test_the_check_fails_beyond_the_tolerance(drift, code, published, dataset, tmp_path, monkeypatch, capsys):
    """`drift` is in tolerances."""
    _, entry = published
    mse = entry["metrics"]["mse"]
    stated = {**mse, "value": mse["value"] + drift * mse["tolerance"]}
    changed = {**entry, "metrics": {"mse": stated}, "dataset": {**entry["dataset"], "name": dataset}}
    stating(changed, published[0], tmp_path, monkeypatch)
    assert main(["evaluate", NAME, "--check"]) == code
    out, err = capsys.readouterr()
    assert ("OFF" in out) == ("differ from the card" in err) == bool(code)


def test_the_card_states_every_number(published):
    folder, entry = published
    text = (folder / "cards" / f"{NAME}.md").read_text()
    assert text.startswith(f"# {NAME}\n") and entry["paper"] in text
    for name, result in entry["metrics"].items():
        (row,) = (line for line in text.splitlines() if line.startswith(f"| {name} |"))
        assert card.number(result["value"]) in row and f"±{card.number(result['tolerance'])}" in row
        assert result["protocol"] in row and f"| {result['n']} " in row
    for said in (entry["file"], "a guess", "256 images", "Apache-2.0", entry["run"]["device"]):
        assert said in text
    assert f"({NAME}.png)" in text and f"({NAME}.samples.png)" in text
    assert "reconstructions not clipped" in text


def test_the_same_recipe_gives_the_same_file_and_another_replaces_it(dataset, tmp_path):
    out = tmp_path / "weights"
    plain = recipe(dataset=dataset, metrics=("mse",), model={**VAE, "latent_dim": 2}, transforms=())
    first = training.train(plain, output_dir=out, run_dir=tmp_path / "1")
    again = training.train(plain, output_dir=out, run_dir=tmp_path / "2")
    assert (again["file"], again["revision"], again["metrics"]) == (first["file"], 1, first["metrics"])
    other = training.train(dataclasses.replace(plain, seed=1), output_dir=out, run_dir=tmp_path / "3")
    assert other["revision"] == 2 and other["file"] != first["file"]
    cards = {f"cards/{NAME}{end}" for end in (".md", ".png", ".samples.png", ".plane.png", ".history.csv")}
    assert files(out) == {"manifest.json", other["file"], *cards}
    assert other["file"] in (out / "cards" / f"{NAME}.md").read_text()


def test_what_cannot_be_measured_leaves_what_was_published(published, dataset):
    folder, _ = published
    before = {name: (folder / name).read_bytes() for name in files(folder)}
    chosen = recipe(dataset=dataset, metrics=("mse", "bits_per_dim"))
    model = zoo.create(**VAE)
    splits, drawn = sources.load_splits(dataset)
    with pytest.raises(zoo.ZooError, match="bits_per_dim requires a likelihood of 256 levels"):
        publish.publish(chosen, model, 1.0, 1, splits, output_dir=folder)
    model.trainable_variables[0].assign(np.full(model.trainable_variables[0].shape, np.nan))
    with pytest.raises(zoo.ZooError, match="NaN or infinite"):
        publish.publish(chosen, model, 1.0, 1, splits, output_dir=folder)
    assert not drawn
    assert {name: (folder / name).read_bytes() for name in files(folder)} == before


def test_what_would_fail_after_the_training_fails_before_it(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "fit", lambda *_: pytest.fail("trained"))
    with pytest.raises(zoo.ZooError, match="no metric 'mze'.*Did you mean 'mse'"):
        training.train(recipe(dataset=dataset, metrics=("mze",)), output_dir=tmp_path, run_dir=tmp_path)
    with pytest.raises(zoo.ZooError, match="no parameter 'klip'"):
        training.train(recipe(metrics=({"metric": "pca_mse", "klip": True},)), output_dir=tmp_path, run_dir=tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        training.train(recipe(dataset=dataset), output_dir=tmp_path / "file", run_dir=tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(zoo.ZooError, match="manifest"):
        training.train(recipe(dataset=dataset), output_dir=tmp_path, run_dir=tmp_path)


def test_a_recipe_decides_whether_samples_are_shown(dataset, tmp_path):
    splits, _ = sources.load_splits(dataset)
    for shown in (True, False):
        publish.draw(zoo.create(**VAE), recipe(samples=shown), tmp_path, splits["test"])
        assert files(tmp_path) == {f"{NAME}.png", *([f"{NAME}.samples.png"] if shown else [])}


def test_cards_show_no_samples_that_a_recipe_leaves_out():
    cards = Path(__file__).parents[2] / "weights" / "cards"
    for name in recipes():
        assert load_recipe(name).samples or not (cards / f"{name}.samples.png").exists(), name


def test_vectors_are_published_without_pictures(tmp_path):
    x = np.random.default_rng(0).random((200, 6)).astype("float32")
    np.savez(tmp_path / "rows.npz", x_train=x[:160], x_test=x[160:])
    model = dict(variant="ae", input_shape=(6,), latent_dim=2, hidden=(8,))
    of = dict(name="ae_mlp.rows", model=model, dataset=str(tmp_path / "rows.npz"), transforms=())
    chosen = recipe(**of, metrics=("mse", "mse_unclipped"))
    entry = training.train(chosen, output_dir=tmp_path / "out", run_dir=tmp_path / "run")
    assert files(tmp_path / "out") == {"manifest.json", entry["file"], "cards/ae_mlp.rows.md", "cards/ae_mlp.rows.history.csv"}
    assert entry["metrics"]["mse"]["value"] == entry["metrics"]["mse_unclipped"]["value"]
    text = (tmp_path / "out" / "cards" / "ae_mlp.rows.md").read_text()
    assert "(N, 6)" in text and "![" not in text


@pytest.fixture(scope="module")
def trained(dataset, tmp_path_factory):
    """Weights folders by name: for each of three seeds one, by the same recipe, and one by another."""
    root = tmp_path_factory.mktemp("trained")
    settings = {"5": dict(seed=5), "6": dict(seed=6), "7": dict(seed=7), "other": dict(seed=8, batch_size=32)}
    for name, changes in settings.items():
        chosen = recipe(dataset=dataset, metrics=("mse", "knn_error"), **changes)
        training.train(chosen, output_dir=root / name, run_dir=root / f"run {name}")
    return root


def test_of_several_seeds_the_one_in_the_middle_is_published(trained, tmp_path):
    folders = [shutil.copytree(trained / name, tmp_path / name) for name in ("5", "6", "7")]
    values = {path.name: manifest.read(path)[NAME]["metrics"]["mse"]["value"] for path in folders}
    assert maintenance.main(["seeds", NAME, "mse", *map(str, folders), "--output-dir", str(tmp_path / "weights")]) == 0
    entry = manifest.read(tmp_path / "weights")[NAME]
    assert values[str(entry["run"]["seed"])] == sorted(values.values())[1]
    assert entry["seeds"]["values"]["mse"] == values and set(entry["seeds"]["values"]) == {"mse", "knn_error"}
    text = (tmp_path / "weights" / "cards" / f"{NAME}.md").read_text()
    assert f"Trained with 3 seeds (5, 6, 7): mse {', '.join(card.number(v) for v in values.values())}; knn_error" in text
    assert {path.name for path in (tmp_path / "weights" / "cards").iterdir()} == {
        path.name for path in (folders[0] / "cards").iterdir()
    }
    assert sha256_of(tmp_path / "weights" / entry["file"]) == entry["sha256"]
    # Published to one of the folders, the set keeps the pictures that lie there.
    middle = folders[[path.name for path in folders].index(str(entry["run"]["seed"]))]
    pictures = {path.name: path.read_bytes() for path in (middle / "cards").glob("*.png")}
    publish_median(NAME, "mse", folders, middle)
    assert pictures and {path.name: path.read_bytes() for path in (middle / "cards").glob("*.png")} == pictures


def test_trainings_that_differ_by_more_than_the_seed_have_no_middle(trained, tmp_path):
    folders, other = [trained / "5", trained / "6"], trained / "other"
    for given, metric, message in (
        (folders, "mse", r"seeds \[5, 6\], expected an odd number"),
        ([*folders, folders[0]], "mse", r"seeds \[5, 6, 5\], expected an odd number of different seeds"),
        ([*folders, other], "elbo", "has no metric 'elbo', expected one of mse, knn_error"),
        ([*folders, other], "mse", "a different recipe"),
        ([*folders, tmp_path / "none"], "mse", f"{NAME} is not in .*none; give the --output-dir"),
    ):
        with pytest.raises(zoo.ZooError, match=message):
            publish_median(NAME, metric, given, tmp_path / "weights")
    assert not (tmp_path / "weights").exists()


def test_a_published_set_is_measured_again_by_what_its_recipe_names_now(published, dataset, tmp_path, monkeypatch, capsys):
    folder, before = shutil.copytree(published[0], tmp_path / "weights"), published[1]
    now = recipe(dataset=dataset, metrics=("mse", "linear_accuracy"))
    monkeypatch.setattr(remeasure, "load_recipe", lambda name: now)
    assert maintenance.main(["remeasure", NAME, "--output-dir", str(folder)]) == 0
    entry = manifest.read(folder)[NAME]
    assert set(entry["metrics"]) == {"mse", "linear_accuracy"} and entry["metrics"]["mse"] == before["metrics"]["mse"]
    assert {**entry, "metrics": None} == {**before, "metrics": None}
    baselines = entry["metrics"]["linear_accuracy"]["baselines"]
    assert list(baselines) == ["raw input", "PCA", "untrained"]
    shown = " | ".join([card.figure(entry, "linear_accuracy"), *(card.number(value) for value in baselines.values())])
    assert f"| linear_accuracy | {shown} |" in (folder / "cards" / f"{NAME}.md").read_text()
    assert f"{NAME} mse " in capsys.readouterr().out
    text = (folder / "manifest.json").read_bytes()
    monkeypatch.setattr(remeasure, "load_recipe", lambda name: dataclasses.replace(now, seed=9))
    with pytest.raises(zoo.ZooError, match="by a different recipe than training_scripts/"):
        remeasure.remeasure(NAME, output_dir=folder)
    monkeypatch.setattr(remeasure, "load_recipe", lambda name: now)
    manifest.write_entry(NAME, {**entry, "seeds": {"median_of": "mse", "values": {"mse": {"1": 0.1}}}}, folder)
    with pytest.raises(zoo.ZooError, match="the median of several trainings"):
        remeasure.remeasure(NAME, output_dir=folder)
    manifest.write_entry(NAME, entry, folder)
    assert (folder / "manifest.json").read_bytes() == text


def test_restart_begins_anew_and_removes_only_what_a_run_wrote(dataset, tmp_path):
    chosen, out, run = recipe(dataset=dataset, metrics=("mse",)), tmp_path / "out", tmp_path / "run"
    first = training.train(chosen, output_dir=out, run_dir=run, tensorboard=True)
    (run / "notes.txt").write_text("mine")
    (run / "layer1").mkdir()
    (run / "layer1" / "checkpoint.npz").write_bytes(b"old")
    other = dataclasses.replace(chosen, learning_rate=1e-4)
    with pytest.raises(zoo.ZooError, match="learning_rate.*--restart"):
        training.train(other, output_dir=out, run_dir=run)
    assert manifest.read(out)[NAME] == first
    second = training.train(other, output_dir=out, run_dir=run, restart=True)
    assert second["sha256"] != first["sha256"] and second["recipe"]["learning_rate"] == 1e-4
    assert {name for name in files(run) if not name.startswith("model/")} == {"checkpoint.npz", "history.csv", "notes.txt"}


# -- tables of README and the documentation


PAGES = {
    "README.md": ("selection",),
    "docs/weights.md": ("weights",),
    "docs/gallery.md": ("gallery",),
    "docs/restoration.md": ("photographs", "restored"),
    "docs/variants/index.md": ("variants",),
}


def write_pages(root, text="# Title\n\n{}\nThe end.\n"):
    (root / "docs" / "variants").mkdir(parents=True)
    for page, blocks in PAGES.items():
        marked = "".join(f"<!-- {block}: begin -->\nold numbers\n<!-- {block}: end -->\n" for block in blocks)
        (root / page).write_text(text.format(marked))


def test_what_the_recipe_states_is_copied_before_the_tables_are_rendered(published, dataset, tmp_path, monkeypatch):
    (tmp_path / "weights").mkdir()
    shutil.copy(published[0] / "manifest.json", tmp_path / "weights")
    write_pages(tmp_path)
    baseline = {"metric": "mse", "value": 0.02, "source": "a rule"}
    before = manifest.read(tmp_path / "weights")[NAME]
    now = recipe(dataset=dataset, metrics=("mse",), baseline=tuple(baseline.values()), embedded=not before["embedded"])
    assert before["baseline"] != baseline
    monkeypatch.setattr(readme, "recipes", lambda: {NAME: None})
    stated = {**before, "baseline": baseline, "embedded": now.embedded}
    for said, wanted in ((dataclasses.replace(now, seed=9), before), (now, stated)):
        monkeypatch.setattr(readme, "load_recipe", lambda name, said=said: said)
        render(tmp_path)
        assert manifest.read(tmp_path / "weights")[NAME] == wanted, "weights of another training keep what was said of them"
    for text in ((tmp_path / "docs" / "weights.md").read_text(), (tmp_path / "weights" / "cards" / f"{NAME}.md").read_text()):
        assert "a rule" in text and "a guess" not in text


def test_the_tables_are_rendered_between_their_markers(published, tmp_path, monkeypatch):
    folder, entry = published
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "manifest.json").write_bytes((folder / "manifest.json").read_bytes())
    write_pages(tmp_path)
    shown = tmp_path / "weights" / "cards" / f"{NAME}.samples.png"
    shown.parent.mkdir()
    shown.write_bytes(b"")
    monkeypatch.setattr(readme, "SELECTION", (("A task", NAME, "mse"),))
    render(tmp_path)
    texts = {page: (tmp_path / page).read_text() for page in PAGES}
    for page, text in texts.items():
        assert text.startswith(f"# Title\n\n<!-- {PAGES[page][0]}: begin -->\n") and text.endswith(" end -->\n\nThe end.\n")
        assert "old numbers" not in text
    value = card.number(entry["metrics"]["mse"]["value"])
    for page, cards in (("docs/weights.md", "../weights/cards"), ("docs/variants/index.md", "../../weights/cards")):
        [row] = [line for line in texts[page].splitlines() if f"[`{NAME}`]({cards}/{NAME}.md)" in line]
        assert f"mse {value}" in row and "mse 0.05: a guess" in row
    [row] = [line for line in texts["README.md"].splitlines() if "A task" in line]
    assert f"[`{NAME}`](weights/cards/{NAME}.md)" in row and f"mse {value} ↓ | 0.05: a guess" in row
    variants = texts["docs/variants/index.md"]
    assert f"| `{entry['config']['variant']}` | {zoo.models.registry.variants()[entry['config']['variant']]} |" in variants
    named = {line.split("|")[1].strip(" `") for line in variants.splitlines() if line.startswith("| `")}
    assert named == {*zoo.models.registry.variants()}
    assert f"![Samples of {NAME}](../weights/cards/{NAME}.samples.png)" in texts["docs/gallery.md"]
    assert (tmp_path / "weights" / "cards" / f"{NAME}.md").read_text().startswith(f"# {NAME}\n")
    render(tmp_path)
    assert {page: (tmp_path / page).read_text() for page in PAGES} == texts


@pytest.mark.parametrize(
    "text",
    [
        "Title\n",
        "Title\n<!-- weights: begin -->\nthe rest\n",
        "Title\n<!-- weights: end -->\nthe rest\n",
        "<!-- weights: end -->\n<!-- weights: begin -->\n",
        "<!-- weights: begin -->\n<!-- weights: end -->\n<!-- weights: begin -->\n<!-- weights: end -->\n",
    ],
)
def test_pages_without_their_markers_are_left_alone(text, tmp_path):
    (tmp_path / "weights").mkdir()
    write_pages(tmp_path)
    (tmp_path / "docs" / "weights.md").write_text(text)
    with pytest.raises(zoo.ZooError, match="expected <!-- [a-z]+: begin --> and <!-- [a-z]+: end -->"):
        render(tmp_path)
    assert (tmp_path / "docs" / "weights.md").read_text() == text and "old numbers" in (tmp_path / "README.md").read_text()


def test_only_what_is_named_is_measured_again(published, dataset, tmp_path, monkeypatch):
    folder, before = shutil.copytree(published[0], tmp_path / "weights"), published[1]
    monkeypatch.setattr(remeasure, "load_recipe", lambda name: recipe(dataset=dataset, metrics=("mse", "knn_error", "psnr")))
    measured = []
    monkeypatch.setattr(remeasure, "measured", lambda now, *rest: measured.append(now.metrics) or {"psnr": {"value": 1.0}})
    monkeypatch.setattr(remeasure, "write_card", lambda *arguments: None)
    entry = remeasure.remeasure(NAME, output_dir=folder, only=["psnr"])
    assert measured == [("psnr",)] and list(entry["metrics"]) == ["mse", "knn_error", "psnr"]
    assert {key: entry["metrics"][key] for key in ("mse", "knn_error")} == {
        key: before["metrics"][key] for key in ("mse", "knn_error")
    }
    with pytest.raises(zoo.ZooError, match="has no metric 'ssim', expected some of mse, knn_error, psnr"):
        remeasure.remeasure(NAME, output_dir=folder, only=["ssim"])


def test_the_depth_of_the_features_may_move_without_training(dataset, tmp_path, monkeypatch):
    model = dict(variant="dae", backbone="conv", input_shape=(8, 8, 1), filters=(4, 8), latent_dim=3)
    fields = dict(name="dae_conv.digits", dataset=dataset, metrics=("mse",), transforms=(), half=False)
    old = recipe(model=model, **fields)
    built = fresh_model(old)
    splits, _ = sources.load_splits(dataset)
    before = publish.publish(old, built, 1.0, 1, splits, output_dir=tmp_path)
    now = recipe(model={**model, "features": "stage1"}, **fields)
    monkeypatch.setattr(remeasure, "load_recipe", lambda name: now)
    entry = remeasure.remeasure(now.name, output_dir=tmp_path)
    assert entry["config"] == {**before["config"], "features": "stage1"} and entry["file"] == before["file"]
    assert entry["recipe"]["sha256"] == now.sha256() and entry["reference_features"] != before["reference_features"]
    monkeypatch.setattr(manifest, "weights_dir", lambda: tmp_path)
    assert zoo.load(now.name).encode(splits["test"].images[:2]).shape == (2, 4 * 16)
    assert weights.verify_reference_features(now.name) < 1e-5
    other = recipe(model={**model, "features": "stage1", "level": 0.5}, **fields)
    monkeypatch.setattr(remeasure, "load_recipe", lambda name: other)
    with pytest.raises(zoo.ZooError, match="trained by a different recipe"):
        remeasure.remeasure(now.name, output_dir=tmp_path)


# -- what a card says of a figure

FIGURES = {
    "config": {"variant": "ae", "input_shape": [8, 8, 1]},
    "metrics": {
        "mse": {"value": 0.003, "tolerance": 1e-5},
        "pca_mse": {"value": 0.002, "tolerance": 1e-5, "parameters": {"clip": True}},
        "linear_accuracy": {
            "value": 0.9,
            "tolerance": 1e-3,
            "baselines": {"raw input": 0.8, "PCA": 0.9, "untrained": 0.95},
        },
        "knn_error": {"value": 0.1, "tolerance": 1e-3, "baselines": {"raw input": 0.2, "PCA": 0.05}},
    },
    "baseline": {"metric": "mse", "value": 0.0025, "source": "another, measured"},
}


def test_a_figure_that_a_baseline_beats_says_so():
    assert card.figure(FIGURES, "mse") == "0.003 (worse than PCA)"
    assert card.figure(FIGURES, "pca_mse") == "0.002"
    assert card.figure(FIGURES, "linear_accuracy") == "0.9 (worse than untrained)"
    assert card.figure(FIGURES, "knn_error") == "0.1 (worse than PCA)"
    assert card.baseline_text(FIGURES) == "worse than mse 0.0025: another, measured"
    better = {**FIGURES, "baseline": {"metric": "linear_accuracy", "value": 0.5, "source": "a paper"}}
    assert card.baseline_text(better) == "linear_accuracy 0.5: a paper" and card.baseline_text({"metrics": {}}) == ""
    unclipped = {**FIGURES, "metrics": {**FIGURES["metrics"], "pca_mse": {"value": 0.002, "parameters": {"clip": False}}}}
    assert card.figure(unclipped, "mse") == "0.003"


def test_a_figure_of_another_depth_than_encode_gives_says_so():
    probe = {"value": 0.9, "parameters": {"layer": "stage1", "pool": 4}}
    entry = {**FIGURES, "metrics": {"knn_accuracy": probe}}
    assert card.figure(entry, "knn_accuracy") == "0.9 (of stage1, pool 4)"
    assert card.figure({**entry, "config": {**entry["config"], "features": "stage1"}}, "knn_accuracy") == "0.9"


def test_a_card_shows_what_a_model_is_for():
    config = {"variant": "superres", "input_shape": [32, 32, 3], "scale": 2}
    assert card._use(config, {}) == ["restored = model.reconstruct(images)  # uint8 0..255 or floats 0..1, (N, 16, 16, 3)"]
    assert card._use({**config, "variant": "ae"}, {})[0].startswith("features = model.encode(images)")
    assert card._use(config, {"patches": 5})[0].startswith("restored = model.reconstruct(photographs)")
    data = {"name": "photos", "version": "", "split": "train", "n": 4000, "patches": 5, "test": "others"}
    assert card.trained_on(data) == "photographs of the folder photos: 4,000 patches, 5 of each; tested on the folder others"


def test_a_rounded_baseline_is_compared_to_its_stated_precision():
    entry = {"metrics": {"mse": {"value": 0.0168283}}, "baseline": {"metric": "mse", "value": 0.0168, "source": "PCA"}}
    assert card.baseline_text(entry) == "mse 0.0168: PCA"
    entry["metrics"]["mse"]["value"] = 0.01686
    assert card.baseline_text(entry) == "worse than mse 0.0168: PCA"
    entry["baseline"]["value"] = 0.01685
    assert card.baseline_text(entry) == "mse 0.01685: PCA"


def test_tables_state_the_baselines_beside_the_figure():
    entry = {**FIGURES, "bytes": 1_000_000}
    line = readme.weights_table({NAME: entry}, readme._Cards(Path("cards"), 0)).splitlines()[-1]
    assert "linear_accuracy 0.9 (worse than untrained) [raw input 0.8, PCA 0.9, untrained 0.95]" in line
    assert "**mse 0.003 (worse than PCA)**" in line and "worse than mse 0.0025: another, measured" in line


def test_the_check_measures_the_baselines_again(published, dataset, tmp_path, monkeypatch, capsys):
    _, entry = published
    assert entry["metrics"]["knn_error"]["baselines"].keys() == {"raw input", "PCA", "untrained"}
    off = json.loads(json.dumps(entry))
    off["metrics"]["knn_error"]["baselines"]["untrained"] += 0.2
    for stated, code in ((entry, 0), (off, 1)):
        probed = {**stated, "metrics": {"knn_error": stated["metrics"]["knn_error"]}}
        stating(probed, published[0], tmp_path / str(code), monkeypatch)
        assert main(["evaluate", NAME, "--check", "--data", dataset]) == code
    out = capsys.readouterr()
    assert "knn_error of untrained" in out.out and "knn_error of untrained of vae_mlp.digits differ from the card" in out.err
