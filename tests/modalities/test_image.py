"""The one rule for what goes in, and the errors of those who break it."""

import numpy as np
import pytest
from keras import ops

from zoo.errors import ZooError
from zoo.modalities import image as rule
from zoo.modalities.image import check_images, extremes
from zoo.modalities.tensors import assert_unit, to_unit

SHAPE = (8, 8, 3)
GOOD = np.random.default_rng(0).random((5, *SHAPE), dtype=np.float32)


def test_uint8_and_floats_pass():
    bytes_ = (GOOD * 255).astype(np.uint8)
    assert check_images(bytes_, SHAPE) is bytes_
    assert check_images(GOOD, SHAPE) is GOOD
    assert check_images(GOOD.astype(np.float64), SHAPE).dtype == np.float32
    assert check_images(GOOD.astype(np.float16), SHAPE).dtype == np.float32


def test_rounding_overshoot_passes():
    assert check_images(np.full((1, *SHAPE), 1.0005, np.float32), SHAPE).max() < 1.001


def test_vectors_are_floats_of_any_range():
    vectors = np.array([[-30.0, 400.0]])
    np.testing.assert_array_equal(check_images(vectors, (2,)), vectors)
    with pytest.raises(ZooError, match="int64, expected floats"):
        check_images(vectors.astype(np.int64), (2,))


@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "bfloat16"])
def test_extremes_are_found_whichever_block_holds_them(monkeypatch, kind):
    monkeypatch.setattr(rule, "_BLOCK", 400)  # Two images of 192 half floats, one of floats.
    images = ops.convert_to_numpy(ops.cast(GOOD, kind))
    for row in range(len(images)):
        marked = images.copy()
        marked[row, 0, 0, 0], marked[row, -1, -1, -1] = -2, 3
        assert extremes(marked) == (-2, 3)
        assert extremes(marked[:, ::-1]) == (-2, 3)
        marked[row, 3, 3, 0] = np.nan
        assert np.isnan(extremes(marked)).all()


BAD = {
    "no batch axis": (GOOD[0], r"shape \(8, 8, 3\), expected \(N, 8, 8, 3\). Add the batch axis"),
    "channels first": (GOOD.transpose(0, 3, 1, 2), r"shape \(5, 3, 8, 8\), expected .*transpose\(0, 2, 3, 1\)"),
    "other size": (GOOD[:, :7], r"shape \(5, 7, 8, 3\), expected \(N, 8, 8, 3\)"),
    "flattened": (GOOD.reshape(5, -1), r"shape \(5, 192\), expected \(N, 8, 8, 3\)"),
    "a number": (3.0, r"shape \(\), expected \(N, 8, 8, 3\)"),
    "empty": (GOOD[:0], r"no images \(shape \(0, 8, 8, 3\)\), expected .* N >= 1"),
    "NaN": (np.where(np.arange(5)[:, None, None, None] < 2, np.nan, GOOD), "infinite values in 2 of 5 inputs, expected finite"),
    "infinite": (np.where(np.arange(5)[:, None, None, None] < 1, np.inf, GOOD), "in 1 of 5 inputs, expected finite"),
    "floats to 255": (GOOD * 255, r"floats from .* to 25\d.*, expected 0..1 .*divide by 255"),
    "normalized": (GOOD * 2 - 1, r"floats from -(1|0.99\d*) to .*undo the normalization"),
    "int64": ((GOOD * 255).astype(np.int64), "dtype int64, expected uint8 0..255 or floats 0..1"),
    "boolean": (GOOD > 0.5, "dtype bool, expected uint8"),
    "strings": (np.full((1, *SHAPE), "a"), "dtype <U1, expected uint8"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_came_and_what_was_expected(case):
    x, message = BAD[case]
    with pytest.raises(ZooError, match=message) as caught:
        check_images(x, SHAPE)
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)


def test_a_missing_channel_axis_is_named():
    with pytest.raises(ZooError, match=r"Add the channel axis: x\[..., None\]"):
        check_images(np.zeros((5, 8, 8), np.uint8), (8, 8, 1))


def test_levels_and_floats_agree_in_the_graph():
    levels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_unit(ops.convert_to_tensor(levels), "float32"), levels.astype(np.float32) / np.float32(255))
    floats = ops.convert_to_tensor(GOOD)
    np.testing.assert_array_equal(to_unit(floats, "float32"), GOOD)
    assert to_unit(floats, "bfloat16").dtype == "bfloat16"
    with pytest.raises(ZooError, match="dtype int64"):
        to_unit(ops.convert_to_tensor(levels.astype(np.int64)), "float32")


RAMP = np.mgrid[:8, :8][1] / 7


def _in(kind):
    return np.broadcast_to(np.round(RAMP[None, ..., None] * kind), (2, 8, 8, 1))


ADVICE = {
    "bytes as int64": (_in(255).astype(np.int64), "x.astype('uint8')"),
    "bytes as int16": (_in(255).astype(np.int16), "x.astype('uint8')"),
    "16 bits": (_in(65535).astype(np.uint16), "(x / 65535).astype('float32')"),
    "boolean": (_in(1).astype(bool), "x.astype('float32')"),
    "0 and 1": (_in(1).astype(np.int32), "x.astype('float32')"),
    "bytes as floats": (_in(255), "divide by 255"),
    "-1 to 1": (_in(254) / 127 - 1, "(x + 1) / 2"),
    "signed": ((_in(4000) - 1000).astype(np.int16), "(x.astype('float32') - low) / (high - low)"),
    "all of 16 signed bits": ((_in(65535) - 32768).astype(np.int16), "(x.astype('float32') - low) / (high - low)"),
}
RIGHT = {"boolean": _in(1), "0 and 1": _in(1)}


@pytest.mark.parametrize("case", ADVICE)
def test_advice_that_is_followed_gives_the_right_images(case):
    x, advice = ADVICE[case]
    with pytest.raises(ZooError) as caught:
        check_images(x, (8, 8, 1))
    assert advice in str(caught.value)
    code = "x / 255" if advice == "divide by 255" else advice
    followed = eval(code, {"x": x, "low": int(x.min()), "high": int(x.max())})  # noqa: S307
    found = check_images(followed, (8, 8, 1))
    found = found / 255 if found.dtype == np.uint8 else found
    np.testing.assert_allclose(found, RIGHT.get(case, np.broadcast_to(RAMP[None, ..., None], x.shape)), atol=4e-3)


def test_vectors_of_whole_numbers_are_made_floats():
    for kind in (np.uint8, np.uint16, np.int64, bool):
        with pytest.raises(ZooError, match=r"expected floats; convert them first: x.astype\('float32'\)"):
            check_images(np.ones((2, 3), kind), (3,))


def test_half_precision_of_other_frameworks_is_float():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    assert check_images(GOOD.astype(ml_dtypes.bfloat16), SHAPE).dtype == np.float32


@pytest.mark.parametrize("low, high", [(-1.0, 1.0), (0.0, 255.0), (0.0, np.nan)])
def test_a_tensor_of_another_range_stops_the_graph(low, high):
    x = np.linspace(low, high, 192, dtype=np.float32).reshape(1, 8, 8, 3)
    with pytest.raises(Exception, match="below 0 or beyond 1, expected floats 0..1"):
        assert_unit(ops.convert_to_tensor(x))
    assert_unit(ops.convert_to_tensor(GOOD))
