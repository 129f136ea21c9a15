"""The synthetic set: 14 classes of movement by invented people before an invented depth camera, in the NTU-25 layout.

Key poses (`synthetic_actions`) become joint angles over time, those a moving body (`synthetic_body`), and that is seen by
a camera with a view, noise and gaps of its own. Everything is drawn from the seed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from skeleton.datasets import synthetic_body as body
from skeleton.datasets import synthetic_everyday as everyday
from skeleton.datasets.progress import progress
from skeleton.datasets.store import PARTS, StoreWriter
from skeleton.datasets.synthetic_actions import ACTIONS, VARIANTS
from skeleton.datasets.synthetic_gait import confined, gait, style, walk_way
from skeleton.datasets.synthetic_people import SENSORS, Person, build, person
from skeleton.datasets.synthetic_puppet import perform
from skeleton.errors import InputError
from skeleton.layout import load_layout

RATE = 30.0
SHORTEST, LONGEST = 24, 180
PAUSE = (30, 90)
CAMERAS = ("depth camera with 25 joints", "depth camera with 20 joints", "pose estimator")

_LAYOUT = load_layout("ntu25")
_CHANNEL = {name: i for i, name in enumerate(body.CHANNELS)}
# Which channels start together: their lags against each other are drawn per clip.
_GROUPS = {"arm": 0.03, "trunk": 0.03, "head": 0.06, "legs": 0.0}


class Clip(NamedTuple):
    """One clip: `joints` (T, 25, 3) metres in the camera's frame, NaN where absent; numbers of action, subject, camera."""

    joints: np.ndarray
    action: int
    subject: int
    camera: int


_Named = tuple[str, Clip, Sequence[tuple[int, int, int]]]


class Motion(NamedTuple):
    """Channels over time, (T, channels) in degrees and leg lengths; which frames are the action.

    The action was done `beats` times in the frames from `start` to before `end`.
    """

    channels: np.ndarray
    start: int
    end: int
    beats: int


def motion(action: int, who: Person, shape: body.Build, rng: np.random.Generator) -> Motion:
    """One whole performance of an action, with what comes right before and after it."""
    share = 1.0
    if ACTIONS[action] == "other":
        variant, share = everyday.draw(rng)
    else:
        variant = everyday.choose(VARIANTS[ACTIONS[action]], rng)
    seated = bool(rng.random() < variant.seated)
    walks = bool(variant.way) or (not seated and rng.random() < variant.walking)
    comes = not (seated or walks or variant.begin) and rng.random() < 0.15
    lead = rng.uniform(0.3, 1.0) if comes else 0.0
    done = perform(variant, who, shape, rng, seated=seated, legs_busy=walks, lead=lead)
    poses = done.poses
    if share < 1:
        poses = poses[0] + share * (poses - poses[0])
        poses[:, _CHANNEL["air"]] = 0
    frames = max(round(done.seconds[-1] * RATE), SHORTEST)
    moments = np.arange(frames) / RATE
    moved = np.empty((frames, len(body.CHANNELS)))
    for group, spread in _GROUPS.items():
        lag = np.clip(rng.normal(0, spread), -0.08, 0.08)
        columns = [i for name, i in _CHANNEL.items() if _group(name) == group]
        moved[:, columns] = _interpolate(done.seconds, poses[:, columns], moments - lag)
    moved = _smooth(moved, rng.uniform(0.6, 1.6)) + _sway(frames, who, rng)
    if walks or comes:
        way = walk_way(rng, frames / RATE, None if walks else "walk")
        if comes:
            way = [replace(way[0], seconds=lead, turn=0.3 * way[0].turn)]
        heading = float(rng.uniform(-180, 180)) if walks and rng.random() < 0.6 else 0.0
        moved += gait(way, frames, style(rng), shape, rng, done.free if walks else tuple(body.SIDES), heading)
        room = [_CHANNEL[name] for name in body.ROOM]
        moved[:, room] = confined(moved[:, room])
    return Motion(moved, round(done.start * RATE), min(round(done.end * RATE), frames), done.beats)


def _cut(made: Motion, rng: np.random.Generator) -> np.ndarray:
    """A clip of a performance as people cut clips: whole, close about the action, or in the midst of it.

    What is repeated may be cut between repetitions; of what is done once, most stays.
    """
    frames, length = len(made.channels), max(made.end - made.start, 1)
    spare = 0.1 * length if made.beats < 3 else (1 - 1.5 / made.beats) * length
    first, last = 0, frames
    kind = rng.random()
    if kind < 0.35:
        first = round(made.start + rng.uniform(-6, 0.5 * spare))
        last = round(made.end + rng.uniform(-spare, 6))
    elif kind < 0.5:
        last = round(made.end - rng.uniform(0, 0.35) * length)
    if last - first > LONGEST:
        first += round(rng.uniform(0, last - first - LONGEST))
    first = min(max(first, 0), frames - SHORTEST)
    last = min(max(last, first + SHORTEST), first + LONGEST, frames)
    return made.channels[first:last]


def view(joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Joints (T, 25, 3) of the room as a camera 2 to 4 m away sees them: any yaw, mostly frontal; a small tilt."""
    kind = rng.random()
    yaw = rng.normal(0, 15) if kind < 0.55 else rng.uniform(-90, 90) if kind < 0.9 else rng.uniform(-180, 180)
    turned = joints @ body.rotation(np.array([0, yaw, 0])).T
    turned = turned + np.array([rng.normal(0, 0.25), -rng.uniform(0.7, 1.5), rng.uniform(2.2, 3.8)])
    tilt = np.clip(rng.normal(0, 5), -12, 12)
    return turned @ body.rotation(np.array([tilt, 0, np.clip(rng.normal(0, 1.5), -4, 4)])).T


def noise(frames: int, rng: np.random.Generator, size: float = 1.0) -> np.ndarray:
    """A depth camera's error (frames, 25, 3) in metres: correlated in time, larger at hands and feet, jumps now and then."""
    joints = len(_LAYOUT)
    scale = np.array([_JITTER[_LAYOUT.joints[j].split("_", 1)[-1]] for j in range(joints)])[:, None] * size
    wander = _smooth_noise(rng, frames, joints, sigma=3.0)
    jitter = _smooth_noise(rng, frames, joints, sigma=0.7)
    error = scale * (rng.normal(0, 0.8, (joints, 3)) + 0.8 * wander + 0.35 * jitter)
    for _ in range(rng.poisson(0.6)):
        # A joint snaps elsewhere for some frames; what hangs on it goes along.
        joint = rng.choice([_LAYOUT.index(name) for name in _LOOSE])
        start, length = rng.integers(frames), rng.integers(2, 10)
        error[start : start + length, _beyond(joint)] += size * rng.normal(0, 0.06, 3)
    return error


def gaps(frames: int, rng: np.random.Generator, share: float = 0.01) -> np.ndarray:
    """Which joints are absent, (frames, 25) bool: runs in which a joint and what hangs on it are lost; `share` of all."""
    lost = np.zeros((frames, len(_LAYOUT)), dtype=bool)
    # A run takes 14 cells on average. Few clips have many runs, most have none.
    for _ in range(rng.poisson(share * rng.exponential(1) * frames * len(_LAYOUT) / 14)):
        joint = rng.choice([_LAYOUT.index(name) for name in _LOOSE])
        start, length = rng.integers(frames), 1 + rng.geometric(0.2)
        lost[start : start + length, _beyond(joint)] = True
    return lost


def clip(action: int, subject: int, repetition: int = 0, *, seed: int = 0, jitter: float = 1.0, dropped: float = 0.01) -> Clip:
    """One clip of an action by a subject; the same numbers give the same clip, bit for bit.

    `jitter` scales the camera's noise, `dropped` is the share of absent joints on average. Raises `InputError` for an
    unknown action and negative numbers.
    """
    if not 0 <= action < len(ACTIONS) or min(subject, repetition, seed) < 0:
        raise InputError(
            f"expected an action from 0 to {len(ACTIONS) - 1} and no negative subject, repetition or seed, "
            f"got {action}, {subject}, {repetition} and {seed}"
        )
    rng = np.random.default_rng([seed, 2, subject, action, repetition])
    camera = int(rng.integers(len(CAMERAS)))
    who = person(seed, subject)
    shape = build(who, SENSORS[camera], rng)
    return Clip(_film(_cut(motion(action, who, shape, rng), rng), shape, camera, rng, jitter, dropped), action, subject, camera)


def recording(subject: int, repetition: int = 0, *, seed: int = 0) -> tuple[Clip, list[tuple[int, int, int]]]:
    """One subject doing every action but idle once, with pauses between, before one camera; and the actions' intervals.

    Intervals are (action, first frame, frame after the last). In a pause the person goes over into how the next action
    begins, and is never still. Whoever sits down stands up next. `action` is the one that lasts longest.
    """
    rng = np.random.default_rng([seed, 3, subject, repetition])
    camera = int(rng.integers(len(CAMERAS)))
    who = person(seed, subject)
    shape = build(who, SENSORS[camera], rng)
    seated = [ACTIONS.index(action) for action in ("sit down", "stand up")]
    order = [int(i) for i in rng.permutation(len(ACTIONS)) if ACTIONS[i] not in ("idle", "other") and i != seated[1]]
    order.insert(order.index(seated[0]) + 1, seated[1])
    performed = [motion(action, who, shape, rng).channels for action in order]
    turns = [_CHANNEL[f"{side}_turn"] for side in body.SIDES]
    moved, intervals = performed[0][:1], []
    for action, poses in zip(order, performed, strict=True):
        # An arm's turn is known up to whole turns, and must not go round in a pause.
        poses[:, turns] += 360 * np.round((moved[-1, turns] - poses[0, turns]) / 360)
        pause = int(rng.integers(*PAUSE))
        share = _ramp(pause, rng)[:, None]
        start = len(moved) + pause
        bridge = moved[-1] + share * (poses[0] - moved[-1])
        moved = np.concatenate([moved, bridge + _held(_sway(pause, who, rng)), poses])
        intervals.append((action, start, len(moved)))
    longest = max(intervals, key=lambda one: one[2] - one[1])[0]
    return Clip(_film(moved, shape, camera, rng), longest, subject, camera), intervals


def _film(
    moved: np.ndarray, shape: body.Build, camera: int, rng: np.random.Generator, jitter: float = 1.0, dropped: float = 0.01
) -> np.ndarray:
    """What a camera makes of channels over time (T, channels): joints (T, 25, 3) float32, NaN where absent."""
    seen = view(body.joints(moved, shape), rng)
    # Whoever walks stays before the camera.
    seen[..., 2] += max(0.0, 1.0 - seen[..., 2].min())
    seen = seen + noise(len(seen), rng, jitter * rng.uniform(0.5, 1.6))
    if SENSORS[camera].fingers == 0:
        # Such a camera has no fingers: what is not measured is placed on the hand.
        for side in body.SIDES:
            hand = _LAYOUT.index(f"{side}_hand")
            seen[:, [_LAYOUT.index(f"{side}_hand_tip"), _LAYOUT.index(f"{side}_thumb")]] = seen[:, hand, None]
    lost = gaps(len(seen), rng, dropped)
    seen[lost & ~lost.all(axis=1, keepdims=True)] = np.nan
    return seen.astype(np.float32)


def _ramp(frames: int, rng: np.random.Generator) -> np.ndarray:
    """From 0 to 1 and at rest at both ends, (frames,): a second's change somewhere in a pause."""
    start = rng.uniform(0, max(frames - RATE, 0))
    share = np.clip((np.arange(frames) - start) / min(RATE, frames), 0, 1)
    return share**2 * (3 - 2 * share)


def _held(waves: np.ndarray) -> np.ndarray:
    """Waves (T, channels) that grow from nothing and end in nothing, so that what they join has no steps."""
    return waves * np.sin(np.pi * np.linspace(0, 1, len(waves)))[:, None] ** 2


def make_clips(subjects: int = 20, clips_per_action_and_subject: int = 3, seed: int = 0) -> Iterator[Clip]:
    """All clips of a set, subject by subject."""
    for subject in range(subjects):
        for action in range(len(ACTIONS)):
            for repetition in range(clips_per_action_and_subject):
                yield clip(action, subject, repetition, seed=seed)


def parts(subjects: int) -> np.ndarray:
    """The part of every subject, (subjects,) int8: of 20 people 12 train, 3 validate and 5 test; at least one each."""
    test, val = max(1, subjects // 4), max(1, 3 * subjects // 20)
    codes = np.full(subjects, PARTS["train"], dtype=np.int8)
    codes[subjects - test - val : subjects - test] = PARTS["val"]
    codes[subjects - test :] = PARTS["test"]
    return codes


def synthesize_recordings(
    path: Path | str, *, recordings_per_subject: int = 1, subjects: int = 20, seed: int = 0, overwrite: bool = False
) -> None:
    """Write whole recordings with labelled intervals (see `recording`) as a store; otherwise as `synthesize`."""

    def named() -> Iterator[_Named]:
        for subject in range(subjects):
            for i in range(recordings_per_subject):
                yield f"s{subject + 1:02}_r{i + 1:02}", *recording(subject, i, seed=seed)

    counts = {"subjects": subjects, "recordings_per_subject": recordings_per_subject, "seed": seed}
    _write(path, counts, "recording per subject", named(), subjects * recordings_per_subject, overwrite)


def synthesize(
    path: Path | str, *, clips_per_action_and_subject: int = 3, subjects: int = 20, seed: int = 0, overwrite: bool = False
) -> None:
    """Write the synthetic set as a store at `path`: 14 classes, 30 Hz, NTU-25, a protocol `xsub` by subject.

    The default 780 clips take a few seconds; the same arguments give the same files, bit for bit. Raises `InputError` for
    fewer than three subjects (one for each part) or no clips, and where `path` is taken.
    """

    def named() -> Iterator[_Named]:
        for number, made in enumerate(make_clips(subjects, clips_per_action_and_subject, seed)):
            take = number % clips_per_action_and_subject + 1
            yield f"a{made.action + 1:02}_s{made.subject + 1:02}_t{take:02}", made, ()

    counts = {"subjects": subjects, "clips_per_action_and_subject": clips_per_action_and_subject, "seed": seed}
    total = len(ACTIONS) * subjects * clips_per_action_and_subject
    _write(path, counts, "clip per action and subject", named(), total, overwrite)


def _write(path: Path | str, counts: dict[str, int], unit: str, named: Iterable[_Named], total: int, overwrite: bool) -> None:
    subjects, each, seed = counts.values()
    if subjects < 3 or each < 1 or seed < 0:
        raise InputError(f"expected at least 3 subjects, 1 {unit} and a seed from 0, got {subjects}, {each} and {seed}")
    made_by: dict[str, Any] = {"synthesize": counts, "cameras": list(CAMERAS)}
    codes = parts(subjects)
    with StoreWriter(
        path, name="synthetic", layout=_LAYOUT, labels=ACTIONS, rate=RATE, made_by=made_by, overwrite=overwrite
    ) as writer:
        for name, made, intervals in progress(named, "Making the synthetic set", total):
            whose = {"subject": made.subject + 1, "camera": made.camera + 1}
            writer.add(name, made.joints[None], label=made.action, intervals=intervals, **whose)
        writer.protocol("xsub", lambda index: codes[index["subject"] - 1])


def _group(channel: str) -> str:
    if channel in ("nod", "look"):
        return "head"
    if channel in ("lean", "curl", "side", "twist", "face"):
        return "trunk"
    return "arm" if channel.split("_", 1)[-1] in body.ARM else "legs"


def _interpolate(at: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Monotone cubic curves (Fritsch and Carlson) through `values` (K, C): at rest wherever the direction changes."""
    step = np.diff(at)[:, None]
    slope = np.diff(values, axis=0) / step
    before, after = slope[:-1], slope[1:]
    wide, narrow = 2 * step[1:] + step[:-1], step[1:] + 2 * step[:-1]
    same = before * after > 0
    safe = np.where(same, wide / np.where(same, before, 1) + narrow / np.where(same, after, 1), 1)
    tangent = np.zeros_like(values)
    tangent[1:-1] = np.where(same, (wide + narrow) / safe, 0)
    wanted = np.clip(wanted, at[0], at[-1])
    piece = np.clip(np.searchsorted(at, wanted, side="right") - 1, 0, len(step) - 1)
    width = step[piece]
    s = (wanted - at[piece])[:, None] / width
    low, high = values[piece], values[piece + 1]
    return (
        low
        + (high - low) * s**2 * (3 - 2 * s)
        + width * tangent[piece] * s * (1 - s) ** 2
        - width * tangent[piece + 1] * s**2 * (1 - s)
    )


def _smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian of `sigma` frames along the first axis; the edges are held."""
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.concatenate([np.repeat(values[:1], reach, 0), values, np.repeat(values[-1:], reach, 0)])
    return np.tensordot(np.lib.stride_tricks.sliding_window_view(padded, len(kernel), axis=0), kernel, axes=(-1, 0))


def _smooth_noise(rng: np.random.Generator, frames: int, joints: int, sigma: float) -> np.ndarray:
    reach = int(np.ceil(3 * sigma))
    made = _smooth(rng.normal(size=(frames + 2 * reach, joints, 3)), sigma)[reach : reach + frames]
    return made * np.sqrt(2 * sigma * np.sqrt(np.pi))


_SWAY = {"lean": 0.8, "side": 0.8, "twist": 1.5, "face": 1.0, "nod": 2.5, "look": 4.0, "shift": 0.006, "back": 0.004}
_SWAY |= {"forward": 1.5, "outward": 1.5, "turn": 3.0, "elbow": 2.5, "bend": 4.0, "wag": 4.0}


def _sway(frames: int, who: Person, rng: np.random.Generator) -> np.ndarray:
    """Nobody stands still: slow waves in every channel, (frames, channels)."""
    size = np.array([_SWAY.get(name.split("_", 1)[-1] if "_" in name else name, 0.0) for name in body.CHANNELS])
    waves = rng.normal(0, 0.7, (2, len(size)))
    rates, phases = rng.uniform(0.1, 0.7, waves.shape), rng.uniform(0, 2 * np.pi, waves.shape)
    moments = np.arange(frames)[:, None, None] / RATE
    return who.restless * size * (waves * np.sin(2 * np.pi * rates * moments + phases)).sum(axis=1)


_JITTER = {"center": 0.008, "spine": 0.006, "neck": 0.008, "head": 0.01, "shoulder": 0.01, "elbow": 0.015, "wrist": 0.018}
_JITTER |= {"hand": 0.022, "hand_tip": 0.028, "thumb": 0.028, "hip": 0.01, "knee": 0.018, "ankle": 0.02, "foot": 0.025}
_LOOSE = tuple(f"{side}_{joint}" for side in body.SIDES for joint in ("elbow", "wrist", "hand", "knee", "ankle", "foot"))


def _beyond(joint: int) -> list[int]:
    """The joint and all that hang on it; fingers hang on the hand."""
    parents = _LAYOUT.parents
    found = [joint]
    for _ in range(6):
        found += [j for j in range(len(_LAYOUT)) if parents[j] in found and j not in found and j != _LAYOUT.center]
    return found
