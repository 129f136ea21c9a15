"""Where frames come from: a camera, a stream, a film, a folder of pictures, or recorded
skeletons."""

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

__all__ = ["Live", "Played", "open_source"]

PI_CAMERAS = ("picamera", "picamera2")


def open_source(
    text: str,
    fast: bool = False,
    rate: float | None = None,
    layout: str | None = None,
    *,
    wait: bool = False,
) -> Source:
    """The source that a text names.

    A number or a path in /dev is a camera; `picamera` is a Raspberry Pi's own (`picamera:1` the
    second one); rtsp://, http:// and other addresses are streams, but films where they end like one
    (.mp4 and so on); STORE#CLIP, .npy and .npz are recorded skeletons; a folder holds pictures; any
    other file is a film or a picture.

    A camera or stream that is lost comes back (see `Live`). What is recorded plays at its own pace,
    or with `fast` as fast as it is taken (see `Played`). Every source has a `status` in a few
    words, empty while all is well, and a `layout`: of the skeletons that it brings, or None where
    it brings pictures. `rate` (frames a second) and `layout` say what a .npy or .npz file does not.

    Raises `InputError` for what is not there or cannot be opened; with `wait` a camera or stream
    may come later.
    """
    if not text:
        raise InputError("expected a source, such as 0 or picamera, got an empty name")
    if (rate, layout) != (None, None) and not text.lower().endswith((".npy", ".npz")):
        raise InputError(
            f"{without_password(text)}: expected skeletons in a .npy or .npz file beside --rate or"
            " --layout, and no other source, which has its own; leave them out"
        )
    kind, _, number = text.partition(":")
    if kind in PI_CAMERAS and (number or "0").isdecimal():
        return Live(text, partial(open_pi_camera, int(number or 0)), wait=wait)
    if text.isdecimal():
        return Live(f"camera {text}", partial(open_device, int(text)), wait=wait)
    if text.startswith("/dev/"):
        return Live(text, partial(open_device, text), wait=wait)
    if "://" in text:
        try:
            path = urlsplit(text).path
        except ValueError:
            raise InputError(
                f"{without_password(text)}: expected an address such as rtsp://host/path or"
                " rtsp://[fe80::1]/path, got one that cannot be read; are its brackets right?"
            ) from None
        if path.lower().endswith(FILMS):
            return Played(read_film(text), fast=fast)
        return Live(text, partial(open_stream, text), wait=wait)
    return _open_path(text, fast, rate, named=layout)


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
    if path.suffix.lower() in (".npy", ".npz"):
        frames, layout, notes = clip_of_file(path, rate, named)
        return Played(frames, layout, fast=fast, notes=notes)
    return Played(
        read_pictures(path) if path.suffix.lower() in PICTURES else read_film(text), fast=fast
    )
