"""Time: stretching clips, cutting them, and reading them at other moments."""

import numpy as np

# Seconds. Time stamps are sums and quotients of frame times: a moment must not be missed by a
# rounding error.
TOLERANCE = 1e-6
# Frames. A position as near to a frame as this is that frame.
NEAR = 1e-5


def take(clip: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Linear interpolation of a clip (..., T, V, C) at the frame positions `at` (frames,); (...,
    frames, V, C) float32.

    A joint that is NaN in one of two frames is where the nearer frame has it, NaN if that has not.
    """
    # A frame itself asks for nothing of its neighbour, in which a joint may be absent.
    at = np.where(np.abs(at - np.rint(at)) < NEAR, np.rint(at), at)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(np.ceil(at).astype(np.int64), clip.shape[-3] - 1)
    share = (at - low).astype(np.float32)[:, None, None]
    before, after = clip[..., low, :, :], clip[..., high, :, :]
    found = (before + share * (after - before)).astype(np.float32)
    absent = np.isnan(found)
    if absent.any():
        found[absent] = np.where(share <= 0.5, before, after)[absent]
    return found


def resize(clip: np.ndarray, frames: int) -> np.ndarray:
    """A clip (..., T, V, C) stretched to `frames` frames, as `torch.nn.functional.interpolate` does
    it linearly, half-pixel ("align_corners False")."""
    length = clip.shape[-3]
    at = (np.arange(frames) + 0.5) * length / frames - 0.5
    return take(clip, np.clip(at, 0, length - 1))


def at_rate(clip: np.ndarray, rate: float, hz: float) -> np.ndarray:
    """A clip (..., T, V, C) of `rate` frames a second, read `hz` times a second from its first
    frame on, as far as it goes."""
    last = clip.shape[-3] - 1
    count = int((last / rate + TOLERANCE) * hz) + 1
    return take(clip, np.minimum(np.arange(count) * (rate / hz), last))


def newest(clip: np.ndarray, frames: int) -> np.ndarray:
    """The last `frames` frames of a clip (..., T, V, C); where it is shorter, as if its first had
    stood still before it."""
    length = clip.shape[-3]
    return clip[..., np.maximum(np.arange(length - frames, length), 0), :, :]


def at_times(clip: np.ndarray, seconds: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """A clip (..., T, V, C) with increasing time stamps (T,), read at the moments `wanted`; edges
    are held."""
    return take(clip, np.interp(wanted, seconds, np.arange(len(seconds))))


def uniform_sample(length: int, frames: int, rng: "np.random.Generator") -> np.ndarray:
    """Frame indices (frames,) int64 by PYSKL's uniform sampling: one random frame from each of
    `frames` equal segments.

    A clip shorter than `frames` is read round and round from a random start; one less than twice as
    long skips some frames.
    """
    if length < frames:
        return (rng.integers(length) + np.arange(frames)) % length
    if length < 2 * frames:
        skipped = np.zeros(frames + 1, dtype=np.int64)
        skipped[rng.choice(frames + 1, length - frames, replace=False)] = 1
        return np.arange(frames) + np.cumsum(skipped)[:-1]
    edges = np.arange(frames + 1) * length // frames
    return edges[:-1] + rng.integers(np.diff(edges))
