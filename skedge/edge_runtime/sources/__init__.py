"""Where frames come from: a camera, a stream, a film, a folder of pictures, or recorded
skeletons."""

from collections.abc import Collection, Iterable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from skedge.edge_runtime.interfaces import Source
from skedge.edge_runtime.sources.cameras import (
    open_device,
    open_pi_camera,
    open_stream,
    without_password,
)
from skedge.edge_runtime.sources.live import Live
from skedge.edge_runtime.sources.played import Played
from skedge.edge_runtime.sources.recorded import clip_of_file, clip_of_store
from skedge.edge_runtime.sources.recordings import FILMS, PICTURES, read_film, read_pictures
from skedge.skeleton.errors import InputError

__all__ = ["EFFECTS", "Live", "Played", "check_effect", "open_source"]

PI_CAMERAS = ("picamera", "picamera2")
# Digits of a camera's number at the most: OpenCV takes no number of ten.
DIGITS = 4
# Addresses that name nobody without a host, unlike udp://:1234, which listens.
HOSTED = ("", "rtsp", "rtsps", "rtmp", "http", "https")

SKELETONS = (".npy", ".npz")
# The kinds of source, in words.
CAMERA, FILM = "a camera or stream", "a film or pictures"
FILE, CLIP = "skeletons in a .npy or .npz file", "a clip of a store"
# Flags with the kinds of source with which they have an effect.
EFFECTS = {
    ("rate", "layout"): (FILE,),
    ("wait",): (CAMERA,),
    ("fast",): (FILM, FILE, CLIP),
    ("people", "pose", "pose_threads", "rotate"): (CAMERA, FILM),
}


def open_source(
    text: str,
    fast: bool = False,
    rate: float | None = None,
    layout: str | None = None,
    *,
    wait: bool = False,
) -> Source:
    """The source that a text names.

    A number or a path in /dev (but /dev/shm) is a camera; `picamera` is a Raspberry Pi's own
    (`picamera:1` the second one); rtsp://, http:// and other addresses are streams, but films where
    they end like one (.mp4 and so on); STORE#CLIP, .npy and .npz are recorded skeletons; a folder
    holds pictures; any other file is a film or a picture.

    A camera or stream that is lost comes back (see `Live`). What is recorded plays at its own pace,
    or with `fast` as fast as it is taken (see `Played`). Every source has a `status` in a few
    words, empty while all is well, and a `layout`: of the skeletons that it brings, or None where
    it brings pictures. `rate` (frames a second) and `layout` say what a .npy or .npz file does not.

    Raises `InputError` for what is not there or cannot be opened; with `wait` a camera or stream
    may come later.
    """
    if not text:
        raise InputError("expected a source, such as 0 or picamera, got an empty name")
    named = {"rate": rate, "layout": layout}
    check_effect(text, [flag for flag, value in named.items() if value is not None])
    kind, _, number = text.partition(":")
    if kind in PI_CAMERAS and (number or "0").isdecimal():
        return Live(text, partial(open_pi_camera, _number(number or "0")), wait=wait)
    if text.isdecimal():
        return Live(f"camera {text}", partial(open_device, _number(text)), wait=wait)
    if _is_device(text):
        return Live(text, partial(open_device, text), wait=wait)
    if "://" in text:
        _check_address(text)
        if _kind_of(text) == FILM:
            return Played(read_film(text), fast=fast)
        return Live(without_password(text), partial(open_stream, text), wait=wait)
    return _open_path(text, fast, rate, named=layout)


def check_effect(text: str, flags: Collection[str]) -> None:
    """Raise `InputError` where flags that were given (their names in `EFFECTS`) have no effect with
    the source that a text names."""
    kind = _kind_of(text)
    for names, kinds in EFFECTS.items():
        if kind not in kinds and set(names) & set(flags):
            them = _listed(f"--{name.replace('_', '-')}" for name in names)
            raise InputError(
                f"{without_password(text)}: expected {_listed(kinds)} beside {them}, got {kind};"
                f" leave {'them' if len(names) > 1 else 'it'} out"
            )


def _listed(words: Iterable[str]) -> str:
    """Words as in "a, b or c"."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _kind_of(text: str) -> str:
    if text.partition(":")[0] in PI_CAMERAS or text.isdecimal() or _is_device(text):
        return CAMERA
    if "://" in text:
        # Of rtsp://host/a.mp4?user=me the path; one that cannot be read is named when it is opened.
        path = text.partition("?")[0].partition("#")[0]
        return FILM if path.lower().endswith(FILMS) else CAMERA
    if text.rpartition("#")[1] and not Path(text).exists():
        return CLIP
    return FILE if text.lower().endswith(SKELETONS) else FILM


def _is_device(text: str) -> bool:
    # What lies in /dev/shm are files, which Linux keeps in memory.
    return text.startswith("/dev/") and not text.startswith("/dev/shm/")


def _number(text: str) -> int:
    if len(text) > DIGITS:
        raise InputError(
            f"{text[:20]}: expected a camera's number, such as 0, got one of {len(text)} digits"
        )
    return int(text)


def _check_address(text: str) -> None:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise InputError(
            f"{without_password(text)}: expected an address such as rtsp://host/path or"
            " rtsp://[fe80::1]:554/path, got one that cannot be read; are its brackets and its port"
            " right, and are / ? # in its password written as %2F %3F %23?"
        ) from None
    if not host and parts.scheme in HOSTED:
        raise InputError(
            f"{without_password(text)}: expected an address such as rtsp://host/path, got one"
            " without a host"
        )


def _open_path(text: str, fast: bool, rate: float | None, named: str | None) -> Source:
    path = Path(text)
    store, mark, clip = text.rpartition("#")
    if mark and not path.exists():
        frames, layout = clip_of_store(Path(store), clip)
        return Played(frames, layout, fast=fast)
    if (path / "store.json").is_file():
        raise InputError(
            f"{text}: expected one clip of this store, got all of it; name one as {text}#CLIP"
        )
    if path.is_dir():
        return Played(read_pictures(path), fast=fast)
    if not path.is_file():
        raise InputError(
            f"{text}: expected a camera's number, picamera, an address, a file, a folder or"
            " STORE#CLIP, found nothing at that path"
        )
    if path.suffix.lower() in SKELETONS:
        frames, layout, notes = clip_of_file(path, rate, named)
        return Played(frames, layout, fast=fast, notes=notes)
    return Played(
        read_pictures(path) if path.suffix.lower() in PICTURES else read_film(text), fast=fast
    )
