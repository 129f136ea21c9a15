"""JSON documents of a model, a layout and a store that somebody wrote or changed by hand."""

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from skedge.datasets.store import Store
from skedge.edge_runtime import Recognizer
from skedge.skeleton import InputError, load_layout
from skedge.skeleton.layout import Layout
from skedge.skeleton.metadata import ModelMetadata
from tests.teacher.tiny import make_store

STRANGE: list[Any] = [
    float("inf"), float("nan"), -1, 0, 1.5, 1e300, 10**30, -(10**30), True, None, "x", "x" * 3000,
    [], [[]], ["a"], {}, {"a": 1},
]  # fmt: skip


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    # Of lists the first value is as any other.
    first = [0] if isinstance(value, list) and value else []
    keys = value if isinstance(value, dict) else first
    for key in keys:
        yield from _places(value[key], (*place, key))


def _changed(document: Any) -> Iterator[Any]:
    """The document with one of its values replaced, or left out."""
    for *outer, last in filter(None, _places(document)):
        for value in (*STRANGE, KeyError):
            changed = copy.deepcopy(document)
            inner = changed
            for key in outer:
                inner = inner[key]
            if value is KeyError:
                del inner[last]
            else:
                inner[last] = value
            yield changed
    yield from STRANGE


def _model(_: Path) -> tuple[Any, Callable[[Any], object]]:
    known = Recognizer.load("default", taught=False).metadata
    text = replace(known, provenance={}, accuracy={}).to_json()  # those may say anything
    return json.loads(text), lambda one: ModelMetadata.from_json(json.dumps(one), "model")


def _layout(_: Path) -> tuple[Any, Callable[[Any], object]]:
    return load_layout("ntu25").to_dict(), lambda one: Layout.from_dict(one, "layout")


def _store(folder: Path) -> tuple[Any, Callable[[Any], object]]:
    file = make_store(folder / "store", subjects=2).path / "store.json"

    def read(document: Any) -> None:
        file.write_text(json.dumps(document))
        store = Store(file.parent)
        for protocol in store.protocols:
            store.split(protocol, "train")

    return json.loads(file.read_bytes()), read


@pytest.mark.parametrize("kind", [_model, _layout, _store])
def test_a_changed_document_is_read_or_refused_in_one_line(
    kind: Callable[[Path], tuple[Any, Callable[[Any], object]]], tmp_path: Path
) -> None:
    """A version of infinity was a traceback, in a model and in a store."""
    document, read = kind(tmp_path)
    read(document)
    sentences = []
    for changed in _changed(document):
        try:
            read(changed)
        except InputError as error:
            sentences.append(str(error))
    assert len(sentences) > 100
    assert "\n" not in "".join(sentences)
