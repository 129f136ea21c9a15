"""Reads a pickle that holds plain containers, text, numbers and NumPy arrays; anything else is
refused and nothing runs."""

import mmap
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from skedge.datasets.parsing.forms import form_of
from skedge.skeleton.errors import InputError, reason


class _Dtype:
    """Stands for a data type while the pickle is read, so that no pickle can alter one of NumPy's
    own."""

    def __init__(self, spec: Any, *_: Any) -> None:
        dtype = np.dtype(spec) if isinstance(spec, str) else None
        if dtype is None or dtype.kind not in "biufSU" or dtype.shape or dtype.names:
            raise InputError(
                f"expected arrays of plain numbers or text, got the data type {spec!r}"
            )
        self.dtype = dtype

    def build(self, state: Any) -> None:
        if state[1] not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
            raise InputError("expected arrays of plain numbers or text, got a compound data type")
        self.dtype = self.dtype.newbyteorder(state[1])


class _NdarrayType:
    """Stands for the class `numpy.ndarray` in a pickle; there only to be handed to
    `_reconstruct`."""


def _reconstruct(*_: Any) -> np.ndarray:
    return np.empty(0, np.uint8)


def _build_array(array: np.ndarray, state: Any) -> None:
    _, shape, dtype, fortran, data = state
    if not isinstance(data, bytes | bytearray):
        raise InputError(
            f"expected arrays of plain numbers or text, got one of {type(data).__name__}"
        )
    if array.size or array.base is not None:
        raise InputError("expected every array's content once")
    # NumPy compares the length of the bytes with shape and type itself, and raises ValueError.
    array.__setstate__((1, shape, dtype.dtype, fortran, bytes(data)))


def _frombuffer(
    data: bytes, dtype: _Dtype, shape: tuple[int, ...], order: str, axes: Any = None
) -> np.ndarray:
    array = np.frombuffer(data, dtype.dtype)
    if order == "K" and axes is not None:
        return array.reshape(shape).transpose(axes)
    return array.reshape(shape, order="F" if order == "F" else "C")


def _scalar(dtype: _Dtype, data: bytes) -> Any:
    return np.frombuffer(data, dtype.dtype, count=1)[0].item()


def _encode(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise InputError(f"expected bytes written as latin1, got {encoding!r}")
    return text.encode("latin1")


def _empty_bytes() -> bytes:
    return b""


_ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _NdarrayType,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): OrderedDict,
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")  # NumPy 1 and NumPy 2
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", _reconstruct),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _frombuffer),
        )
    },
    **{
        (module, name): stand_in
        for module in ("builtins", "__builtin__")
        for name, stand_in in (("set", set), ("frozenset", frozenset), ("bytes", _empty_bytes))
    },
}

_BUILD, _BYTEARRAY8 = pickle.BUILD[0], pickle.BYTEARRAY8[0]
_OBJECTS = (pickle.INST, pickle.OBJ, pickle.NEWOBJ, pickle.NEWOBJ_EX)
_OUTSIDE = (pickle.EXT1, pickle.EXT2, pickle.EXT4, pickle.PERSID, pickle.BINPERSID)

# Python's own implementation rather than the one in C: its opcodes can be taken away one by one,
# and a hostile memo index or length does not allocate anything.
_InPython: Any = pickle._Unpickler


class _Unpickler(_InPython):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            asked = repr(f"{module}.{name}"[:80])
            raise InputError(
                f"expected arrays and plain containers only, got a pickle that asks for {asked}"
            ) from None

    def _build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if type(target) is np.ndarray:
            _build_array(target, state)
        elif type(target) is _Dtype:
            target.build(state)
        else:
            raise InputError(
                "expected arrays and plain containers only, got a state for"
                f" {type(target).__name__}"
            )

    def _bytearray8(self) -> None:
        self.append(bytearray(self.read(int.from_bytes(self.read(8), "little"))))

    def _refuse(self) -> None:
        raise InputError("expected arrays and plain containers only, got an object of another kind")

    dispatch: ClassVar = {
        **_InPython.dispatch,
        _BUILD: _build,
        _BYTEARRAY8: _bytearray8,
        **dict.fromkeys((opcode[0] for opcode in (*_OBJECTS, *_OUTSIDE)), _refuse),
    }


def load_pickle(path: Path | str) -> Any:
    """The content of the pickle at `path`; NumPy scalars come as Python's numbers.

    Raises `InputError` naming the file where it is missing, damaged, or holds anything but plain
    containers and arrays.
    """
    path = Path(path)
    try:
        # Mapped, so that a length in the file that exceeds the file reads what there is.
        with (
            open(path, "rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        ):
            return _Unpickler(mapped).load()
    except InputError as error:
        _check_form(path)
        raise InputError(f"{path}: {error}; nothing was run, do not trust this file") from None
    except OSError as error:
        raise InputError(f"{path}: expected a pickle, got: {reason(error)}") from None
    except Exception as error:  # a damaged pickle makes the unpickler raise almost anything
        _check_form(path)
        raise InputError(
            f"{path}: expected a pickle, it cannot be read ({type(error).__name__}); is it"
            " truncated?"
        ) from None


def _check_form(path: Path) -> None:
    """Raise `InputError` for a file of another known form."""
    with open(path, "rb") as file:
        form = form_of(file.read(16))
    if form:
        raise InputError(f"{path}: expected a pickle, got {form}") from None
