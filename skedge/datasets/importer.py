"""Runs a format's reader over its sources into a store: in order, over processes, past damage, and
on after a break."""

import hashlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from skedge.datasets.mending import AS_GIVEN, Mending
from skedge.datasets.parsing.damage import DamagedError, damaged
from skedge.datasets.persons import choose
from skedge.datasets.processes import in_order
from skedge.datasets.progress import progress
from skedge.datasets.store import PARTS, Division, StoreWriter
from skedge.datasets.store.lock import only_one
from skedge.datasets.store.look import look
from skedge.datasets.store.odd import odd_clips
from skedge.skeleton.body_check import BodyReport
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout
from skedge.skeleton.resample import at_rate
from skedge.skeleton.text import counted

REPORT = "import-report.json"
# Sources that one process reads at a time: enough that handing them over costs little, few enough
# that memory stays flat.
CHUNK = 16
_COUNTS = ("sources", "clips", "sources_damaged", "absent", "reach")
# Places in a picture up to this are shares of it: nobody is so small in pixels.
_SHARES = 3.0
_SECONDS_BETWEEN_CHECKPOINTS = 5.0


@dataclass(frozen=True)
class Clip:
    """What a reader makes of a source: joints (M, T, V, 3) in metres, y up, NaN where absent, and
    whose clip it is.

    `rate` is its frames a second where they are others than the dataset's, at which it is then
    read; `note` tells in one line what is odd about it, for the report.
    """

    name: str
    joints: np.ndarray
    label: int
    subject: int = -1
    camera: int = -1
    setup: int = -1
    intervals: Sequence[tuple[int, int, int]] = ()
    rate: float | None = None
    note: str = ""


_Outcome = Sequence[Clip | DamagedError]


@dataclass
class Dataset:
    """A dataset as its reader finds it.

    `read` makes clips of one of `sources`, which are read in their order; it raises `InputError`
    for a damaged one, and gives a `DamagedError` in the place of each damaged part of a source that
    is good otherwise. Where `parallel`, it goes to other processes, so it must be a module's
    function or a `partial` of one. `protocols` maps a split's name to a function of the finished
    index, see `StoreWriter.protocol`. `expected` holds published counts: "clips", or a protocol's
    name with {part: clips}. `damaged` and `left_out` are what was found out while listing, `notes`
    what the user should know. `persons_chosen` says that the source's own order of persons means
    something, `padded` that frames of nobody at the ends of a clip are none of it, `absent_known`
    that joints are absent where they are NaN and nowhere else: an exact zero is a place. A process
    reads `chunk` sources at a time. `files` are what is read where the sources themselves do not
    say so by a path.
    """

    name: str
    layout: Layout
    labels: Sequence[str]
    rate: float | None
    sources: Sequence[Any]
    read: Callable[[Any], _Outcome]
    root: Path
    protocols: dict[str, Division] = field(default_factory=dict)
    expected: dict[str, Any] = field(default_factory=dict)
    damaged: list[DamagedError] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    parallel: bool = True
    unit: str = "files"
    notes: list[str] = field(default_factory=list)
    persons_chosen: bool = False
    padded: bool = False
    absent_known: bool = False
    chunk: int = CHUNK
    files: Sequence[Path] = ()


@dataclass(frozen=True)
class Importing:
    """How an import is done.

    `overwrite` replaces a store that is already there. With `strict` the first damaged source ends
    it. `processes` is how many read (None: one per CPU core). With `as_is` bodies that look wrong
    are imported as they are.
    """

    overwrite: bool = False
    strict: bool = False
    processes: int | None = 1
    as_is: bool = False


AS_USUAL = Importing()


def run_import(
    dataset: Dataset,
    store: Path | str,
    *,
    made_by: dict[str, Any],
    how: Importing = AS_USUAL,
    mending: Mending = AS_GIVEN,
) -> dict[str, Any]:
    """Import `dataset` into a new store and return the report, which is in the store as well, as
    `import-report.json`.

    A damaged source is listed there with file, reason and line, and left out, unless `how` is
    strict. The clips stand in the order of the sources whatever the number of processes. An import
    that was interrupted goes on where it stopped when it is called again for the same sources;
    until it is done there is no store.

    `mending` says what the source's coordinates are. Bodies that are wrong all the same (in
    millimetres, upside down, mirrored) are not imported, unless `how` says that they are right.

    Raises `InputError` where another import is writing this store, where a store is there
    already, where there is not one good source, and for wrong bodies.
    """
    key = _key(dataset, made_by)
    report: dict[str, Any] = {}
    with (
        only_one(store),
        StoreWriter(
            store,
            name=dataset.name,
            layout=dataset.layout,
            labels=dataset.labels,
            rate=dataset.rate,
            overwrite=how.overwrite,
            resume=key,
        ) as writer,
    ):
        writer.made_by = made_by
        log = _Log(dataset, writer, how.strict, mending=mending)
        rest = dataset.sources[log.restore() :]
        with_bar = progress(
            _outcomes(dataset, rest, how.processes), "Importing", len(rest), unit=dataset.unit
        )
        try:
            with _ctrl_c_noted() as noted:
                for outcome in with_bar:
                    log.add(outcome)
                    if noted.is_set():
                        raise KeyboardInterrupt
        except InputError:
            raise
        except BaseException:  # Ctrl-C, a full disk: what is done is kept for the next time
            log.checkpoint()
            raise
        if not log.clips:
            first = f"; {log.damaged[0]['file']}: {log.damaged[0]['reason']}" if log.damaged else ""
            raise InputError(
                f"{dataset.root}: expected clips, all of {log.sources} {dataset.unit} are"
                f" damaged{first}"
            )
        body = look(writer.clip, log.clips, dataset.layout, rate=dataset.rate)
        faults = (replace(one, remedy=mending.instead(one.remedy)) for one in body.faults)
        body = replace(body, faults=tuple(faults))
        wrong = [fault for fault in body.sure if fault.remedy]
        if wrong and not how.as_is:
            raise InputError(
                f"{dataset.root}: {'; '.join(str(fault) for fault in wrong)} (--as-is if they are"
                " right)"
            )
        counts: dict[str, dict[str, int]] = {}
        for name, parts in dataset.protocols.items():
            writer.protocol(name, _counted(name, parts, counts))
        # Splits are counted while the writer finishes, just before it asks for the report.
        writer.attach(REPORT, lambda: report.update(log.report(made_by, counts, body)) or report)
    return report


class _Log:
    """What came of each source."""

    def __init__(
        self, dataset: Dataset, writer: StoreWriter, strict: bool, mending: Mending
    ) -> None:
        self.dataset = dataset
        self.writer = writer
        self.strict = strict
        self.mending = mending
        self.sources = self.clips = self.sources_damaged = self.absent = 0
        self.reach = 0.0
        self.damaged: list[dict[str, Any]] = []
        self.notes: list[dict[str, Any]] = []
        self._saved = (0, 0)
        self._last = time.monotonic()

    def restore(self) -> int:
        for error in self.dataset.damaged:
            self.add_damage(error)
        for saved in self.writer.restored:
            self.sources, self.clips = saved["sources"], saved["clips"]
            self.sources_damaged, self.absent = saved["sources_damaged"], saved["absent"]
            self.reach = saved["reach"]
            self.damaged += saved["damaged"]
            self.notes += saved["notes"]
        if self.strict and self.damaged:
            one = self.damaged[0]
            raise DamagedError(self.dataset.root / one["file"], one["reason"], one["line"])
        self._saved = len(self.damaged), len(self.notes)
        return self.sources

    def add(self, outcome: _Outcome) -> None:
        self.sources += 1
        before = len(self.damaged)
        for found in outcome:
            if isinstance(found, DamagedError):
                self.add_damage(found)
            else:
                self._add_clip(found)
        self.sources_damaged += len(self.damaged) > before
        if time.monotonic() - self._last > _SECONDS_BETWEEN_CHECKPOINTS:
            self.checkpoint()

    def add_damage(self, error: DamagedError) -> None:
        if self.strict:
            raise error
        self.damaged.append(
            {"file": self._short(error.file), "reason": error.reason, "line": error.line}
        )

    def report(
        self, made_by: dict[str, Any], counts: dict[str, dict[str, int]], body: BodyReport
    ) -> dict[str, Any]:
        return {
            **made_by,
            "sources": self.sources,
            "unit": self.dataset.unit,
            "clips": self.clips,
            "left_out": self.dataset.left_out,
            "sources_damaged": self.sources_damaged,
            "damaged": self.damaged,
            "notes": self.notes,
            "warnings": [*self.dataset.notes, *self._warnings(counts, body)],
            "mismatches": _mismatches(self.dataset.expected, self.clips, counts),
        }

    def _warnings(self, counts: dict[str, dict[str, int]], body: BodyReport) -> list[str]:
        empty = [
            f"split {name} has none of the clips"
            for name, parts in counts.items()
            if not any(parts.values())
        ]
        writer = self.writer
        odd = odd_clips(writer.clip, writer.names, self.dataset.layout, labels=writer.classes)
        absent = [
            f"{counted(self.absent, 'joint is', 'joints are')} exactly 0, -1, 999 or such: taken as"
            " not seen"
        ]
        told = absent if self.absent else []
        if self.dataset.rate is None:
            told.append("frames a second are not known, 30 are taken where they matter: --rate")
        if self.mending.picture and self.reach <= _SHARES:
            told.append(
                "places in the picture are shares of its width and height: multiply them by these,"
                " or people are as narrow as the picture is wide"
            )
        return [*(str(fault) for fault in body.faults), *odd, *told, *empty]

    def _add_clip(self, clip: Clip) -> None:
        try:
            joints = self.mending.apply(
                clip.joints,
                self.dataset.layout,
                clip.name,
                absent_known=self.dataset.absent_known,
            )
            before, after = (np.isfinite(one).all(axis=-1).sum() for one in (clip.joints, joints))
            self.absent += int(before - after)
            places = clip.joints[..., :2][np.isfinite(clip.joints[..., :2])]
            self.reach = max(self.reach, float(np.abs(places).max(initial=0.0)))
            if clip.rate and self.dataset.rate:
                # Not before: a place between one that was seen and a zero is nowhere.
                joints = at_rate(joints, clip.rate, self.dataset.rate)
            if not np.isfinite(joints).all(axis=-1).any():
                damaged(clip.name, f"nobody is seen in any of {counted(joints.shape[1], 'frame')}")
            if self.dataset.padded:
                joints = _in_view(joints)
            joints, note = choose(joints, self.dataset.persons_chosen)
            self.writer.add(
                clip.name,
                joints,
                label=clip.label,
                subject=clip.subject,
                camera=clip.camera,
                setup=clip.setup,
                intervals=clip.intervals,
            )
        except InputError as error:
            self.add_damage(DamagedError(clip.name, str(error).removeprefix(f"{clip.name}: ")))
            return
        self.clips += 1
        note = "; ".join(text for text in (clip.note, note) if text)
        if note:
            self.notes.append({"clip": clip.name, "note": note})

    def checkpoint(self) -> None:
        damaged, notes = self._saved
        new = {"damaged": self.damaged[damaged:], "notes": self.notes[notes:]}
        done = {name: getattr(self, name) for name in _COUNTS}
        self.writer.checkpoint({**done, **new})
        self._saved = len(self.damaged), len(self.notes)
        self._last = time.monotonic()

    def _short(self, file: str) -> str:
        root = self.dataset.root
        return file.removeprefix(f"{root}{os.sep}").removeprefix(f"{root}: ")


def _in_view(joints: np.ndarray) -> np.ndarray:
    """A clip (M, T, V, 3) from the first frame in which anybody is seen to the last."""
    seen = np.flatnonzero(np.isfinite(joints).all(axis=-1).any(axis=(0, 2)))
    return joints[:, seen[0] : seen[-1] + 1]


def _outcomes(
    dataset: Dataset, sources: Sequence[Any], processes: int | None
) -> Iterator[_Outcome]:
    workers = (
        min(processes or os.cpu_count() or 1, len(sources) // (2 * dataset.chunk))
        if dataset.parallel
        else 1
    )
    read = partial(_read, dataset.read)
    try:
        yield from in_order(read, sources, workers, chunk=dataset.chunk)
    except ChildProcessError as error:
        raise ChildProcessError(f"{error}; the same command goes on") from None


@contextmanager
def _ctrl_c_noted() -> Iterator[threading.Event]:
    """Within the block Ctrl-C sets the event, so that nothing is cut off while it is written; a
    second one ends at once."""
    noted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return

    def note(*_: Any) -> None:
        noted.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)


def _read(read: Callable[[Any], _Outcome], source: Any) -> _Outcome:
    try:
        return read(source)
    except DamagedError as error:
        return [error]
    except InputError as error:
        return [DamagedError(source, str(error).removeprefix(f"{source}: "))]


def _key(dataset: Dataset, made_by: dict[str, Any]) -> str:
    """The key of this import: it differs with the layout, the options, the list of sources and what
    is in their files."""
    digest = hashlib.sha256(
        json.dumps([made_by, dataset.layout.to_dict(), list(dataset.labels)], default=str).encode()
    )
    digest.update(f"{dataset.root} {_version(dataset.root)}".encode())
    for source in (*dataset.files, *dataset.sources):
        digest.update(f"{source!r} {_version(source)}".encode())
    return digest.hexdigest()


def _version(source: Any) -> str:
    """Size and time of the file that a source is read from, empty where it is none."""
    path = getattr(source, "path", source)
    if not isinstance(path, str | Path) or not os.path.isfile(path):
        return ""
    found = os.stat(path)
    return f"{found.st_size} {found.st_mtime_ns}"


def _counted(name: str, parts: Division, counts: dict[str, dict[str, int]]) -> Division:
    def split(index: np.ndarray) -> np.ndarray:
        codes = np.asarray(parts(index))
        counts[name] = {part: int((codes == code).sum()) for part, code in PARTS.items()}
        return codes

    return split


def _mismatches(
    expected: dict[str, Any], clips: int, counts: dict[str, dict[str, int]]
) -> list[str]:
    found = []
    for name, published in expected.items():
        pairs = [("clips", published, clips)] if name == "clips" else []
        if name != "clips":
            pairs = [
                (f"{name} {part}", count, counts.get(name, {}).get(part, 0))
                for part, count in published.items()
            ]
        found += [
            f"{what}: expected {counted(count, 'clip')}, got {got}"
            for what, count, got in pairs
            if count != got
        ]
    return found
