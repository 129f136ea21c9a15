"""Where frames come from: a camera, a stream, a film, a folder of images, or recorded skeletons."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.people import Frame, Person, Source
from edge_runtime.predict import RATE, read_clip
from skeleton.errors import InputError
from skeleton.layout import Layout, check_joint_count, load_layout

IMAGES = (".jpg", ".jpeg", ".png", ".bmp")
STREAMS = ("rtsp://", "http://", "https://")
LONGEST_WAIT = 10.0


def open_source(text: str) -> Source:
    """The source that a text names.

    A number is a camera, /dev/video0 too; rtsp://, http:// and https:// are streams; `picamera` is a Raspberry Pi's own
    camera; STORE#CLIP, .npy and .npz are recorded skeletons; a folder holds images; any other file is a film.

    Raises `InputError` for what is not there.
    """
    if text == "picamera":
        return PiCamera()
    if text.isdecimal() or text.startswith(("/dev/", *STREAMS)):
        return Live(int(text) if text.isdecimal() else text)
    store, _, clip = text.partition("#")
    if clip:
        return _from_store(store, clip)
    path = Path(text)
    if path.suffix.lower() in (".npy", ".npz"):
        return Recorded(read_clip(path), _layout_of(read_clip(path), path), RATE)
    if path.is_dir():
        return Film(_images(path), RATE)
    if not path.is_file():
        raise InputError(
            f"{text}: expected a camera's number, a stream, a file or a folder, found none; see `skedge live --help`"
        )
    return _film(path)


class Live:
    """A camera or stream; one that is lost is opened again, ever more slowly, until it is back or `close` is called.

    `status` is what to show: "open", or "lost, trying again". Seconds count from the first frame.
    """

    def __init__(
        self,
        address: int | str,
        opener: Callable[[int | str], Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.address, self.status = address, "open"
        self._opener, self._clock, self._sleep = opener or _capture, clock, sleep
        self._ended = False
        self._capture = self._opener(address)
        if not self._capture.isOpened():
            raise InputError(f"{address}: expected a camera or stream that opens, it does not; is it connected, or in use?")

    def __iter__(self) -> Iterator[Frame]:
        began: float | None = None
        wait = 0.1
        while not self._ended:
            got, image = self._capture.read()
            if self._ended:
                return
            if got:
                now = self._clock()
                began = now if began is None else began
                self.status, wait = "open", 0.1
                yield Frame(image, now - began)
                continue
            self.status = "lost, trying again"
            self._capture.release()
            self._sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)
            self._capture = self._opener(self.address)

    def close(self) -> None:
        self._ended = True
        self._capture.release()


class Film:
    """Pictures at a rate, at their own pace: each is given when it is due, so that who is slow skips none but falls behind."""

    def __init__(
        self,
        images: Iterator[np.ndarray],
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._images, self._rate, self._clock, self._sleep = images, rate, clock, sleep
        self._ended = False

    def __iter__(self) -> Iterator[Frame]:
        began = self._clock()
        for number, image in enumerate(self._images):
            seconds = number / self._rate
            self._sleep(max(0.0, began + seconds - self._clock()))
            if self._ended:
                return
            yield Frame(image, seconds)

    def close(self) -> None:
        self._ended = True


class Recorded:
    """Skeletons (T, V, 3) or (T, M, V, 3) in metres, NaN where absent, of a `layout`, at their own pace."""

    def __init__(
        self,
        joints: np.ndarray,
        layout: Layout,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        joints = np.asarray(joints, np.float32)
        if joints.ndim not in (3, 4) or joints.shape[-1] != 3:
            raise InputError(f"expected recorded skeletons (T, V, 3) or (T, M, V, 3), got an array {joints.shape}")
        check_joint_count(joints.shape[-2], layout, "recorded skeletons")
        self.layout = layout
        self._joints = joints if joints.ndim == 4 else joints[:, None]
        self._rate, self._clock, self._sleep = rate, clock, sleep
        self._ended = False

    def __iter__(self) -> Iterator[Frame]:
        began = self._clock()
        for number, people in enumerate(self._joints):
            seconds = number / self._rate
            self._sleep(max(0.0, began + seconds - self._clock()))
            if self._ended:
                return
            seen = [(i, body) for i, body in enumerate(people) if np.isfinite(body).any()]
            yield Frame(None, seconds, tuple(Person(i, body) for i, body in seen))

    def close(self) -> None:
        self._ended = True


class PiCamera:
    """The Raspberry Pi's own camera through picamera2, which comes with Raspberry Pi OS and not from pip."""

    def __init__(self, size: tuple[int, int] = (640, 480)) -> None:
        try:
            from picamera2 import Picamera2
        except ImportError as error:
            raise InputError(
                f"picamera: expected picamera2, it cannot be imported ({error}); install python3-picamera2 and make the "
                "environment with --system-site-packages, see docs/on-the-pi.md"
            ) from None
        self._camera = Picamera2()
        self._camera.configure(self._camera.create_video_configuration({"size": size, "format": "RGB888"}))
        self._camera.start()
        self._ended = False

    def __iter__(self) -> Iterator[Frame]:
        began = time.monotonic()
        while not self._ended:
            yield Frame(self._camera.capture_array(), time.monotonic() - began)

    def close(self) -> None:
        self._ended = True
        self._camera.stop()


def _capture(address: int | str) -> Any:
    import cv2

    return cv2.VideoCapture(address)


def _film(path: Path) -> Film:
    import cv2

    capture = cv2.VideoCapture(str(path))
    rate = capture.get(cv2.CAP_PROP_FPS)
    if not capture.isOpened() or not 0 < rate < 1000:
        raise InputError(f"{path}: expected a film that OpenCV reads, or skeletons in .npy or .npz, got something else")

    def images() -> Iterator[np.ndarray]:
        while True:
            got, image = capture.read()
            if not got:
                capture.release()
                return
            yield image

    return Film(images(), rate)


def _images(folder: Path) -> Iterator[np.ndarray]:
    import cv2

    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in IMAGES)
    if not files:
        raise InputError(f"{folder}: expected a folder of images ({', '.join(IMAGES)}), found none in it")
    read = (cv2.imread(str(file)) for file in files)
    return (image for image in read if image is not None)


def _from_store(folder: str, clip: str) -> Recorded:
    from skeleton.datasets.store import Store

    store = Store(folder)
    return Recorded(store.clip(store.find(clip)).transpose(1, 0, 2, 3), store.layout, store.rate or RATE)


def _layout_of(joints: np.ndarray, path: Path) -> Layout:
    """The layout that a number of joints speaks of."""
    names = {20: "kinect20", 25: "ntu25", 33: "blazepose33", 17: "coco17"}
    count = joints.shape[-2] if joints.ndim in (3, 4) else 0
    if count not in names:
        raise InputError(
            f"{path}: expected skeletons of {', '.join(map(str, sorted(names)))} joints, got an array {joints.shape}"
        )
    return load_layout(names[count])
