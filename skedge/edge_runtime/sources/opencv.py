"""OpenCV, imported when it is needed, and silent: what cannot be opened is said once, in the
project's words."""

import os
from types import ModuleType

# FFmpeg's number for quiet.
QUIET = "-8"


def opencv() -> ModuleType:
    """The module cv2. Raises `ModuleNotFoundError` without the extra `live`."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", QUIET)
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2
