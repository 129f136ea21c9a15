"""The .npz files of CTR-GCN (Chen et al., ICCV 2021): x_train, y_train, x_test, y_test, read clip
by clip."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from skedge.datasets.importer import Clip, Dataset
from skedge.datasets.parsing.damage import damaged
from skedge.datasets.parsing.labels import read_labels
from skedge.datasets.parsing.npz import Header, members, rows
from skedge.datasets.parsing.padded import unpad
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import load_layout

RATE = 30.0
PERSONS, JOINTS = 2, 25
# More than any set has: a header may claim what it wants.
MOST = 1_000_000
_PARTS = {"train": 1, "test": 3}


def open_ctrgcn(source: Path, *, labels: Path | str | None = None) -> Dataset:
    """An `.npz` of x_train (N, T, 150) as [person][joint][xyz], y_train (N, classes), x_test and
    y_test; clips are called train-0 and so on.

    Each row of y is 1 at the clip's class. Padding of zeros is taken off. `labels` is a text file
    with one class per line; otherwise the numbers are the names. Protocol: `official`. Raises
    `InputError` for a file without these arrays.
    """
    found = members(source)
    parts = [part for part in _PARTS if {f"x_{part}", f"y_{part}"} <= found.keys()]
    if not parts:
        raise InputError(
            f"{source}: expected x_train, y_train, x_test and y_test, got"
            f" {', '.join(found)[:80] or 'nothing'}"
        )
    for part in parts:
        _check(source, part, found[f"x_{part}"], y=found[f"y_{part}"])
    classes = max(found[f"y_{part}"].shape[1] for part in parts)
    return Dataset(
        name=source.stem,
        layout=load_layout("ntu25"),
        labels=read_labels(labels, classes - 1),
        rate=RATE,
        sources=[(part, row) for part in parts for row in range(found[f"x_{part}"].shape[0])],
        read=_Reader(source, found),
        root=source,
        protocols={
            "official": lambda index: np.select(
                [np.char.startswith(index["name"], f"{part}-") for part in parts],
                [_PARTS[part] for part in parts],
            )
        },
        parallel=False,
        persons_chosen=True,
        unit="clips",
    )


class _Reader:
    """Goes through the file once; clips may be passed over but not read again."""

    def __init__(self, source: Path, found: dict[str, Header]) -> None:
        self.source = source
        self.found = found
        self.part, self.row = "", 0
        self.x: Iterator[np.ndarray] = iter(())
        self.y: Iterator[np.ndarray] = iter(())

    def __call__(self, at: tuple[str, int]) -> list[Clip]:
        part, row = at
        if part != self.part:
            self.part = part
            self.row = 0
            self.x, self.y = (
                rows(self.source, f"{axis}_{part}", self.found[f"{axis}_{part}"]) for axis in "xy"
            )
        x = y = None
        while self.row <= row:
            self.row += 1
            x, y = next(self.x, None), next(self.y, None)
        file = f"{self.source}: {part}-{row}"
        if x is None or y is None:
            damaged(file, "expected a clip, the file is truncated before it")
        if (y != 0).sum() != 1:
            damaged(file, "expected a one-hot label, got another number of ones")
        joints = x.reshape(-1, PERSONS, JOINTS, 3).transpose(1, 0, 2, 3)
        return [unpad(joints, f"{part}-{row}", int(y.argmax()), file=file)]


def _check(source: Path, part: str, x: Header, y: Header) -> None:
    if (
        len(x.shape) != 3
        or x.shape[2] != PERSONS * JOINTS * 3
        or x.dtype.kind != "f"
        or 0 in x.shape
    ):
        raise InputError(
            f"{source}: expected x_{part} as floats of shape (N, T, 150), got {x.dtype} of"
            f" {x.shape}"
        )
    if x.shape[0] > MOST:
        raise InputError(f"{source}: expected at most {MOST} clips, got {x.shape[0]}")
    if len(y.shape) != 2 or y.shape[0] != x.shape[0] or not 0 < y.shape[1] <= 100_000:
        raise InputError(
            f"{source}: expected y_{part} one-hot of shape ({x.shape[0]}, classes), got {y.shape}"
        )
