"""Files of torch.save read without PyTorch: the same arrays, and nothing that a file can make this process do."""

import collections
import os
import pickle
import zipfile

import numpy as np
import pytest
from torch_files import dump, tensor, write_zip

from zoo.errors import ZooError
from zoo.pretrained import pickle_data
from zoo.pretrained.torch_file import tensors

RNG = np.random.default_rng(0)
WEIGHT, BIAS = RNG.normal(size=(3, 4)).astype("f4"), RNG.normal(size=4).astype("f2")


def read_state_dict(path):
    return {name: tensor.read() for name, tensor in tensors(path).items()}


def state_dict():
    """A state dict with a transposed view and two names for one storage."""
    one = tensor(WEIGHT, "0")
    shared = tensor(WEIGHT, "0", shape=(4, 3), strides=(1, 4))
    found = collections.OrderedDict([("a.weight", one), ("a.bias", tensor(BIAS, "1")), ("b.weight", shared)])
    found["steps"] = tensor(np.array([7]), "2", shape=(), strides=())
    found._metadata = collections.OrderedDict(version=1)
    return found


@pytest.mark.parametrize("legacy", (False, True))
def test_the_arrays_of_a_state_dict(tmp_path, legacy):
    dump(tmp_path / "m.pth", state_dict(), legacy)
    arrays = read_state_dict(tmp_path / "m.pth")
    assert list(arrays) == ["a.weight", "a.bias", "b.weight", "steps"]
    np.testing.assert_array_equal(arrays["a.weight"], WEIGHT)
    np.testing.assert_array_equal(arrays["a.bias"], BIAS)
    np.testing.assert_array_equal(arrays["b.weight"], WEIGHT.T)
    assert arrays["steps"].shape == () and arrays["steps"] == 7 and arrays["a.bias"].dtype == np.float16


@pytest.mark.parametrize("key", ("model", "state_dict", "params"))
def test_the_weights_of_a_checkpoint(tmp_path, key):
    dump(tmp_path / "m.pth", {key: state_dict(), "epoch": 3, "lr": 0.1, "names": ["x", ("y", None)]})
    assert "a.weight" in read_state_dict(tmp_path / "m.pth")


class Asks:
    """Something that a pickle makes by calling a function."""

    def __init__(self, function, *arguments):
        self.found = function, arguments

    def __reduce__(self):
        return self.found


@pytest.mark.parametrize("legacy", (False, True))
@pytest.mark.parametrize(
    "function, arguments, name",
    [
        (os.system, ("true",), "system"),
        (eval, ("1",), "eval"),
        (getattr, ("", "join"), "getattr"),
        (bytearray, (8,), "bytearray"),
    ],
)
def test_every_other_constructor_is_refused_by_its_name(tmp_path, legacy, function, arguments, name):
    dump(tmp_path / "m.pth", {"a": tensor(WEIGHT, "0"), "b": Asks(function, *arguments)}, legacy)
    with pytest.raises(ZooError, match=rf"asks for \w+\.{name}"):
        read_state_dict(tmp_path / "m.pth")


class Changes:
    """A tensor to whose parts a pickle then sets attributes."""

    def __init__(self, inner, state):
        self.inner, self.state = inner, state

    def __reduce__(self):
        function, arguments = self.inner.__reduce__()
        return function, arguments, self.state


@pytest.mark.parametrize("state", [(None, {"_arguments": ()}), (None, {"array": 1}), {"array": 1}, (1, (), None, False, b"")])
def test_nothing_can_be_set_on_a_tensor(tmp_path, state):
    dump(tmp_path / "m.pth", {"a": Changes(tensor(WEIGHT, "0"), state)})
    with pytest.raises(ZooError):
        read_state_dict(tmp_path / "m.pth")


@pytest.mark.parametrize("legacy", (False, True))
@pytest.mark.parametrize(
    "wrong",
    [
        dict(shape=(1_000_000, 1_000_000), strides=(1_000_000, 1)),
        dict(shape=(1_000_000, 1_000_000), strides=(0, 0)),
        dict(shape=(3, 5), strides=(4, 1)),
        dict(shape=(3, 4), strides=(4, 1), offset=1),
        dict(shape=(3, 4), strides=(-4, 1)),
        dict(shape=(12,), strides=(10**12,)),
        dict(shape=(2, 2), strides=(1,)),
        dict(shape=(True,), strides=(1,)),
        dict(shape=(2,) * 40, strides=(0,) * 40),
    ],
)
def test_shapes_beyond_the_numbers_that_are_there(tmp_path, legacy, wrong):
    dump(tmp_path / "m.pth", {"a": tensor(WEIGHT, "0", **wrong)}, legacy)
    with pytest.raises(ZooError, match="states a tensor|does not describe a tensor"):
        read_state_dict(tmp_path / "m.pth")


@pytest.mark.parametrize("legacy", (False, True))
@pytest.mark.parametrize("count", (0, 11, 13, 10**12, 2**60))
def test_storages_of_another_size_than_stated(tmp_path, legacy, count):
    dump(tmp_path / "m.pth", {"a": tensor(WEIGHT, "0")}, legacy, counts={"0": count})
    with pytest.raises(ZooError):
        read_state_dict(tmp_path / "m.pth")


def test_other_files(tmp_path):
    path = tmp_path / "m.pth"
    for content in (b"", b"PK\x03\x04", b"no file of torch.save", pickle.dumps({"a": 1}), pickle.dumps(5)):
        path.write_bytes(content)
        with pytest.raises(ZooError, match="m.pth"):
            read_state_dict(path)
    with pytest.raises(ZooError, match="No such file"):
        read_state_dict(tmp_path / "none.pth")
    dump(path, state_dict(), compressed=True)
    with pytest.raises(ZooError, match="compressed"):
        read_state_dict(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "hello")
    with pytest.raises(ZooError, match="data.pkl"):
        read_state_dict(path)
    dump(path, [1, "a"])
    with pytest.raises(ZooError, match="contains no mapping of names"):
        read_state_dict(path)


def test_containers_that_hold_one_another(tmp_path):
    """A few hundred bytes that look like 2^60 objects, and one that holds itself."""
    doubled = [tensor(WEIGHT, "0")]
    for _ in range(60):
        doubled = [doubled, doubled]
    endless = {"a": tensor(WEIGHT, "0")}
    endless["b"] = endless
    for value in ({"a": doubled}, endless):
        dump(tmp_path / "m.pth", value)
        with pytest.raises(ZooError, match="objects"):
            read_state_dict(tmp_path / "m.pth")


@pytest.mark.parametrize("legacy", (False, True))
def test_damaged_files_give_an_error_or_what_is_there(tmp_path, legacy):
    path = tmp_path / "m.pth"
    dump(path, state_dict(), legacy)
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    for trial in range(150):
        damaged = bytearray(whole)
        if trial % 2:
            del damaged[rng.integers(len(damaged)) :]
        for place in rng.integers(0, max(len(damaged), 1), rng.integers(1, 8)) if damaged else ():
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            arrays = read_state_dict(path)
        except ZooError as error:
            assert "m.pth" in str(error) and "\n" not in str(error)
        else:
            assert all(isinstance(array, np.ndarray) for array in arrays.values())


def doubled(times):
    """Instructions for a tuple that contains itself twice, `times` times over: 2^times elements in a few bytes."""
    return b")" + b"2\x86" * times


@pytest.mark.parametrize(
    "program, told",
    [
        (b"\x80\x02}r\xff\xff\xff\x7f.", "contains no mapping"),
        (b"\x80\x02}" + doubled(60) + b"K\x01s.", "neither text nor small integers"),
        (b"\x80\x02" + doubled(60) + b"Q.", "not a storage"),
        (b"\x80\x02(X\x07\x00\x00\x00storage" + 4 * doubled(60) + b"tQ.", "does not describe a storage"),
        (b"\x80\x02ccollections\nOrderedDict\n" + doubled(60) + b"R.", "TypeError"),
        (b"\x80\x02}" + doubled(60) + b"}b.", "TypeError"),
        (b"\x80\x02}" + b"20" * 500 + b".", "more than 1,000 instructions"),
        (b"\x80\x02cos\nsystem\n.", "asks for os.system"),
        (b"\x80\x02cos\n\x1b[2Jsystem\n.", r"asks for os.\\x1b\[2Jsystem"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "asks for os.system"),
        (b"\x80\x02K\x01)R.", "calls what is not a function"),
        (b"\x80\x02\x82\x01.", "instruction EXT1"),
        (b"\x80\x02)\x81.", "instruction NEWOBJ"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_programs_that_would_take_time_or_memory_or_do_something(tmp_path, program, told, monkeypatch):
    monkeypatch.setattr(pickle_data, "_MOST_INSTRUCTIONS", 1000)
    write_zip(tmp_path / "m.pth", program, {})
    with pytest.raises(ZooError, match=told):
        read_state_dict(tmp_path / "m.pth")


def test_a_changed_number_is_noticed(tmp_path):
    path = tmp_path / "m.pth"
    dump(path, {"a": tensor(WEIGHT, "0")})
    path.write_bytes(path.read_bytes().replace(WEIGHT.tobytes(), (WEIGHT + 1).tobytes()))
    with pytest.raises(ZooError, match="checksum"):
        read_state_dict(path)


def test_python_2_pickled_the_items_of_an_ordered_dict(tmp_path):
    write_zip(tmp_path / "m.pth", b"\x80\x02ccollections\nOrderedDict\n(]]U\x01aaK\x05aatR.", {})
    with pytest.raises(ZooError, match="no mapping of names to tensors"):
        read_state_dict(tmp_path / "m.pth")
