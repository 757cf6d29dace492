"""The masked autoencoder: what is dropped is never seen, and what is found is of what was dropped."""

import keras
import numpy as np
import pytest
from keras import ops
from tiny import tiny

from zoo.backbones.standardized import scales
from zoo.errors import ZooError
from zoo.layers.blocks.tokens import patchify
from zoo.layers.corruptions.masking import PatchDropout, PatchMask, masked_error
from zoo.pretrained.arrays import named_variables


def test_a_mask_shows_the_share_asked_for_and_each_patch_as_often():
    keras.utils.set_random_seed(0)
    chosen = ops.convert_to_numpy(PatchMask(0.75, 16)(np.zeros((2000, 16, 3))))
    assert chosen.shape == (2000, 4, 16) and set(np.unique(chosen)) == {0.0, 1.0}
    assert (chosen.sum(axis=2) == 1).all() and chosen.sum(axis=1).max() == 1
    # A standard error of .01.
    np.testing.assert_allclose(chosen.sum(axis=1).mean(axis=0), 0.25, atol=0.05)


def test_patches_are_left_out_in_training_alone():
    keras.utils.set_random_seed(0)
    # Every token is its own number.
    tokens = np.arange(17, dtype=np.float32)[None, :, None] * np.ones((2000, 1, 2), np.float32)
    left = ops.convert_to_numpy(PatchDropout(0.75, 16)(tokens, training=True))
    assert left.shape == (2000, 5, 2) and not left[:, 0].any()
    counts = np.array([np.bincount(row.astype(int), minlength=17) for row in left[..., 0]])
    assert counts.max() == 1
    # A standard error of .01.
    np.testing.assert_allclose(counts[:, 1:].mean(axis=0), 0.25, atol=0.05)
    np.testing.assert_array_equal(ops.convert_to_numpy(PatchDropout(0.75, 16)(tokens)), tokens)


def test_blocks_learn_from_the_patches_that_are_left_and_read_all():
    model = tiny("mae_vit", patch_dropout=0.5)
    reader, x = model.encoder.at("block1", "mean"), np.random.default_rng(0).random((4, 8, 8, 1), dtype=np.float32)
    whole = ops.convert_to_numpy(reader(x))
    np.testing.assert_array_equal(ops.convert_to_numpy(reader(x)), whole)
    some = [ops.convert_to_numpy(reader(x, training=True)) for _ in range(2)]
    assert np.any(some[0] != some[1], axis=1).all() and some[0].shape == whole.shape


@pytest.mark.parametrize("ratio, patches", [(0.75, 16), (0.5, 9), (0.7, 10), (0.25, 16), (0.4, 10), (0.1, 16)])
def test_complementary_masks_show_every_patch(ratio, patches):
    mask = PatchMask(ratio, patches)
    shown = np.array([choice.sum(axis=0) for choice in mask.complementary()])
    assert (shown.sum(axis=1) == mask.seen).all() and shown.max() == 1
    assert shown.any(axis=0).all() and (1 - shown).any(axis=0).all()


@pytest.mark.parametrize("ratio", [0.0, 0.99, 1.0])
def test_a_mask_that_hides_all_or_nothing_is_refused(ratio):
    with pytest.raises(ZooError, match=f"ratio={ratio} leaves"):
        PatchMask(ratio, 16)


def test_the_error_is_of_hidden_patches_alone():
    true, seen = np.zeros((2, 3, 4)), np.array([[1, 0, 0], [0, 1, 0]])
    predicted = np.array([[9.0, 1, 2], [3, 9, 0]])[:, :, None] * np.ones(4)
    assert float(masked_error(predicted, true, seen).numpy().mean()) == pytest.approx((1 + 4 + 9 + 0) / 4)


# With convolutions before the patches are cut, whose windows reach into those beside.
STEMS = pytest.mark.parametrize("options", [{}, {"stem": (4,), "stem_blocks": 1}], ids=["patches", "stem"])


def model_of(options, shape=(8, 8, 3)):
    """A small masked autoencoder, all of whose stem's branches count: they begin at zero."""
    keras.utils.set_random_seed(0)
    model = tiny("mae_vit", shape, **options)
    for variable in model.trainable_variables:
        if variable.path.endswith("/scale"):
            variable.assign(1.0)
    return model


@STEMS
def test_what_is_hidden_never_reaches_the_encoder(options):
    model = model_of(options)
    a, b = np.random.default_rng(0).random((2, 1, 8, 8, 3), dtype=np.float32)
    chosen = ops.convert_to_tensor(model.corruption.complementary()[0][None])
    shown = np.asarray(chosen)[0].sum(axis=0).reshape(4, 4).repeat(2, axis=0).repeat(2, axis=1)[None, :, :, None]
    mixed = np.where(shown, a, b)
    tokens = [ops.convert_to_numpy(model.encoder.backbone.seen(patchify(x, 2), chosen)) for x in (a, mixed, b)]
    assert tokens[0].shape == (1, 1 + 4, 8)
    np.testing.assert_array_equal(tokens[0], tokens[1])
    assert np.abs(tokens[0] - tokens[2]).max() > 1e-3


HIERARCHIES = pytest.mark.parametrize("name, options", [("mae_convnext", {"filters": (4, 6)}), ("mae_hiera", {"width": 4})])


@HIERARCHIES
def test_nor_does_it_reach_convolutions(name, options):
    """At any place of the last maps, whose windows span the whole image, or through the norms of maps."""
    model = tiny(name, (16, 16, 3), blocks=(1, 1), **options)
    for variable in model.trainable_variables:
        if variable.path.endswith(("gamma", "beta", "bias")):
            variable.assign(np.random.default_rng(0).normal(size=variable.shape))
    a, b = np.random.default_rng(0).random((2, 1, 16, 16, 3), dtype=np.float32)
    chosen = ops.convert_to_tensor(model.corruption.complementary()[0][None])
    shown = np.asarray(chosen)[0].sum(axis=0).reshape(2, 2).repeat(8, axis=0).repeat(8, axis=1)[None, :, :, None]
    mixed = np.where(shown, a, b)
    tokens = [ops.convert_to_numpy(model.encoder.backbone.seen(patchify(x, 8), chosen)) for x in (a, mixed, b)]
    assert tokens[0].shape[:2] == (1, 1 + 1)
    np.testing.assert_array_equal(tokens[0], tokens[1])
    assert np.abs(tokens[0] - tokens[2]).max() > 1e-3
    every = np.eye(4, dtype=np.float32)[None]
    seen = ops.convert_to_numpy(model.encoder.backbone.seen(patchify(a, 8), every))
    np.testing.assert_allclose(seen, ops.convert_to_numpy(model.encoder.backbone.net(a)), atol=1e-5)


@HIERARCHIES
def test_every_part_of_it_is_trained(name, options, eagerly):
    keras.utils.set_random_seed(0)
    model = tiny(name, (16, 16, 3), blocks=(1, 1), decoder_depth=1, **options)
    before = {path: np.array(variable) for path, variable in named_variables(model).items()}
    x = np.random.default_rng(0).random((8, 16, 16, 3), dtype=np.float32)
    assert np.isfinite(model.fit(x, batch_size=4, epochs=2, verbose=0).history["loss"]).all()
    assert not [path for path, variable in named_variables(model).items() if np.array_equal(variable, before[path])]


@STEMS
def test_seeing_all_is_what_the_encoder_does_without_a_mask(options):
    model = model_of(options)
    x = np.random.default_rng(0).random((2, 8, 8, 3), dtype=np.float32)
    every = np.eye(16, dtype=np.float32)[None].repeat(2, axis=0)
    seen = ops.convert_to_numpy(model.encoder.backbone.seen(patchify(x, 2), every))
    np.testing.assert_allclose(seen, ops.convert_to_numpy(model.encoder.backbone.net(x)), atol=1e-5)
    np.testing.assert_allclose(model.encode(x), seen[:, 1:].mean(axis=1), atol=1e-5)
    # And the decoder finds the same, whether tokens come as a code or from a mask that hides nothing.
    found = model.decoder.backbone.found(seen, every)
    scaled = model.decoder.backbone.scaled(found, *scales(patchify(x, 2)))
    np.testing.assert_allclose(model.decode(ops.convert_to_numpy(model.code(x))), np.clip(scaled, 0, 1), atol=1e-5)


def test_targets_are_patches_at_mean_zero_and_deviation_one():
    patches = np.random.default_rng(0).uniform(0.2, 0.9, (2, 5, 48)).astype("float32")
    target = ops.convert_to_numpy(tiny("mae_vit").decoder.backbone.target(patches))
    np.testing.assert_allclose(target.mean(axis=-1), 0, atol=1e-5)
    np.testing.assert_allclose(target.std(axis=-1), 1, atol=1e-3)


def test_pixels_as_targets_are_found_without_the_scale_of_their_patch():
    model = tiny("mae_vit", (8, 8, 1), normalized_targets=False)
    patches = np.random.default_rng(0).uniform(0.2, 0.9, (2, 5, 4)).astype("float32")
    np.testing.assert_array_equal(model.decoder.backbone.target(patches), patches)
    # Of a patch that is hidden, nothing is known.
    x = np.random.default_rng(0).random((1, 8, 8, 1), dtype=np.float32)
    other = x.copy()
    other[:, :2, :2] = 0.5
    np.testing.assert_allclose(model.reconstruct(x)[:, :2, :2], model.reconstruct(other)[:, :2, :2], atol=1e-6)
    code = ops.convert_to_numpy(model.code(x))
    found = ops.convert_to_numpy(model.decoder.backbone.net(code[..., :-2]))
    np.testing.assert_allclose(model.decode(code), np.clip(found, 0, 1), atol=1e-5)


@pytest.mark.slow
@STEMS
def test_what_is_found_of_a_patch_does_not_depend_on_it(options):
    model = model_of(options, (8, 8, 1))
    # The scale of a patch is its own; so the other image keeps its values, in another order.
    x = np.random.default_rng(0).random((1, 8, 8, 1), dtype=np.float32)
    other = x.copy()
    other[:, :2, :2] = other[:, :2, :2][:, ::-1, ::-1]
    # (0, 0) is hidden wherever its value is read from.
    np.testing.assert_allclose(model.reconstruct(x)[:, :2, :2], model.reconstruct(other)[:, :2, :2], atol=1e-6)
    assert np.abs(model.reconstruct(x) - model.reconstruct(other)).max() > 1e-5
    assert model.anomaly_score(x).shape == (1,)


@pytest.mark.slow
def test_it_learns_to_find_what_is_hidden():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    # Stripes, dark first or bright first: any patch that is seen tells of all others.
    stripes = np.arange(8)[None, :, None, None] % 2 * np.ones((512, 8, 8, 1), np.float32)
    x = np.where(rng.random((512, 1, 1, 1)) < 0.5, stripes, 1 - stripes)
    model = tiny("mae_vit", (8, 8, 1), width=32, decoder_width=32)
    model.compile(keras.optimizers.Adam(3e-3))
    history = model.fit(x, batch_size=32, epochs=10, verbose=0).history
    assert history["reconstruction"][-1] < 0.5 * history["reconstruction"][0]
    assert history["loss"] == history["reconstruction"]


def test_series_and_targets():
    x = np.random.default_rng(0).random((8, 12, 3), dtype=np.float32)
    model = tiny("mae_vit", (12, 3))
    assert np.isfinite(model.fit(x, verbose=0).history["loss"]).all()
    assert model.encode(x).shape == (8, 8) and model.reconstruct(x).shape == x.shape
    with pytest.raises(ZooError, match="mae is trained to reconstruct its own input"):
        model.fit(x, x, verbose=0)
