"""Reads arrays of numbers out of MATLAB's .mat files (level 5), and nothing else of them.

After "MAT-File Format" by The MathWorks. A damaged file must not harm the process that reads it,
which is why this is not left to a library in C.
"""

import zlib
from collections.abc import Iterator
from math import prod
from typing import NamedTuple

import numpy as np

# Bytes of one variable once decompressed: no recording comes near.
LARGEST = 64 * 2**20
_NUMBERS = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}
_MATRIX, _COMPRESSED = 14, 15
_NUMERIC_CLASSES = range(6, 16)
_COMPLEX = 0x0800


class MatError(ValueError):
    """A file that is damaged or no MATLAB file of this level; the message is one line."""


class _Element(NamedTuple):
    kind: int
    data: bytes


def read_variable(content: bytes, name: str) -> np.ndarray | None:
    """The variable `name` as an array of real numbers; None where there is none, an empty array
    where it is of another kind.

    Raises `MatError` for a file that is truncated or none of MATLAB's.
    """
    order = _order(content)
    for element in _variables(content, order):
        if element.kind != _MATRIX:
            continue
        parts = _elements(element.data, order)
        flags, shape, called = (next(parts, None) for _ in range(3))
        if flags is None or shape is None or called is None or len(flags.data) < 4:
            raise MatError("a variable is cut short")
        if called.data.decode("latin1") == name:
            bits = int(np.frombuffer(flags.data, f"{order}u4", 1)[0])
            if bits & 0xFF not in _NUMERIC_CLASSES or bits & _COMPLEX:
                return np.empty(0)
            return _array(next(parts, None), shape.data, order)
    return None


def read_text(content: bytes) -> bytes:
    """All that the variables hold, decompressed, as bytes without NUL: names in a cell array can be
    found in it."""
    return b"\n".join(element.data for element in _variables(content, _order(content))).replace(
        b"\0", b""
    )


def _order(content: bytes) -> str:
    if content[512:516] == b"\x89HDF":
        raise MatError("it is of level 7.3: save it with -v7")
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None or not content.startswith(b"MATLAB"):
        raise MatError("its header is none of a MATLAB file of level 5")
    return order


def _variables(content: bytes, order: str) -> Iterator[_Element]:
    for element in _elements(content[128:], order):
        if element.kind != _COMPRESSED:
            yield element
            continue
        try:
            whole = zlib.decompressobj().decompress(element.data, LARGEST + 1)
        except zlib.error:
            raise MatError("a variable cannot be decompressed") from None
        if len(whole) > LARGEST:
            raise MatError(f"a variable has more than {LARGEST // 2**20} MB")
        yield from _elements(whole, order)


def _elements(data: bytes, order: str) -> Iterator[_Element]:
    at = 0
    while at + 8 <= len(data):
        kind, size = (int(word) for word in np.frombuffer(data, f"{order}u4", 2, at))
        start, step = at + 8, 8 + size + (-size % 8 if kind != _COMPRESSED else 0)
        if kind >> 16:  # a small element: size, kind and up to four bytes in one word pair
            kind, size, start, step = kind & 0xFFFF, kind >> 16, at + 4, 8
        if start + size > len(data) or (step == 8 and size > 4):
            raise MatError("it is cut short")
        yield _Element(kind, data[start : start + size])
        at += step
    if data[at:].strip(b"\0"):
        raise MatError("it is cut short")


def _array(element: _Element | None, shape: bytes, order: str) -> np.ndarray:
    if element is None or element.kind not in _NUMBERS or len(shape) % 4:
        raise MatError("a variable has no numbers")
    sizes = [int(size) for size in np.frombuffer(shape, f"{order}i4")]
    dtype = np.dtype(order + _NUMBERS[element.kind])
    if (
        not sizes
        or len(sizes) > 8
        or min(sizes) < 0
        or prod(sizes) * dtype.itemsize != len(element.data)
    ):
        raise MatError("a variable is cut short")
    numbers: np.ndarray = np.frombuffer(element.data, dtype)
    return numbers.reshape(sizes, order="F")
