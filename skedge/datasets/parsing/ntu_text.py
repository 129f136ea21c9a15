"""Parses NTU RGB+D's `.skeleton` text: its words are found once, their places follow from the
numbers of bodies."""

from typing import Any, NamedTuple

import numpy as np

from skedge.datasets.parsing.damage import damaged
from skedge.datasets.parsing.decimals import PADDING, decimals
from skedge.skeleton.text import counted

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

    `frames` is their number T; `frame` (B,) int64 says in which a body was seen, ascending; `body`
    (B,) int64 is the same for the same person, numbered as first seen; `joints` (B, 25, 3) float32
    in metres, y up.
    """

    frames: int
    frame: np.ndarray
    body: np.ndarray
    joints: np.ndarray


def parse(content: bytes, file: object) -> Recording:
    """The recording that the text of a `.skeleton` file holds.

    Raises `DamagedError` with `file` and the line where it is truncated, has another joint count,
    something that is no number, NaN, or no frames.
    """
    if len(content) > MOST_LINES and content.count(b"\n") > MOST_LINES:
        damaged(file, f"expected a recording of at most {MOST_LINES} lines, got more")
    words = _Words(content, file)
    structure = words.at_once()
    if structure is None:
        # Numbers may stand further apart, or a space at the end: legal, and rare enough to be
        # rewritten first.
        tidy = b"\n".join(b" ".join(line.split()) for line in content.split(b"\n"))
        if tidy != content:
            return parse(tidy, file)
        structure = words.walk()
    frames, frame, body, first = structure
    return Recording(frames, frame, body, joints=words.joints(first))


class _Words:
    """The text, and where its words end: word i stands between `breaks[i - 1]` and `breaks[i]`, the
    first one is PADDING."""

    def __init__(self, content: bytes, file: object) -> None:
        self.file = file
        self.text = b"".join((_PAD, content, b"" if content.endswith(b"\n") else b"\n", _PAD))
        self.bytes: Any = np.frombuffer(self.text, np.uint8)
        self.largest = int(self.bytes.max())
        if self.largest > 126:
            damaged(file, "expected a text of numbers, got something else")
        self.blank = self.bytes <= 32
        self.breaks = np.flatnonzero(self.blank)

    def at_once(self) -> _Structure | None:
        """The structure as `walk` gives it, computed from the numbers of bodies; None unless all of
        the text is in order."""
        text = self.text
        ends = self.breaks.data
        # A line's end is one break, or two: then an empty word is between them.
        end = 1 + (text[ends[PADDING]] == 13)
        joint = _COLUMNS - 1 + end
        block = _HEADER - 1 + end + end + JOINTS * joint
        at, stop = PADDING + end, len(ends) - PADDING
        counts = []
        try:
            frames = int(text[PADDING : ends[PADDING]])
            for _ in range(frames):
                counts.append(int(text[ends[at - 1] + 1 : ends[at]]))
                at += end + counts[-1] * block
                if not PADDING < at <= stop:
                    return None
        except (ValueError, IndexError):
            return None
        if at != stop or not 0 < frames <= LONGEST or min(counts) < 0 or not any(counts):
            return None
        frame = np.repeat(np.arange(frames), counts)
        heads = PADDING + end * (frame + 2) + block * np.arange(len(frame))
        number = heads + _HEADER - 1 + end
        first = ((number + end)[:, None] + joint * np.arange(JOINTS)).ravel()
        after = self.breaks[number]
        lines = 1 + frames + _LINES * len(frame)
        # The words follow each other in their order whatever the lines are; only a joint's must be
        # one.
        if (
            np.count_nonzero(self.bytes == 10) != lines
            or (self.bytes[self.breaks[first + joint - 1]] != 10).any()
            or np.count_nonzero(self.blank[1:] & self.blank[:-1])
            != (end - 1) * lines + 2 * PADDING - 1
            or (after - self.breaks[number - 1] != 3).any()
            or (self.bytes[after - 2] != ord("2")).any()
            or (self.bytes[after - 1] != ord("5")).any()
        ):
            return None
        spans = zip((self.breaks[heads - 1] + 1).tolist(), self.breaks[heads].tolist(), strict=True)
        persons = [text[start:stop] for start, stop in spans]
        codes: dict[int, int] = {}
        try:
            code = {
                person: codes.setdefault(int(person), len(codes))
                for person in dict.fromkeys(persons)
            }
        except ValueError:
            return None
        return frames, frame, np.array([code[person] for person in persons]), first

    def walk(self) -> _Structure:
        """Number of frames, for each body of each the frame and the person, and the first word of
        each joint.

        Line by line, so that what is wrong can be told.
        """
        lines = _Lines(self.text, self.bytes, self.breaks, file=self.file)
        codes: dict[int, int] = {}
        frame: list[int] = []
        body: list[int] = []
        rows: list[int] = []
        frames = lines.integer(0, "the number of frames")
        if not 0 < frames <= LONGEST:
            damaged(self.file, f"expected 1 to {LONGEST} frames, got {frames}", 1)
        at = 1
        for t in range(frames):
            bodies = lines.integer(at, f"the number of bodies of frame {t + 1} of {frames}")
            more = len(lines.words) - at - 1
            if bodies < 0 or bodies * _LINES > more:
                damaged(
                    self.file,
                    f"expected {counted(bodies, 'body', 'bodies')} of {_LINES} lines, got"
                    f" {counted(more, 'line')} more",
                    at + 1,
                )
            at += 1
            for _ in range(bodies):
                if lines.words[at] < _HEADER:
                    damaged(
                        self.file,
                        f"expected a body's {_HEADER} values, got {lines.words[at]}",
                        at + 1,
                    )
                try:
                    person = int(lines.line(at).split(None, 1)[0])
                except ValueError:
                    damaged(self.file, f"expected a body's number, got {lines.show(at)}", at + 1)
                at += 1
                if lines.integer(at, "the number of joints") != JOINTS:
                    damaged(self.file, f"expected {JOINTS} joints, got {lines.show(at)}", at + 1)
                frame.append(t)
                body.append(codes.setdefault(person, len(codes)))
                rows.append(at + 1)
                at += 1 + JOINTS
                words = lines.words[at - JOINTS : at]
                if (words != _COLUMNS).any():
                    wrong = int(np.argmax(words != _COLUMNS))
                    reason = (
                        f"expected {_COLUMNS} numbers for a joint, got {words[wrong]}; is it"
                        " truncated?"
                    )
                    damaged(self.file, reason, at - JOINTS + wrong + 1)
        if at < len(lines.words) and self.text[lines.starts[at] :].strip():
            damaged(
                self.file, f"expected the end after {counted(frames, 'frame')}, got more", at + 1
            )
        if not rows:
            damaged(self.file, f"expected a body, got none in {counted(frames, 'frame')}")
        first = lines.first[(np.array(rows)[:, None] + np.arange(JOINTS)).ravel()]
        return frames, np.array(frame, np.int64), np.array(body, np.int64), first

    def joints(self, first: np.ndarray) -> np.ndarray:
        """Joints (B, 25, 3) float32: the three numbers from each of these words on."""
        self._check_letters()
        edges = self.breaks[np.arange(-1, 3)[:, None] + first]
        with np.errstate(over="ignore"):
            values = (
                decimals(self.bytes, edges[:3].ravel() + 1, edges[1:].ravel())
                .astype(np.float32)
                .reshape(3, -1)
            )
        finite = np.isfinite(values)
        if not finite.all():
            start = int(edges[0, np.argmin(finite.all(axis=0))]) + 1
            line = (
                self.text[start : self.text.index(b"\n", start)].rstrip(b"\r")[:40].decode("latin1")
            )
            damaged(self.file, f"expected coordinates in metres, got {line!r}", self._line(start))
        return np.ascontiguousarray(values.T).reshape(-1, JOINTS, 3)

    def _check_letters(self) -> None:
        """Check every word that has a letter (exponents, nan), in all columns."""
        if self.largest <= ord("9"):
            return
        for word in np.unique(
            np.searchsorted(self.breaks, np.flatnonzero(self.bytes > ord("9")))
        ).tolist():
            start = int(self.breaks[word - 1]) + 1
            token = self.text[start : self.breaks[word]]
            try:
                float(token)
            except ValueError:
                damaged(
                    self.file,
                    f"expected numbers, got {token[:40].decode('latin1')!r}",
                    self._line(start),
                )

    def _line(self, place: int) -> int:
        return self.text.count(b"\n", 0, place) + 1


class _Lines:
    """Where the lines are, how many `words` they have, and at which of the breaks the first one of
    each ends."""

    def __init__(self, text: bytes, codes: np.ndarray, breaks: np.ndarray, file: object) -> None:
        self._text = text
        self._file = file
        newline = np.flatnonzero(codes[breaks] == 10)
        ends = breaks[newline]
        self.first = np.concatenate(([PADDING], newline[:-1] + 1))
        self.starts = np.concatenate(([PADDING], ends[:-1] + 1)).tolist()
        returned = (codes[ends - 1] == 13) & (ends > self.starts)
        self.ends = (ends - returned).tolist()
        self.words = newline - self.first + 1 - returned

    def line(self, number: int) -> bytes:
        return self._text[self.starts[number] : self.ends[number]]

    def show(self, number: int) -> str:
        return repr(self.line(number)[:40].decode("latin1"))

    def integer(self, number: int, what: str) -> int:
        if number >= len(self.starts):
            damaged(
                self._file, f"expected {what}, got the end of the file; it is truncated", number + 1
            )
        try:
            return int(self.line(number))
        except ValueError:
            damaged(self._file, f"expected {what}, got {self.show(number)}", number + 1)
