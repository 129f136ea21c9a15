import json
from typing import Any

import pytest

from skeleton import InputError, load_layout
from skeleton.metadata import KEY, ModelMetadata


def _metadata(**changes: Any) -> ModelMetadata:
    fields = {
        "labels": ("wave", "clap"),
        "layout": load_layout("ntu25"),
        "persons": 2,
        "frames": 50,
        "seconds": 2.23,
        "normalization": "per-frame",
        "streams": ("joint",),
        "parameters": 178757,
        "macs": 12_000_000,
        "weights_sha256": "ab" * 32,
        "accuracy": {"top1": 0.9},
        "provenance": {"seed": 3},
    }
    return ModelMetadata(**fields | changes)


def test_the_round_trip() -> None:
    metadata = _metadata(labels=("wävé, with a comma", "clap"))
    text = metadata.to_json()
    again = ModelMetadata.from_json(text, "student.onnx")
    assert again.to_json() == text
    assert again.labels == metadata.labels
    assert again.streams == ("joint",)
    assert again.layout.bones == metadata.layout.bones
    assert again.accuracy == {"top1": 0.9}
    assert (again.persons, again.frames, again.seconds) == (2, 50, 2.23)


def _document(**changes: Any) -> str:
    return json.dumps(json.loads(_metadata().to_json()) | changes)


def _without(key: str) -> str:
    document = json.loads(_metadata().to_json())
    del document[key]
    return json.dumps(document)


DAMAGE = {
    "no metadata": (None, f"got one without '{KEY}' metadata"),
    "no json": ("{", "is damaged"),
    "a list": ("[1]", "is damaged"),
    "a number": ("3", "is damaged"),
    "no version": (_without("version"), "is damaged"),
    "a version in words": (_document(version="new"), "is damaged"),
    "a newer version": (_document(version=99), r"version 99 is newer than .* \(1\); upgrade skedge"),
    "no labels": (_document(labels=[]), "is damaged"),
    "labels missing": (_without("labels"), "is damaged"),
    "no layout": (_without("layout"), "is damaged"),
    "a damaged layout": (_document(layout={"joints": []}), "student.onnx: layout: expected a layout"),
    "an unknown field": (_document(shoe_size=43), "is damaged"),
    "no frames": (_document(frames=0), "is damaged"),
    "frames in words": (_document(frames="many"), "is damaged"),
    "no persons": (_document(persons=0), "is damaged"),
    "seconds that are none": (_document(seconds=float("nan")), "is damaged"),
    "an unknown time base": (_document(time="rate"), "expected time 'stretched'"),
    "an unknown rule to fill": (_document(fill="linear"), "fill 'last-seen'"),
}


@pytest.mark.parametrize(("text", "message"), DAMAGE.values(), ids=DAMAGE)
def test_damaged_metadata_is_one_line(text: str | None, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        ModelMetadata.from_json(text, "student.onnx")
    assert str(caught.value).startswith("student.onnx")
    assert "\n" not in str(caught.value)
