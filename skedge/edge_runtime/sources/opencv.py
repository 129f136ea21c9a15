"""OpenCV, imported when it is needed, and silent: what cannot be opened is said once, in the
project's words."""

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

# FFmpeg's number for quiet.
QUIET = "-8"


def opencv() -> ModuleType:
    """The module cv2. Raises `ModuleNotFoundError` without the extra `live`."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", QUIET)
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2


def next_picture(capture: Any) -> np.ndarray | None:
    """The next picture of a capture; None where there is none or it is damaged."""
    got, image = _unless_broken(capture.read) or (False, None)
    return image if got else None


def picture_in(file: Path) -> np.ndarray | None:
    """The picture in a file; None where it is none, damaged, or larger than OpenCV reads."""
    image: np.ndarray | None = _unless_broken(opencv().imread, str(file))
    return image


def _unless_broken(read: Callable[..., Any], *arguments: Any) -> Any:
    """What OpenCV reads, None where it raises instead of saying that there is no picture."""
    try:
        return read(*arguments)
    except opencv().error:
        return None
