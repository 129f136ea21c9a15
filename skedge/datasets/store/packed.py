"""The packed store: a whole dataset in one folder of memory-mapped arrays.

`store.json` says what it is; `joints.npy` holds every clip's frames one after the other;
`index.npy` says where each clip lies and whose it is; `splits.npy` holds the protocols. Opening
takes milliseconds, since no joints are read.
"""

import hashlib
import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from skedge.skeleton.errors import InputError
from skedge.skeleton.files import parse_json, stamp
from skedge.skeleton.layout import Layout
from skedge.skeleton.text import counted, shortened, typed

VERSION = 1
# Frames a second of a store that does not know its own.
ASSUMED_RATE = 30.0
PARTS: dict[str, int] = {"train": 1, "val": 2, "test": 3}
# The files that make up a store.
OWN = frozenset(("store.json", "joints.npy", "index.npy", "splits.npy", "intervals.npy"))
FIELDS = [
    ("label", "<i4"),
    ("subject", "<i4"),
    ("camera", "<i4"),
    ("setup", "<i4"),
    ("offset", "<i8"),
    ("frames", "<i4"),
    ("persons", "<i4"),
    ("crc32", "<u4"),
]
INTERVAL = [("clip", "<i4"), ("label", "<i4"), ("start", "<i4"), ("end", "<i4")]


def _are_texts(names: np.ndarray) -> bool:
    """Whether all names (clips,) can be printed: what NumPy makes of other bytes ends Python's own
    functions with errors of any kind."""
    if names.dtype.kind != "U" or names.dtype.itemsize == 0:
        return False
    letters = np.ascontiguousarray(names).view(np.uint32)
    return bool(((letters < 0x110000) & ((letters < 0xD800) | (letters > 0xDFFF))).all())


def impossible(rate: float | None, labels: Sequence[Any]) -> str:
    """What of a store's rate and classes cannot be; empty where all can."""
    if rate is not None and not 0 < rate < math.inf:
        return f"{rate} frames a second"
    strange = [str(label)[:40] for label in labels if not isinstance(label, str)]
    return f"a class called {strange[0]}" if strange else ""


class Store:
    """A packed store opened for reading; memory-mapped, so clips are read from disk as they are
    asked for.

    Raises `InputError` for a missing folder, one that is no store, files that are truncated or do
    not fit each other, and a newer version.

    `index` is a structured array with the fields name, label, subject, camera, setup (-1 where
    unknown), offset, frames, persons and crc32 (of the clip's bytes). `rate` is in frames per
    second, or None. `intervals` are the labelled stretches of recordings that hold several actions,
    empty for a store of clips: a structured array with the fields clip (its number), label, start
    and end (frames from 0, end exclusive).
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        while True:
            there = stamp(self.path / "store.json")
            try:
                self._read()
            except InputError:
                if stamp(self.path / "store.json") == there:
                    raise
            else:
                if stamp(self.path / "store.json") == there:
                    break
            # Another program has replaced it meanwhile: some files are of the old one.

    def _read(self) -> None:
        document = self._read_document()
        self.name: str = document["name"]
        self.layout = Layout.from_dict(document["layout"], f"{self.path}: layout")
        self.labels: tuple[str, ...] = tuple(document["labels"])
        self.rate: float | None = document["rate"]
        self.made_by: dict[str, Any] = document["made_by"]
        self.protocols: list[str] = list(document["protocols"])
        clips, rows = document["clips"], document["rows"]
        self.joints = self._open("joints.npy", (rows, len(self.layout), 3))
        self.index = self._open("index.npy", (clips,))
        self._splits = self._open("splits.npy", (clips,)) if self.protocols else None
        name, *others = self.index.dtype.descr
        last = self.index[-1] if clips and name[0] == "name" and others == FIELDS else None
        if last is None or last["offset"] + int(last["frames"]) * int(last["persons"]) != rows:
            raise self._damaged("index.npy", "it does not fit the other files")
        if not _are_texts(self.index["name"]):
            raise self._damaged("index.npy", "a clip's name is no text")
        if not self._classes(self.index["label"]):
            raise self._damaged("index.npy", "it has classes that store.json does not name")
        if self._splits is not None and (self._splits.dtype.names or ())[
            : len(self.protocols)
        ] != tuple(self.protocols):
            raise self._damaged("splits.npy", "it does not fit store.json")
        self.intervals = self._read_intervals()

    def __len__(self) -> int:
        return len(self.index)

    @property
    def frame_rate(self) -> float:
        """Its `rate`, or the one that is assumed where it does not know any."""
        return self.rate or ASSUMED_RATE

    def __reduce__(self) -> tuple[type["Store"], tuple[Path]]:
        return Store, (
            self.path,
        )  # another process maps the files itself: a pickled memmap would carry all its data

    def clip(self, i: int) -> np.ndarray:
        """Clip `i` as a read-only view (M, T, V, 3) float32 of the file, in metres, NaN where
        absent; `InputError` for one that the file does not hold."""
        entry = self.index[i]
        offset, persons, frames = (int(entry[field]) for field in ("offset", "persons", "frames"))
        if min(offset, persons - 1, frames - 1) < 0 or offset + persons * frames > len(self.joints):
            raise self._damaged("index.npy", f"{entry['name']} lies outside of joints.npy")
        return self.joints[offset : offset + persons * frames].reshape(
            persons, frames, len(self.layout), 3
        )

    def find(self, name: str) -> int:
        """The number of the clip called `name`; `InputError` where there is none."""
        found = np.flatnonzero(self.index["name"] == name)
        if len(found) == 0:
            some = ", ".join(str(known) for known in self.index["name"][:3])
            more = " and so on" if len(self) > 3 else ""
            raise InputError(
                f"{self.path}: no clip is called {name!r}; the names of its"
                f" {counted(len(self), 'clip')}: {some}{more}"
            )
        return int(found[0])

    def codes(self, protocol: str) -> np.ndarray:
        """Every clip's part in `protocol`, (clips,) int8: 0 unused, 1 train, 2 val, 3 test;
        `InputError` if it is unknown."""
        if self._splits is None or protocol not in self.protocols:
            known = ", ".join(self.protocols)
            split = typed("skedge data split", self.path)
            none = f"none; `{split} mine --folds 5` makes mine-1 to mine-5"
            flag = "; name one with --protocol, or --input.protocol where a recipe is used"
            raise InputError(
                f"{self.path}: unknown protocol {protocol!r}; this store's protocols:"
                f" {known + flag if known else none}"
            )
        return self._splits[protocol]

    def split(self, protocol: str, part: Literal["train", "val", "test"]) -> np.ndarray:
        """Numbers of the clips in `part` of `protocol`, (n,) int64 ascending; `InputError` for an
        unknown or empty one."""
        codes = self.codes(protocol)
        if part not in PARTS:
            raise InputError(
                f"{self.path}: expected one of {', '.join(PARTS)} of protocol {protocol!r}, got"
                f" {part!r}"
            )
        clips = np.flatnonzero(codes == PARTS[part])
        if len(clips) == 0:
            counts = {name: int((codes == code).sum()) for name, code in PARTS.items()}
            filled = (
                ", ".join(f"{name} ({count})" for name, count in counts.items() if count)
                or "no clips at all"
            )
            known = ", ".join(self.protocols)
            raise InputError(
                f"{self.path}: {part} of protocol {protocol!r} is empty; it has {filled};"
                f" protocols: {known}; add clips, or make a split with `skedge data split`"
            )
        return clips.astype(np.int64)

    def class_index(self, label: str) -> int:
        """The number of the class called `label`; `InputError` lists the known ones."""
        if label not in self.labels:
            raise InputError(
                f"{self.path}: unknown class {label!r}; its"
                f" {counted(len(self.labels), 'class', 'classes')}: {shortened(self.labels)}"
            )
        return self.labels.index(label)

    def _read_intervals(self) -> np.ndarray:
        if not (self.path / "intervals.npy").exists():
            return np.zeros(0, dtype=INTERVAL)
        try:
            intervals = np.load(self.path / "intervals.npy", allow_pickle=False)
        except Exception:  # a damaged header makes NumPy raise almost anything
            raise self._damaged("intervals.npy", "it is truncated or no .npy file") from None
        if intervals.dtype != np.dtype(INTERVAL) or not self._inside(intervals):
            raise self._damaged("intervals.npy", "it does not fit the other files")
        return intervals

    def _classes(self, numbers: np.ndarray) -> bool:
        return bool(((numbers >= 0) & (numbers < len(self.labels))).all())

    def _inside(self, intervals: np.ndarray) -> bool:
        """Whether all intervals are of the store's classes, in its clips and in their frames."""
        clips, start, end = (intervals[field] for field in ("clip", "start", "end"))
        if (
            intervals.ndim != 1
            or not self._classes(intervals["label"])
            or not ((clips >= 0) & (clips < len(self))).all()
        ):
            return False
        return bool(((start >= 0) & (start < end) & (end <= self.index["frames"][clips])).all())

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over what the store says, its index (which holds every clip's checksum) and its
        splits, in hex."""
        digest = hashlib.sha256()
        more = [name for name in ("splits.npy", "intervals.npy") if (self.path / name).exists()]
        for name in ("store.json", "index.npy", *more):
            digest.update((self.path / name).read_bytes())
        return digest.hexdigest()

    def _read_document(self) -> dict[str, Any]:
        if not self.path.is_dir():
            found = "a file" if self.path.exists() else "nothing"
            raise InputError(
                f"{self.path}: expected a store's folder, got {found}; make one with `skedge data"
                " import` or `skedge record`"
            )
        try:
            document = dict(parse_json((self.path / "store.json").read_bytes()))
            version = int(document["version"])
        except FileNotFoundError:
            raise InputError(
                f"{self.path}: expected a store, got a folder without store.json; make one with"
                " `skedge data import`"
            ) from None
        except (OSError, KeyError, TypeError, ValueError, OverflowError):
            raise self._damaged("store.json", "expected a JSON object with a version") from None
        if version > VERSION:
            raise InputError(
                f"{self.path}: store version {version} is newer than this skedge understands"
                f" ({VERSION}); upgrade skedge"
            )
        kinds = {
            "name": str,
            "layout": dict,
            "labels": list,
            "made_by": dict,
            "protocols": list,
            "clips": int,
            "rows": int,
        }
        wrong = [key for key, kind in kinds.items() if not isinstance(document.get(key), kind)]
        if not isinstance(document.get("rate", ""), int | float | None):
            wrong.append("rate")
        if wrong:
            raise self._damaged("store.json", f"missing or of the wrong kind: {', '.join(wrong)}")
        if len(document["labels"]) != len({*map(repr, document["labels"])}):
            raise self._damaged("store.json", "a class is there twice")
        if strange := impossible(document["rate"], document["labels"]):
            raise self._damaged("store.json", strange)
        return document

    def _open(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        try:
            array = np.load(self.path / name, mmap_mode="r", allow_pickle=False)
        except Exception as error:
            reason = (
                "it is missing"
                if isinstance(error, FileNotFoundError)
                else "it is truncated or no .npy file"
            )
            raise self._damaged(name, reason) from None
        if (
            not isinstance(array, np.ndarray)
            or array.shape != shape
            or (len(shape) == 3 and array.dtype != "<f4")
        ):
            raise self._damaged(name, "it does not fit store.json")
        return array

    def _damaged(self, name: str, reason: str) -> InputError:
        return InputError(f"{self.path / name}: a damaged store: {reason}; import it again")
