import json
from typing import Any

import pytest

from skedge.skeleton import InputError, load_layout
from skedge.skeleton.metadata import KEY, ModelMetadata, Streaming


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


def test_the_round_trip_of_a_streaming_model() -> None:
    streaming = Streaming(states={"state_ring1": 8, "state_pool": 49}, delay=20, settle=6)
    metadata = _metadata(time="rate", hz=15.0, warm_up=12, streaming=streaming)
    again = ModelMetadata.from_json(metadata.to_json(), "stream.onnx")
    assert again.streaming == streaming
    assert (again.time, again.hz, again.warm_up) == ("rate", 15, 12)
    assert ModelMetadata.from_json(_metadata().to_json(), "clip.onnx").streaming is None


def test_what_begins_events_is_kept_and_can_be_missing() -> None:
    own: dict[str, Any] = {
        "thresholds": {"wave": 0.9},
        "patience": {"clap": 5},
        "lasting": {"wave": 1.8},
        "lags": {"start": 0.4},
    }
    again = ModelMetadata.from_json(_metadata(**own).to_json(), "student.onnx")
    assert {name: getattr(again, name) for name in own} == own
    # A file of before versions had `lasting`.
    document = json.loads(_without("lasting")) | {"version": 3}
    assert ModelMetadata.from_json(json.dumps(document), "student.onnx").lasting == {}


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
    "a version of infinity": (_document(version=float("inf")), "is damaged"),
    "a newer version": (
        _document(version=99),
        r"version 99 is newer than .* \(4\); upgrade skedge",
    ),
    "no labels": (_document(labels=[]), "is damaged"),
    "labels missing": (_without("labels"), "is damaged"),
    "no layout": (_without("layout"), "is damaged"),
    "a damaged layout": (
        _document(layout={"joints": []}),
        "student.onnx: layout: expected a layout",
    ),
    "an unknown field": (_document(shoe_size=43), "is damaged"),
    "no frames": (_document(frames=0), "is damaged"),
    "frames in words": (_document(frames="many"), "is damaged"),
    "no persons": (_document(persons=0), "is damaged"),
    "seconds that are none": (_document(seconds=float("nan")), "is damaged"),
    "an unknown time base": (_document(time="elastic"), "expected time 'stretched' or 'rate'"),
    "a rate without its hz": (_document(time="rate"), "is damaged"),
    "a rate of nothing": (_document(time="rate", hz=0), "is damaged"),
    "no warm-up": (_document(time="rate", hz=15, warm_up=0), "is damaged"),
    "a streaming model of no rate": (
        _document(streaming={"states": {"state_pool": 9}, "delay": 0, "settle": 3}),
        "is damaged",
    ),
    "states in words": (
        _document(time="rate", hz=15, streaming={"states": "many", "delay": 0, "settle": 3}),
        "is damaged",
    ),
    "states of no frames": (
        _document(time="rate", hz=15, streaming={"states": {"a": 0}, "delay": 0, "settle": 3}),
        "is damaged",
    ),
    "a streaming model without delay": (
        _document(time="rate", hz=15, streaming={"states": {}}),
        "is damaged",
    ),
    "a rate that keeps a computer busy for ever": (_document(time="rate", hz=1e5), "hz is 100000"),
    "frames that no memory holds": (_document(frames=10**9), "frames is 1000000000"),
    "a start that never ends": (
        _document(time="rate", hz=15, streaming={"states": {"a": 1}, "delay": 0, "settle": 10**9}),
        "is damaged",
    ),
    "a start of no number": (
        _document(
            time="rate", hz=15, streaming={"states": {"a": 1}, "delay": 0, "settle": float("nan")}
        ),
        "is damaged",
    ),
    "an answer from the future": (
        _document(time="rate", hz=15, streaming={"states": {"a": 1}, "delay": -1, "settle": 3}),
        "is damaged",
    ),
    "half an answer's patience": (_document(patience={"wave": 1.5}), "got 1.5 of wave"),
    "a patience of infinity": (_document(patience={"wave": float("inf")}), "got inf of wave"),
    "a threshold of no label": (_document(thresholds={"kick": 0.5}), "of its labels"),
    "a threshold that is no probability": (_document(thresholds={"wave": 1.5}), "got 1.5 of wave"),
    "no patience": (_document(patience={"wave": 0}), "got 0 of wave"),
    "a length of no label": (_document(lasting={"kick": 2}), "of its labels"),
    "no length": (_document(lasting={"wave": 0}), "seconds above 0, 600 at most"),
    "a length without end": (_document(lasting={"wave": float("inf")}), "got inf of wave"),
    "a length in words": (_document(lasting={"wave": "long"}), "is damaged"),
    "lags of minutes": (_document(lags={"start": 90}), "of its labels"),
    "an upper body of no label": (_document(upper_body=["kick"]), "of its labels"),
    "a label that paints the terminal": (_document(labels=["\x1b[31mwave"]), "a label or joint"),
    "a label that turns the line around": (_document(labels=["wave\u202e"]), "a label or joint"),
    "a label that is a number": (_document(labels=[3]), "a label or joint"),
    "a label without end": (_document(labels=["a" * 1000]), "a label or joint"),
    "an accuracy that is a list": (_document(accuracy=[]), "is damaged"),
    "an origin in words": (_document(provenance="films"), "is damaged"),
    "a precision that is a number": (_document(precision=8), "is damaged"),
    "a rate of nothing that a clip does not need": (_document(hz=0), "above 0, got 0"),
    "two labels that are one": (_document(labels=["wave", "wave"]), "two labels are the same"),
    "an unknown rule to fill": (_document(fill="linear"), "fill 'last-seen'"),
}


@pytest.mark.parametrize(("text", "message"), DAMAGE.values(), ids=DAMAGE)
def test_damaged_metadata_is_one_line(text: str | None, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        ModelMetadata.from_json(text, "student.onnx")
    assert str(caught.value).startswith("student.onnx")
    assert "\n" not in str(caught.value)
