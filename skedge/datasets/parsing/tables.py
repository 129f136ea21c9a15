"""Tables of numbers in text files, converted all at once."""

import numpy as np

from skedge.datasets.parsing.damage import damaged
from skedge.datasets.parsing.decimals import PADDING, decimals

# Numbers converted together: a hostile file must not cost many times its size in memory.
_BLOCK = 100_000
MOST = 3_000_000
_PAD = b" " * PADDING
_ABSENT = ("nan", "-nan", "-nan(ind)", "nan(ind)", "none", "null", "na", "n/a", "#n/a", "-", "--")


def read_table(
    content: bytes, columns: int, file: object, *, commas: bool = False, absent: bool = False
) -> np.ndarray:
    """Numbers (rows, columns) float64 of a text with one row per line; blank lines are passed over.

    The numbers stand apart by spaces, or `commas`. Where `absent` is given, NaN and (between
    commas) nothing mean absent. `columns` of 0 takes the first line's. Raises `DamagedError` with
    `file` and the line for another number of columns, something that is no number, NaN and
    infinity.
    """
    if content.count(b",") > MOST:
        damaged(file, f"expected a clip of at most {MOST} numbers, got more")
    if commas:
        content = _spaced(content)
    text = np.frombuffer(_PAD + content + _PAD, np.uint8)
    edges = np.flatnonzero(np.diff(text > 32)) + 1
    starts = edges[::2]
    ends = edges[1::2]
    if not len(starts):
        damaged(file, "expected a table of numbers, got an empty file")
    line = np.searchsorted(np.flatnonzero(text == 10), starts)
    used, counts = np.unique(line, return_counts=True)
    columns = columns or int(counts[0])
    if (counts != columns).any():
        wrong = int(np.argmax(counts != columns))
        mark = "commas" if commas else "spaces"
        why = "is it truncated?" if (counts == columns).any() else f"between them are {mark}"
        damaged(
            file,
            f"expected {columns} numbers, got {counts[wrong]}; {why}",
            int(used[wrong]) + 1,
        )
    values = np.empty(len(starts))
    for at in range(0, len(starts), _BLOCK):
        block = decimals(text, starts[at : at + _BLOCK], ends[at : at + _BLOCK])
        for i in (at + np.flatnonzero(~(np.abs(block) < 3e38))).tolist():
            word = text[starts[i] : ends[i]][:40].tobytes().decode("latin1")
            if not (absent and word.lower() in _ABSENT):
                damaged(file, f"expected numbers, got {word!r}", int(line[i]) + 1)
        values[at : at + _BLOCK] = block
    return values.reshape(-1, columns)


def is_title(cell: bytes) -> bool:
    """Whether a cell between commas is a column's title: it has letters, is no number and does not
    mean absent."""
    word = cell.strip().decode("latin1").lower()
    try:
        float(word)
    except ValueError:
        return word not in _ABSENT and any(letter.isalpha() for letter in word)
    return False


def _spaced(content: bytes) -> bytes:
    lines = []
    for line in content.split(b"\n"):
        cells = line.strip().split(b",")
        lines.append(
            b" ".join(b"_".join(cell.split()) or b"nan" for cell in cells) if line.strip() else b""
        )
    return b"\n".join(lines)
