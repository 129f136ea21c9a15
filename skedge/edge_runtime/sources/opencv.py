"""OpenCV, imported when it is needed, and silent: what cannot be opened is said once, in the
project's words."""

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from skedge.skeleton.files import in_utf8

# FFmpeg's number for quiet.
QUIET = "-8"


def opencv() -> ModuleType:
    """The module cv2. Raises `ModuleNotFoundError` without the extra `live`."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", QUIET)
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2


def name_of(file: Path) -> str:
    """A file's name as OpenCV may have it; raises `InputError` as `in_utf8`."""
    # FFmpeg takes what is before a colon for a protocol, as in 12:30.mkv, but not in ./12:30.mkv.
    return os.path.join(os.curdir, in_utf8(file))


def next_picture(capture: Any) -> np.ndarray | None:
    """The next picture of a capture; None where there is none or it is damaged."""
    got, image = _unless_broken(capture.read) or (False, None)
    return image if got else None


def picture_in(file: Path) -> np.ndarray | None:
    """The picture in a file; None where it is none, damaged, or larger than OpenCV reads. Raises
    `InputError` for a name that OpenCV cannot have (`name_of`)."""
    image: np.ndarray | None = _unless_broken(opencv().imread, name_of(file))
    return image


def _unless_broken(read: Callable[..., Any], *arguments: Any) -> Any:
    """What OpenCV reads, None where it raises instead of saying that there is no picture."""
    try:
        return read(*arguments)
    except opencv().error:
        return None
