"""What a store's writer had finished when it was interrupted."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Clips = list[tuple[Any, ...]]
Intervals = list[tuple[int, int, int, int]]


class Journal:
    """A file of JSON lines: first `key`, which says what is being written, then what each
    checkpoint added."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._path = Path()
        self._clips = self._intervals = 0  # what the file has of them

    def start(self, folder: Path) -> None:
        """A new journal in `folder`."""
        self._path = folder / "journal.jsonl"
        self._clips = self._intervals = 0
        self._write(self._key)

    def append(self, clips: Sequence[Any], intervals: Sequence[Any], rows: int, note: Any) -> None:
        """Add what is new in the clips and intervals since the last time."""
        self._write(
            {
                "clips": clips[self._clips :],
                "intervals": intervals[self._intervals :],
                "rows": rows,
                "note": note,
            }
        )
        self._clips, self._intervals = len(clips), len(intervals)

    def restore(self, folder: Path) -> tuple[Clips, Intervals, int, list[Any]] | None:
        """Clips, intervals, rows and notes of the journal in `folder`; None where it is another's
        or there is none."""
        self._path = folder / "journal.jsonl"
        clips: Clips = []
        intervals: Intervals = []
        rows = 0
        notes = []
        whole = 0
        try:
            lines = self._path.read_bytes().splitlines(keepends=True)
            if not lines or json.loads(lines[0]) != self._key:
                return None
            for line in lines[1:]:
                if not line.endswith(b"\n"):
                    break  # the interruption came while this line was written
                saved = json.loads(line)
                clips += [tuple(clip) for clip in saved["clips"]]
                intervals += [tuple(interval) for interval in saved["intervals"]]
                rows = saved["rows"]
                notes.append(saved["note"])
                whole += len(line)
            os.truncate(self._path, len(lines[0]) + whole)
        except (OSError, ValueError, TypeError, KeyError):
            return None
        self._clips, self._intervals = len(clips), len(intervals)
        return clips, intervals, rows, notes

    def remove(self) -> None:
        """Remove the file: the work is done."""
        self._path.unlink(missing_ok=True)

    def _write(self, content: Any) -> None:
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(content) + "\n")
            file.flush()
            os.fsync(file.fileno())
