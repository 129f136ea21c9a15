"""No pickle runs anything. Every hostile pickle here would leave a file behind, or change NumPy, if
it could."""

import builtins
import gzip
import io
import os
import pickle
import pickletools
import struct
import subprocess
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skedge.datasets.parsing.safe_pickle import load_pickle
from skedge.skeleton import InputError

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def _load(data: bytes, folder: Path) -> Any:
    path = folder / "a file.pkl"
    path.write_bytes(data)
    return load_pickle(path)


class _Calls:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


class _Plain:
    pass


def _hostile(mark: Path) -> dict[str, Any]:
    return {
        "os.system": _Calls(os.system, f"touch '{mark}'"),
        "eval": _Calls(builtins.eval, f"open({str(mark)!r}, 'w')"),
        "exec": _Calls(builtins.exec, f"open({str(mark)!r}, 'w')"),
        "open": _Calls(open, str(mark), "w"),
        "getattr": _Calls(getattr, {}, "keys"),
        "subprocess": _Calls(subprocess.call, ["touch", str(mark)]),
        "deep in the annotations": {
            "annotations": [{"frame_dir": _Calls(os.system, f"touch '{mark}'")}]
        },
        "in an array of objects": np.array([_Calls(os.system, f"touch '{mark}'"), 1], dtype=object),
        "np.load": _Calls(np.load, str(mark)),
        "np.fromfile": _Calls(np.fromfile, str(mark)),
        "pickle.loads": _Calls(pickle.loads, pickle.dumps(_Calls(os.system, f"touch '{mark}'"))),
        "an instance": _Plain(),
        "a class": _Plain,
        "a path": mark,
        "a function": np.sum,
    }


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", _hostile(Path()))
def test_nothing_runs(kind: str, protocol: int, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    with pytest.raises(InputError, match="nothing was run") as caught:
        _load(pickle.dumps(_hostile(mark)[kind], protocol), tmp_path)
    assert not mark.exists()
    assert str(tmp_path / "a file.pkl") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_of_objects_are_refused(protocol: int, tmp_path: Path) -> None:
    for array in (
        np.array([{}, None]),
        np.array([], dtype=object),
        np.zeros(2, [("a", "O"), ("b", "f4")]),
    ):
        with pytest.raises(InputError):
            _load(pickle.dumps(array, protocol), tmp_path)


def _global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


BY_HAND = {
    "the instance opcode": b"(S'touch ran'\nios\nsystem\n.",
    "the object opcode": b"(" + _global("os", "system") + b"S'touch ran'\no.",
    "an instance of a dict subclass": b"(icollections\nOrderedDict\n.",
    "new object": _global("collections", "OrderedDict") + b")\x81.",
    "an extension": b"\x82\x01.",
    "a persistent id": b"Psomething\n.",
    "a state for a function": _global("_codecs", "encode") + b"}S'__defaults__'\nNs\x86b.",
    "a slot state for a function": _global("_codecs", "encode") + b"N}S'__code__'\nNs\x86b.",
    "a state for a class": _global("numpy", "dtype") + b"N}S'build'\nNs\x86b.",
    "a dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0fdtype.__class__\x93.",
    "another encoding": _global("_codecs", "encode") + b"(S'abc'\nS'zip'\ntR.",
    "no memo": b"h\x07.",
    "a huge memo index": b"\x80\x02]r\xff\xff\xff\xff0.",
    "a huge text": b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b"abc.",
    "huge bytes": b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"abc.",
    "a huge byte array": b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"abc.",
    "a huge frame": b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"abc.",
    "a huge number": b"\x8b\xff\xff\xff\x7fabc.",
    "nothing": b".",
    "empty": b"",
    "text": b"hello, world",
    "only a mark": b"(.",
}


@pytest.mark.parametrize("data", BY_HAND.values(), ids=BY_HAND)
def test_hand_made_pickles(data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    message = ""
    try:
        assert _load(data, tmp_path) in ([], None)  # harmless ones may load
    except InputError as error:
        message = str(error)
    assert "\n" not in message
    assert [file.name for file in tmp_path.iterdir()] == ["a file.pkl"]
    assert np.dtype("f4").byteorder == "="


def _array_state(shape: tuple, dtype: bytes, data: bytes) -> bytes:
    """A pickled array with any shape, type and content."""
    start = (
        _global("numpy.core.multiarray", "_reconstruct")
        + _global("numpy", "ndarray")
        + b"(I0\ntS'b'\n\x87R"
    )
    sizes = b"(" + b"".join(f"I{size}\n".encode() for size in shape) + b"t"
    return (
        b"\x80\x02"
        + start
        + b"(I1\n"
        + sizes
        + dtype
        + b"I00\n"
        + b"B"
        + struct.pack("<I", len(data))
        + data
        + b"tb."
    )


F4 = _global("numpy", "dtype") + b"(S'f4'\ntR"


def test_array_states_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    assert _load(_array_state((2,), F4, b"\0" * 8), tmp_path).tolist() == [0, 0]
    for shape, dtype, data in [
        ((3,), F4, b"\0" * 8),
        ((10**12,), F4, b"\0" * 8),
        ((-1,), F4, b"\0" * 8),
        ((2**62, 4), F4, b""),
        ((2,), _global("numpy", "dtype") + b"(S'O'\ntR", b"\0" * 16),
        ((2,), _global("numpy", "dtype") + b"(S'f4,O'\ntR", b"\0" * 24),
        ((2,), _global("numpy", "dtype") + b"(S'(2,)f4'\ntR", b"\0" * 16),
        ((2,), F4 + b"(I3\nS'<'\nNNNI100\nI4\nI0\nt" + b"b", b"\0" * 200),
        ((2,), F4 + b"(I3\nS'|O'\nNNNI-1\nI-1\nI0\nt" + b"b", b"\0" * 8),
    ]:
        with pytest.raises(InputError):
            _load(_array_state(shape, dtype, data), tmp_path)
    assert np.dtype("f4").itemsize == 4


def test_no_pickle_changes_numpys_own_types(tmp_path: Path) -> None:
    swapped = F4 + b"(I3\nS'>'\nNNNI-1\nI-1\nI0\ntb"
    assert _load(_array_state((1,), swapped, struct.pack(">f", 3)), tmp_path).tolist() == [3]
    assert np.dtype("f4").byteorder == "="
    assert np.zeros(1, "f4").dtype == np.float32


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("numpy_name", ["numpy.core", "numpy._core"])
def test_plain_content_of_either_numpy_is_read(
    protocol: int, numpy_name: str, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    content = {
        "half": rng.normal(size=(2, 3, 25, 3)).astype(np.float16),
        "fortran": np.asfortranarray(rng.normal(size=(3, 4))),
        "transposed": rng.normal(size=(2, 3, 4)).transpose(1, 2, 0),
        "strided": np.arange(20)[::3],
        "big endian": np.arange(4, dtype=">i4"),
        "text": np.array(["a", "bcd"]),
        "bytes": np.array([b"a", b"bcd"]),
        "empty": np.zeros((0, 3), np.float32),
        "truth": np.array([True, False]),
        "no dimension": np.array(3.5),
        "a scalar": np.float32(1.5),
        "plain": [
            1,
            -2.5,
            "text",
            None,
            True,
            (1, 2),
            {1, 2},
            frozenset({3}),
            b"\0\xff",
            2**70,
            OrderedDict(a=1),
        ],
    }
    data = pickle.dumps(content, protocol)
    data = _renamed(data, numpy_name)
    read = _load(data, tmp_path)
    for key, value in content.items():
        if isinstance(value, np.ndarray):
            assert type(read[key]) is np.ndarray
            np.testing.assert_array_equal(read[key], value)
            assert read[key].dtype.newbyteorder("=") == value.dtype.newbyteorder("=")
        else:
            assert read[key] == value
    assert read["plain"] == content["plain"]
    assert type(read["a scalar"]) is float


def _renamed(data: bytes, numpy_name: str) -> bytes:
    """The pickle as another NumPy would have written it: module names changed, frames left out."""
    out = io.BytesIO()
    operations = list(pickletools.genops(data))
    ends = [position for _, _, position in operations[1:]] + [len(data)]
    for (code, argument, position), end in zip(operations, ends, strict=True):
        piece = data[position:end]
        if isinstance(argument, str) and argument.startswith("numpy._core"):
            text = argument.replace("numpy._core", numpy_name).encode()
            piece = (
                b"c" + text.replace(b" ", b"\n") + b"\n"
                if code.name == "GLOBAL"
                else b"\x8c" + bytes([len(text)]) + text
            )
        if code.name != "FRAME":
            out.write(piece)
    return out.getvalue()


@settings(max_examples=200)
@given(data=st.data())
def test_damaged_pickles_raise_the_one_error(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = {
        "split": {"a": ["x"]},
        "annotations": [{"keypoint": np.zeros((1, 2, 3)), "label": np.int64(3), "frame_dir": "x"}],
    }
    whole = bytearray(pickle.dumps(content, data.draw(st.sampled_from(list(PROTOCOLS)))))
    for _ in range(data.draw(st.integers(0, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    whole = whole[: data.draw(st.integers(0, len(whole)))]
    message = ""
    try:
        _load(bytes(whole), tmp_path_factory.getbasetemp())
    except InputError as error:
        message = str(error)
    assert "\n" not in message


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere.pkl: expected a pickle, got: No such file"):
        load_pickle(tmp_path / "nowhere.pkl")
    with pytest.raises(InputError, match="expected a pickle"):
        load_pickle(tmp_path)


def test_an_odd_name_stays_on_one_line(tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    path.write_bytes(b"\x80\x04\x8c\x04a\nbc\x8c\x03run\x93.")
    with pytest.raises(InputError) as refused:
        load_pickle(path)
    assert "\n" not in str(refused.value)
    assert "run" in str(refused.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.compress(pickle.dumps([1])), "packed by gzip: unpack it"),
        (b"PK\x03\x04" + bytes(90), "a zip or a spreadsheet"),
        (b"\x89HDF\r\n\x1a\n" + bytes(90), "HDF5"),
        (b'{"annotations": []}', "JSON"),
    ],
    # Not the bytes: gzip's hold the time of day, and processes that share tests would disagree.
    ids=["gzip", "zip", "hdf5", "json"],
)
def test_other_forms_are_named(tmp_path: Path, content: bytes, words: str) -> None:
    """They were called truncated, or not to be trusted."""
    (tmp_path / "a.pkl").write_bytes(content)
    with pytest.raises(InputError, match=f"expected a pickle, got .*{words}") as told:
        load_pickle(tmp_path / "a.pkl")
    assert "trust" not in str(told.value)
