"""Models have their channels last, whatever order of axes keras.json sets."""

import ast
from pathlib import Path

import keras
import numpy as np
import pytest
from tiny import cover, mostly_slow, tiny

import zoo
from zoo.models import registry
from zoo.models.base.resizing import ResizingEncoder

_ORDERS = ("channels_last", "channels_first")
_QUICK = ("ae_mlp", "ae_conv", "dae_unet", "superres_resnet", "wta_conv", "contractive_conv")
# What reads Keras's setting where it is not told. `StridedConv2D` and `ShortcutConv2D` of the zoo tell it themselves.
_LAYERS = {"Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "SeparableConv2D", "AveragePooling2D", "MaxPooling2D", "UpSampling2D"}
_LAYERS |= {"GlobalAveragePooling2D", "GlobalMaxPooling2D", "SpatialDropout2D", "ZeroPadding2D", "Cropping2D", "Flatten"}
_OPS = {"resize", "average_pool", "max_pool", "conv", "conv_transpose", "depthwise_conv", "separable_conv", "extract_patches"}


@pytest.fixture
def order():
    """A function that sets Keras's order of axes until the test ends."""
    before = keras.config.image_data_format()
    yield keras.config.set_image_data_format
    keras.config.set_image_data_format(before)


def test_every_variant_and_backbone_is_covered():
    assert {name.rpartition("_")[0] for name in cover()} == set(registry.variants())


def test_every_layer_and_operation_of_images_names_the_order():
    unnamed = []
    for path in Path(zoo.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            owner, name = ast.unparse(node.func.value), node.func.attr
            reads = name in _LAYERS if owner.endswith("layers") else name in _OPS and owner.partition(".")[0] in ("ops", "keras")
            passed = any(word.arg == "data_format" or _holds(word, path) for word in node.keywords)
            if reads and not passed:
                unnamed.append(f"{path.name}:{node.lineno}")
    assert not unnamed


def _holds(word, path):
    """Whether this is `**common` of a file whose `common` names the order."""
    return word.arg is None and ast.unparse(word.value) == "common" and "common = dict(" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", mostly_slow(cover(_QUICK), _QUICK))
def test_the_order_of_axes_that_is_set_changes_nothing(name, order, eagerly):
    # Of several channels and no square, so that axes that change places show.
    widths = {"ldm": 8, "taesd": 8, "dcae": 8, "convnext": 12, "hiera": 12, "swin": 8}
    shape = (8, widths.get(name.rpartition("_")[2], 6), 3)
    x = np.random.default_rng(0).integers(0, 256, (4, *shape), dtype=np.uint8)
    found = []
    for setting in _ORDERS:
        order(setting)
        keras.utils.set_random_seed(0)
        model = tiny(name, shape)
        keras.utils.set_random_seed(1)
        terms = model.test_on_batch(x, return_dict=True)
        found.append([model.encode(x), model.reconstruct(x), np.array([float(v) for v in terms.values()])])
    for last, first in zip(*found, strict=True):
        np.testing.assert_array_equal(last, first)


def test_images_are_resized_alike(order, eagerly):
    x = np.random.default_rng(0).integers(0, 256, (2, 12, 9, 3), dtype=np.uint8)
    found = []
    for setting in _ORDERS:
        order(setting)
        keras.utils.set_random_seed(0)
        model = tiny("msssim_vae_conv", (8, 6, 3))
        found.append(np.asarray(ResizingEncoder(model.encoder, model.data_shape)(x)))
    np.testing.assert_array_equal(*found)
