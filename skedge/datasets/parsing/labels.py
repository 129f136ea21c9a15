"""Names of classes for formats that only number them."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from skedge.skeleton.errors import InputError

_NUMBERED = re.compile(r"(\d{1,9})\s*[,;:.)\s]\s*(.+)")
_ZEROS = re.compile(r"(?<![\d.])0+(?=\d)")


def read_labels(path: Path | str | None, largest: int) -> list[str]:
    """The names in a text file with one class per line; without a file the numbers 0 to `largest`
    are the names.

    The n-th line names class n, so a line that is empty or begins with # is refused unless nothing
    but such lines follows. Lines may begin with the classes' numbers, from 0 or 1 on, below a line
    of titles too. Raises `InputError` for a line that is no class, a class named twice, a file that
    cannot be read and one that names less classes than there are.
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
    names = _by_number(names)
    for number, name in enumerate(names, 1):
        if not name.isprintable():
            raise InputError(f"{path}: line {number}: expected a name to print, got {name[:40]!r}")
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(f"{path}: expected every class once, got {twice[0][:40]!r} twice")
    if len(names) <= largest:
        raise InputError(
            f"{path}: expected at least {largest + 1} classes, one a line, got {len(names)}"
        )
    return names


def alike(names: Iterable[str], what: str = "classes") -> list[str]:
    """A note for names of `what` that differ in capitals, spaces or zeros before numbers only."""
    folded: dict[str, list[str]] = {}
    for name in names:
        plain = " ".join(name.casefold().replace("_", " ").split())
        folded.setdefault(_ZEROS.sub("", plain), []).append(name)
    return [
        f"{what} {' and '.join(map(repr, same))} differ in their spelling only: are they one?"
        for same in folded.values()
        if len(same) > 1
    ]


def _by_number(names: list[str]) -> list[str]:
    """The names without the numbers in front of all of them, in the numbers' order."""
    for lines in (names, names[1:]):
        numbered = [_NUMBERED.fullmatch(line) for line in lines]
        found = {int(one[1]): one[2] for one in numbered if one}
        consecutive = set(found) in ({*range(len(lines))}, {*range(1, len(lines) + 1)})
        if len(lines) > 1 and len(set(found.values())) == len(lines) and consecutive:
            return [found[number] for number in sorted(found)]
    return names


def _text(path: Path | str) -> str:
    return unicodedata.normalize("NFC", Path(path).read_text(encoding="utf-8-sig"))
