"""Names of classes for formats that only number them."""

import unicodedata
from pathlib import Path

from skedge.skeleton.errors import InputError


def read_labels(path: Path | str | None, largest: int) -> list[str]:
    """The names in a text file with one class per line; without a file the numbers 0 to `largest`
    are the names.

    The n-th line names class n, so a line that is empty or begins with # is refused unless nothing
    but such lines follows. Raises `InputError` for that, for a file that cannot be read and for one
    that names less classes than there are.
    """
    if path is None:
        return [str(number) for number in range(largest + 1)]
    try:
        names = [line.strip() for line in _text(path).splitlines()]
    except (OSError, UnicodeDecodeError):
        raise InputError(
            f"{path}: expected a text file with one class per line, got one that cannot be read"
        ) from None
    while names and not names[-1]:
        names.pop()
    for number, name in enumerate(names, 1):
        if not name or name.startswith("#"):
            raise InputError(
                f"{path}: line {number}: expected the name of class {number - 1}, got"
                f" {name[:40]!r}; every line is a class"
            )
        if not name.isprintable():
            raise InputError(f"{path}: line {number}: expected a name to print, got {name[:40]!r}")
    if len(names) <= largest:
        raise InputError(
            f"{path}: expected at least {largest + 1} classes, one a line, got {len(names)}"
        )
    return names


def _text(path: Path | str) -> str:
    return unicodedata.normalize("NFC", Path(path).read_text(encoding="utf-8-sig"))
