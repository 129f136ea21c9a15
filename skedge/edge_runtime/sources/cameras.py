"""What `Live` opens: devices, streams, and the Raspberry Pi's own camera."""

import os
import re
import sys
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from skedge.edge_runtime.sources.live import Capture
from skedge.edge_runtime.sources.opencv import next_picture, opencv
from skedge.skeleton.errors import InputError

# Seconds without an answer after which a stream or the Pi's camera counts as lost.
PATIENCE = 5.0
SIZE = (640, 480)


def open_device(device: int | str) -> Capture:
    """The camera with that number, or at that path of /dev; raises `InputError`."""
    cv2 = opencv()
    capture = cv2.VideoCapture(device, cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY)
    if not capture.isOpened():
        path = f"/dev/video{device}" if isinstance(device, int) else device
        named = f"camera {device}" if isinstance(device, int) else device
        if sys.platform == "darwin":
            reason = (
                "it cannot; is it plugged in, and may the terminal use cameras (System Settings,"
                " Privacy & Security, Camera)?"
            )
        elif not os.path.exists(path):
            reason = f"there is no {path}; is it plugged in? `ls /dev/video*` shows what there is"
        elif not os.access(path, os.R_OK | os.W_OK):
            reason = f"{path} may not be read; add yourself to the group video"
        else:
            reason = (
                f"{path} gives no pictures; is another program using it? The Pi's own camera is"
                " called picamera"
            )
        raise InputError(f"{named}: expected a camera that can be opened, but {reason}")
    # The newest picture, not the oldest of the driver's queue.
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return _OpenCV(capture)


def open_stream(address: str) -> Capture:
    """The stream at an address (rtsp, http, ...); raises `InputError`."""
    cv2 = opencv()
    patience = int(1000 * PATIENCE)
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, patience, cv2.CAP_PROP_READ_TIMEOUT_MSEC, patience]
    capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits)
    if not capture.isOpened():
        raise InputError(
            f"{without_password(address)}: expected a stream that can be opened, it cannot; is the"
            " address right?"
        )
    return _OpenCV(capture)


def open_pi_camera(number: int) -> Capture:
    """The Raspberry Pi's own camera through picamera2, which comes with Raspberry Pi OS; raises
    `InputError`."""
    try:
        from picamera2 import Picamera2
    except (ImportError, ValueError) as error:
        # ValueError: the system's simplejpeg was built for another NumPy.
        raise InputError(
            f"picamera: expected picamera2, it cannot be imported ({error}); install"
            " python3-picamera2 and make the environment with --system-site-packages, see"
            " docs/on-the-pi.md"
        ) from None
    try:
        camera = Picamera2(number)
        # What libcamera calls RGB888 lies as blue, green, red in memory.
        camera.configure(camera.create_video_configuration(main={"size": SIZE, "format": "RGB888"}))
        camera.start()
    except (RuntimeError, IndexError, OSError) as error:
        raise InputError(
            f"picamera: expected camera {number} of this computer, it cannot be opened"
            f" ({' '.join(str(error).split())}); `rpicam-hello --list-cameras` shows what there is"
        ) from None
    return _Pi(camera)


def without_password(address: str) -> str:
    """An address that can be shown: a password in it, and what follows a "=" in its path and
    query, where cameras take passwords too, becomes dots; in one that cannot be read, and where a
    password's own / ? or # may have ended the host, all that may hold one."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return re.sub("//.*@", "//...@", address)
    if not parts.netloc:
        return address
    path, query = (re.sub("=[^&;/]+", "=...", part) for part in (parts.path, parts.query))
    if "@" in path + query + parts.fragment:
        return re.sub("//.*@", "//...@", address)
    parts = parts._replace(path=path, query=query)
    if parts.password is not None:
        user, _, host = parts.netloc.rpartition("@")
        parts = parts._replace(netloc=f"{user.partition(':')[0]}:...@{host}")
    return urlunsplit(parts)


class _OpenCV:
    def __init__(self, capture: Any) -> None:
        self._capture = capture

    def read(self) -> np.ndarray | None:
        return next_picture(self._capture)

    def release(self) -> None:
        self._capture.release()


class _Pi:
    def __init__(self, camera: Any) -> None:
        self._camera = camera

    def read(self) -> np.ndarray | None:
        # Raises TimeoutError, an OSError, where an unplugged camera would keep `capture_array`
        # waiting for ever.
        return np.asarray(
            self._camera.capture_array("main", wait=False).get_result(timeout=PATIENCE)
        )

    def release(self) -> None:
        self._camera.close()
