"""Labels on the way from the data to the model: chosen, batched, resumed."""

import keras
import numpy as np
import pytest
from tiny import tiny
from tiny_recipe import tiny_recipe

import zoo
from zoo.data.pipeline import fixed_batches, known_labels, training_batches
from zoo.data.sources import Data
from zoo.evaluation.measurement import measure
from zoo.models.base.classifier import classifier
from zoo.training.callbacks import Checkpoint
from zoo.training.fit import fit

LABELS = np.arange(23) % 4
NUMBERED = np.arange(23, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 3, 1), np.uint8)
M2 = dict(variant="m2_vae", input_shape=(8, 8, 1), latent_dim=4, hidden=(16,), alpha=1.0)


def m2_recipe(**changes):
    fields = dict(name="m2_vae_mlp.digits", model=M2, labelled=20, labelled_share=0.25, epochs=2, transforms=("binarize",))
    return tiny_recipe(**{**fields, **changes})


def batches(labels=LABELS, share=0.0, first=0, steps=14, **rest):
    data = training_batches(NUMBERED, 5, 0, first, steps, labels=labels, labelled_share=share, **rest)
    found = list(data.as_numpy_iterator())
    return np.stack([b["images"] for b in found]), np.stack([b["labels"] for b in found])


@pytest.mark.parametrize("share", (0.0, 0.4))
def test_labels_stay_with_their_images_and_a_run_goes_on_from_any_step(share):
    known = known_labels(LABELS, 6, seed=1)
    images, labels = batches(known, share)
    np.testing.assert_array_equal(labels, known[images[..., 0, 0, 0]])
    again = batches(known, share, first=5, steps=9)
    np.testing.assert_array_equal(again[0], images[5:])
    np.testing.assert_array_equal(again[1], labels[5:])


def test_without_a_share_the_order_is_that_without_labels():
    plain = np.stack(list(training_batches(NUMBERED, 5, 0, 0, 14).as_numpy_iterator()))
    np.testing.assert_array_equal(batches()[0], plain)


def test_the_share_comes_first_from_the_labelled_all_as_often():
    known = known_labels(LABELS, 6, seed=1)
    images, labels = batches(known, 0.4, steps=30)
    assert (labels[:, :2] >= 0).all()
    counts = np.bincount(images[:, :2, 0, 0, 0].ravel(), minlength=23)
    np.testing.assert_array_equal(counts, np.where(known >= 0, 10, 0))
    rest = images[:23, 2:, 0, 0, 0].ravel()
    np.testing.assert_array_equal(np.bincount(rest, minlength=23), 3)


def test_labels_are_chosen_evenly_by_the_seed():
    known = known_labels(LABELS, 10, seed=1)
    np.testing.assert_array_equal(known[known >= 0], LABELS[known >= 0])
    np.testing.assert_array_equal(np.bincount(known[known >= 0]), [3, 3, 2, 2])
    np.testing.assert_array_equal(known, known_labels(LABELS, 10, seed=1))
    assert (known != known_labels(LABELS, 10, seed=2)).any()
    np.testing.assert_array_equal(known_labels(LABELS, "all", seed=1), LABELS)
    with pytest.raises(zoo.ZooError, match="requires 6 images of class 3, but there are 5"):
        known_labels(LABELS, 24, seed=1)


def test_validation_with_labels():
    (batch,) = fixed_batches(NUMBERED, 20, LABELS).as_numpy_iterator()
    np.testing.assert_array_equal(batch["labels"], LABELS[:20])
    np.testing.assert_array_equal(batch["images"], NUMBERED[:20])


@pytest.mark.slow
def test_a_training_with_labels_goes_on_bit_for_bit(digits, tmp_path, monkeypatch):
    images, labels = digits[0][:256], digits[1][:256]
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    whole, last = fit(m2_recipe(validation=32), images, tmp_path / "whole", labels=labels)
    assert {"classification", "label_kl", "val_loss"} < last.rows[0].keys()
    end = Checkpoint.on_epoch_end

    def die(self, epoch, logs=None):
        end(self, epoch, logs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "on_epoch_end", die)
        with pytest.raises(KeyboardInterrupt):
            fit(m2_recipe(validation=32), images, tmp_path / "killed", labels=labels)
    resumed, _ = fit(m2_recipe(validation=32), images, tmp_path / "killed", labels=labels)
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_has_no_labels_is_refused(digits, tmp_path):
    images, labels = digits[0][:64], digits[1][:64]
    with pytest.raises(zoo.ZooError, match="training images have no labels"):
        fit(m2_recipe(), images, tmp_path)
    with pytest.raises(zoo.ZooError, match="dae_mlp does not use labels"):
        fit(tiny_recipe(labelled="all"), images, tmp_path, labels=labels)
    with pytest.raises(zoo.ZooError, match="from 0 to 9; set the number of classes"):
        fit(m2_recipe(), images, tmp_path, labels=labels + 1)
    for changes in (dict(labelled=-1), dict(labelled="some"), dict(labelled_share=1.0), dict(labelled=0)):
        with pytest.raises(zoo.ZooError, match="got labelled"):
            m2_recipe(**changes)


def test_labels_decide_a_recipe_and_none_leave_its_hash():
    assert not {"labelled", "labelled_share"} & tiny_recipe().decides().keys()
    assert m2_recipe().decides()["labelled"] == 20
    assert m2_recipe().sha256() != m2_recipe(labelled=30).sha256()


def test_the_classification_error_is_the_models_own(digits, tmp_path):
    images, labels = digits
    np.savez(tmp_path / "d.npz", x_train=images[:100], y_train=labels[:100], x_test=images[100:150], y_test=labels[100:150])
    model = zoo.create(**M2)
    found = measure(model, ("classification_error",), str(tmp_path / "d.npz"), progress=None)["classification_error"]
    wrong = (model.classify(images[100:150]).argmax(axis=1) != labels[100:150]).mean()
    assert found["value"] == pytest.approx(wrong) and found["n"] == 50
    few = labels[100:150] > 3
    np.savez(tmp_path / "few.npz", images=images[100:150][few], labels=labels[100:150][few])
    found = measure(model, ("classification_error",), str(tmp_path / "few.npz"), progress=None)["classification_error"]
    assert found["value"] == pytest.approx((model.classify(images[100:150][few]).argmax(axis=1) != labels[100:150][few]).mean())
    with pytest.raises(zoo.ZooError, match="has no classifier"):
        measure(zoo.create("ae", input_shape=(8, 8, 1)), ("classification_error",), str(tmp_path / "d.npz"), progress=None)


def test_a_classifier_knows_classes_by_name(digits):
    """A test folder without the first class numbers the others anew; data without names name classes by their numbers."""
    images, labels = digits[0][:60], digits[1][:60]
    keras.utils.set_random_seed(0)
    trained = classifier(tiny("ae_mlp"), ["3", "5", "eight"])
    trained.head.set_weights([np.random.default_rng(0).normal(size=trained.head.kernel.shape), np.zeros(3)])
    guesses = trained.classify(images).argmax(axis=1)

    def error(labels, names):
        test = Data(images, labels, list(range(60)), "digits", "", names)
        return measure(trained, ("classification_error",), {"test": test}, progress=None)["classification_error"]["value"]

    assert len(np.unique(guesses)) == 3
    assert error(guesses, ["3", "5", "eight"]) == 0
    assert error((guesses + 1) % 3, ["eight", "3", "5"]) == 0
    assert error(np.ones(60, int), ["3", "eight"]) == pytest.approx(np.mean(guesses != 2), rel=1e-5)
    assert error(np.full(60, 5), None) == pytest.approx(np.mean(guesses != 1), rel=1e-5)
    with pytest.raises(zoo.ZooError, match="the classes 4, 7, expected the classes of the model: 3, 5, eight"):
        error(np.where(labels > 5, 7, 4), None)
