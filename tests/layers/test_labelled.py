"""Labels: M2's bound against a sum by hand, unknown labels, what a label does to a sample."""

import keras
import numpy as np
import pytest
from keras import ops
from tiny import tiny

from zoo.errors import ZooError
from zoo.evaluation.likelihood import elbo, log_likelihood


def m2(quiet=True, **options):
    """A small M2, whose posterior has next to no noise."""
    keras.utils.set_random_seed(2)
    model = tiny("m2_vae_mlp", alpha=3.0, **options)
    model.bottleneck.logits.kernel.assign(20 * model.bottleneck.logits.kernel)
    model.bottleneck.mean.kernel.assign(4 * model.bottleneck.mean.kernel)
    if quiet:
        model.bottleneck.log_variance.bias.assign(np.full(4, -14.0))
    model.compile(keras.optimizers.SGD(0.0))
    return model


def terms(model, x):
    return model.evaluate(x, verbose=0, return_dict=True, batch_size=64)


def by_hand(model, x):
    """log q(y|x) (N, K), and of every class reconstruction loss and divergence (N, K)."""
    h = model.encoder.backbone(x)
    count, classes = len(x), model.bottleneck.classes
    loss, kl = np.zeros((count, classes)), np.zeros((count, classes))
    for c in range(classes):
        y = np.tile(np.eye(classes, dtype="float32")[c], (count, 1))
        mean, log_variance = (ops.convert_to_numpy(t).astype("float64") for t in model.bottleneck.conditional_posterior(h, y))
        outputs = model.decoder.backbone(np.concatenate([mean, y], axis=1).astype("float32"))
        logits, pixels = ops.convert_to_numpy(outputs).reshape(count, -1).astype("float64"), x.reshape(count, -1)
        loss[:, c] = (np.logaddexp(0, logits) - pixels * logits).sum(axis=1)
        kl[:, c] = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=1)
    return np.log(model.classify(x).astype("float64")), loss, kl


def test_the_unlabelled_bound_is_the_sum_over_classes(images):
    model, x = m2(), images / np.float32(255)
    log_belief, loss, kl = by_hand(model, x)
    belief = np.exp(log_belief)
    np.testing.assert_allclose(belief.sum(axis=1), 1, rtol=1e-5)
    assert 0.1 < -(belief * log_belief).sum(axis=1).mean() < 2.2, "neither certain nor clueless, or the test says little"
    bound = (belief * (loss + kl + np.log(10) + log_belief)).sum(axis=1)
    found = terms(model, x)
    assert found["loss"] == pytest.approx(bound.mean(), rel=1e-3)
    assert found["reconstruction"] == pytest.approx((belief * loss).sum(axis=1).mean(), rel=1e-3)
    assert found["kl"] == pytest.approx((belief * kl).sum(axis=1).mean(), rel=1e-3)
    assert found["label_kl"] == pytest.approx((belief * (log_belief + np.log(10))).sum(axis=1).mean(), rel=1e-3)
    assert found["classification"] == 0


def test_known_labels_take_their_own_class_and_unknown_ones_all(images, digits):
    model, x, labels = m2(), images / np.float32(255), digits[1][:40].astype("int32")
    labels = np.where(np.arange(40) % 3 == 0, labels, -1)
    log_belief, loss, kl = by_hand(model, x)
    weights = np.where(labels[:, None] >= 0, np.eye(10)[labels], np.exp(log_belief))
    surprise = -log_belief[np.arange(40), labels][labels >= 0]
    entropy = -(np.exp(log_belief) * log_belief).sum(axis=1) * (labels < 0)
    found = terms(model, {"images": x, "labels": labels})
    assert found["classification"] == pytest.approx(3 * surprise.mean(), rel=1e-3)
    assert found["label_kl"] == pytest.approx(np.log(10) - entropy.mean(), rel=1e-3)
    expected = (weights * (loss + kl)).sum(axis=1).mean() + np.log(10) - entropy.mean() + 3 * surprise.mean()
    assert found["loss"] == pytest.approx(expected, rel=1e-3)


def test_all_labels_unknown_is_images_alone(images):
    model = m2()
    unknown = {"images": images, "labels": np.full(40, -1)}
    for name, value in terms(model, images).items():
        assert terms(model, unknown)[name] == pytest.approx(value, rel=1e-4)


def test_importance_weights_of_label_and_latents_average_to_one(images):
    model = m2(quiet=False)
    model.bottleneck.mean.kernel.assign(0.1 * model.bottleneck.mean.kernel)
    h = model.encoder.backbone(images[:2] / np.float32(255))
    codes, log_weights = model.bottleneck.importance_samples(h, 20_000, seed=5)
    weights, y = np.exp(ops.convert_to_numpy(log_weights)), ops.convert_to_numpy(codes)[..., 4:]
    error = weights.std(axis=1) / np.sqrt(weights.shape[1])
    assert np.all(np.abs(weights.mean(axis=1) - 1) < 5 * error) and np.all(error < 0.1)
    np.testing.assert_array_equal(y.sum(axis=-1), 1)
    np.testing.assert_allclose(y.mean(axis=1), model.classify(images[:2] / np.float32(255)), atol=0.02)


def test_the_bound_of_draws_is_the_bound_of_sums(images):
    model, x = m2(), (images > 127).astype("float32")
    assert -elbo(model, x, k=400, seed=3).mean() == pytest.approx(terms(model, x)["loss"], rel=0.01)
    assert log_likelihood(model, x, k=100).mean() > elbo(model, x, k=100).mean()


@pytest.mark.slow
def test_a_few_labels_teach_m2_to_classify(digits):
    images, labels = digits
    known = np.where(np.arange(1000) < 200, labels[:1000], -1).astype("int32")
    keras.utils.set_random_seed(0)
    model = tiny("m2_vae_mlp", hidden=(64,), alpha=10.0)
    model.compile(keras.optimizers.Adam(3e-3))
    history = model.fit({"images": images[:1000], "labels": known}, batch_size=100, epochs=20, verbose=0).history
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    beliefs = model.classify(images[1000:])
    assert beliefs.shape == (797, 10)
    assert (beliefs.argmax(axis=1) != labels[1000:]).mean() < 0.25
    assert np.isfinite(model.sample(4, labels=np.array([1, 2, 3, 4]))).all()


@pytest.mark.slow
def test_a_conditional_vae_draws_what_it_is_asked_for(digits):
    images, labels = digits
    keras.utils.set_random_seed(0)
    model = tiny("cvae_mlp", hidden=(64,))
    model.compile(keras.optimizers.Adam(3e-3))
    history = model.fit({"images": images, "labels": labels}, batch_size=100, epochs=20, verbose=0).history
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    means = np.stack([images[labels == c].mean(axis=0) / 255 for c in range(10)])
    right = 0
    for c in range(10):
        drawn = model.sample(20, seed=1, labels=c)
        right += (((drawn[:, None] - means) ** 2).sum(axis=(2, 3, 4)).argmin(axis=1) == c).sum()
    assert right > 160, "by the nearest class mean, chance is 20"
    np.testing.assert_array_equal(model.sample(3, labels=2), model.sample(3, labels=np.array([2, 2, 2])))
    assert np.isfinite(model.reconstruct(images[:5])).all() and model.encode(images[:5]).shape == (5, 4)


def test_hidden_labels_are_unknown_ones(images):
    keras.utils.set_random_seed(0)
    model = tiny("cvae_mlp", label_dropout=1.0)
    h = model.encoder.backbone(images[:5] / np.float32(255))
    code = ops.convert_to_numpy(model.bottleneck(h, labels=np.arange(5), training=True))
    np.testing.assert_array_equal(code[:, 4:], 0)
    code = ops.convert_to_numpy(model.bottleneck(h, labels=np.array([3, -1, 0, 9, -1]), training=False))
    np.testing.assert_array_equal(code[:, 4:], np.eye(11)[[3, 10, 0, 9, 10], :10])


def test_bad_requests(images):
    model = tiny("cvae_mlp")
    for labels in (10, -1, np.array([1, 2]), 1.5):
        with pytest.raises(ZooError, match="expected one integer, or one per sample, from 0 to 9"):
            model.sample(3, labels=labels)
    with pytest.raises(ZooError, match="mapping of images, expected 'images' and 'labels'"):
        model({"images": images[:2]})
    with pytest.raises(ZooError, match="classes=1"):
        tiny("m2_vae_mlp", classes=1)
    with pytest.raises(ZooError, match="alpha=-1"):
        tiny("m2_vae_mlp", alpha=-1)
    with pytest.raises(ZooError, match="label_dropout=2"):
        tiny("cvae_mlp", label_dropout=2)
    with pytest.raises(ZooError, match="its own input"):
        tiny("m2_vae_mlp").fit(images, images, verbose=0)
