"""Joints in a table of text, as spreadsheets and other programs write it: a row a frame."""

import codecs
import csv
import io
import re
from collections import Counter
from pathlib import Path

import numpy as np

from skedge.datasets.parsing.damage import damaged
from skedge.datasets.parsing.forms import form_of
from skedge.datasets.parsing.tables import MOST, is_title, read_table
from skedge.datasets.parsing.titles import places, plain
from skedge.datasets.source import File, read_bytes
from skedge.skeleton.layout import Layout

MOST_PEOPLE = 100
WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# A number, then a space: 0,25 -1,5
_DECIMAL_COMMA = re.compile(rb"\d,\d+ +-?\d")
# Lines above a table that are no rows of it: the mark that spreadsheets name, and comments, behind
# whose # numpy writes titles. #N/A is no comment.
_ABOVE = re.compile(
    rb'(?:"?sep=[,;\t|]"?\n)?((?:#(?!n/a)[^\n]*\n){0,999}#(?!n/a)[# ]*)?', re.IGNORECASE
)
_DECIMAL = re.compile(r"\s*[-+]?\d*,\d+([eE][-+]?\d+)?\s*")
# Seconds, milliseconds, microseconds and nanoseconds in a second. In which a column of times is, is
# known by its frames a second, which lie between these two.
_UNITS = (1.0, 1e3, 1e6, 1e9)
_SLOW, _FAST = 8.0, 240.0
# Titles of columns that tell people and moments apart, as `plain` gives them. Where frames are
# numbered, times may be rounded.
_WHO = re.compile("(person|body|skeleton|track|tracking|user|player)(id|index|number|no|nr)?")
_FRAME = re.compile("frames?(id|index|number|num|no|nr)?")
_TIME = re.compile("t|(time|timestamp)(s|ms|us|ns|sec|seconds)?|seconds")


def read_joints(path: Path, layout: Layout) -> np.ndarray:
    """Joints (M, T, V, 3) of a .csv file: x, y, z of every joint of every person, NaN where a cell
    is empty.

    Between the numbers are commas, semicolons (the numbers may have decimal commas then), tabs or
    spaces; brackets are passed over. Titles that name all joints of the layout with their axis
    (head_x, Head.X, x_head) say where each is, and of whom where a number tells people apart
    (head_x.1), and other columns are left out; without such titles, or with titles that count the
    columns, these are in the layout's order. Lines that begin with # may stand above, the last with
    the titles. Raises `DamagedError` with the line for titles of some joints only, another number
    of columns, other words, several people below each other, and what is no text.
    """
    content, above = _from_titles(_text(path))
    content = _commas_between(_unquoted(content, path))
    first, _, rest = content.partition(b"\n")
    cells = first.split(b",", MOST_PEOPLE * len(layout) * 3)
    titles = any(is_title(cell) for cell in cells) or _numbers_columns(cells)
    above += titles
    body = rest if titles else content
    if not body.strip():
        damaged(path, f"expected one row per frame, got {'only titles' if titles else 'none'}")
    columns = places(cells, layout, path) if titles else None
    if columns is not None:
        body = _columns(body, cells, columns, path=path, above=above)
    _check_columns(_with_the_last(body), layout, path, line=1 + above)
    table = read_table(b"\n" * above + body, 0, path, commas=True, absent=True)
    person = len(layout) * 3
    if table.shape[1] % person == 1 and np.isnan(table[:, -1]).all():
        table = table[:, :-1]  # a comma at the end of every line
    if table.shape[1] % person:
        _check_columns(table.shape[1], layout, path, line=1 + above)
    if table.shape[1] == 2 * person and _halves(table):
        damaged(path, "expected decimal points, got commas: put semicolons between the numbers")
    return table.reshape(len(table), -1, len(layout), 3).transpose(1, 0, 2, 3)


def told_rate(path: Path) -> tuple[str, float] | None:
    """The title of a .csv file's column of times, and the frames a second that it has; None where
    there is no such column, or its unit cannot be known."""
    content, _ = _from_titles(_text(path))
    first, *rows = _commas_between(_unquoted(content, path)).split(b"\n")
    titles = first.split(b",")
    at = next((i for i, title in enumerate(titles) if _TIME.fullmatch(plain(title))), None)
    if at is None:
        return None
    cells = [row.split(b",") for row in rows]
    try:
        steps = np.diff([float(row[at]) for row in cells if len(row) > at and row[at].strip()])
    except ValueError:  # a time of day, for one
        return None
    step = float(np.median(steps)) if len(steps) else 0.0
    for unit in _UNITS:
        if step > 0 and _SLOW <= unit / step <= _FAST:
            return titles[at].decode("latin1").strip()[:40], unit / step
    return None


def _text(path: Path) -> bytes:
    """What a file says, in UTF-8 and with ends of lines of one kind."""
    content = read_bytes(File(str(path)))
    if content.startswith(WIDE):
        content = content.decode("utf-16", "replace").encode()
    content = content.removeprefix(codecs.BOM_UTF8)
    form = form_of(content) or ("a binary file: export it" if b"\0" in content[:1000] else "")
    if form and not content.startswith(b"["):  # brackets are passed over
        damaged(path, f"expected a table of text, got {form}")
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").strip(b" \n")


def _from_titles(content: bytes) -> tuple[bytes, int]:
    """A table from its titles on, without their #, and how many lines are above it."""
    above = _ABOVE.match(content)
    assert above is not None  # nothing is above most
    start = above.end()
    line, _, rest = content[start:].partition(b"\n")
    if above[1] and (_has_titles(rest.partition(b"\n")[0]) or not _has_titles(line)):
        start += len(line) + 1
    return content[start:], content[:start].count(b"\n")


def _has_titles(line: bytes) -> bool:
    words = re.split(rb'[,;\t "]', line[:10_000])
    return any(is_title(word) and is_title(word.strip(b"()[]")) for word in words)


def _numbers_columns(cells: list[bytes]) -> bool:
    """Whether a row counts its columns, from 0 or 1, as programs do that know no titles."""
    words = [cell.strip() for cell in cells]
    return len(words) > 9 and any(  # 1, 2, 3 may be a place
        words == [str(number).encode() for number in range(first, first + len(words))]
        for first in (0, 1)
    )


def _unquoted(content: bytes, path: Path) -> bytes:
    """A table without quotes, in which what they kept together has no marks between cells."""
    if b'"' not in content or content.count(b",") > MOST:  # the latter is refused later
        return content
    if content.count(b'"') % 2:
        damaged(path, "expected quotes in pairs, got one that is left over")
    last = re.sub(rb'"[^"]*"', b"", content[content.rfind(b"\n") + 1 :])
    marks = ";\t, " if not _DECIMAL_COMMA.search(last) else ";\t "
    mark = next((mark for mark in marks if mark.encode() in last), ",")
    # Any byte is a letter of Latin-1 and comes back the same.
    text = io.StringIO(content.decode("latin1"), newline="")
    rows = csv.reader(text, delimiter=mark, skipinitialspace=mark != " ")
    try:
        lines = [
            row[0] if len(row) == 1 else mark.join(_cell(cell, mark) for cell in row)
            for row in rows
        ]
    except csv.Error as error:
        damaged(path, f"expected a table of cells, got: {error}", rows.line_num)
    return "\n".join(lines).encode("latin1")


def _cell(cell: str, mark: str) -> str:
    """What was in quotes: three numbers in brackets, a decimal comma, or words with marks."""
    if cell.startswith(("(", "[")):
        return cell.replace("\n", " ")
    if mark == "," and _DECIMAL.fullmatch(cell):
        return cell.replace(",", ".")
    return re.sub(f"[{mark};\t\n]", "_", cell)


def _commas_between(content: bytes) -> bytes:
    """A table between semicolons, tabs or spaces, with decimal commas or points, or with brackets,
    as one between commas."""
    last = content[content.rfind(b"\n") + 1 :]  # the first one may be titles
    if b"(" in last or b"[" in last:
        content = content.translate(None, b"()[]")
        return content.replace(b";", b",")
    if b";" in last:
        return content.replace(b",", b".").replace(b";", b",")
    if b"\t" in last:
        return content.replace(b",", b".").replace(b"\t", b",")
    if b" " in last and (b"," not in last or _DECIMAL_COMMA.search(last)):
        content = content.replace(b",", b".")
        return b"\n".join(b",".join(line.split()) for line in content.split(b"\n"))
    return content


def _columns(
    body: bytes, titles: list[bytes], columns: list[int], *, path: Path, above: int
) -> bytes:
    """The `columns` of a table; `DamagedError` where its rows are of several people."""
    rows = [
        (i, line.split(b",")) for i, line in enumerate(body.split(b"\n"), 1 + above) if line.strip()
    ]
    least = max(i for i, title in enumerate(titles, 1) if title.strip())
    for number, cells in rows:
        if len(cells) < least or any(cell.strip() for cell in cells[len(titles) :]):
            why = "is it truncated?" if len(cells) < least else "more than titles"
            if len(cells) > 1.5 * len(titles):
                why += ": if numbers have decimal commas, put semicolons between them"
            damaged(path, f"expected {len(titles)} cells, got {len(cells)}; {why}", number)
    _check_one_person(titles, rows, path)
    return b"\n".join(b",".join(cells[i] for i in columns) for _, cells in rows)


def _check_one_person(titles: list[bytes], rows: list[tuple[int, list[bytes]]], path: Path) -> None:
    """Raise `DamagedError` where rows tell several people apart, or are of one moment."""
    words = [plain(title) for title in titles]
    moment = _FRAME if any(map(_FRAME.fullmatch, words)) else _TIME
    for kind in (_WHO, moment):
        for i in (i for i, word in enumerate(words) if kind.fullmatch(word)):
            name = titles[i].decode("latin1").strip()
            values = Counter(cells[i].strip() for _, cells in rows if i < len(cells))
            del values[b""]
            if kind is _WHO and len(values) > 1:
                damaged(path, f"expected one person, got rows of several ({name}): a file for each")
            # A clock may be coarse: then some of its moments have more rows than others.
            coarse = kind is _TIME and len({*values.values()}) > 1
            if kind is moment and 1 < len(values) < values.total() and not coarse:
                ((value, times),) = values.most_common(1)
                damaged(
                    path,
                    f"expected one row per frame, got {times} of {name}"
                    f" {value.decode('latin1')[:40]}: a file for each person, or each row's own"
                    f" {name}",
                )


def _with_the_last(body: bytes) -> int:
    """How many columns the first row has, one that is empty at its end left out."""
    row = body.lstrip().partition(b"\n")[0].strip()
    return row.count(b",") + (not row.endswith(b","))


def _check_columns(columns: int, layout: Layout, path: Path, line: int) -> None:
    person = len(layout) * 3
    if columns % person == 0 and 0 < columns <= MOST_PEOPLE * person:
        return
    hint = ""
    if columns > person and columns % person in (1, 2):
        hint = "; is the first one a frame's number or time? Leave it out"
    elif 4 <= columns < 9:
        hint = "; a row a joint? Put all joints of a frame into one row"
    elif columns % len(layout) == 0:
        hint = f"; {columns // len(layout)} numbers a joint? Keep x, y and z"
    damaged(
        path,
        f"expected {person} columns a person ({len(layout)} joints, x y z), got {columns}{hint}",
        line,
    )


def _halves(table: np.ndarray) -> bool:
    """Whether every other number is what follows a decimal comma: all whole and none
    negative."""
    whole = bool((table == np.round(table)).all())
    return whole and bool((table[:, 1::2] >= 0).all()) and float(table[:, 1::2].max()) > 99
