"""The synthetic set: 14 classes of movement by invented people before an invented depth camera, in
the NTU-25 layout.

Key poses (`actions`) become joint angles over time, those a moving body (`body`), and that is seen
by a camera with a view, noise and gaps of its own. Everything is drawn from the seed.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from skedge.datasets.processes import in_order
from skedge.datasets.progress import progress
from skedge.datasets.store import PARTS, StoreWriter
from skedge.datasets.synthetic import body
from skedge.datasets.synthetic.actions import ACTIONS
from skedge.datasets.synthetic.camera import gaps, noise, view
from skedge.datasets.synthetic.gait import RATE
from skedge.datasets.synthetic.motion import cut, motion
from skedge.datasets.synthetic.people import SENSORS, build, person
from skedge.datasets.synthetic.recordings import Interval, recorded
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import load_layout

CAMERAS = ("depth camera with 25 joints", "depth camera with 20 joints", "pose estimator")

# Recordings that one process makes at a time.
CHUNK = 4
_LAYOUT = load_layout("ntu25")


class Clip(NamedTuple):
    """One clip: `joints` (T, 25, 3) metres in the camera's frame, NaN where absent; numbers of
    action, subject, camera; how often the action is done in it."""

    joints: np.ndarray
    action: int
    subject: int
    camera: int
    beats: int = 1


_Named = tuple[str, Clip, Sequence[Interval]]


def clip(
    action: int,
    subject: int,
    repetition: int = 0,
    *,
    seed: int = 0,
    dropped: float = 0.01,
    clean: bool = False,
) -> Clip:
    """One clip of an action by a subject; the same numbers give the same clip, bit for bit.

    `dropped` is the share of joints that the camera misses, on average. `clean`: without a camera,
    the joints where they are in the room (y up from the floor). Raises `InputError` for an unknown
    action and negative numbers.
    """
    if not 0 <= action < len(ACTIONS) or min(subject, repetition, seed) < 0:
        raise InputError(
            f"expected an action from 0 to {len(ACTIONS) - 1} and no negative subject, repetition "
            f"or seed, got {action}, {subject}, {repetition} and {seed}"
        )
    rng = np.random.default_rng([seed, 2, subject, action, repetition])
    camera = int(rng.integers(len(CAMERAS)))
    who = person(seed, subject)
    shape = build(who, SENSORS[camera], rng)
    made = cut(motion(action, who, shape, rng=rng), rng)
    if clean:
        joints = body.joints(made.channels, shape).astype(np.float32)
    else:
        joints = _film(made.channels, shape, camera, rng=rng, dropped=dropped)
    return Clip(joints, action=action, subject=subject, camera=camera, beats=made.beats)


def recording(
    subject: int,
    repetition: int = 0,
    *,
    seed: int = 0,
    actions: float = 0.35,
    clean: bool = False,
) -> tuple[Clip, list[Interval]]:
    """One subject before one camera for some time, mostly at everyday things (see `recorded`).

    `action` is `other`, `beats` how many known actions were done; `actions` as of `recorded`,
    `clean` as of `clip`. The same numbers give the same recording, bit for bit.
    """
    rng = np.random.default_rng([seed, 3, subject, repetition])
    camera = int(rng.integers(len(CAMERAS)))
    who = person(seed, subject)
    shape = build(who, SENSORS[camera], rng)
    moved, intervals = recorded(who, shape, rng, actions=actions)
    if clean:
        joints = body.joints(moved, shape).astype(np.float32)
    else:
        joints = _film(moved, shape, camera, rng=rng)
    known = sum(ACTIONS[one.action] not in ("idle", "other") for one in intervals)
    return Clip(
        joints, action=ACTIONS.index("other"), subject=subject, camera=camera, beats=known
    ), intervals


def _film(
    moved: np.ndarray,
    shape: body.Build,
    camera: int,
    rng: np.random.Generator,
    dropped: float = 0.01,
) -> np.ndarray:
    """What a camera makes of channels over time (T, channels): joints (T, 25, 3) float32, NaN where
    absent."""
    seen = view(body.joints(moved, shape), rng)
    # Whoever walks stays before the camera.
    seen[..., 2] += max(0.0, 1.0 - seen[..., 2].min())
    seen = seen + noise(len(seen), rng, rng.uniform(0.5, 1.6))
    if SENSORS[camera].fingers == 0:
        # Such a camera has no fingers: what is not measured is placed on the hand.
        for side in body.SIDES:
            hand = _LAYOUT.index(f"{side}_hand")
            seen[:, [_LAYOUT.index(f"{side}_hand_tip"), _LAYOUT.index(f"{side}_thumb")]] = seen[
                :, hand, None
            ]
    lost = gaps(len(seen), rng, dropped)
    seen[lost & ~lost.all(axis=1, keepdims=True)] = np.nan
    return seen.astype(np.float32)


def make_clips(
    subjects: int = 20,
    clips_per_action_and_subject: int = 3,
    seed: int = 0,
    *,
    clean: bool = False,
) -> Iterator[Clip]:
    """All clips of a set, subject by subject."""
    for subject in range(subjects):
        for action in range(len(ACTIONS)):
            for repetition in range(clips_per_action_and_subject):
                yield clip(action, subject, repetition, seed=seed, clean=clean)


def parts(subjects: int) -> np.ndarray:
    """The part of every subject, (subjects,) int8: of 20 people 12 train, 3 validate and 5 test; at
    least one each."""
    test, val = max(1, subjects // 4), max(1, 3 * subjects // 20)
    codes = np.full(subjects, PARTS["train"], dtype=np.int8)
    codes[subjects - test - val : subjects - test] = PARTS["val"]
    codes[subjects - test :] = PARTS["test"]
    return codes


def synthesize_recordings(
    path: Path | str,
    *,
    recordings_per_subject: int = 1,
    subjects: int = 20,
    seed: int = 0,
    clean: bool = False,
    overwrite: bool = False,
    processes: int | None = 1,
) -> None:
    """Write whole recordings whose intervals label every frame (see `recording`) as a store;
    otherwise as `synthesize`. `repetitions.json` says how often each interval's action was done.

    `processes` is how many make them (None: one per CPU core): the files are the same.
    """
    every = [(subject, i) for subject in range(subjects) for i in range(recordings_per_subject)]
    workers = min(processes or os.cpu_count() or 1, len(every) // (2 * CHUNK))
    named = in_order(partial(_recorded, seed=seed, clean=clean), every, workers, chunk=CHUNK)
    counts = {"subjects": subjects, "recordings_per_subject": recordings_per_subject, "seed": seed}
    total = subjects * recordings_per_subject
    _write(
        path,
        counts,
        unit="recording per subject",
        named=named,
        total=total,
        clean=clean,
        overwrite=overwrite,
    )


def _recorded(of: tuple[int, int], seed: int, clean: bool) -> _Named:
    """The name of a subject's recording, and what is in it."""
    subject, number = of
    name = f"s{subject + 1:02}_r{number + 1:02}"
    return name, *recording(subject, number, seed=seed, clean=clean)


def synthesize(
    path: Path | str,
    *,
    clips_per_action_and_subject: int = 3,
    subjects: int = 20,
    seed: int = 0,
    clean: bool = False,
    overwrite: bool = False,
) -> None:
    """Write the synthetic set as a store at `path`: 14 classes, 30 Hz, NTU-25, a protocol `xsub` by
    subject.

    The default 840 clips take a few seconds; the same arguments give the same files, bit for bit.
    `repetitions.json` beside them says how often each clip's action was done. Raises `InputError`
    for fewer than three subjects (one for each part) or no clips, and where `path` is taken.
    `clean`: no camera sees them, the joints are where they are in the room (y up from the floor).
    """

    def named() -> Iterator[_Named]:
        for number, made in enumerate(
            make_clips(subjects, clips_per_action_and_subject, seed, clean=clean)
        ):
            take = number % clips_per_action_and_subject + 1
            yield f"a{made.action + 1:02}_s{made.subject + 1:02}_t{take:02}", made, ()

    counts = {
        "subjects": subjects,
        "clips_per_action_and_subject": clips_per_action_and_subject,
        "seed": seed,
    }
    total = len(ACTIONS) * subjects * clips_per_action_and_subject
    _write(
        path,
        counts,
        unit="clip per action and subject",
        named=named(),
        total=total,
        clean=clean,
        overwrite=overwrite,
    )


def _write(
    path: Path | str,
    counts: dict[str, int],
    unit: str,
    named: Iterable[_Named],
    total: int,
    clean: bool,
    overwrite: bool,
) -> None:
    subjects, each, seed = counts.values()
    if subjects < 3 or each < 1 or seed < 0:
        raise InputError(
            f"expected at least 3 subjects, 1 {unit} and a seed from 0, "
            f"got {subjects}, {each} and {seed}"
        )
    made_by: dict[str, Any] = {"synthesize": counts | ({"clean": True} if clean else {})}
    made_by |= {} if clean else {"cameras": list(CAMERAS)}
    codes = parts(subjects)
    with StoreWriter(
        path,
        name="synthetic",
        layout=_LAYOUT,
        labels=ACTIONS,
        rate=RATE,
        overwrite=overwrite,
    ) as writer:
        writer.made_by = made_by
        repetitions: dict[str, int | list[int]] = {}
        writer.attach("repetitions.json", lambda: repetitions)
        for name, made, intervals in progress(named, "Making the synthetic set", total):
            repetitions[name] = [one.beats for one in intervals] or made.beats
            whose = {"subject": made.subject + 1, "camera": made.camera + 1}
            writer.add(
                name,
                made.joints[None],
                label=made.action,
                intervals=[one[:3] for one in intervals],
                **whose,
            )
        writer.protocol("xsub", lambda index: codes[index["subject"] - 1])
