"""Lists of clips or films as spreadsheets write them: a row each, below a line of titles."""

import csv
import os
import re
import unicodedata
from itertools import takewhile, zip_longest
from pathlib import Path
from typing import NamedTuple

from skedge.datasets.parsing.damage import DamagedError
from skedge.datasets.parsing.joint_tables import WIDE
from skedge.datasets.source import File, read_bytes
from skedge.datasets.store import PARTS
from skedge.skeleton.errors import InputError
from skedge.skeleton.text import counted

_MARKS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
# What spreadsheets write above the titles: a line of the mark, and lines of empty cells.
_ABOVE = re.compile(r'"?sep=(?P<mark>[,;\t|])"?|[,;\t| "]*', re.IGNORECASE)
_PART_NAMES = {
    "training": "train",
    **dict.fromkeys(("validation", "valid", "dev"), "val"),
    **dict.fromkeys(("testing", "eval", "evaluation"), "test"),
}
_UNKNOWN = ("nan", "none", "null", "na", "n/a", "unknown", "?", "-", "--")


class Listed(NamedTuple):
    """A list's `titles` in small letters, its `rows` with their lines (from 1), cells by their
    titles, empty where there are none, the `files` of all rows, and rows that are `damaged`."""

    titles: list[str]
    rows: list[tuple[int, dict[str, str]]]
    files: list[str]
    damaged: list[DamagedError]


def read_list(path: Path, file: str, others: tuple[str, ...]) -> Listed:
    """The list at `path`, in UTF-8 or UTF-16, between commas, semicolons, tabs or bars.

    Its columns are `file`, whose cells are as written, and label, and may be `others`, with letters
    composed (NFC). Raises `InputError` for what is no table, lacks one of the first two or has a
    column twice. A row with more cells than titles is damaged.
    """
    mark, rows = _rows(path)
    titles = [title.strip().lower() for title in rows[0][1]] if rows else []
    if not {file, "label"} <= set(titles):
        raise InputError(
            f"{path}: expected the columns {file} and label ({', '.join(others)}), got"
            f" {titles[:8] or 'an empty file'}"
        )
    if twice := [one for one in (file, "label", *others) if titles.count(one) > 1]:
        raise InputError(f"{path}: expected one column {twice[0]}, got several; keep one")
    found = Listed(titles, rows=[], files=[], damaged=[])
    for number, row in rows[1:]:
        cells = [cell.strip() for cell in row]
        found.files.extend(cells[titles.index(file) :][:1])
        if any(cells[len(titles) :]):
            what = f"expected {len(titles)} cells, got {len(cells)}, more than titles"
            hint = f"put a label with {_MARKS[mark]} in quotes"
            found.damaged.append(DamagedError(path, f"{what}: {hint}", number))
        else:
            pairs = zip_longest(titles, cells[: len(titles)], fillvalue="")
            # A file's name is found as it is written, or not at all on some systems.
            whole = {title: cell if title == file else composed(cell) for title, cell in pairs}
            found.rows.append((number, whole))
    return found


def _rows(path: Path) -> tuple[str, list[tuple[int, list[str]]]]:
    """The mark between a list's cells, and its rows from the titles on with their lines."""
    try:
        content = read_bytes(File(str(path)))
        text = content.decode("utf-16" if content.startswith(WIDE) else "utf-8-sig")
    except (DamagedError, UnicodeDecodeError):  # a film, for one
        raise InputError(
            f"{path}: expected a table in UTF-8, got one that cannot be read"
        ) from None
    lines = text.splitlines()
    above = [top["mark"] for top in takewhile(bool, map(_ABOVE.fullmatch, lines)) if top]
    below = lines[len(above) :]
    mark = next(filter(None, above), None) or max(_MARKS, key="".join(below[:1]).count)
    reader = csv.reader(below, delimiter=mark)
    try:
        return mark, [(len(above) + reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise InputError(f"{path}: expected a table, got: {error}") from None


def composed(text: str) -> str:
    """Text with its letters and their accents as one (NFC), as macOS does not write file names."""
    return unicodedata.normalize("NFC", text)


def listed(folder: Path, name: str) -> str:
    """The name of a file in a folder as it is there: as written, with / for \\ between folders, or
    with accents composed or apart (NFC, NFD); as written where there is none."""
    names = (name, name.replace("\\", "/"))
    forms = (unicodedata.normalize(form, one) for form in ("NFC", "NFD") for one in names)
    there = (one for one in (*names, *forms) if os.path.exists(folder / one))
    return next(there, names[1])


def part_of(cell: str) -> str:
    """The part of a split (`PARTS`) that a cell names in any usual word, "" for none; raises
    `ValueError` for another word."""
    part = _PART_NAMES.get(cell.lower(), cell.lower())
    if part and part not in PARTS:
        raise ValueError(f"expected a split of {', '.join(PARTS)}, got {part[:40]!r}")
    return part


def without_part(parts: list[str]) -> list[str]:
    """A note about clips that have no part of the split, where others have one."""
    nowhere = parts.count("")
    clips = counted(nowhere, "clip without a split is", "clips without a split are")
    return [f"{clips} in no part of official"] if 0 < nowhere < len(parts) else []


def stated(cell: str) -> str:
    """What a cell says, nothing where it says that nobody knows."""
    return "" if cell.lower() in _UNKNOWN else cell
