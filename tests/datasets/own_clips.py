"""Folders of clips as a person has them, for the format `arrays`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


def own_clips(
    folder: Path,
    clips: Any,
    table: str | None = None,
    *,
    suffix: str = ".npz",
    more: Sequence[str] = (),
) -> Path:
    """A new folder of clips of two classes by turns, two of each subject.

    `table` is what the list says instead; `more` is one more column of it, its title first.
    """
    folder.mkdir(parents=True)
    rows = [["file", "label", "subject", *more[:1]]]
    for number, clip in enumerate(clips):
        file = folder / f"c{number}{suffix}"
        if suffix == ".npy":
            np.save(file, clip)
        else:
            np.savez(file, joints=clip)
        label = ("wave", "jump")[number % 2]
        rows.append([file.name, label, str(number // 2 + 1), *more[number + 1 : number + 2]])
    (folder / "clips.csv").write_text(table or "".join(f"{','.join(row)}\n" for row in rows))
    return folder
