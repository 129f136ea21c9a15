"""Who the persons of a clip are, where a source has places for several."""

import numpy as np

from skedge.datasets.parsing.bodies import SHORTEST

# A body that is seen this much shorter than the longest one is a ghost.
_GHOST = 1 / 3
# The first person stays first unless another one moves this much more, in variance.
_MORE = 4.0


def choose(joints: np.ndarray, chosen: bool = False) -> tuple[np.ndarray, str]:
    """Persons (M, T, V, 3) without empty places and ghosts, and a note of what was done.

    A person who moves far more than the first one becomes the first. Ghosts are seen in less than
    12 frames, and a third of those of the person seen longest. Where persons are `chosen` already
    only empty places before the first go. Of a clip in which nobody is seen everything stays.
    """
    frames = np.isfinite(joints).all(axis=-1).any(axis=-1).sum(axis=-1)
    kept = np.flatnonzero(frames > 0)
    if chosen and len(kept):
        kept = np.arange(kept[0], len(frames))
    notes = []
    if len(kept) < len(frames) and len(kept) and kept[0] > 0:
        notes.append(f"nobody is in place {', '.join(str(i + 1) for i in range(kept[0]))}")
    if not chosen and len(kept) > 1:
        ghosts = (frames < SHORTEST) & (frames < _GHOST * frames.max())
        if ghosts[kept].any():
            notes.append(f"left out {ghosts[kept].sum()} seen for less than {SHORTEST} frames")
        kept = kept[~ghosts[kept]]
        motion = np.array([_motion(joints[person]) for person in kept])
        most = int(motion.argmax())
        if motion[most] > _MORE * motion[0]:
            notes.append(f"person {kept[most] + 1} moves most and comes first")
            kept = np.concatenate([kept[most : most + 1], np.delete(kept, most)])
    if len(kept) == 0:
        return joints, ""
    return joints[kept], "; ".join(notes)


def _motion(person: np.ndarray) -> float:
    """Variance over the frames, of all joints together."""
    seen = np.isfinite(person).any(axis=0)
    return float(np.nanvar(person[:, seen], axis=0).sum()) if seen.any() else 0.0
