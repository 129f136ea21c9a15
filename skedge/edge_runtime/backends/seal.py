"""A file's own checksum in its metadata: SHA-256 over the whole file, the checksum's digits taken
as zeros."""

import hashlib
import re
from pathlib import Path

from skedge.skeleton.errors import InputError, reason

# What `export` writes into the metadata before the file is whole.
OPEN = "0" * 64
_FIELD = re.compile(rb'"file_sha256": "([0-9a-f]{64})"')


def seal(content: bytes) -> bytes:
    """The file with its checksum in place of `OPEN`; as it is where its metadata has none.

    Raises `ValueError` where there are two places for a checksum.
    """
    place = _place(content)
    if place is None:
        return content
    digits = _digest(content, place).encode()
    return content[: place[0]] + digits + content[place[1] :]


def read_sealed(path: Path) -> tuple[bytes, str | None]:
    """A file that is as it was written, and its checksum, None where it has none.

    Raises `InputError` for one that is not, and where none can be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: expected a model file that can be read: {reason(error)}"
        ) from None
    try:
        place = _place(content)
    except ValueError:
        place = (0, 0)
    if place is None:
        return content, None
    found = content[slice(*place)].decode()
    if found != _digest(content, place):
        raise InputError(
            f"{path}: expected a file as it was exported, got one whose checksum is wrong: it is"
            " damaged, or was changed; copy it or export it again"
        )
    return content, found


def _place(content: bytes) -> tuple[int, int] | None:
    found = [match.span(1) for match in _FIELD.finditer(content)]
    if len(found) > 1:
        raise ValueError("two checksums in one file")
    return found[0] if found else None


def _digest(content: bytes, place: tuple[int, int]) -> str:
    digest = hashlib.sha256(content[: place[0]])
    digest.update(OPEN.encode())
    digest.update(memoryview(content)[place[1] :])
    return digest.hexdigest()
