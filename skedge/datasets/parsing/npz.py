"""Reads arrays out of .npz files with nothing unpickled and no more memory than was said."""

import zipfile
import zlib
from collections.abc import Iterable, Iterator
from math import prod
from pathlib import Path
from typing import IO, NamedTuple, NoReturn

import numpy as np

from skedge.datasets.parsing.damage import BAD_ZIP, DamagedError, damaged
from skedge.skeleton.errors import reason

# Of one clip, and of one row of a large array.
LARGEST = 64 * 2**20


class Header(NamedTuple):
    """What a .npy file says of its array."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype


def members(file: Path) -> dict[str, Header]:
    """The arrays in an .npz file with their headers; `DamagedError` where it cannot be read."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = [name for name in archive.namelist() if name.endswith(".npy")]
            found = {}
            for name in names[:64]:
                with archive.open(name) as member:
                    found[name.removesuffix(".npy")] = _header(member, file)
            return found
    except DamagedError:
        raise
    except OSError as error:
        damaged(file, f"expected an .npz file, got: {reason(error)}")
    except BAD_ZIP as error:
        _unreadable(file, error)


def read_array(file: Path, name: str, header: Header) -> np.ndarray:
    """The whole array called `name`, at most `LARGEST` bytes of it; `DamagedError` otherwise."""
    size = prod(header.shape) * header.dtype.itemsize
    if size > LARGEST:
        damaged(
            file, f"expected a clip, got an array of {size // 2**20} MB and shape {header.shape}"
        )
    (content,) = _blocks(file, name, [size])
    array: np.ndarray = np.frombuffer(content, header.dtype)
    return array.reshape(header.shape, order="F" if header.fortran else "C")


def rows(file: Path, name: str, header: Header) -> Iterator[np.ndarray]:
    """The rows of the array called `name` one by one, read from the file as they are asked for."""
    size = prod(header.shape[1:]) * header.dtype.itemsize
    if header.fortran or size > LARGEST:
        damaged(file, f"expected an array of clips in C order, got {name} of shape {header.shape}")
    for content in _blocks(file, name, (size for _ in range(header.shape[0]))):
        yield np.frombuffer(content, header.dtype).reshape(header.shape[1:])


def _blocks(file: Path, name: str, sizes: Iterable[int]) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(file) as archive, archive.open(f"{name}.npy") as member:
            _header(member, file)
            for size in sizes:
                content = member.read(size)
                if len(content) < size:
                    damaged(file, f"expected {name} whole, it is truncated")
                yield content
    except DamagedError:
        raise
    except (
        OSError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        RuntimeError,
        ValueError,
        KeyError,
    ) as error:
        _unreadable(file, error)


def _header(member: IO[bytes], file: object) -> Header:
    try:
        version = np.lib.format.read_magic(member)
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = read(member)
    except (zipfile.BadZipFile, zlib.error, EOFError):
        raise
    except Exception:  # a damaged header makes NumPy raise almost anything
        damaged(file, "expected an array, its header cannot be read")
    if dtype.kind not in "fiub" or dtype.subdtype is not None or any(size < 0 for size in shape):
        damaged(file, f"expected an array of numbers, got {str(dtype)[:40]}")
    return Header(shape, fortran, dtype)


def _unreadable(file: object, error: Exception) -> NoReturn:
    damaged(
        file, f"expected an .npz file, it cannot be read ({type(error).__name__}); is it truncated?"
    )
