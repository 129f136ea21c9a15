"""Names of classes for formats that only number them."""

from pathlib import Path

from skedge.skeleton.errors import InputError


def read_labels(path: Path | str | None, largest: int) -> list[str]:
    """The names in a text file with one class a line; without a file the numbers 0 to `largest` are
    the names.

    Raises `InputError` for a file that cannot be read or names less classes than there are.
    """
    if path is None:
        return [str(number) for number in range(largest + 1)]
    try:
        names = [
            line.strip()
            for line in Path(path).read_text(encoding="utf-8-sig").splitlines()
            if line.strip()
        ]
    except (OSError, UnicodeDecodeError):
        raise InputError(
            f"{path}: expected a text file with one class a line, got one that cannot be read"
        ) from None
    if len(names) <= largest:
        raise InputError(
            f"{path}: expected at least {largest + 1} classes, one a line, got {len(names)}"
        )
    return names
