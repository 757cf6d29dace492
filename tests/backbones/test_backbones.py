"""Encoders and their mirrors: shapes, depths, regularization."""

import keras
import numpy as np
import pytest
from keras import ops
from tiny import tiny

from zoo import backbones
from zoo.backbones.swin import WindowAttention
from zoo.errors import ZooError
from zoo.layers.blocks.tokens import patchify

SMALL = {
    "mlp": {"hidden": (6, 5)},
    "conv": {"filters": (4, 6)},
    "resnet": {"filters": (4, 6), "blocks": 1},
    "unet": {"filters": (4, 6, 8), "blocks": 1},
    "vit": {"patch_size": 2, "width": 8, "depth": 2, "heads": 2, "decoder_width": 4, "decoder_depth": 1, "decoder_heads": 1},
    "tcn": {"filters": (4, 6)},
    "gru": {"units": (5, 6)},
    "lstm": {"units": (6,)},
    "ldm": {"filters": (4, 6), "blocks": 1, "groups": 2, "attention": (1,)},
    "taesd": {"filters": 4, "blocks": (1, 1)},
    "dcae": {"filters": (4, 8), "blocks": (1, 1), "kinds": ("residual", "attention"), "scales": ((), (3,)), "head_dim": 4},
    "dncnn": {"filters": 4, "depth": 3},
    "convnext": {"filters": (4, 6), "blocks": (1, 1), "decoder_width": 4},
    "hiera": {"width": 4, "blocks": (1, 1), "decoder_width": 4, "decoder_depth": 1, "decoder_heads": 2},
    "swin": {"patch_size": 2, "width": 4, "blocks": (1, 2), "heads": 2, "window": 2},
}
DEPTHS = {
    "mlp": {"hidden1": (6,), "hidden2": (5,)},
    "conv": {"stage1": (4, 4, 4), "stage2": (2, 2, 6)},
    "resnet": {"stage1": (4, 4, 4), "stage2": (2, 2, 6)},
    "unet": {"down1": (8, 8, 8), "down2": (4, 4, 12), "down3": (2, 2, 16), "up2": (4, 4, 12), "up1": (8, 8, 8)},
    "vit": {"block1": (17, 8), "block2": (17, 8)},
    "tcn": {"block1": (8, 1, 4), "block2": (8, 1, 6)},
    "gru": {"layer1": (8, 1, 5), "layer2": (6,)},
    "lstm": {"layer1": (6,)},
    "ldm": {"stage1": (4, 4, 4), "stage2": (4, 4, 6), "middle": (4, 4, 6)},
    "taesd": {"stage1": (8, 8, 4), "stage2": (4, 4, 4)},
    "dcae": {"stage1": (4, 4, 8), "stage2": (4, 4, 8)},
    "dncnn": {"stage1": (8, 8, 4), "stage2": (8, 8, 4)},
    "convnext": {"stage1": (2, 2, 4), "stage2": (1, 1, 6)},
    "hiera": {"stage1": (2, 2, 4), "stage2": (1, 1, 8)},
    "swin": {"stage1": (4, 4, 4), "stage2": (2, 2, 8)},
}
# The others are as they were published, to be loaded.
REGULARIZED = [name for name in backbones.NAMES if {"dropout", "weight_decay"} <= set(backbones.options(name))]
OPTIONS = [
    ("mlp", {"hidden": ()}),
    ("mlp", {}),
    ("conv", {}),
    ("conv", {"strides": (1, 2), "convs_per_stage": 2, "kernel_size": 5, "batch_norm": True}),
    ("conv", {"filters": (4,), "strides": (1,)}),
    ("resnet", {}),
    ("resnet", {"first_stride": 1}),
    ("resnet", {"first_stride": 4, "blocks": 2}),
    ("resnet", {"linear_path": True}),
]


@pytest.mark.parametrize("shape", [(9, 7, 3), (1, 1, 1), (28, 28, 1), (64, 48, 3), (256, 256, 1)], ids=str)
@pytest.mark.parametrize("name, options", OPTIONS, ids=lambda v: v if isinstance(v, str) else "-".join(v) or "plain")
def test_the_decoder_gives_back_the_shape(name, options, shape):
    pair = backbones.build(name, shape, **{**SMALL[name], **options})
    h = pair.encoder(ops.zeros((2, *shape)))
    outputs = shape[-1] + 2
    if pair.linear_path:
        # Such a decoder improves an image, and stands behind a linear map of the code.
        assert h.shape == (2, np.prod(shape))
        assert pair.decoder(shape, outputs)(ops.zeros((2, *shape))).shape == (2, *shape[:2], outputs)
        return
    # Without hidden layers the code would be the image, and the decoder a dense layer from every pixel to every output.
    for code_shape in {(5,)} if options == {"hidden": ()} else {h.shape[1:], (5,)}:
        decoded = pair.decoder(code_shape, outputs)(ops.zeros((2, *code_shape)))
        assert decoded.shape == (2, *shape[:2], outputs)


@pytest.mark.parametrize("name", SMALL)
def test_a_network_tells_the_shape_that_it_has(name):
    pair = backbones.build(name, (8, 8, 3), **SMALL[name])
    h = pair.encoder(ops.zeros((2, 8, 8, 3)))
    # Without a trace of the network, by which Keras would find it, and of which building consisted once.
    assert pair.encoder.compute_output_shape((None, 8, 8, 3)) == (None, *h.shape[1:])
    decoder = pair.decoder(tuple(h.shape[1:]), 5)
    assert decoder(h).shape == (2, 8, 8, 5) and decoder.compute_output_shape((None, *h.shape[1:])) == (None, 8, 8, 5)


@pytest.mark.parametrize("shape", [(9, 7, 3), (2, 2, 1), (28, 28, 1), (64, 48, 3)], ids=str)
@pytest.mark.parametrize("stride", [1, 2])
def test_a_unet_ends_at_the_resolution_where_it_begins(shape, stride):
    pair = backbones.build("unet", shape, first_stride=stride, **SMALL["unet"])
    h = pair.encoder(ops.zeros((2, *shape)))
    assert h.shape == (2, -(-shape[0] // stride), -(-shape[1] // stride), 4)
    assert pair.decoder(h.shape[1:], 5)(h).shape == (2, *shape[:2], 5)
    with pytest.raises(ZooError, match="latent_dim=None"):
        pair.decoder((5,), 1)


def test_skips_lead_past_the_deepest_maps():
    encoder = backbones.build("unet", (8, 8, 1), filters=(4, 6), blocks=1).encoder
    a, b = np.random.default_rng(0).random((2, 1, 8, 8, 1), dtype=np.float32)
    before = ops.convert_to_numpy(encoder(a) - encoder(b))
    # With nothing coming up from below, what is left of the images came over the skip.
    encoder.rise[0].kernel.assign(ops.zeros_like(encoder.rise[0].kernel))
    after = ops.convert_to_numpy(encoder(a) - encoder(b))
    assert np.abs(after).max() > 1e-2 and np.abs(after - before).max() > 1e-2


def test_the_depths_of_a_unet_are_its_maps_of_either_sign():
    encoder = backbones.build("unet", (8, 8, 1), filters=(4, 6), blocks=1, activation="relu").encoder
    x = np.random.default_rng(0).random((3, 8, 8, 1), dtype=np.float32)
    for name in encoder.stage_names:
        h = ops.convert_to_numpy(encoder.until(x, name))
        half = h.shape[-1] // 2
        above, below = h[..., :half], h[..., half:]
        assert above.min() == below.min() == 0 and above.max() > 0 and below.max() > 0
        assert not np.any(above * below)
    np.testing.assert_allclose(encoder(x), above, atol=1e-6)


@pytest.mark.parametrize("shape, tokens", [((8, 6, 3), 13), ((12, 5), 7), ((64, 64, 1), 1025)], ids=str)
def test_a_transformer_gives_back_the_shape(shape, tokens):
    pair = backbones.build("vit", shape, **SMALL["vit"])
    h = pair.encoder(keras.KerasTensor((None, *shape)))
    assert h.shape == (None, tokens, 8)
    for code_shape in (h.shape[1:], (5,)):
        assert pair.decoder(code_shape, 2)(keras.KerasTensor((None, *code_shape))).shape == (None, *shape[:-1], 2)


def test_a_transformer_knows_places_and_nothing_of_order_besides():
    encoder = backbones.build("vit", (8, 8, 1), **SMALL["vit"]).encoder
    x = np.random.default_rng(0).random((1, 8, 8, 1), dtype=np.float32)
    swapped = np.concatenate([x[:, 4:], x[:, :4]], axis=1)
    tokens, moved = (ops.convert_to_numpy(encoder(images)) for images in (x, swapped))
    # The same patches in other places are another image; without the places they are the same, in another order.
    assert np.abs(moved[:, 0] - tokens[:, 0]).max() > 1e-3
    encoder.positions = 0 * encoder.positions
    tokens, moved = (ops.convert_to_numpy(encoder(images)) for images in (x, swapped))
    np.testing.assert_allclose(moved[:, 0], tokens[:, 0], atol=1e-5)
    np.testing.assert_allclose(moved[:, 1:], np.concatenate([tokens[:, 9:], tokens[:, 1:9]], axis=1), atol=1e-5)


@pytest.mark.parametrize(
    "size, window, shifted, reached",
    [
        ((4, 4), 2, False, {(0, 0), (0, 1), (1, 0), (1, 1)}),
        # Rows and columns that a shift brings together from opposite edges stay apart.
        ((4, 4), 2, True, {(0, 0)}),
        # Maps of the size of a window are one window, which nothing shifts.
        ((2, 3), 2, True, {(0, 0), (0, 1), (1, 0), (1, 1)}),
        ((2, 2), 5, True, {(0, 0), (0, 1), (1, 0), (1, 1)}),
    ],
)
def test_places_attend_to_their_window(size, window, shifted, reached):
    keras.utils.set_random_seed(0)
    layer = WindowAttention(4, 2, window, shifted)
    x = np.random.default_rng(0).random((1, *size, 4), dtype=np.float32)
    other = x.copy()
    other[0, 0, 0] += 1
    change = np.abs(ops.convert_to_numpy(layer(x) - layer(other))).max(axis=-1)[0]
    assert {tuple(map(int, place)) for place in np.argwhere(change > 1e-6)} == reached


def test_the_bias_of_a_window_is_one_number_for_each_relative_position():
    layer = WindowAttention(4, 2, 3, False)
    layer.build((None, 6, 6, 4))
    assert layer.bias.shape == (25, 2)
    pairs = layer.relative.reshape(9, 9)
    # From the first place to the second is as far as from the second to the third, or from the fourth to the fifth.
    assert pairs[0, 1] == pairs[1, 2] == pairs[3, 4] != pairs[1, 0] and len(np.unique(pairs)) == 25
    smaller = WindowAttention(4, 2, 3, False)
    smaller.build((None, 2, 2, 4))
    np.testing.assert_array_equal(smaller.relative.reshape(4, 4), pairs[np.ix_([0, 1, 3, 4], [0, 1, 3, 4])])


def test_a_stem_reads_what_is_around_a_patch():
    x = np.random.default_rng(0).random((1, 8, 8, 1), dtype=np.float32)
    other = x.copy()
    # The pixel beside the first patch, and so none of its own.
    other[0, 0, 2] += 1
    for stem, reaches in (((), False), ((4,), True)):
        encoder = backbones.build("vit", (8, 8, 1), stem=stem, stem_blocks=1, **SMALL["vit"]).encoder
        encoder.build((None, 8, 8, 1))
        for variable in encoder.trainable_variables:
            if variable.path.endswith("/scale"):
                variable.assign(1.0)
        tokens = [ops.convert_to_numpy(encoder.start(patchify(images, 2))) for images in (x, other)]
        assert tokens[0].shape == (1, 17, 8) and np.any(tokens[0][0, 1] != tokens[1][0, 1]) == reaches
        # It is learned with the first block.
        learned = [v for layer in encoder.depths()["block1"] for v in layer.trainable_variables]
        assert len(learned) == 14 + (7 if stem else 0)


def test_a_stem_is_for_images():
    with pytest.raises(ZooError, match=r"stem=\(4,\) for inputs of shape \(12, 3\) .*, expected images"):
        backbones.build("vit", (12, 3), stem=(4,), **SMALL["vit"])


def test_a_patch_may_be_several_places_of_a_stems_maps():
    encoder = backbones.build("vit", (8, 8, 3), stem=(4,), **{**SMALL["vit"], "patch_size": 4}).encoder
    assert encoder(ops.zeros((2, 8, 8, 3))).shape == (2, 5, 8) and encoder.embed.kernel.shape == (2 * 2 * 4, 8)


def test_flat_vectors():
    pair = backbones.build("mlp", (11,), hidden=(6,))
    assert pair.encoder(keras.KerasTensor((None, 11))).shape == (None, 6)
    assert pair.decoder((3,), 11)(keras.KerasTensor((None, 3))).shape == (None, 11)


@pytest.mark.parametrize("name", backbones.NAMES)
def test_every_depth_can_be_read(name):
    x = np.random.default_rng(0).random((2, 8, 8, 1), dtype=np.float32)
    encoder = backbones.build(name, (8, 8, 1), **SMALL[name]).encoder
    encoder(x)
    assert encoder.stage_names == list(DEPTHS[name])
    assert {stage: tuple(encoder.until(x, stage).shape[1:]) for stage in encoder.stage_names} == DEPTHS[name]


def test_the_mirror_has_the_layers_in_reverse():
    pair = backbones.build("mlp", (8, 8, 1), hidden=(6, 5))
    decoder = pair.decoder((3,), 1)
    decoder.build((None, 3))
    units = [layer.units for layer in decoder.stages if isinstance(layer, keras.layers.Dense)]
    assert units == [5, 6, 64]


@pytest.mark.parametrize("name", REGULARIZED)
def test_dropout_acts_in_training_alone(name):
    keras.utils.set_random_seed(0)
    model = tiny("dae_unet" if name == "unet" else f"ae_{name}", dropout=0.5)
    model.corruption = None
    for layer in model._flatten_layers():
        if hasattr(layer, "scale") and hasattr(layer, "conv1"):
            layer.scale.assign(1.0)
    x = np.random.default_rng(0).random((4, 8, 8, 1), dtype=np.float32)
    np.testing.assert_array_equal(model(x, training=False), model(x, training=False))
    for part in (model.encoder.backbone, *([] if name == "unet" else [model.decoder.backbone])):
        # Recurrent layers drop their own inputs.
        kinds = (keras.layers.Dropout, keras.layers.SpatialDropout1D, keras.layers.SpatialDropout2D)
        assert any(isinstance(layer, kinds) or getattr(layer, "dropout", None) == 0.5 for layer in part._flatten_layers())
    assert np.abs(ops.convert_to_numpy(model(x, training=True) - model(x, training=True))).max() > 1e-3


@pytest.mark.parametrize("name", REGULARIZED)
def test_weight_decay_is_the_squared_norm_of_the_kernels(name, images, eagerly):
    model = tiny("dae_unet" if name == "unet" else f"ae_{name}", weight_decay=0.01)
    model.compile(keras.optimizers.SGD(0.0))
    kernels = [
        v for part in (model.encoder.backbone, model.decoder.backbone) for v in part.trainable_variables if v.name == "kernel"
    ]
    expected = 0.01 * sum(float(ops.sum(ops.square(v))) for v in kernels)
    history = model.fit(images, batch_size=20, verbose=0).history
    assert history["weight_decay"][0] == pytest.approx(expected, rel=1e-4)
    assert history["loss"][0] == pytest.approx(history["reconstruction"][0] + expected, rel=1e-4)


def test_a_residual_net_starts_without_its_blocks():
    x = np.random.default_rng(0).random((2, 8, 8, 1), dtype=np.float32)
    encoder = backbones.build("resnet", (8, 8, 1), filters=(4,), blocks=2, activation="relu").encoder
    outputs = encoder(x)
    blocks = [layer for layer in encoder.stages if hasattr(layer, "scale")]
    assert len(blocks) == 2
    np.testing.assert_array_equal(outputs, keras.activations.relu(encoder.stages[0](x)))
    blocks[0].scale.assign(0.5)
    assert np.any(ops.convert_to_numpy(encoder(x)) != ops.convert_to_numpy(outputs))


def test_a_linear_path_starts_linear():
    model = tiny("ae_resnet", linear_path=True, latent_dim=6)
    a, b = np.random.default_rng(0).random((2, 3, 8, 8, 1), dtype=np.float32)
    outputs = [ops.convert_to_numpy(model(x, training=False)) for x in (a, b, (a + b) / 2)]
    np.testing.assert_allclose(outputs[2], (outputs[0] + outputs[1]) / 2, atol=1e-5)
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-2


@pytest.mark.parametrize("loss", ["bce", "logistic_mixture"])
def test_a_linear_path_ends_in_any_loss(loss, images, eagerly):
    model = tiny("ae_resnet", linear_path=True, latent_dim=6, loss=loss)
    assert np.isfinite(model.fit(images, verbose=0).history["loss"]).all()
    assert model.reconstruct(images[:3]).shape == (3, 8, 8, 1)


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("conv", {"filters": ()}, "filters="),
        ("conv", {"filters": (4,), "strides": (3,)}, r"strides=\(3,\), expected 1 or 2"),
        ("conv", {"filters": (4,), "strides": (2, 2)}, "each of the 1 stages"),
        ("resnet", {"filters": ()}, "filters="),
        ("resnet", {"first_stride": 3}, "first_stride=3, expected 1, 2, 4 or 8"),
        ("unet", {"filters": (4,)}, "at least two resolutions"),
        ("unet", {"first_stride": 3}, "first_stride=3, expected 1, 2 or 4"),
        ("vit", {"patch_size": 3}, r"patch_size=3 for inputs of shape \(8, 8, 1\), expected a patch size that divides"),
        ("vit", {"patch_size": 2, "stem": (4, 4)}, r"stem=\(4, 4\) .* patch_size=2, expected images, and .* multiple of 4"),
        ("swin", {"patch_size": 4}, "8 x 8 for 4 stages and patch_size=4, expected multiples of 32"),
        ("swin", {"patch_size": 2, "blocks": (1,), "width": 10}, "width=10 for 3 heads"),
        ("swin", {"patch_size": 2, "blocks": (1,), "window": 0}, "window=0, expected at least 1"),
        ("vit", {"width": 30, "heads": 4}, "width=30 for 4 heads, expected a multiple of 4 and of the heads"),
        ("vit", {"decoder_width": 6, "decoder_heads": 2}, "decoder_width=6 for 2 heads"),
    ],
)
def test_impossible_options_are_refused(name, options, message):
    with pytest.raises(ZooError, match=message):
        backbones.build(name, (8, 8, 1), **options)
