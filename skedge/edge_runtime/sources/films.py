"""Films as a dataset: every film through the pose estimator, the person who moves most as a clip.

Pictures are looked at and forgotten; what is kept are bodies.
"""

import hashlib
import os
import re
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from skedge.datasets.formats.poses import RATE, clip_of
from skedge.datasets.importer import Clip, Dataset
from skedge.datasets.parsing.damage import DamagedError, damaged
from skedge.datasets.parsing.labels import alike
from skedge.datasets.parsing.lists import listed, part_of, read_list, stated, without_part
from skedge.datasets.parsing.padded import in_order
from skedge.datasets.poses import LAYOUT as BLAZEPOSE
from skedge.datasets.poses import Origin, PoseRecording, PoseWriter, read_poses, relabel
from skedge.datasets.source import files_in
from skedge.datasets.store import PARTS
from skedge.datasets.store.splits import every_fifth, too_few
from skedge.edge_runtime.interfaces import PoseEstimator
from skedge.edge_runtime.live.outlets import load_hook
from skedge.edge_runtime.pose.own import OwnPose
from skedge.edge_runtime.sources.recordings import FILMS, read_film
from skedge.skeleton.errors import InputError, reason
from skedge.skeleton.layout import Layout, load_layout
from skedge.skeleton.text import counted

PEOPLE = 2
LATE = 1.0  # seconds that a stretch may end behind its film
USUAL = "blazepose"  # the estimator where none of one's own is named
SAMPLE = 2**20  # bytes of a film's beginning and of its end
COLUMNS = ("film", "start", "end", "label", "subject", "split")


@dataclass(frozen=True)
class Shot:
    """A film, or the stretch of it from `start` to `end` in seconds, and what is done in it."""

    path: Path
    name: str
    label: str
    stretch: tuple[float, float] | None = None
    subject: int = -1
    part: str = ""

    def __str__(self) -> str:
        return str(self.path)


def open_films(
    source: Path,
    *,
    poses: Path | None = None,
    pose: str | None = None,
    layout: str | None = None,
    rate: float = RATE,
    everyone: bool = False,
    shard: str | None = None,
) -> Dataset:
    """Films in a folder for each class, or a table of them.

    A table (.csv) has the columns film and label, and if known start and end (in seconds), subject
    and split; films are found from its folder. Every film goes through the pose estimator:
    BlazePose as `skedge pose fetch` gets it, or the `pose` of one's own (module:function), which
    gives bodies of its own layout (or `layout`, by name). The person who moves most becomes the
    clip, with `everyone` all; bodies of which too little is in view do not count. Clips are read
    `rate` times a second. With `poses`, a folder, the pose recordings are kept there, with places
    in the picture, and used
    again. `shard`, such as 3/16, takes one of so many equal parts of the films.

    Protocols: `official` by the column split, `xsub` where there are several subjects, else
    `films`: of every class every fifth film tests, with all its stretches; where the films of a
    table are too few for that, its stretches do. Raises `InputError` for a source without films.
    """
    wrong: list[DamagedError] = []
    notes: list[str] = []
    shots = _table(source, wrong, notes) if source.is_file() else _folder(source)
    if not shots:
        tables = sorted(source.glob("*.csv"))
        more = f"; is {tables[0]} the table? Name it" if tables else ""
        more = f"; {wrong[0]}" if wrong else more
        raise InputError(
            f"{source}: expected films ({', '.join(FILMS)}) in a folder for each class, or a table"
            f" (.csv) with the columns film and label, found none{more}"
        )
    labels = sorted({shot.label for shot in shots})
    protocols = _protocols(shots)
    of_table = source.is_file()
    few = "films" in protocols and of_table
    films = [str(shot.path) for shot in shots]
    return Dataset(
        name=source.stem,
        layout=_layout(pose, layout),
        labels=labels,
        rate=rate,
        sources=_shard(shots, shard),
        read=partial(
            read_shot, labels=labels, poses=poses, pose=pose, rate=rate, everyone=everyone
        ),
        root=source if source.is_dir() else source.parent,
        protocols=protocols,
        damaged=wrong,
        notes=notes
        + alike(labels)
        + (too_few([shot.label for shot in shots], films) if few else [])
        + ([] if of_table else _beside(source, shots)),
        unit="films",
        chunk=1,
    )


def read_shot(
    shot: Shot,
    labels: list[str],
    poses: Path | None,
    pose: str | None,
    rate: float,
    everyone: bool,
) -> list[Clip]:
    """The clip of one shot; `DamagedError` where nobody is wholly in view, `InputError` where the
    film cannot be read."""
    origin = _origin(shot, pose)
    kept, recording = _kept(poses, shot, origin) if poses else (None, None)
    if recording is None:
        bodies, size = look_at(shot, pose)
        recording = bodies.recording(shot.name, shot.label)
        if kept is not None:
            bodies.write(kept, size, shot.label, made_of=origin)
            _date(kept, shot.path)
    elif kept is not None and recording.label != shot.label:
        relabel(kept, shot.label)
        _date(kept, shot.path)
    recording = replace(recording, name=shot.name)  # a kept one has the name of its file alone
    joints = clip_of(recording, rate, everyone, longest=origin.end - origin.start)
    until = origin.start + recording.duration
    note = ""
    if until + LATE < origin.end < np.inf:
        note = f"to end at {origin.end:g} s, but the film does at {until:.1f} s"
    label = labels.index(shot.label)
    return [Clip(shot.name, joints, label, subject=shot.subject, note=note)]


def _kept(poses: Path, shot: Shot, origin: Origin) -> tuple[Path, PoseRecording | None]:
    """The file in which a shot's bodies are kept, which is no other film's, and what is in it if it
    is of this very shot since the film was last changed."""
    for name in (shot.name, f"{shot.name}-{origin.place}"):
        kept = poses / f"{name}.npz"
        if not kept.is_file():
            break
        recording = next(iter(read_poses(kept)))
        found = recording.made_of
        if found is None or found.same_film(origin):
            fresh = kept.stat().st_mtime >= shot.path.stat().st_mtime
            return kept, recording if fresh and _fits(recording, origin) else None
    return kept, None


def _date(kept: Path, film: Path) -> None:
    """Let a kept file be no older than its film, whose camera's clock may be ahead of this one."""
    late = film.stat().st_mtime_ns
    if kept.stat().st_mtime_ns < late:
        os.utime(kept, ns=(late, late))


def _fits(recording: PoseRecording, origin: Origin) -> bool:
    """Whether a recording of the film that `origin` names is of the same stretch of it, by the same
    estimator."""
    if recording.made_of is not None:
        return replace(recording.made_of, place=origin.place) == origin
    # Files of earlier versions do not say it; they are right of whole films by BlazePose.
    whole = (origin.start, origin.end, origin.pose) == (0.0, np.inf, USUAL)
    return whole and recording.layout.name == BLAZEPOSE


def _origin(shot: Shot, pose: str | None) -> Origin:
    """Which stretch of which film a shot is, looked at by which estimator."""
    start, end = shot.stretch or (0.0, np.inf)
    return Origin(
        film=shot.path.name,
        place=_digest(os.fsencode(shot.path.resolve())),
        content=_digest(_sample(shot.path)),
        start=start,
        end=end,
        pose=pose or USUAL,
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _sample(path: Path) -> bytes:
    """The size of a film with its beginning and its end, which no other film has."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - SAMPLE))
            end = file.read(SAMPLE)
            file.seek(0)
            return b"%d %s %s" % (size, file.read(SAMPLE), end)
    except OSError as error:
        damaged(path, f"expected a film that can be read, got: {reason(error)}")


def look_at(shot: Shot, pose: str | None = None) -> tuple[PoseWriter, tuple[int, int]]:
    """The bodies of a film's stretch, and the width and height of its pictures."""
    estimator = _estimator(pose)
    bodies = PoseWriter(estimator.layout)
    size = (0, 0)
    last = 0.0
    start, end = shot.stretch or (0.0, np.inf)
    for frame in read_film(str(shot.path)):
        if frame.seconds > end:
            break
        assert frame.image is not None
        size = frame.image.shape[1], frame.image.shape[0]
        last = frame.seconds
        if frame.seconds >= start:
            bodies.add(frame.seconds, estimator.estimate(frame))
    if last < start:
        damaged(shot, f"to begin at {start:g} s, but the film ends at {last:.1f} s")
    if not len(bodies):
        damaged(shot, f"expected somebody in view in {size[0]} x {size[1]} pixels, got nobody")
    return bodies, size


def _estimator(pose: str | None) -> PoseEstimator:
    """A new pose estimator for every film, as it follows people."""
    if pose is not None:
        make = load_hook(pose, "--pose", form="module:function, such as mine:Mine")
        return OwnPose.made_by(make, PEOPLE, f"--pose {pose}")
    from skedge.edge_runtime.pose.blazepose import BlazePose

    return BlazePose(PEOPLE)


def _layout(pose: str | None, named: str | None) -> Layout:
    if pose is None and named is not None:
        raise InputError(
            f"--layout: expected --pose beside it, an estimator of bodies of {named}, got none;"
            " leave it out"
        )
    if named is not None or pose is None:
        return load_layout(named or BLAZEPOSE)
    return _estimator(pose).layout


def _folder(source: Path) -> list[Shot]:
    shots = []
    for file in _films(source, "*/**/*"):
        inside = file.relative_to(source)
        shots.append(Shot(file, str(inside.with_suffix("")), inside.parts[0].strip()))
    return _apart(shots)


def _films(folder: Path, pattern: str) -> list[Path]:
    return files_in(folder, pattern, FILMS)


def _beside(source: Path, shots: list[Shot]) -> list[str]:
    """Notes about what else lies in a folder of films, and about folders in those of classes."""
    labels = {shot.label for shot in shots}
    notes = []
    if loose := _films(source, "*"):
        notes.append(
            f"{counted(len(loose), 'film')} in no class's folder left out, such as {loose[0].name}"
        )
    folders = {one.name.strip() for one in source.iterdir() if one.is_dir()}
    if empty := sorted(one for one in folders - labels if not one.startswith(".")):
        notes.append(f"no film in {', '.join(empty)[:80]}")
    deeper = {shot.path.relative_to(source).parts[1:-1] for shot in shots} - {()}
    if deeper:
        inner = ", ".join(sorted({parts[0] for parts in deeper}))
        outer = ", ".join(sorted(labels))
        notes.append(f"classes are {outer[:80]}; folders in theirs ({inner[:80]}) are not")
    return notes


def _table(source: Path, wrong: list[DamagedError], notes: list[str]) -> list[Shot]:
    found = read_list(source, "film", COLUMNS)
    wrong += found.damaged
    rows = [(number, {name: row.get(name, "") for name in COLUMNS}) for number, row in found.rows]
    people = sorted({stated(row["subject"]) for _, row in rows} - {""})
    notes += alike(people, "subjects")
    shots = []
    for number, row in rows:
        try:
            shots.append(_shot(source.parent, row, people))
        except ValueError as error:
            wrong.append(DamagedError(source, str(error), number))
    notes += without_part([shot.part for shot in shots])
    return _apart(shots)


def _shot(folder: Path, row: dict[str, str], people: list[str]) -> Shot:
    if not row["film"] or not row["label"]:
        raise ValueError(f"expected a film and a label, got {row['film'][:60]!r}")
    film = Path(listed(folder, row["film"]))
    path = folder / film
    # Path.is_file raises where a name is too long for a file, such as a table's rest in one quote.
    if not os.path.isfile(path):
        raise ValueError(f"expected the film {row['film'][:80]!r}, found none")
    stretch = None
    if row["start"] or row["end"]:
        try:
            begin, end = (row[name].replace(",", ".") for name in ("start", "end"))
            stretch = float(begin or 0), float(end or "inf")
        except ValueError:
            raise ValueError(
                f"expected start and end in seconds, got {row['start']!r} and {row['end']!r}"
            ) from None
        if not 0 <= stretch[0] < stretch[1]:
            raise ValueError(f"expected a start before the end, got {stretch[0]} and {stretch[1]}")
    part = part_of(row["split"])
    subject = people.index(row["subject"]) if stated(row["subject"]) else -1
    # Folders above and the root are left out: bodies are kept under this name in a folder.
    inside = [part for part in film.with_suffix("").parts if part not in ("..", film.anchor)]
    name = "/".join(inside)
    return Shot(path, name=name, label=row["label"], stretch=stretch, subject=subject, part=part)


def _apart(shots: list[Shot]) -> list[Shot]:
    """The shots, each with a name of its own: of several of one name the others are numbered."""
    names = {shot.name for shot in shots}
    times: dict[str, int] = {}
    named = []
    for shot in shots:
        name = shot.name
        while times.get(shot.name) and name in names:
            times[shot.name] += 1
            name = f"{shot.name}-{times[shot.name]}"
        times.setdefault(shot.name, 1)
        names.add(name)
        named.append(replace(shot, name=name))
    return named


def _shard(shots: list[Shot], shard: str | None) -> list[Shot]:
    if shard is None:
        return shots
    match = re.fullmatch(r"(\d+)/(\d+)", shard)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise InputError(f"expected a shard like 3/16, got {shard!r}")
    return shots[int(match[1]) - 1 :: int(match[2])]


def _protocols(shots: list[Shot]) -> dict[str, Any]:
    if any(shot.part for shot in shots):
        parts = {
            part: frozenset(shot.name for shot in shots if shot.part == part) for part in PARTS
        }
        return {"official": in_order(parts)}
    people = sorted({shot.subject for shot in shots} - {-1})
    if len(people) > 1:
        return {
            "xsub": lambda index: np.where(
                index["subject"] < 0, 0, np.where(np.isin(index["subject"], people[::2]), 1, 3)
            )
        }
    films = {shot.name: str(shot.path) for shot in shots}
    return {"films": lambda index: every_fifth(index, [films[str(one)] for one in index["name"]])}
