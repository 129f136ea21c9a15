"""The last seconds of one person, or of one scene, whatever the camera's rate."""

from collections import deque

import numpy as np

from skedge.skeleton.hanging import hanging, leg_joints
from skedge.skeleton.metadata import ModelMetadata
from skedge.skeleton.prepare import fill, last_seen, seen
from skedge.skeleton.resample import TOLERANCE, at_times

FINEST = 1 / 16
READY = 0.5
# Seconds out of view after which somebody starts anew at the latest: nobody knows how the body
# moved meanwhile, and a straight line from before to after is a movement that nobody made.
LONGEST_GAP = 1.0


def longest_gap(metadata: ModelMetadata) -> float:
    """Seconds out of view after which somebody starts anew: `LONGEST_GAP`, or the model's window
    where that is shorter."""
    return min(metadata.seconds, LONGEST_GAP)


def first_answer(metadata: ModelMetadata) -> float:
    """Seconds that somebody has to be in view before the model's first answer about them."""
    return metadata.warm_up / metadata.hz if metadata.hz else READY * metadata.seconds


class LastSeen:
    """What was last seen of every joint, up to `metadata.seconds` ago; an older value is
    forgotten.

    Where the legs are forgotten, a model that can do without them is shown hanging ones
    (`skedge.skeleton.hanging`).
    """

    def __init__(self, metadata: ModelMetadata) -> None:
        self._metadata = metadata
        self._legs = list(leg_joints(metadata.layout)) if metadata.upper_body else []
        self.clear()

    def clear(self) -> None:
        shape = (self._metadata.persons, len(self._metadata.layout))
        self._last = np.full((*shape, 3), np.nan, np.float32)
        self._seen_at = np.full(shape, -np.inf)

    @property
    def legless(self) -> bool:
        """Whether the model can do without legs, and none have been seen."""
        return bool(self._legs) and not seen(self._last[:, self._legs]).any()

    def away(self, moment: float) -> bool:
        """Whether nobody was seen for longer than `longest_gap`; frames of nobody may have come."""
        return bool(moment - self._seen_at.max() > longest_gap(self._metadata))

    def fill(self, joints: np.ndarray, moment: float) -> np.ndarray | None:
        """The frame (M, V, 3) float32 seen at `moment` with its absent joints filled; None where
        nothing is known any more."""
        self._seen_at[seen(joints)] = moment
        self._last = last_seen(joints[:, None], self._last)
        self._last[moment - self._seen_at > self._metadata.seconds] = np.nan
        if not seen(self._last).any():
            self.clear()
            return None
        layout = self._metadata.layout
        known = hanging(self._last, layout) if self.legless else self._last
        return fill(known[:, None], layout)[:, 0]


class Window:
    """Frames of the last `metadata.seconds`, read as the model takes them.

    Frames before anybody was seen are left out, as `skedge.skeleton.prepare` does. Absent joints
    are filled with what was seen up to a window ago, an older value is forgotten; the window
    empties when nobody was seen for longer than `longest_gap`, and restarts with the next body.
    Frames closer than a sixteenth of the model's own interval replace each other, so that the
    memory has a limit at any rate.
    """

    def __init__(self, metadata: ModelMetadata) -> None:
        self._metadata = metadata
        self._finest = metadata.seconds / metadata.frames * FINEST
        self._seen = LastSeen(metadata)
        self.clear()

    def clear(self) -> None:
        self._seen.clear()
        self._frames: deque[np.ndarray] = deque()
        self._times: deque[float] = deque()

    def __len__(self) -> int:
        return len(self._times)

    @property
    def legless(self) -> bool:
        """Whether the model answers for a body without legs."""
        return self._seen.legless

    def push(self, joints: np.ndarray, moment: float) -> None:
        """Add the frame (M, V, 3) float32 seen at `moment`, in seconds, which is not before the
        last one's."""
        seconds = self._metadata.seconds
        if self._seen.away(moment):
            self.clear()
        times = self._times
        frame = self._seen.fill(joints, moment)
        if frame is None:
            self.clear()
            return
        if times and (
            moment == times[-1] or (len(times) > 1 and moment - times[-2] < self._finest)
        ):
            times.pop()
            self._frames.pop()
        times.append(moment)
        self._frames.append(frame)
        while len(times) > 1 and times[1] <= moment - seconds:
            times.popleft()
            self._frames.popleft()

    def bounds(self) -> tuple[float, float]:
        """From when to when the window lasts, in seconds: every frame stands for the time of one
        typical frame around it.

        So a clip of T frames at any rate lasts T frames, and is read where
        `skedge.skeleton.resample.resize` reads it.
        """
        times = self._times
        half = float(np.median(np.diff(times))) / 2 if len(times) > 1 else 0.0
        end = times[-1] + half
        return max(times[0] - half, end - self._metadata.seconds), end

    def share(self) -> float:
        """How much of a whole window has been seen, 0 to 1."""
        if not self._times:
            return 0.0
        start, end = self.bounds()
        return (end - start) / self._metadata.seconds

    @property
    def ready(self) -> bool:
        """Whether the window holds at least as much as the model was shown in training."""
        rate = self._metadata.time == "rate"
        return (
            self.share()
            >= (self._metadata.warm_up / self._metadata.frames if rate else READY) - TOLERANCE
        )

    def read(self) -> np.ndarray:
        """The window at the model's moments, (M, frames, V, 3) float32.

        While it fills up what is there is stretched; with a fixed rate, as if the first frame had
        stood still before.
        """
        frames = self._metadata.frames
        if self._metadata.hz is not None:
            moments = self._times[-1] - np.arange(frames - 1, -1, -1) / self._metadata.hz
        else:
            start, end = self.bounds()
            moments = start + (np.arange(frames) + 0.5) * (end - start) / frames
        return at_times(np.stack(self._frames, axis=1), np.asarray(self._times), moments)
