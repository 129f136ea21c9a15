"""Films and folders of pictures as frames."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from skedge.edge_runtime.interfaces import Frame
from skedge.edge_runtime.sources.cameras import without_password
from skedge.edge_runtime.sources.opencv import opencv
from skedge.skeleton.errors import InputError

FILMS = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg")
PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
# Of pictures in a folder, and of films that do not say.
RATE = 30.0


def read_film(address: str) -> Iterator[Frame]:
    """The frames of a film, by its path or address; raises `InputError` where OpenCV finds no
    picture in it.

    Time stamps are those of the film, where OpenCV knows them, else counted by its frame rate. A
    film that is cut off ends there.
    """
    cv2 = opencv()
    capture = cv2.VideoCapture(address)
    got, first = capture.read() if capture.isOpened() else (False, None)
    if not got:
        raise InputError(
            f"{without_password(address)}: expected a film that OpenCV reads (or skeletons in .npy"
            " or .npz), got something else, or a film without pictures"
        )
    return _film(cv2, capture, first)


def _film(cv2: Any, capture: Any, image: Any) -> Iterator[Frame]:
    rate = capture.get(cv2.CAP_PROP_FPS)
    step = 1 / rate if 0 < rate < 1000 else 1 / RATE
    seconds, number, got = 0.0, 0, True
    try:
        while got:
            stamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            due = stamp if stamp > 0 else number * step
            # Whatever the film says, time does not stand still.
            seconds = due if number == 0 or due > seconds else seconds + step
            yield Frame(image, seconds)
            number += 1
            got, image = capture.read()
    finally:
        capture.release()


def read_pictures(path: Path, rate: float = RATE) -> Iterator[Frame]:
    """The pictures of a folder in the order of their names (2 before 10), `rate` a second, or the
    one at `path`.

    One that cannot be read is left out, its time passes. Raises `InputError` where there are none,
    or the first cannot be read.
    """
    files = (
        [path]
        if path.is_file()
        else sorted((f for f in path.iterdir() if f.suffix.lower() in PICTURES), key=_natural)
    )
    if not files:
        raise InputError(
            f"{path}: expected a folder of pictures ({', '.join(PICTURES)}), found none in it"
        )
    cv2 = opencv()
    if cv2.imread(str(files[0])) is None:
        raise InputError(
            f"{files[0]}: expected a picture, got something else or a damaged one; take it out"
        )
    read = ((number / rate, cv2.imread(str(file))) for number, file in enumerate(files))
    return (Frame(image, seconds) for seconds, image in read if image is not None)


def _natural(file: Path) -> tuple[list[tuple[int, str]], str]:
    parts = re.split(r"(\d+)", file.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], file.name
