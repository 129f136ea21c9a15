"""Parses NTU RGB+D's `.skeleton` text: the file is read once, its structure walked, its numbers converted together."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from skeleton.datasets.damage import damaged
from skeleton.datasets.decimals import PADDING, decimals

JOINTS = 25
# Longer than any recording: a larger number of frames is damage, and would cost memory for nothing.
LONGEST = 100_000
MOST_LINES = 1_000_000
_COLUMNS, _HEADER = 12, 10
_LINES = 2 + JOINTS
_PAD = b" " * PADDING
_Structure = tuple[int, np.ndarray, np.ndarray, np.ndarray]


class Recording(NamedTuple):
    """The bodies of all frames in the order of the file.

    `frames` is their number T; `frame` (B,) int64 says in which a body was seen, ascending; `body` (B,) int64 is the same
    for the same person, numbered as first seen; `joints` (B, 25, 3) float32 in metres, y up.
    """

    frames: int
    frame: np.ndarray
    body: np.ndarray
    joints: np.ndarray


def parse(content: bytes, file: object) -> Recording:
    """The recording that the text of a `.skeleton` file holds.

    Raises `DamagedError` with `file` and the line where it is truncated, has another joint count, something that is no
    number, NaN, or no frames.
    """
    if len(content) > MOST_LINES and content.count(b"\n") > MOST_LINES:
        damaged(file, f"expected a recording of at most {MOST_LINES} lines, got more")
    text = b"".join((_PAD, content, b"" if content.endswith(b"\n") else b"\n", _PAD))
    lines = _Lines(text, file)
    structure = lines.at_once()
    if structure is None:
        # Numbers may stand further apart, or a space at the end: legal, and rare enough to be rewritten first.
        tidy = b"\n".join(b" ".join(line.split()) for line in content.split(b"\n"))
        if tidy != content:
            return parse(tidy, file)
        structure = lines.walk()
    frames, frame, body, first = structure
    rows = (first[:, None] + np.arange(JOINTS)).ravel()
    return Recording(frames, frame, body, lines.joints(rows))


class _Lines:
    def __init__(self, text: bytes, file: object) -> None:
        self.text, self.file = text, file
        self.bytes: Any = np.frombuffer(text, np.uint8)
        inside = self.bytes[PADDING : len(text) - PADDING]
        breaks = np.flatnonzero(self.bytes <= 32)[PADDING:-PADDING]
        largest = int(inside.max())
        self.letters = np.flatnonzero(self.bytes > ord("9")) if largest > ord("9") else np.zeros(0, np.int64)
        if largest > 126:
            damaged(file, "expected a text of numbers, got something else")
        newline = np.flatnonzero(self.bytes[breaks] == 10)
        self.breaks = breaks
        # The place in `breaks` of every line's first one.
        self.first = np.concatenate(([0], newline[:-1] + 1))
        ends = breaks[newline]
        self.starts = np.concatenate(([PADDING], ends[:-1] + 1))
        returned = (self.bytes[ends - 1] == 13) & (ends > self.starts)
        self.ends = ends - returned
        self.tokens = newline - self.first + 1 - returned

    def at_once(self) -> _Structure | None:
        """The structure as `walk` gives it, found by the numbers of words in the lines; None unless all of it is in order."""
        heads = np.flatnonzero(self.tokens == _HEADER)
        single = np.flatnonzero(self.tokens == 1)
        if not len(heads) or not len(single) or single[0] or heads[-1] + _LINES > len(self.tokens):
            return None
        try:
            numbers = np.array([int(self.text[start:end]) for start, end in self._spans(single)])
            persons = [int(self.text[start : self.text.index(b" ", start, end)]) for start, end in self._spans(heads)]
        except (ValueError, OverflowError):
            return None
        is_joints = np.isin(single, heads + 1, assume_unique=True)
        counted, bodies = single[~is_joints][1:], numbers[~is_joints][1:]
        frame = np.searchsorted(counted, heads) - 1
        if (
            numbers.dtype != np.int64
            or numbers[0] != len(counted)
            or not 0 < len(counted) <= LONGEST
            or 1 + len(counted) + _LINES * len(heads) != len(self.tokens)
            or (self.tokens == _COLUMNS).sum() != JOINTS * len(heads)
            or is_joints.sum() != len(heads)
            or (numbers[is_joints] != JOINTS).any()
            or (frame < 0).any()
            or (np.bincount(frame, minlength=len(counted)) != bodies).any()
            or (np.diff(counted, append=len(self.tokens)) != 1 + _LINES * bodies).any()
            or (np.diff(heads)[frame[1:] == frame[:-1]] != _LINES).any()
            or counted[0] != 1
            or (heads[np.searchsorted(frame, np.flatnonzero(bodies))] != counted[bodies > 0] + 1).any()
        ):
            return None
        codes: dict[int, int] = {}
        body = np.array([codes.setdefault(person, len(codes)) for person in persons])
        return len(counted), frame, body, heads + 2

    def walk(self) -> _Structure:
        """Number of frames, and for each body of each the frame, the person and the line of the first joint.

        Line by line, so that what is wrong can be told.
        """
        text, starts, ends = self.text, self.starts.tolist(), self.ends.tolist()
        count = len(starts)
        codes: dict[int, int] = {}
        frame: list[int] = []
        body: list[int] = []
        first: list[int] = []
        frames = self._integer(0, "the number of frames")
        if not 0 < frames <= LONGEST:
            damaged(self.file, f"expected 1 to {LONGEST} frames, got {frames}", 1)
        at = 1
        for t in range(frames):
            bodies = self._integer(at, f"the number of bodies of frame {t + 1} of {frames}")
            if bodies < 0 or at + 1 + bodies * _LINES > count:
                damaged(self.file, f"expected {bodies} bodies of {_LINES} lines, got {count - at - 1} lines more", at + 1)
            at += 1
            for _ in range(bodies):
                if self.tokens[at] < _HEADER:
                    damaged(self.file, f"expected a body's {_HEADER} values, got {self.tokens[at]}", at + 1)
                start, end = starts[at], ends[at]
                try:
                    person = int(text[start : text.index(b" ", start, end)])
                except ValueError:
                    damaged(self.file, f"expected a body's number, got {self._show(at)}", at + 1)
                at += 1
                if self._integer(at, "the number of joints") != JOINTS:
                    damaged(self.file, f"expected {JOINTS} joints, got {self._show(at)}", at + 1)
                frame.append(t)
                body.append(codes.setdefault(person, len(codes)))
                first.append(at + 1)
                at += 1 + JOINTS
                if (self.tokens[at - JOINTS : at] != _COLUMNS).any():
                    wrong = at - JOINTS + int(np.argmax(self.tokens[at - JOINTS : at] != _COLUMNS))
                    reason = f"expected {_COLUMNS} numbers for a joint, got {self.tokens[wrong]}; is it truncated?"
                    damaged(self.file, reason, wrong + 1)
        if at < count and text[self.starts[at] :].strip():
            damaged(self.file, f"expected the end after {frames} frames, got more", at + 1)
        if not first:
            damaged(self.file, f"expected a body, got none in {frames} frames")
        return frames, np.array(frame, np.int64), np.array(body, np.int64), np.array(first, np.int64)

    def joints(self, rows: np.ndarray) -> np.ndarray:
        """Joints (B, 25, 3) float32 of these lines, the first three numbers of each."""
        self._check_words(rows)
        ends = self.breaks[self.first[rows][:, None] + np.arange(3)]
        starts = np.empty_like(ends)
        starts[:, 0] = self.starts[rows]
        starts[:, 1:] = ends[:, :2] + 1
        with np.errstate(over="ignore"):
            values = decimals(self.bytes, starts.ravel(), ends.ravel()).astype(np.float32)
        finite = np.isfinite(values)
        if not finite.all():
            row = int(rows[np.argmin(finite) // 3])
            damaged(self.file, f"expected coordinates in metres, got {self._show(row)}", row + 1)
        return values.reshape(-1, JOINTS, 3)

    def _check_words(self, rows: np.ndarray) -> None:
        """Letters are rare (exponents, nan): look at each line that has one, in all columns."""
        if not len(self.letters):
            return
        for row in np.intersect1d(np.searchsorted(self.starts, self.letters, side="right") - 1, rows).tolist():
            for token in self.text[self.starts[row] : self.ends[row]].split():
                try:
                    float(token)
                except ValueError:
                    damaged(self.file, f"expected numbers, got {token[:40].decode('latin1')!r}", row + 1)

    def _integer(self, line: int, what: str) -> int:
        if line >= len(self.starts):
            damaged(self.file, f"expected {what}, got the end of the file; it is truncated", line + 1)
        try:
            return int(self.text[self.starts[line] : self.ends[line]])
        except ValueError:
            damaged(self.file, f"expected {what}, got {self._show(line)}", line + 1)

    def _spans(self, lines: np.ndarray) -> Iterator[tuple[int, int]]:
        return zip(self.starts[lines].tolist(), self.ends[lines].tolist(), strict=True)

    def _show(self, line: int) -> str:
        return repr(self.text[self.starts[line] : self.ends[line]][:40].decode("latin1"))
