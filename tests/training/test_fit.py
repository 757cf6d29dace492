"""The training loop: compiled once, the same for the same seed, and the same again after a kill at any moment."""

import inspect
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from tiny_recipe import MODEL, main, tiny_recipe

import zoo
from zoo.data import pipeline
from zoo.models.base.autoencoder import Autoencoder
from zoo.training import fit as training
from zoo.training.callbacks import Checkpoint, EarlyStopping, StopOnNaN
from zoo.training.fit import fit
from zoo.utils.files import write_atomically


@pytest.fixture(scope="module")
def some(digits):
    return digits[0][:256]


@pytest.fixture(scope="module")
def once(some, tmp_path_factory):
    """A model after one epoch, and the folder of the run. Tests change neither."""
    folder = tmp_path_factory.mktemp("once")
    return fit(tiny_recipe(epochs=1), some, folder)[0], folder


def weights(model):
    return model.get_weights()


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


# -- resume


def run_and_die(folder, arrays, moment):
    script = Path(__file__).parents[1] / "tiny_recipe.py"
    root = str(script.parents[1])
    done = subprocess.run(
        [sys.executable, str(script), str(folder), str(arrays), moment],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stdout


def epochs_done(folder):
    with np.load(folder / "checkpoint.npz") as file:
        return json.loads(file["state"].tobytes())["epoch"]


@pytest.mark.parametrize("moments", [("write",), pytest.param(("step", "write"), marks=pytest.mark.slow)], ids=", then ".join)
def test_a_killed_training_ends_bit_for_bit_like_one_never_killed(moments, some, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_STEPS_A_CALL", 4)
    whole, last = fit(tiny_recipe(), some, _made(tmp_path / "whole"))
    folder = _made(tmp_path / "killed")
    np.save(tmp_path / "images.npy", some)
    for moment in moments:
        run_and_die(folder, tmp_path / "images.npy", moment)
        assert epochs_done(folder) == 1, "a half-written checkpoint took the place of a whole one"
    resumed, checkpoint = fit(tiny_recipe(), some, folder)
    assert same(weights(whole), weights(resumed))
    assert [row["loss"] for row in checkpoint.rows] == [row["loss"] for row in last.rows]
    assert (folder / "history.csv").read_text() == (tmp_path / "whole" / "history.csv").read_text()
    assert {p.name for p in folder.iterdir()} == {"checkpoint.npz", "history.csv"}, "a killed write left its temporary file"


@pytest.mark.slow
def test_without_tensorflow_a_run_goes_on_and_what_it_gave_ends_where_tensorflow_is(some, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "installed", lambda name: False)
        whole, last = fit(tiny_recipe(), some, _made(tmp_path / "whole"))
        assert last.rows[-1]["loss"] < last.rows[0]["loss"]
        end = Checkpoint.on_epoch_end

        def killed(self, epoch, logs=None):
            end(self, epoch, logs)
            if epoch == 1:
                raise KeyboardInterrupt

        patch.setattr(Checkpoint, "on_epoch_end", killed)
        with pytest.raises(KeyboardInterrupt):
            fit(tiny_recipe(), some, _made(tmp_path / "killed"))
        patch.setattr(Checkpoint, "on_epoch_end", end)
        resumed, _ = fit(tiny_recipe(), some, tmp_path / "killed")
        _, held = fit(tiny_recipe(validation=40), some, _made(tmp_path / "held"))
    assert all(np.isfinite(row["val_loss"]) for row in held.rows)
    assert same(weights(whole), weights(resumed))
    assert same(weights(whole), weights(fit(tiny_recipe(), some, tmp_path / "whole")[0]))


def test_a_finished_run_taken_up_again_only_ends_what_fit_ends(some, tmp_path):
    """The moving average becomes the weights after the last checkpoint: it must do so again."""
    recipe = tiny_recipe(epochs=2)
    first, _ = fit(recipe, some, tmp_path)
    again, checkpoint = fit(recipe, some, tmp_path)
    assert same(weights(first), weights(again))
    assert checkpoint.epoch == 2 and len(checkpoint.rows) == 2


def test_the_moving_average_is_what_is_kept(once):
    model, folder = once
    with np.load(folder / "checkpoint.npz") as file:
        last = [file[key] for key in file.files if key.startswith("variable")]
    averages = model.optimizer._model_variables_moving_average
    for average, variable in zip(averages, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(average.numpy(), variable.numpy())
        # Saved twice, as the average and as it was; training must go on from the latter.
        assert sum(np.array_equal(average.numpy(), array) for array in last) == 1


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(once, some, tmp_path):
    again, other = (fit(tiny_recipe(epochs=1, seed=seed), some, _made(tmp_path / str(seed)))[0] for seed in (0, 4))
    assert same(weights(once[0]), weights(again))
    assert not any(np.array_equal(a, b) for a, b in zip(weights(once[0]), weights(other)) if a.ndim == 2)


def test_a_checkpoint_of_another_recipe_is_refused_and_stays(once, some, tmp_path):
    shutil.copytree(once[1], tmp_path, dirs_exist_ok=True)
    before = (tmp_path / "checkpoint.npz").read_bytes()
    with pytest.raises(zoo.ZooError, match="learning_rate, seed; give the same values, another folder, or --restart"):
        fit(tiny_recipe(epochs=1, learning_rate=1e-3, seed=1), some, tmp_path)
    assert (tmp_path / "checkpoint.npz").read_bytes() == before
    with pytest.raises(zoo.ZooError, match="different values of images;"):
        fit(tiny_recipe(epochs=1), some[::-1], tmp_path)
    # What is measured afterwards, and how the set ships, is no part of the training.
    fit(tiny_recipe(epochs=1, metrics=("psnr",), half=True, embedded=False, baseline=("mse", 1.0, "")), some, tmp_path)


@pytest.mark.parametrize("damage", [lambda data: data[:1000], lambda data: b"", lambda data: b"nonsense" * 100])
def test_a_broken_checkpoint_is_one_clear_error(damage, tmp_path, monkeypatch):
    model = training.fresh_model(tiny_recipe())
    training.prepare(tiny_recipe(), model, 4)
    checkpoint = Checkpoint(tmp_path, tiny_recipe().decides())
    checkpoint.set_model(model)
    checkpoint.on_epoch_begin(0)
    checkpoint.on_epoch_end(0, {"loss": 1.0})
    checkpoint.path.write_bytes(damage(checkpoint.path.read_bytes()))
    before = weights(model)
    with pytest.raises(zoo.ZooError, match="cannot be read.*--restart"):
        Checkpoint(tmp_path, tiny_recipe().decides()).restore(model)
    assert same(before, weights(model))


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"before")

    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError):
        write_atomically(path, b"after")
    assert [p.name for p in tmp_path.iterdir()] == ["file"] and path.read_bytes() == b"before"


# -- one compiled function


def test_fit_is_one_function_and_never_retraces(some, tmp_path, monkeypatch):
    traced = []
    compute_loss = Autoencoder.compute_loss

    def counted(self, *args, **kwargs):
        traced.append(kwargs.get("training", True))
        return compute_loss(self, *args, **kwargs)

    monkeypatch.setattr(Autoencoder, "compute_loss", counted)
    # 251 - 40 images: batches cross the ends of epochs, and the held-out images fill no whole number of batches.
    short, _ = fit(tiny_recipe(epochs=1, validation=40), some[:251], _made(tmp_path / "1"))
    once = len(traced)
    model, _ = fit(tiny_recipe(epochs=5, validation=40), some[:251], _made(tmp_path / "5"))
    assert len(traced) == 2 * once, "five epochs traced more often than one"
    for step in (model.train_function, model.test_function):
        # What Keras calls is a Python closure around the one tf.function.
        compiled = inspect.getclosurevars(step).nonlocals["multi_step_on_iterator"]
        assert compiled.experimental_get_tracing_count() == 1
    assert not model.run_eagerly


def test_small_nets_take_many_steps_a_call(once):
    assert once[0].steps_per_execution == 16
    model = training.fresh_model(tiny_recipe())
    training.prepare(tiny_recipe(), model, 97 * 2)
    assert model.steps_per_execution == 2, "a call must end where the epoch does"


@pytest.mark.parametrize("method", ["encode", "reconstruct", "anomaly_score"])
def test_a_ragged_last_batch_is_no_retrace(method, some):
    model = zoo.create(**MODEL)
    whole = getattr(model, method)(some[:96], batch_size=32)
    ragged = getattr(model, method)(some[:70], batch_size=32)
    np.testing.assert_allclose(ragged, whole[:70], atol=1e-6)
    compiled = [f for m in (model, model.encoder) for f in m.__dict__.get("_zoo_compiled", {}).values()]
    assert [f.value.experimental_get_tracing_count() for f in compiled] == [1]


# -- what stops it


def test_a_diverging_training_stops_with_a_hint(some, tmp_path):
    with pytest.raises(zoo.ZooError, match="diverged.*loss.*step.*learning rate of.*lower the learning rate"):
        fit(tiny_recipe(learning_rate=1e30, warmup_epochs=0.0, ema=None), some, tmp_path)
    assert not (tmp_path / "checkpoint.npz").exists(), "a checkpoint of lost weights"


@pytest.mark.parametrize("place, named, step", [(-1, "loss", 1), (0, "dense.*kernel", 2)])
def test_weights_that_are_infinite_stop_it(place, named, step, some):
    """At once where the loss shows it; by the end of the epoch where a rectifier hides it."""
    model = zoo.create(**MODEL)
    variable = model.trainable_variables[place]
    variable.assign(np.full(variable.shape, np.inf))
    with pytest.raises(zoo.ZooError, match=f"diverged: .*{named}.* became NaN or infinite by step {step} "):
        model.fit(some[:32], batch_size=16, epochs=1, verbose=0, callbacks=[StopOnNaN()])


def test_early_stopping_brings_the_best_weights_back(some, tmp_path, monkeypatch):
    recipe = tiny_recipe(epochs=8, validation=32, patience=2, ema=None)
    seen = _validation_losses(monkeypatch, [3.0, 2.0, 2.5, 2.2, 1.0])
    model, checkpoint = fit(recipe, some, tmp_path)
    assert checkpoint.epoch == 4 and checkpoint.stopped
    assert same(weights(model), seen[1])
    assert not same(weights(model), seen[3])


def test_early_stopping_remembers_across_a_kill(some, tmp_path, monkeypatch):
    recipe = tiny_recipe(epochs=8, validation=32, patience=2, ema=None)
    losses = [2.0, 2.5]
    seen = _validation_losses(monkeypatch, losses, die_after=2)
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, some, tmp_path)
    seen = [seen[0], seen[1], *_validation_losses(monkeypatch, [2.4, 0.1])]
    model, checkpoint = fit(recipe, some, tmp_path)
    assert checkpoint.epoch == 3, "the epoch without a gain before the kill was forgotten"
    assert same(weights(model), seen[0]), "the best weights of before the kill were forgotten"
    again, checkpoint = fit(recipe, some, tmp_path)
    assert checkpoint.epoch == 3 and same(weights(again), seen[0])


def _validation_losses(monkeypatch, losses, die_after=None):
    """Feed early stopping these losses; the list of weights it saw."""
    seen, feed = [], iter(losses)
    original = EarlyStopping.__dict__.get("_original", EarlyStopping.on_epoch_end)
    monkeypatch.setattr(EarlyStopping, "_original", original, raising=False)

    def on_epoch_end(self, epoch, logs=None):
        if die_after is not None and len(seen) == die_after:
            raise KeyboardInterrupt
        seen.append(self.model.get_weights())
        original(self, epoch, {**logs, "val_loss": next(feed)})

    monkeypatch.setattr(EarlyStopping, "on_epoch_end", on_epoch_end)
    return seen


# -- bad input


def test_what_cannot_be_trained_is_one_clear_error(some, tmp_path):
    with pytest.raises(zoo.ZooError, match="got 8 training images, expected at least one batch of 16"):
        fit(tiny_recipe(), some[:8], tmp_path)
    with pytest.raises(zoo.ZooError, match="patience without validation"):
        fit(tiny_recipe(patience=2, ema=None), some, tmp_path)
    with pytest.raises(zoo.ZooError, match="validation=300 of 256 images, expected fewer"):
        fit(tiny_recipe(validation=300), some, tmp_path)
    with pytest.raises(zoo.ZooError, match=r"shape \(256, 4, 16, 1\), expected \(N, 8, 8, 1\)"):
        fit(tiny_recipe(), some.reshape(-1, 4, 16, 1), tmp_path)
    with pytest.raises(zoo.ZooError, match="floats from 0 to 255, expected 0..1"):
        fit(tiny_recipe(), some.astype("float32"), tmp_path)
    with pytest.raises(zoo.ZooError, match="transform 'flop'.*Did you mean 'flip'"):
        fit(tiny_recipe(transforms=("flop",)), some, tmp_path)


def test_bfloat16_trains_and_ends_in_a_set_that_loads_in_float32(some, tmp_path):
    model, checkpoint = fit(tiny_recipe(epochs=3, precision="mixed_bfloat16"), some, tmp_path)
    assert model.dtype_policy.name == "mixed_bfloat16" and keras.config.dtype_policy().name == "float32"
    assert checkpoint.rows[-1]["loss"] < checkpoint.rows[0]["loss"]
    zoo.save(model, tmp_path / "saved")
    loaded = zoo.load(tmp_path / "saved")
    assert {v.dtype for v in loaded.variables if "seed" not in v.path} == {"float32"}
    np.testing.assert_allclose(loaded.reconstruct(some[:20]), model.reconstruct(some[:20]), atol=0.05)


def test_logs(some, tmp_path):
    fit(tiny_recipe(epochs=2, validation=32), some, tmp_path, tensorboard=True)
    events = list((tmp_path / "tensorboard").rglob("events.out.tfevents*"))
    assert events and all(p.stat().st_size for p in events)
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert lines[0].startswith("epoch,") and {"loss", "reconstruction", "val_loss"} <= set(lines[0].split(","))
    assert [line.split(",")[0] for line in lines[1:]] == ["1", "2"]


def _made(folder):
    folder.mkdir()
    return folder


def test_the_killed_script_trains_the_same_recipe(some, tmp_path):
    """Else the comparison above would say nothing."""
    np.save(tmp_path / "images.npy", some)
    main(tmp_path, tmp_path / "images.npy", "never")
    assert epochs_done(tmp_path) == tiny_recipe().epochs
