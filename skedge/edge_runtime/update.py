"""A model file replaced in its place: whole or not at all, tried first, and with a way back."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import skedge
from skedge.edge_runtime.models import find
from skedge.edge_runtime.recognizer import Recognizer
from skedge.edge_runtime.taught import BEFORE
from skedge.skeleton.errors import InputError
from skedge.skeleton.files import locked, write_whole


def update(new: Path | str, place: Path) -> dict[str, Any]:
    """Replace the model file `place` by a copy of the model `new`; returns a report.

    The copy is opened and answers once before anything changes. The model that was there is kept
    (see `before`) if it loads. Whatever interrupts this, `place` holds the old file or the new one.
    What was taught to the old one and cannot be used is named in the report's notes.

    Raises `InputError` for a model that does not load or gives no numbers, for another suffix, for
    a place that is skedge's own, and while another update of the same place runs.
    """
    new = find(new)
    if not new.is_file():
        raise InputError(f"{new}: expected a model file, found none; make one with `skedge export`")
    if new.suffix.lower() != place.suffix.lower():
        raise InputError(
            f"{new}: expected a file like the one it replaces, {place.suffix or 'no suffix'}, got"
            f" {new.suffix or 'no suffix'}; name a place that ends in {new.suffix}"
        )
    if place.is_dir() or Path(skedge.__file__).absolute().parent in place.absolute().parents:
        raise InputError(
            f"{place}: expected the place of a model of your own, got"
            f" {'a folder' if place.is_dir() else 'one of skedge itself'}; name another file for"
            " `skedge live --model`"
        )
    lock = place.with_name(f".{place.name}.lock")
    kept: list[Path] = []
    with locked(lock, f"{place}: another update of this model runs; wait for its end"):
        _remove_rooms(place, before(place))

        def write(draft: Path) -> None:
            shutil.copyfile(new, draft)
            try:
                _try_out(draft)
            except InputError as error:
                raise InputError(str(error).replace(str(draft), str(new))) from None
            if _loads(place):
                write_whole(before(place), lambda copy: shutil.copyfile(place, copy))
                kept.append(before(place))

        write_whole(place, write)
    try:
        recognizer = Recognizer.load(place)
    except InputError as error:
        # What was taught is at fault: the model itself has answered, and is in its place.
        recognizer = Recognizer.load(place, taught=False)
        recognizer.notes = (str(error),)
    return {
        "model": str(place),
        "checksum": recognizer.metadata.checksum,
        "labels": list(recognizer.labels),
        "before": str(kept[0]) if kept else None,
        "notes": list(recognizer.notes),
    }


def before(model: Path) -> Path:
    """Where the model before the last update is kept: student.before.onnx beside student.onnx."""
    return model.parent / f"{model.stem}{BEFORE}{model.suffix}"  # `with_name` takes no folder `.`


def load_or_before(path: Path | str, load: Callable[[Path], Recognizer]) -> Recognizer:
    """What `load` makes of a model file. Where that does not load and the one before the last
    update does, that one, with a note.

    Raises the `InputError` of the file itself where there is no way back.
    """
    model = find(path)
    try:
        return load(model)
    except InputError as error:
        if not before(model).is_file():
            raise
        try:
            recognizer = load(before(model))
        except InputError:
            raise error from None
        note = f"{error}; the model before the last update is used, {before(model)}"
        recognizer.notes = (note, *recognizer.notes)
        return recognizer


def _try_out(model: Path) -> None:
    """Open a model and let it answer once; raises `InputError` where that fails."""
    recognizer = Recognizer.load(model, taught=False)
    recognizer.checks_bodies = False
    metadata = recognizer.metadata
    shape = (metadata.frames, metadata.persons, len(metadata.layout), 3)
    joints = np.random.default_rng(0).normal(0, 0.5, shape)
    recognizer.predict(joints, rate=metadata.hz or 30)


def _loads(model: Path) -> bool:
    try:
        _try_out(model)
    except InputError:
        return False
    return True


def _remove_rooms(*files: Path) -> None:
    """Remove the drafts that a killed update has left."""
    for file in files:
        for room in file.parent.iterdir() if file.parent.is_dir() else ():
            if room.is_dir() and room.name.startswith(f".{file.name}."):
                shutil.rmtree(room, ignore_errors=True)
