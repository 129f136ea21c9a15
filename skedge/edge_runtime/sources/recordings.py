"""Films and folders of pictures as frames."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from skedge.edge_runtime.interfaces import Frame
from skedge.edge_runtime.sources.cameras import without_password
from skedge.edge_runtime.sources.opencv import name_of, next_picture, opencv, picture_in
from skedge.skeleton.errors import InputError

FILMS = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg")
PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
# Of pictures in a folder, and of films that do not say.
RATE = 30.0
# Damaged pictures one after the other that a film may have before it counts as ended.
DAMAGED = 30


def read_film(address: str) -> Iterator[Frame]:
    """The frames of a film, by its path or address; raises `InputError` where OpenCV finds no
    picture in it.

    Time stamps are those of the film, where OpenCV knows them, else counted by its frame rate. A
    damaged picture of a file is left out, its time passes. A film that is cut off ends there.
    """
    file = Path(address)
    capture = opencv().VideoCapture(name_of(file) if file.is_file() else address)
    # An address that is silent is not asked again: that might take another timeout.
    frames = _film(capture, DAMAGED if file.is_file() else 0)
    first = next(frames, None)
    if first is None:
        raise InputError(
            f"{without_password(address)}: expected a film that OpenCV reads (or skeletons in .npy"
            " or .npz), got something else, or a film without pictures"
        )
    return chain([first], frames)


def _film(capture: Any, damaged: int) -> Iterator[Frame]:
    """The frames of a film, which ends where more than `damaged` pictures in a row are missing."""
    cv2 = opencv()
    rate = capture.get(cv2.CAP_PROP_FPS)
    step = 1 / rate if 0 < rate < 1000 else 1 / RATE
    seconds, number, missing = 0.0, 0, 0
    try:
        while missing <= damaged:
            image = next_picture(capture)
            missing = 0 if image is not None else missing + 1
            if image is not None:
                stamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                due = stamp if stamp > 0 else number * step
                # Whatever the film says, time does not stand still.
                seconds = due if number == 0 or due > seconds else seconds + step
                yield Frame(image, seconds)
            number += 1
    finally:
        capture.release()


def read_pictures(path: Path, rate: float = RATE) -> Iterator[Frame]:
    """The pictures of a folder in the order of their names (2 before 10), `rate` a second, or the
    one at `path`.

    One that cannot be read is left out, its time passes. Raises `InputError` where there are none,
    the first cannot be read, or a name is not in UTF-8.
    """
    files = [path] if path.is_file() else sorted(filter(_is_picture, path.iterdir()), key=_natural)
    if not files:
        films = [file for file in path.iterdir() if file.suffix.lower() in (*FILMS, ".npy", ".npz")]
        hint = f"; name one file in it, such as {min(films)}" if films else ""
        raise InputError(
            f"{path}: expected a folder of pictures ({', '.join(PICTURES)}), found none in it{hint}"
        )
    if picture_in(files[0]) is None:
        raise InputError(
            f"{files[0]}: expected a picture, got something else or a damaged one; take it out"
        )
    read = ((number / rate, picture_in(file)) for number, file in enumerate(files))
    return (Frame(image, seconds) for seconds, image in read if image is not None)


def _is_picture(file: Path) -> bool:
    # A Mac leaves a hidden file of the same suffix beside every one that it copies.
    return file.suffix.lower() in PICTURES and not file.name.startswith(".")


def _natural(file: Path) -> tuple[list[tuple[int, str]], str]:
    parts = re.split(r"(\d+)", file.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], file.name
