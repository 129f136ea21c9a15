"""The arrays of ST-GCN (Yan et al., AAAI 2018) and AimCLR: `train_data.npy` or `train_position.npy`
and a pickle of labels."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from skedge.datasets.importer import Clip, Dataset
from skedge.datasets.parsing.damage import damaged
from skedge.datasets.parsing.labels import read_labels
from skedge.datasets.parsing.npz import LARGEST
from skedge.datasets.parsing.padded import in_order, is_ntu, unpad
from skedge.datasets.parsing.safe_pickle import load_pickle
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import check_joint_count, load_layout

RATE = 30.0
_ARRAYS = ("data", "position", "data_joint")
# Its scripts call "val" what the papers report as test.
_PARTS = {"train": "train", "val": "test"}


class _Part(NamedTuple):
    path: Path
    label_file: Path
    data: np.ndarray
    names: list[str]
    labels: list[int]


def open_stgcn(
    source: Path,
    *,
    layout: str = "ntu25",
    labels: Path | str | None = None,
    rate: float | None = None,
) -> Dataset:
    """The folder of one split: arrays (N, 3, T, V, M) float, memory-mapped, and labels as a pickle
    (names, numbers).

    Where both parts have clips of one name they are called train-NAME and test-NAME. Padding of
    zeros is taken off. `labels` is a text file with one class a line; otherwise the numbers are the
    names. `rate` is 30 frames a second by default, as NTU RGB+D and Kinetics have. Protocol:
    `official`, the train and val files as train and test. Raises `InputError` for
    a folder without them and for arrays that do not fit each other or the layout.
    """
    parts = {
        part: found for name, part in _PARTS.items() if (found := _part(source, name)) is not None
    }
    if not parts:
        raise InputError(
            f"{source}: expected a folder with train_data.npy (or train_position.npy) and"
            " train_label.pkl"
        )
    chosen = load_layout(layout)
    for part in parts.values():
        check_joint_count(part.data.shape[3], chosen, str(part.path))
    if len(parts) > 1 and set(parts["train"].names) & set(parts["test"].names):
        parts = {
            name: part._replace(names=[f"{name}-{one}" for one in part.names])
            for name, part in parts.items()
        }
    numbers = [label for part in parts.values() for label in part.labels]
    names = read_labels(labels, max(numbers))
    known = rate is not None or all(is_ntu(one) for part in parts.values() for one in part.names)

    def read(at: tuple[str, int]) -> list[Clip]:
        part = parts[at[0]]
        row = at[1]
        name = part.names[row]
        if part.labels[row] < 0:
            damaged(
                f"{part.path}: {name}", f"expected a class number from 0, got {part.labels[row]}"
            )
        return [
            unpad(
                part.data[row].transpose(3, 1, 2, 0),
                name,
                part.labels[row],
                file=f"{part.path}: {name}",
            )
        ]

    return Dataset(
        name=source.name,
        layout=chosen,
        labels=names,
        rate=RATE if rate is None else rate,
        sources=[(name, row) for name, part in parts.items() for row in range(len(part.labels))],
        read=read,
        root=source,
        notes=[] if known else [f"{RATE:g} frames a second are assumed; --rate"],
        protocols={
            "official": in_order({name: _short(part.names) for name, part in parts.items()})
        },
        parallel=False,
        persons_chosen=True,
        unit="clips",
        files=[file for part in parts.values() for file in (part.path, part.label_file)],
    )


def _short(names: list[str]) -> frozenset[str]:
    return frozenset(name.removesuffix(".skeleton") for name in names)


def _part(source: Path, name: str) -> _Part | None:
    path = next(
        (path for word in _ARRAYS if (path := source / f"{name}_{word}.npy").is_file()), None
    )
    if path is None:
        return None
    try:
        data = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a damaged header makes NumPy raise almost anything
        raise InputError(
            f"{path}: expected an array, it cannot be read ({type(error).__name__}); is it"
            " truncated?"
        ) from None
    if (
        not isinstance(data, np.ndarray)
        or data.ndim != 5
        or data.shape[1] != 3
        or data.dtype.kind != "f"
    ):
        raise InputError(
            f"{path}: expected floats of shape (N, 3, T, V, M), got {data.dtype} of {data.shape}"
        )
    if 0 in data.shape or data[0].nbytes > LARGEST:
        raise InputError(
            f"{path}: expected clips of at most {LARGEST // 2**20} MB, got an array of {data.shape}"
        )
    label_file = source / f"{name}_label.pkl"
    names, labels = _labels(label_file, len(data))
    return _Part(path, label_file, data, names=names, labels=labels)


def _labels(path: Path, count: int) -> tuple[list[str], list[int]]:
    content: Any = load_pickle(path)
    try:
        names, labels = content
        names, labels = [str(name) for name in names], [int(label) for label in labels]
    except (TypeError, ValueError, OverflowError):
        raise InputError(
            f"{path}: expected a pair of lists, names and class numbers, got something else"
        ) from None
    if not len(names) == len(labels) == count or max(labels) >= 100_000:
        raise InputError(
            f"{path}: expected {count} names and class numbers, got {len(names)} and {len(labels)}"
        )
    return names, labels
