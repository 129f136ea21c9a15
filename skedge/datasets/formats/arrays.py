"""Anybody's own clips: a folder with a .npz or .csv file a clip, `clips.csv` that tells whose they
are, and a layout."""

import os
import re
from collections import Counter
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

import numpy as np

from skedge.datasets.importer import Clip, Dataset
from skedge.datasets.parsing.damage import DamagedError, check_joints, damaged
from skedge.datasets.parsing.joint_tables import read_joints, told_rate
from skedge.datasets.parsing.labels import alike, read_labels
from skedge.datasets.parsing.lists import (
    composed,
    listed,
    part_of,
    read_list,
    stated,
    without_part,
)
from skedge.datasets.parsing.npz import LARGEST, members, read_array
from skedge.datasets.parsing.ntu_text import LONGEST
from skedge.datasets.parsing.padded import in_order
from skedge.datasets.source import files_in
from skedge.datasets.store import PARTS, Division
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout, layout_names, load_layout
from skedge.skeleton.mend import persons_first
from skedge.skeleton.metadata import is_label
from skedge.skeleton.text import counted

LIST = "clips.csv"
# By what factor the rate of a table's times may be another, and the one taken where none is known.
_ABOUT, _UNKNOWN = 1.25, 30.0
# People in one clip, from which on it may be several clips.
MANY = 4
_NUMBERS = ("subject", "camera", "setup")
_RATES = ("rate", "fps", "hz", "frame_rate", "framerate")
_STRETCH = re.compile(
    "(start|begin|from|first|onset|end|stop|until|to|last|offset)"
    "[ _-]?(frame|time|s|sec|seconds?|ms|index)?"
)
# Longer numbers are words: a bar code, or the time of an interview.
_WHOLE = re.compile(r"-?\d{1,9}(\.0*)?")
_NUMBER = re.compile(r"\d{1,4}(\.\d+)?")


class _Row(NamedTuple):
    path: Path
    name: str
    label: str
    whose: dict[str, int]
    part: str
    rate: float | None = None

    def __str__(self) -> str:
        return str(self.path)


def open_arrays(
    source: Path,
    *,
    layout: str | None = None,
    labels: Path | str | None = None,
    rate: float | None = None,
) -> Dataset:
    """The clips that `clips.csv` in the folder `source` lists: columns file, label, and if known
    subject, camera, setup, split.

    The list's columns are separated by commas, semicolons, tabs or bars. A .npy or .npz file holds
    one array, or one called `joints`, of shape (T, V, 3), (M, T, V, 3) or (T, M, V, 3), told apart
    by their length; (T, V, 2) is a place in a picture, see `--channels`. A .csv file has a row a
    frame, x, y, z of every joint of every person, with or without a line of titles, between commas,
    semicolons (the numbers may have decimal commas then), tabs or spaces. Metres, y up, NaN (in a
    .csv also nothing) where absent.

    `layout` is a name or a JSON file, by default `layout.json` in the folder. `labels` is a text
    file with one class a line, whose names labels may have or number from 0; otherwise the classes
    are those of the list in their order. Protocols: `official` by the column split (train, val or
    test), `xsub` where there are at least two subjects: every other one trains. Raises `InputError`
    for a list or layout that cannot be read; a row or a file that cannot is damage.
    """
    if not source.is_dir():
        raise InputError(f"{source}: expected a folder with {LIST} and the files that it lists")
    own = source / "layout.json"
    if layout is None and not own.is_file():
        raise InputError(
            f"{source}: expected layout.json, which names the joints, or a layout by name, got"
            f" neither; --layout {' or '.join(layout_names())}"
        )
    chosen = load_layout(layout if layout is not None else str(own))
    wrong: list[DamagedError] = []
    rows, notes = _rows(source, wrong)
    rows, classes = _classes(rows, labels)
    unknown = [row for row in rows if row.label not in classes]
    wrong += [
        DamagedError(row.path, f"expected a class of {labels}, got {row.label[:40]!r}")
        for row in unknown
    ]
    known = [row for row in rows if row.label in classes]
    if not known:
        more = f"; {wrong[0]}" if wrong else ""
        raise InputError(f"{source / LIST}: expected clips, got none that can be used{more}")
    rate, told = _one_rate(known, rate)
    notes += told
    protocols, told = _protocols(known)
    notes += told
    return Dataset(
        name=source.name,
        layout=chosen,
        labels=list(classes),
        rate=rate,
        sources=known,
        read=partial(read_clip, layout=chosen, classes=classes, rate=rate),
        root=source,
        protocols=protocols,
        padded=True,
        damaged=wrong,
        notes=notes + alike(classes),
    )


def read_clip(
    row: _Row, layout: Layout, classes: dict[str, int], rate: float | None = None
) -> list[Clip]:
    """The clip in one file of the list, with its own rate where that is not `rate`; `DamagedError`
    names it."""
    read = {".npz": _from_npz, ".npy": _from_npy}.get(row.path.suffix.lower())
    joints = read(row.path) if read is not None else read_joints(row.path, layout)
    if joints.dtype.kind == "b":
        damaged(row.path, "expected coordinates, got true and false")
    if joints.ndim == 2 and joints.shape[1] in (3 * len(layout), 2 * len(layout)):
        joints = joints.reshape(len(joints), len(layout), joints.shape[1] // len(layout))
    _check_axes(joints.shape, layout, row.path)
    if joints.ndim == 3:
        joints = joints[None]
    note = _unread(row.path) if read is not None else _other_rate(row, rate)
    # A table says whose its columns are.
    if read is not None and joints.shape[2] == len(layout) and joints.shape[0] > 1:
        joints, other = persons_first(joints)
        note = (
            f"read as (frames, persons, joints, 3), {counted(len(joints), 'person')}"
            if other
            else note
        )
    if len(joints) > MANY:
        note = f"read as {len(joints)} people at the same time: clips need a file each"
    own = row.rate if rate and row.rate != rate else None
    frames = joints.shape[1] * (rate / own if rate and own else 1)
    if frames > LONGEST:
        damaged(row.path, f"expected at most {LONGEST} frames a clip, got {frames:.0f}")
    if joints.shape[3] == 2:
        joints = np.concatenate([joints, np.zeros_like(joints[..., :1])], axis=-1)
    check_joints(joints.shape[2], layout, row.path)
    with np.errstate(over="ignore"):
        joints = joints.astype(np.float32)
    joints[~np.isfinite(joints).all(axis=-1)] = np.nan
    if np.isnan(joints).all():
        damaged(
            row.path, f"expected coordinates, got no joint in {counted(joints.shape[1], 'frame')}"
        )
    whose = row.whose
    label = classes[row.label]
    return [
        Clip(
            row.name,
            joints,
            label,
            subject=whose["subject"],
            camera=whose["camera"],
            setup=whose["setup"],
            rate=own,
            note=note,
        )
    ]


def _protocols(rows: list[_Row]) -> tuple[dict[str, Division], list[str]]:
    """The splits that the list gives, and notes on clips that are in no part of them."""
    protocols: dict[str, Division] = {}
    if any(row.part for row in rows):
        parts = {part: frozenset(row.name for row in rows if row.part == part) for part in PARTS}
        protocols["official"] = in_order(parts)
    notes = without_part([row.part for row in rows])
    subjects = sorted({row.whose["subject"] for row in rows} - {-1})
    if len(subjects) > 1:
        protocols["xsub"] = partial(_cross_subject, train=subjects[::2])
        nobody = sum(row.whose["subject"] == -1 for row in rows)
        if nobody:
            clips = counted(nobody, "clip without a subject is", "clips without a subject are")
            notes.append(f"{clips} in no part of xsub")
    return protocols, notes


def _one_rate(rows: list[_Row], rate: float | None) -> tuple[float | None, list[str]]:
    """The rate that all clips get: `rate` where it is given, else the commonest of the list's own;
    and a note where clips are read at other moments for it."""
    own = [row.rate for row in rows if row.rate]
    if not own:
        return rate, []
    chosen = rate or max(sorted(set(own)), key=own.count)
    others = sum(one != chosen for one in own)
    unknown = len(rows) - len(own)
    notes = []
    if others:
        read = counted(others, "clip of another rate is", "clips of another rate are")
        notes.append(f"{read} read {chosen:g} times a second")
    if unknown:
        notes.append(f"{counted(unknown, 'clip has', 'clips have')} no rate: taken as {chosen:g}")
    return chosen, notes


def _check_axes(shape: tuple[int, ...], layout: Layout, file: Path) -> None:
    """Raise `DamagedError` unless the shape is that of joints; of axes in another order it says
    how to turn them."""
    size = len(shape)
    placed = shape[-2:-1] == (len(layout),) or len(layout) not in shape
    if size in (3, 4) and shape[-1] in (2, 3) and 0 not in shape and placed:
        return
    turn = ""
    if shape[-1:] == (4,) and placed:
        turn = "; if the fourth number of a joint is a confidence, leave it out: array[..., :3]"
    elif size == 2 and shape[-1] % (3 * len(layout)) == 1:
        turn = "; if the first column is a frame's number or time, leave it out: array[:, 1:]"
    for order in permutations(range(size)) if size in (3, 4) and 0 not in shape else ():
        if shape[order[-1]] in (3, 2) and shape[order[-2]] == len(layout):
            turn = f"; its axes are in another order: turn it with numpy.transpose(array, {order})"
            break
    damaged(
        file,
        f"expected joints (T, V, 3) or (M, T, V, 3) of {len(layout)} joints, got {shape}{turn}",
    )


def _from_npz(path: Path) -> np.ndarray:
    found = members(path)
    name = "joints" if "joints" in found else next(iter(found), None)
    if name is None or (name != "joints" and len(found) > 1):
        damaged(
            path,
            f"expected one array, or one called joints, got {', '.join(found)[:80] or 'none'};"
            " save one file a clip",
        )
    return read_array(path, name, found[name])


def _other_rate(row: _Row, rate: float | None) -> str:
    """A note where a table's times have other frames a second than its clip is read at."""
    told = told_rate(row.path)
    rate = row.rate or rate or _UNKNOWN
    if told is None or max(told[1] / rate, rate / told[1]) < _ABOUT:
        return ""
    return f"column {told[0]} has {told[1]:.3g} frames a second, not {rate:g}, see --rate"


def _unread(path: Path) -> str:
    """A note about arrays in a file that are not read, empty where there are none."""
    if path.suffix.lower() != ".npz":
        return ""
    others = [name for name in members(path) if name != "joints"]
    if "joints" not in members(path) or not others:
        return ""
    return f"only joints is read, not {', '.join(others)[:80]} (frames a second are --rate)"


def _from_npy(path: Path) -> np.ndarray:
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a damaged header makes NumPy raise almost anything
        if "object" in str(error).lower():
            damaged(path, "expected an array of numbers, got Python objects: save one array a clip")
        damaged(path, f"expected an array, it cannot be read ({type(error).__name__})")
    if array.dtype.kind not in "fiu" or array.nbytes > LARGEST:
        damaged(
            path,
            f"expected numbers of at most {LARGEST // 2**20} MB, got {array.dtype} of"
            f" {array.nbytes // 2**20} MB",
        )
    return np.array(array)


def _rows(source: Path, wrong: list[DamagedError]) -> tuple[list[_Row], list[str]]:
    """The rows of the list that can be used, and notes about what else it has."""
    path = source / LIST
    if not path.is_file():
        others = [one.name for one in sorted(source.glob("*.csv")) if b"label" in _first(one)]
        raise InputError(
            f"{path}: expected the list of the clips, with the columns file and label, found none"
            + (f"; if it is {others[0]}, call it {LIST}" if others else "")
        )
    columns, lines, files, damaged_rows = read_list(path, "file", (*_NUMBERS, "split"))
    wrong += damaged_rows
    for _, line in lines:
        line.update({field: stated(line.get(field, "")) for field in _NUMBERS})
    numbers = {field: _numbering(lines, field) for field in _NUMBERS}
    rows: dict[str, _Row] = {}
    for number, line in lines:
        try:
            row = _row(source, line, numbers)
            if row.name in rows:
                before = rows[row.name].path.relative_to(source)
                raise ValueError(f"expected every clip's name once, {row.name} is {before} already")
            rows[row.name] = row
        except ValueError as error:
            wrong.append(DamagedError(path, str(error), number))
    _check_stretches(path, columns, lines)
    read = ("", "file", "label", "split", *_NUMBERS, *_RATES)
    others = [title for title in columns if title not in read]
    unread = f"{LIST}: columns not read: {', '.join(others)[:80]} (frames a second are --rate)"
    subjects = {number: word for word, number in numbers["subject"].items()}  # 1 and 01 are one
    notes = alike(subjects.values(), "subjects") + _not_listed(source, files)
    return [*rows.values()], [unread] * bool(others) + notes


def _check_stretches(
    path: Path, columns: list[str], lines: list[tuple[int, dict[str, str]]]
) -> None:
    """Raise `InputError` for a list that cuts several clips out of a file: the first would be all
    of it."""
    ends = [title for title in columns if _STRETCH.fullmatch(title)]
    (file, times), *_ = Counter(line["file"] for _, line in lines).most_common(1) or [("", 0)]
    if ends and times > 1:
        raise InputError(
            f"{path}: expected a file for each clip, got {times} lines of {file[:80]} with"
            f" {' and '.join(ends)[:80]}; cut it: numpy.save(FILE, array[start:end])"
        )


def _not_listed(source: Path, files: list[str]) -> list[str]:
    """A note about clips in the folder that the list lacks; tables are only where it has such, and
    stores are none."""
    there = {os.path.normpath(source / listed(source, file)) for file in files}
    endings = {Path(file).suffix.lower() for file in files} & {".csv"} | {".npz", ".npy"}
    left = [
        file.relative_to(source)
        for file in files_in(source, "**/*", endings)
        if file.name != LIST
        and os.path.normpath(file) not in there
        and not (file.parent / "store.json").exists()
    ]
    return (
        [f"{counted(len(left), 'file')} that {LIST} lacks left out, such as {left[0]}"]
        if left
        else []
    )


def _first(table: Path) -> bytes:
    """The first line of a table, in small letters."""
    with open(table, "rb") as file:
        return file.readline(1000).lower()


def _numbering(lines: list[tuple[int, dict[str, str]]], field: str) -> dict[str, int]:
    """A number for every word of a column: its own where all words are numbers, else its place
    among them."""
    words = sorted({line.get(field, "") for _, line in lines} - {""})
    if all(_WHOLE.fullmatch(word) for word in words):
        return {word: int(float(word)) for word in words}
    return {word: place for place, word in enumerate(words, 1)}


def _row(source: Path, line: dict[str, str], numbers: dict[str, dict[str, int]]) -> _Row:
    file, label = listed(source, line["file"]), line["label"]
    path = source / file
    root = os.path.realpath(source)
    if not file or "\0" in file or os.path.commonpath([root, os.path.realpath(path)]) != root:
        raise ValueError(f"expected a file inside the folder, got {file[:80]!r}")
    if path.suffix.lower() not in (".npz", ".npy", ".csv") or not is_label(label):
        raise ValueError(
            f"expected a .npz, .npy or .csv file and a label, got {file[:80]!r} and {label[:80]!r}"
        )
    whose = {}
    for field in _NUMBERS:
        word = line.get(field, "")
        whose[field] = numbers[field][word] if word else -1
        if whose[field] < -1:
            raise ValueError(f"expected a {field} from 0, got {word[:40]}")
    part = part_of(line.get("split", ""))
    rates = [line[title] for title in _RATES if line.get(title)]
    rate = stated(rates[0]).replace(",", ".") if rates else ""
    if rate and not (_NUMBER.fullmatch(rate) and 1 <= float(rate) <= 1000):
        raise ValueError(f"expected a rate of 1 to 1000 frames a second, got {rate[:40]!r}")
    return _Row(
        path,
        composed(file).removesuffix(path.suffix),
        label,
        whose=whose,
        part=part,
        rate=float(rate) if rate else None,
    )


def _classes(rows: list[_Row], labels: Path | str | None) -> tuple[list[_Row], dict[str, int]]:
    """The rows and the numbers of their classes; where all labels number the classes of a file,
    from 0, they are named after it."""
    if labels is None:
        names = sorted({row.label for row in rows}, key=_as_numbers)
    else:
        names = read_labels(labels, 0)
        own = {row.label for row in rows}
        if all(map(str.isdecimal, own)) and own.isdisjoint(names):
            names = read_labels(labels, max(map(int, own), default=0))
            rows = [row._replace(label=names[int(row.label)]) for row in rows]
    return rows, {name: number for number, name in enumerate(names)}


def _as_numbers(label: str) -> tuple[int, str]:
    """Numbers before words, 2 before 10."""
    return (len(label) if label.isdecimal() else 256), label


def _cross_subject(index: np.ndarray, train: list[int]) -> np.ndarray:
    return np.where(index["subject"] == -1, 0, np.where(np.isin(index["subject"], train), 1, 3))
