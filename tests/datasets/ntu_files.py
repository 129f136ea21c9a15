"""Invented `.skeleton` files, and the same read line by line by a plain program, as the references
do."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from skedge.bench.studies.importing import plain

Frame = Sequence[tuple[int, np.ndarray]]


def text(
    frames: Sequence[Frame], newline: str = "\r\n", number: Callable[[float], str] = "{:.6f}".format
) -> bytes:
    """The file's content: each frame holds (id, joints (25, 3)) of its bodies."""
    lines = [str(len(frames))]
    for frame in frames:
        lines.append(str(len(frame)))
        for body, joints in frame:
            lines += [f"{body} 0 1 1 1 1 0 0.02 -0.05 2", str(len(joints))]
            lines += [
                " ".join(map(number, joint)) + " 250.0 200.0 950.0 500.0 0.1 0.2 0.3 0.4 2"
                for joint in joints
            ]
    return (newline.join(lines) + newline).encode()


def recording(
    seed: int, frames: int, ids: Sequence[int] = (72057594037931101,)
) -> list[list[tuple[int, np.ndarray]]]:
    """Frames of tall bodies that move a little."""
    rng = np.random.default_rng(seed)
    place = {body: rng.normal(size=(25, 3)) * [0.2, 0.6, 0.1] + [0, 0, 3] for body in ids}
    return [
        [(body, place[body] + rng.normal(size=(25, 3)) * 0.02) for body in ids]
        for _ in range(frames)
    ]


def plain_first_two(path: Path) -> np.ndarray:
    """(2, T, 25, 3), zeros where there is nobody."""
    frames = plain(path)
    joints = np.zeros((2, len(frames), 25, 3))
    for t, frame in enumerate(frames):
        for m, (_, body) in enumerate(frame[:2]):
            joints[m, t] = body
    return joints


def plain_denoise(path: Path) -> np.ndarray:
    """(2, T, 25, 3), zeros where there is nobody: the steps of data-formats.md, one after the
    other."""
    frames = [frame for frame in plain(path) if frame]
    bodies: dict[int, dict[int, np.ndarray]] = {}
    for t, frame in enumerate(frames):
        for body, joints in frame:
            bodies.setdefault(body, {}).setdefault(t, np.array(joints))
    motion = {body: _motion(list(seen.values())) for body, seen in bodies.items()}
    if len(bodies) > 1:
        bodies = {body: seen for body, seen in bodies.items() if len(seen) > 11}
        for body, seen in list(bodies.items()):
            if len(bodies) == 1:
                break
            valid = [
                joints
                for joints in seen.values()
                if np.ptp(joints[:, 0]) <= 0.8 * np.ptp(joints[:, 1])
            ]
            if 1 - len(valid) / len(seen) >= 0.69754:
                del bodies[body]
            elif len(valid) < len(seen):
                motion[body] = min(motion[body], _motion(valid))
    result = np.zeros((2, len(frames), 25, 3))
    spans: list[tuple[int, int] | None] = [None, None]
    for body in sorted(bodies, key=lambda body: -motion[body]):
        start, end = min(bodies[body]), max(bodies[body])
        for m in (0, 1):
            span = spans[m]
            if span is None or min(span[1], end) - max(span[0], start) <= 0:
                for t, joints in bodies[body].items():
                    result[m, t] = joints
                spans[m] = (
                    (start, end) if span is None else (min(span[0], start), max(span[1], end))
                )
                break
    return result


def _motion(frames: list[np.ndarray]) -> float:
    return float(np.concatenate(frames).var(axis=0).sum())
