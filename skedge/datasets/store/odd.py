"""Clips of a set that are unlike its others: of another size, upside down, lying, mirrored, still,
with joints far from their bodies, of several people by turns, or copies."""

from collections.abc import Callable, Sequence

import numpy as np

from skedge.datasets.store.look import stretch
from skedge.datasets.store.paces import mixed_rates
from skedge.skeleton.anatomy import backward, height_of, limb_change, misfit, upward
from skedge.skeleton.body_check import CHANGING
from skedge.skeleton.layout import Layout
from skedge.skeleton.moments import PADDED, bodies, padding

# Of five real sets (UTD-MHAD, MSR-Action3D, UTKinect, Florence, Bandai-Namco; 4,908 clips) no clip
# is 1.6 times as large or small as the set's median, has a frame 1.6 times as wide as its median
# frame, or has its shoulders lower than 0.9 up from its feet; 1 % seem mirrored at most.
_OTHER_SIZE, _FAR, _DOWN = 2.5, 3.0, -0.5
# So many clips of upright people make others odd.
_UPRIGHT = 0.3
_MIRRORED, _MIRRORED_SHARE, _MIRRORED_CLIPS = 0.2, 0.03, 3
_PADDED = 0.05
_FRAMES = 16
# Clips whose limbs are less a human's than this have no directions.
_NO_BODY = 0.3
# Of more clips than these only some are looked at.
_MOST = 1000


def odd_clips(
    clip: Callable[[int], np.ndarray],
    names: Sequence[str] | np.ndarray,
    layout: Layout,
    *,
    labels: np.ndarray,
) -> list[str]:
    """A sentence for each way in which some clips differ from the others, with the first one's
    name, and one where they are of several rates; `clip` gives one of them, (M, T, V, 3) in metres,
    `labels` (clips,) are their classes.

    They are not always wrong: a clip may show a handstand. Of a long recording the middle is
    looked at (`stretch`).
    """
    chosen = np.unique(np.linspace(0, len(names) - 1, _MOST).astype(np.int64))
    clips = (stretch(clip(int(number))) for number in chosen)
    looks = [(_look(one, layout), hash(one.tobytes()), padding(one)) for one in clips]
    looked = np.array([look[0] for look in looks]).reshape(-1, 7).T
    size, far, up, back, grown, moved, turns = looked
    with np.errstate(invalid="ignore", divide="ignore"):
        times = size / np.nanmedian(size) if np.isfinite(size).any() else size
        other = np.maximum(times, 1 / times) > _OTHER_SIZE
    upright = (up > -_DOWN).mean() >= _UPRIGHT
    mirrored = back > _MIRRORED
    some = max(_MIRRORED_CLIPS, _MIRRORED_SHARE * len(mirrored)) <= mirrored.sum()
    contents = np.array([look[1] for look in looks])
    ends = [(np.array([look[2] == how for look in looks]), how) for how in PADDED]
    padded = [(which, how) for which, how in ends if which.mean() > _PADDED]
    _, firsts = np.unique(contents, return_index=True)
    copies = np.ones(len(looks), bool)
    copies[firsts] = False
    found = []
    for odd, what in (
        (other, "{times} times as large as the others: in another unit?"),
        ((up < _DOWN) & upright, "upside down, unlike the others"),
        ((np.abs(up) < -_DOWN) & upright, "lying, unlike the others: is another axis up in them?"),
        (mirrored & some & ~mirrored.all(), "mirrored: feet and faces point backwards"),
        (far > _FAR, "with joints {far} body sizes away: write NaN for what was not seen"),
        (grown > CHANGING, "with limbs {grown} times longer in some frames than in others"),
        (moved == 0, "without any movement"),
        (turns > 1, "{turns} bodies take turns in the frames: rows of several people?"),
        (copies, "copies of other clips"),
        *((which, f"{how}: padded? Cut it off") for which, how in padded),
    ):
        if odd.any():
            first = int(np.flatnonzero(odd)[0])
            said = what.format(
                times=_short(times[first]),
                far=_short(far[first]),
                grown=_short(grown[first]),
                turns=_short(turns[first]),
            )
            found.append(f"{odd.sum()} of {len(odd)} clips, such as {names[chosen[first]]}: {said}")
    return [*found, *mixed_rates(lambda number: stretch(clip(number)), labels)]


def _look(clip: np.ndarray, layout: Layout) -> tuple[float, ...]:
    """Seven figures about a clip (M, T, V, 3): the size of its bodies in metres, its widest frame
    in such sizes, how far up the shoulders are from the feet (1 to -1), how surely it is mirrored
    (1 to -1), how much limbs grow, the largest step of a joint in metres, and how many bodies take
    turns in the frames."""
    joints = np.asarray(clip, np.float64)
    frames = joints.reshape(-1, *joints.shape[2:])
    frames = frames[np.isfinite(frames).all(axis=-1).sum(axis=-1) > 1]
    if not len(frames):
        return (np.nan,) * 7
    spans = np.linalg.norm(np.fmax.reduce(frames, 1) - np.fmin.reduce(frames, 1), axis=-1)
    size = float(np.median(spans))
    some = _some(frames)
    human = not misfit(some, layout, _flat(some)) > _NO_BODY
    ups = upward(some, layout)[:, 1] if human else np.full(len(some), np.nan)
    height = height_of(some, layout) if human else 0.0
    backs = backward(some, layout, height) if height > 0 else np.full(len(some), np.nan)
    grown = np.array([limb_change(_some(person), layout) for person in joints])
    steps = np.abs(np.diff(joints, axis=1))
    return (
        size,
        float(spans.max() / size) if size > 0 else np.nan,
        _middle(ups, np.median),
        _middle(backs, np.mean),
        np.nan if _flat(some) else float(grown[np.isfinite(grown)].max(initial=1.0)),
        float(steps[np.isfinite(steps)].max(initial=0.0)),
        float(np.fmax.reduce([bodies(person) for person in joints])),
    )


def _some(frames: np.ndarray) -> np.ndarray:
    return frames[np.unique(np.linspace(0, len(frames) - 1, _FRAMES).astype(np.int64))]


def _flat(frames: np.ndarray) -> bool:
    """Whether bodies are places in a picture, whose limbs are foreshortened."""
    depths = frames[..., 2]
    return bool(np.ptp(depths[np.isfinite(depths)]) == 0)


def _middle(values: np.ndarray, of: Callable[[np.ndarray], np.floating]) -> float:
    known = values[np.isfinite(values)]
    return float(of(known)) if len(known) else np.nan


def _short(number: float) -> str:
    return f"{number:.0f}" if number >= 10 else f"{number:.2g}"
