"""How a packed store is written: whole or not at all, and on from where it was interrupted."""

import json
import os
import secrets
import shutil
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from io import BytesIO
from numbers import Real
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np

from skedge.datasets.store.journal import Journal
from skedge.datasets.store.packed import FIELDS, INTERVAL, OWN, PARTS, VERSION, impossible
from skedge.skeleton.errors import InputError, reason
from skedge.skeleton.files import absent, exchange, named, remove_empty
from skedge.skeleton.layout import Layout, check_joint_count
from skedge.skeleton.metadata import LONGEST_LABEL, is_label
from skedge.skeleton.prepare import unmasked
from skedge.skeleton.text import counted

# Documents that an import or the synthetic set puts beside a store's files.
BESIDE = ("import-report.json", "repetitions.json")
# How a split divides a finished index, see `StoreWriter.protocol`.
Division = Callable[[np.ndarray], np.ndarray]


class StoreWriter:
    """Writes a store whole or not at all: the folder appears at `path` when the `with` block ends
    without an exception.

    Until then everything goes to a hidden folder beside it; clips are written as they come, so
    memory stays flat. `rate` is in frames per second, None where it is unknown. The attribute
    `made_by` is any JSON document that says how the store was made.

    With `resume`, a text that says what is being written, work that was interrupted after a
    `checkpoint` goes on: a writer with the same text finds the clips of that checkpoint in place
    and its notes in `restored`. Only one such writer may be at work for a path
    (`skedge.datasets.store.lock`).

    Raises `InputError` where `path` exists already, unless `overwrite` is given and a store is
    there: it is replaced at the very end, behind a link too, and other files in its folder stay.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        name: str,
        layout: Layout,
        labels: Sequence[str],
        rate: float | None,
        overwrite: bool = False,
        resume: str | None = None,
    ) -> None:
        self.path = Path(os.path.realpath(path))
        self.layout = layout
        self._labels = list(labels)
        self._document = {
            "name": name,
            "rate": rate,
            "made_by": {},
            "layout": layout.to_dict(),
            "labels": self._labels,
        }
        self.made_by: dict[str, Any] = {}
        self._overwrite = overwrite
        self._clips: list[tuple[Any, ...]] = []
        self._names: set[str] = set()
        self._rows = 0
        self._intervals: list[tuple[int, int, int, int]] = []
        self._journal = Journal(resume) if resume is not None else None
        self._documents: dict[str, Callable[[], Any]] = {}
        self.restored: list[Any] = []
        self._protocols: dict[str, Division] = {}
        self._made: list[Path] = []
        if not self._labels or len(set(self._labels)) != len(self._labels):
            raise InputError(
                f"{path}: expected at least one label, each of them once, got {len(self._labels)}"
            )
        if wrong := impossible(rate, self._labels):
            raise InputError(f"{path}: expected classes as text and a rate above 0, got {wrong}")
        if strange := [label for label in self._labels if not is_label(label)]:
            raise InputError(
                f"{path}: expected labels of 1 to {LONGEST_LABEL} printable characters, as models"
                f" have them, got {strange[0][:40]!r}"
            )
        self._check_target()
        unique = "import" if self._journal else f"{os.getpid()}-{secrets.token_hex(4)}"
        self._partial = self.path.with_name(f".{self.path.name}.{unique}.partial")

    def __enter__(self) -> Self:
        try:
            if self._journal and self._restore(self._journal):
                return self
            self._made = absent(self.path.parent)
            try:
                self._partial.mkdir(parents=True)
                if self._journal:
                    self._journal.start(self._partial)
                self._file: BinaryIO = open(self._partial / "joints.npy", "wb")
            except OSError:
                self._remove()
                raise
        except OSError as error:
            raise InputError(
                f"{self.path}: expected a place where a store can be written, got: {reason(error)}"
            ) from None
        self._file.write(self._header())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        failed = error
        try:
            if kind is None:
                with named(self.path, draft=self._partial):
                    self._finish()
        except BaseException as broken:
            failed = broken
            raise
        finally:
            with suppress(OSError):  # what the disk had no room for a moment ago
                self._file.close()
            interrupted = failed is not None and not isinstance(failed, InputError)
            if not (self._journal and interrupted):
                self._remove()

    def _remove(self) -> None:
        """Leave nothing of what is unfinished."""
        shutil.rmtree(self._partial, ignore_errors=True)
        remove_empty(self._made)

    def add(
        self,
        name: str,
        joints: np.ndarray,
        *,
        label: int,
        subject: int = -1,
        camera: int = -1,
        setup: int = -1,
        intervals: Sequence[tuple[int, int, int]] = (),
    ) -> None:
        """Append a clip: joints (M, T, V, 3) in metres, y up, NaN or masked where absent; -1 for
        what is not known about it.

        `intervals` are the labelled stretches (label, first frame, frame after the last) of a
        recording that holds several. Raises `InputError` for another shape or joint count, a label
        out of range and a name that is there already.
        """
        numbers = {"label": label, "subject": subject, "camera": camera, "setup": setup}
        self._check_clip(name, joints, numbers, intervals=intervals)
        with np.errstate(over="ignore"):
            rows = np.ascontiguousarray(unmasked(joints), dtype="<f4")
        infinite = np.isinf(rows)
        if infinite.any():
            rows = np.where(infinite, np.float32(np.nan), rows)
        with named(self.path):
            self._file.write(rows.data)
        persons, frames = rows.shape[:2]
        self._clips.append(
            (name, *numbers.values(), self._rows, frames, persons, zlib.crc32(rows.data))
        )
        self._intervals += [(len(self._clips) - 1, *interval) for interval in intervals]
        self._names.add(name)
        self._rows += persons * frames

    def _check_clip(
        self,
        name: str,
        joints: np.ndarray,
        numbers: Mapping[str, int],
        *,
        intervals: Sequence[tuple[int, int, int]],
    ) -> None:
        if joints.ndim != 4 or joints.shape[-1] != 3 or 0 in joints.shape:
            raise InputError(
                f"{name}: expected joints of shape (persons, frames, joints, 3), none of them 0,"
                f" got {joints.shape}"
            )
        check_joint_count(joints.shape[2], self.layout, name)
        for kind, number in numbers.items():
            if not isinstance(number, Real) or number % 1:
                raise InputError(f"{name}: expected a {kind} as a whole number, got {number!r}")
        label = numbers["label"]
        if not 0 <= label < len(self._labels):
            raise InputError(
                f"{name}: expected a label from 0 to {len(self._labels) - 1}, got {label}"
            )
        if not 0 < len(name) <= 255 or not name.isprintable():
            raise InputError(
                f"{name[:255]!r}: expected a clip's name of 1 to 255 printable characters"
            )
        if not all(
            0 <= one < len(self._labels) and 0 <= start < end <= joints.shape[1]
            for one, start, end in intervals
        ):
            raise InputError(
                f"{name}: expected intervals (label, start, end) inside"
                f" {counted(joints.shape[1], 'frame')}, got others"
            )
        if name in self._names:
            raise InputError(
                f"{name}: expected every clip's name once, got it twice; rename one of the two"
            )

    def still_damaged(self) -> None:
        """Say that the clip that was added last is a copy of a damaged one: its checksum stays
        wrong."""
        *clip, checksum = self._clips[-1]
        self._clips[-1] = (*clip, checksum ^ 0xFFFFFFFF)

    @property
    def names(self) -> list[str]:
        """The names of the clips, in the order in which they were added."""
        return [clip[0] for clip in self._clips]

    @property
    def classes(self) -> np.ndarray:
        """The class of each clip (clips,), in the order in which they were added."""
        return np.array([clip[1] for clip in self._clips], np.int64)

    def clip(self, number: int) -> np.ndarray:
        """Joints (M, T, V, 3) of a clip that was added, by its number from 0."""
        offset, frames, persons = self._clips[number][5:8]
        shape = (persons, frames, len(self.layout), 3)
        with (
            named(self.path, draft=self._partial),
            open(self._partial / "joints.npy", "rb") as file,
        ):
            self._file.flush()
            file.seek(self._end(offset))
            content = file.read(self._end(persons * frames) - self._end(0))
        return np.frombuffer(content, "<f4").reshape(shape)

    def checkpoint(self, note: Any) -> None:
        """Make sure that an interrupted writer can go on from here; `note` is any JSON document,
        see `restored`."""
        if self._journal is not None:
            with named(self.path, draft=self._partial):
                _sync(self._file)
                self._journal.append(self._clips, self._intervals, self._rows, note=note)

    def attach(self, name: str, document: Callable[[], Any]) -> None:
        """Put a JSON document beside the arrays under that file name; it is made last, once the
        splits are known."""
        self._documents[name] = document

    def protocol(self, name: str, parts: Division) -> None:
        """Define the split `name`: `parts` maps the finished index to a code per clip, 0 unused 1
        train 2 val 3 test."""
        self._protocols[name] = parts

    def _restore(self, journal: "Journal") -> bool:
        if not self._partial.exists():
            return False
        saved = journal.restore(self._partial)
        joints = self._partial / "joints.npy"
        if saved is None or not joints.is_file() or joints.stat().st_size < self._end(saved[2]):
            shutil.rmtree(self._partial)
            return False
        self._file = open(joints, "r+b")  # noqa: SIM115 - closed in __exit__
        self._clips, self._intervals, self._rows, self.restored = saved
        self._names = {clip[0] for clip in self._clips}
        self._file.truncate(self._end(self._rows))
        self._file.seek(0, os.SEEK_END)
        return True

    def _check_target(self) -> None:
        if not os.path.lexists(self.path):
            return
        if not self._overwrite:
            raise InputError(
                f"{self.path}: expected a path where nothing is yet; name another, or overwrite a"
                " store by importing or making it with --overwrite"
            )
        if not (self.path / "store.json").is_file():
            raise InputError(
                f"{self.path}: only a store can be overwritten, and this is none; name another path"
            )

    def _header(self) -> bytes:
        """What `joints.npy` begins with: as long for any number of rows, as NumPy pads it so that
        the first axis can grow in place."""
        buffer = BytesIO()
        shape = (self._rows, len(self.layout), 3)
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(buffer, header)
        return buffer.getvalue()

    def _end(self, rows: int) -> int:
        """Where the first `rows` rows end in `joints.npy`, in bytes."""
        return len(self._header()) + rows * len(self.layout) * 3 * 4

    def _finish(self) -> None:
        if not self._clips:
            raise InputError(
                f"{self.path}: expected at least one clip to store, got none; look at the source's"
                " path"
            )
        self._file.seek(0)
        self._file.write(self._header())
        _sync(self._file)
        longest = max(len(name) for name in self._names)
        index = np.array(self._clips, dtype=[("name", f"<U{longest}"), *FIELDS])
        self._save("index.npy", index)
        if self._protocols:
            self._save("splits.npy", self._split(index))
        if self._intervals:
            self._save("intervals.npy", np.array(self._intervals, dtype=INTERVAL))
        for name, content in self._documents.items():
            (self._partial / name).write_text(
                json.dumps(content(), indent=1) + "\n", encoding="utf-8"
            )
        document = {
            "version": VERSION,
            **self._document,
            "made_by": self.made_by,
            "clips": len(index),
            "rows": self._rows,
            "protocols": list(self._protocols),
        }
        with open(self._partial / "store.json", "wb") as file:
            file.write(json.dumps(document, indent=1).encode())
            _sync(file)
        if self._journal is not None:
            self._journal.remove()
            self._journal = None  # there is nothing to go on with
        _sync_folder(self._partial)
        self._publish()
        _sync_folder(self.path.parent)

    def _split(self, index: np.ndarray) -> np.ndarray:
        splits = np.zeros(len(index), dtype=[(name, "i1") for name in self._protocols])
        for name, parts in self._protocols.items():
            codes = np.asarray(parts(index))
            if codes.shape != index.shape or not np.isin(codes, (0, *PARTS.values())).all():
                raise InputError(
                    f"protocol {name!r}: expected one of 0, 1, 2, 3 for each of {len(index)} clips,"
                    " got something else"
                )
            splits[name] = codes
        return splits

    def _save(self, name: str, array: np.ndarray) -> None:
        with open(self._partial / name, "wb") as file:
            file.write(npy(array))
            _sync(file)

    def _publish(self) -> None:
        self._check_target()
        try:
            if not self._overwrite or not self.path.exists():
                os.rename(self._partial, self.path)
                return
            old = self._partial.with_suffix(f".{secrets.token_hex(4)}.old")
            if exchange(self._partial, self.path):
                os.rename(self._partial, old)
            else:
                os.rename(self.path, old)
                try:
                    os.rename(self._partial, self.path)
                except BaseException:
                    os.rename(old, self.path)
                    raise
        except OSError as error:
            raise InputError(
                f"{self.path}: cannot put the finished store there: {reason(error)}"
            ) from None
        self._keep_others(old)
        shutil.rmtree(old, ignore_errors=True)

    def _keep_others(self, old: Path) -> None:
        """Move what others put into the folder of the `old` store into that of the new one; raises
        `InputError` where that cannot be, and all that is left stays where it is."""
        for other in old.iterdir():
            if other.name not in OWN.union(BESIDE) and not (self.path / other.name).exists():
                try:
                    os.rename(other, self.path / other.name)
                except OSError as error:
                    raise InputError(
                        f"{self.path}: the new store is there, but {other.name} cannot be moved"
                        f" into it ({reason(error)}); move what is yours from {old}"
                    ) from None


def npy(array: np.ndarray) -> bytes:
    """The content of an .npy file. NumPy's own way into a file says nothing of its last bytes where
    the disk is full."""
    buffer = BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
