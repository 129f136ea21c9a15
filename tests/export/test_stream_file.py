"""The deployable step against the streaming student, and streaming files as a person and the device
see them."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor

from skedge.datasets.store import Store
from skedge.edge_runtime import Recognizer
from skedge.export import exporter as exporter_module
from skedge.export.clip_graph import Deployed, macs
from skedge.export.exporter import Exporter
from skedge.export.formats.registry import FORMATS
from skedge.export.frame_form import StreamingForm
from skedge.export.frame_graph import StreamingStep
from skedge.export.verify import ExportError
from skedge.recipes.distill_settings import student_plan
from skedge.recipes.settings import EncoderSettings, InputSettings
from skedge.skeleton import InputError, load_layout
from skedge.skeleton.layout import Layout
from skedge.skeleton.normalize import STREAMABLE, Normalization
from skedge.skeleton.streams import Stream
from skedge.student.streaming import StreamingClassifier, StreamingFusion, streaming
from skedge.teacher.clips import prepare_at_rate
from skedge.teacher.networks.classifier import Classifier, Fused
from skedge.teacher.runs.load import load_classifier
from tests.export.exported_files import Exported, products_in_int8
from tests.teacher.tiny import random_classifier, scenes, write_classifier

NTU = load_layout("ntu25")
LIVE = InputSettings(frames=30, normalization="per-frame", time="rate", hz=15.0, warm_up=5)
PLAN = EncoderSettings(widths=(8, 12), strides=(1, 1), dropout=0.0, padding=False, causal=True)
SOME = ("left_hip", "right_shoulder", "right_wrist", "left_ankle")
ONE_NODE = replace(PLAN, backbone="tcn", joints=SOME)


def still(step: StreamingStep, frame: Tensor) -> dict[str, Tensor]:
    """The start as the metadata tells it."""
    states, told = step.states(), step.describe()
    for _ in range(told.settle):
        for name, after in zip(states, step(frame, *states.values())[2:], strict=True):
            frames = after.view(len(after), told.states[name], -1)
            states[name] = frames[:, -1:].expand_as(frames).flatten(1)
    return states


@pytest.mark.parametrize(
    ("causal", "stream"), list(product([False, True], ["joint", "bone", "motion"]))
)
@pytest.mark.parametrize(("persons", "layout"), [(1, "ntu25"), (2, "ntu25"), (2, "coco17")])
@pytest.mark.parametrize("normalization", STREAMABLE)
@pytest.mark.parametrize("plan", [PLAN, ONE_NODE], ids=["graph", "one node"])
@torch.no_grad()
def test_a_step_answers_as_the_student(
    plan: EncoderSettings, normalization: Any, causal: bool, stream: Any, persons: int, layout: str
) -> None:
    if normalization == "root-motion":
        persons = 1
    data = replace(LIVE, stream=stream, persons=persons, normalization=normalization)
    compare(replace(plan, causal=causal), data, load_layout(layout))


@pytest.mark.parametrize(("plan", "persons"), [(PLAN, 1), (PLAN, 2), (ONE_NODE, 1)])
@pytest.mark.parametrize("pool", ["mean", "statistics"])
@torch.no_grad()
def test_a_step_has_the_features_of_all_blocks(
    plan: EncoderSettings, persons: int, pool: Any
) -> None:
    compare(replace(plan, all_blocks=True, pool=pool), replace(LIVE, persons=persons), NTU)


def compare(plan: EncoderSettings, data: InputSettings, joints: Layout) -> None:
    model = StreamingClassifier(random_classifier(joints, data, plan))
    step = StreamingStep(model).eval()
    clip = scenes(1, replace(data, frames=50), len(joints))
    clip[:, 1:, :20] = 0
    clip[:, 0, 5:8] = clip[
        :, 0, 5:8, :1
    ]  # a body of which one joint alone is known: its shoulders have no direction
    logits, embeddings, _ = model(clip)
    assert step.describe().delay == model.delay
    assert (model.delay > 0) != plan.causal, "events would begin too late by it"
    states = still(step, clip[0, :, 0])
    for n, frame in enumerate(clip[0].unbind(1)):
        probabilities, embedding, *after = step(frame, *states.values())
        states = dict(zip(states, after, strict=True))
        torch.testing.assert_close(probabilities, logits[0, n].softmax(0), atol=2e-5, rtol=1e-4)
        torch.testing.assert_close(embedding, embeddings[0, n], atol=2e-5, rtol=1e-4)
    channels = sum(plan.widths) if plan.all_blocks else plan.widths[-1]
    assert embeddings.shape[2] == channels * (2 if plan.pool == "statistics" else 1)
    assert logits.std(1).mean() > 0.05, "else every frame had the same answer"


@pytest.mark.parametrize("causal", [False, True])
@torch.no_grad()
def test_three_streams_in_one_step(causal: bool) -> None:
    """Against the three students, each by itself: their answers added with the streams' weights."""
    weights: dict[Stream, float] = {"joint": 0.6, "bone": 0.5, "motion": 0.4}
    ways: list[Normalization] = ["root-relative", "per-frame", "root-relative"]
    plan = replace(PLAN, causal=causal)
    views = [
        replace(LIVE, stream=stream, normalization=way)
        for stream, way in zip(weights, ways, strict=True)
    ]
    members = [random_classifier(NTU, view, plan) for view in views]
    model = StreamingFusion(Fused(members, list(weights.values())))
    step = StreamingStep(model).eval()
    clip = scenes(1, replace(LIVE, frames=20), len(NTU))
    alone = [StreamingClassifier(member)(clip) for member in members]
    logits = sum(weight * one[0] for weight, one in zip(weights.values(), alone, strict=True))
    embeddings = torch.cat([one[1] for one in alone], 2)
    states, followed = still(step, clip[0, :, 0]), model.still(clip[:, :, 0])
    assert set(states) == {f"state_{name}" for name in followed}
    for n, frame in enumerate(clip[0].unbind(1)):
        answer, features, followed = model.forward_step(frame[None], followed)
        torch.testing.assert_close(answer, logits[:, n], atol=1e-5, rtol=1e-5)
        probabilities, embedding, *after = step(frame, *states.values())
        states = dict(zip(states, after, strict=True))
        torch.testing.assert_close(probabilities, logits[0, n].softmax(0), atol=2e-5, rtol=1e-4)
        torch.testing.assert_close(embedding, embeddings[0, n], atol=2e-5, rtol=1e-4)
        torch.testing.assert_close(features[0], embeddings[0, n], atol=2e-5, rtol=1e-4)


def test_streams_that_answer_at_different_times_are_refused() -> None:
    bones = replace(LIVE, stream="bone")
    members = [
        random_classifier(NTU, LIVE, PLAN),
        random_classifier(NTU, bones, replace(PLAN, causal=False)),
    ]
    with pytest.raises(InputError, match="must answer about the same frames"):
        streaming(Fused(members, [0.5, 0.5]))


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_three_streams_in_a_file(kind: str, store: Store, tmp_path: Path) -> None:
    for stream in ("joint", "motion"):
        write_classifier(
            tmp_path / stream,
            store,
            replace(LIVE, stream=stream, normalization="root-relative"),
            PLAN,
        )
    (tmp_path / "streams.json").write_text('{"joint": 0.6, "motion": 0.4}')
    exporter, file = Exporter(tmp_path, store, streaming=True), tmp_path / f"model.{kind}"
    assert exporter.write(file)["largest_difference"] < 1e-5
    states = Recognizer.load(file).metadata.streaming
    assert states is not None
    assert "state_motion_previous" in states.states


@pytest.mark.parametrize("persons", [1, 2])
def test_a_frame_costs_a_fiftieth_of_a_clip(persons: int) -> None:
    clips = InputSettings(persons=persons, normalization="per-frame")
    clip = Deployed(random_classifier(NTU, clips, student_plan(), 60)).eval()
    live = replace(clips, frames=90, time="rate")
    step = StreamingStep(
        StreamingClassifier(
            random_classifier(NTU, live, replace(student_plan(), padding=False, causal=True), 60)
        )
    )
    a_frame = macs(step, torch.zeros(persons, 25, 3), *step.states().values())
    assert macs(clip, torch.zeros(persons, 50, 25, 3)) / a_frame == pytest.approx(50, rel=0.08)


@pytest.fixture(scope="module")
def streaming_run(store: Store, place: Path) -> Path:
    write_classifier(place / "a live run", store, replace(LIVE, persons=2), PLAN)
    return place / "a live run"


@pytest.fixture(scope="module")
def streamed(streaming_run: Path, store: Store, place: Path) -> Exported:
    return Exported(Exporter(streaming_run, store, streaming=True), place / "my streams")


def opened(run: Path) -> tuple[StreamingClassifier, InputSettings]:
    classifier, card = load_classifier(run)
    assert isinstance(classifier, Classifier)
    return StreamingClassifier(classifier), card.input


@pytest.mark.parametrize(
    ("kind", "precision", "near"),
    [
        ("onnx", "fp32", 1e-5),
        ("tflite", "fp32", 1e-5),
        ("onnx", "fp16", 5e-3),
        ("tflite", "int8", 0.05),
    ],
)
@torch.no_grad()
def test_the_recognizer_answers_as_torch(
    kind: str, precision: str, near: float, streamed: Exported, streaming_run: Path, store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Whole clips and a camera's frames; the store has 30 frames a second, the model sees 15."""
    # Of a network as small as this one every product moves the embedding further than is allowed,
    # and the file would be refused.
    monkeypatch.setattr(exporter_module, "WEIGHTS_ENOUGH", 0.03)
    monkeypatch.setattr(exporter_module, "ENOUGH", 0.03)
    model, data = opened(streaming_run)
    file = streamed.file(kind, precision)
    assert (products_in_int8(kind, file.read_bytes()) > 0) == (precision == "int8")
    recognizer = Recognizer.load(file, hop=0)
    for i in range(0, len(store), 3):
        logits, features, _ = model(
            torch.from_numpy(prepare_at_rate(store, i, data, layout=store.layout))[None]
        )
        answers, size = logits[0].softmax(1).numpy()[4:], float(features.abs().max())
        clip = store.clip(i).transpose(1, 0, 2, 3)
        np.testing.assert_allclose(recognizer.predict(clip, store.rate), answers.mean(0), atol=near)
        np.testing.assert_allclose(
            recognizer.embed(clip, store.rate), features[0, 4:].mean(0), atol=near * size
        )
        live = [recognizer.update(frame, n / store.rate, person=i) for n, frame in enumerate(clip)]
        fresh = [result.probabilities for result in live if result.fresh]
        np.testing.assert_allclose(fresh, answers, atol=near)
        assert not any(result.ready for result in live[:8])


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_what_the_export_says(
    kind: str, streamed: Exported, streaming_run: Path, store: Store
) -> None:
    found, file = streamed.found(kind, "fp32"), streamed.file(kind, "fp32")
    tested = store.split("xsub", "test")
    _, data = opened(streaming_run)
    assert found["clips"] == len(tested)
    assert found["frames"] == sum(
        prepare_at_rate(store, i, data, layout=store.layout).shape[1] for i in tested
    )
    assert 0 <= found["largest_difference"] < 1e-5
    assert found["agreement"] == 1
    assert found["bytes"] == file.stat().st_size


def test_the_metadata(streamed: Exported) -> None:
    metadata = Recognizer.load(streamed.file("onnx", "fp32")).metadata
    assert (metadata.time, metadata.hz, metadata.frames, metadata.warm_up) == ("rate", 15, 30, 5)
    assert metadata.seconds == pytest.approx(2)
    assert metadata.streaming is not None
    assert metadata.streaming.delay == 0
    assert metadata.streaming.states == {"state_ring1": 8, "state_ring2": 8, "state_pool": 13}
    lite = Recognizer.load(streamed.file("tflite", "fp32")).metadata
    assert replace(lite, file_sha256=metadata.file_sha256).to_json() == metadata.to_json()


def test_the_graph(streamed: Exported) -> None:
    graph = onnx.load(streamed.file("onnx", "fp32")).graph
    states = ["state_ring1", "state_ring2", "state_pool"]
    assert [port.name for port in graph.input] == ["joints", *states]
    assert [port.name for port in graph.output] == [
        "probabilities",
        "embedding",
        *(f"{name}_next" for name in states),
    ]
    kinds = {node.op_type for node in graph.node}
    assert not kinds & {"BatchNormalization", "Conv", "Transpose", "Split"}
    assert len(graph.node) <= 24 + 9 * 2, "a step's time is its nodes': keep it small"


def test_a_clip_that_ends_before_the_warm_up_still_has_an_answer(
    streamed: Exported, store: Store
) -> None:
    recognizer = Recognizer.load(streamed.file("onnx", "fp32"), hop=0)
    clip = store.clip(0).transpose(1, 0, 2, 3)[:5]
    assert recognizer.predict(clip, 30).sum() == pytest.approx(1, abs=1e-5)
    assert not any(recognizer.update(frame, n / 30).ready for n, frame in enumerate(clip))


def test_people_before_one_camera_do_not_disturb_each_other(
    streamed: Exported, store: Store
) -> None:
    """Two persons' frames in turns: the runtimes keep one state each."""
    for kind in ("onnx", "tflite"):
        recognizer = Recognizer.load(streamed.file(kind, "fp32"), hop=0)
        clips = [store.clip(i).transpose(1, 0, 2, 3) for i in (0, 1)]
        alone = [
            [recognizer.update(frame, n / 30, person=i) for n, frame in enumerate(clip)]
            for i, clip in enumerate(clips)
        ]
        recognizer.reset()
        for n in range(min(map(len, clips))):
            for i, clip in enumerate(clips):
                result = recognizer.update(clip[n], n / 30, person=i)
                if result.ready:
                    np.testing.assert_array_equal(result.probabilities, alone[i][n].probabilities)


def test_the_same_weights_as_clips_of_fixed_rate(
    streamed: Exported, streaming_run: Path, store: Store, tmp_path: Path
) -> None:
    """The window that ends with the clip is what the streaming file's last answer is about."""
    assert Exporter(streaming_run, store).write(tmp_path / "clip.onnx")["largest_difference"] < 1e-5
    clip, stream = (
        Recognizer.load(path, hop=0)
        for path in (tmp_path / "clip.onnx", streamed.file("onnx", "fp32"))
    )
    joints = store.clip(0).transpose(1, 0, 2, 3)
    live = [stream.update(frame, n / 30) for n, frame in enumerate(joints)]
    last = max(n for n, result in enumerate(live) if result.fresh)
    np.testing.assert_allclose(clip.predict(joints, 30), live[last].probabilities, atol=1e-5)
    windows = [clip.update(frame, n / 30) for n, frame in enumerate(joints)]
    np.testing.assert_allclose(windows[last].probabilities, live[last].probabilities, atol=1e-5)


@pytest.mark.parametrize(
    "change", [lambda w: w * 1.5, lambda w: w * np.float32("nan")], ids=["a weight", "nan"]
)
def test_a_file_that_answers_otherwise_is_not_written(
    change: Callable[[np.ndarray], np.ndarray], streaming_run: Path, store: Store, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    form = FORMATS[".onnx"]

    def corrupt(*args: Any) -> bytes:
        model = onnx.load_from_string(form.convert(*args))
        largest = max(model.graph.initializer, key=lambda tensor: int(np.prod(tensor.dims)))
        largest.CopyFrom(
            numpy_helper.from_array(change(numpy_helper.to_array(largest).copy()), largest.name)
        )
        return model.SerializeToString()

    monkeypatch.setitem(FORMATS, ".onnx", replace(form, convert=corrupt))
    with pytest.raises(ExportError, match="not written"):
        Exporter(streaming_run, store, streaming=True).write(tmp_path / "new.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (InputSettings(frames=12, normalization="per-frame"), "trained with time 'rate'"),
        (
            replace(LIVE, normalization="first-frame"),
            "'root-relative' or 'root-motion', got 'first-frame'",
        ),
        (replace(LIVE, frames=17), "more than 1 frame"),
    ],
)
def test_what_cannot_stream_is_refused(
    data: InputSettings, words: str, store: Store, tmp_path: Path
) -> None:
    write_classifier(
        tmp_path / "run", store, data, PLAN if data.time == "rate" else replace(PLAN, padding=True)
    )
    with pytest.raises(InputError, match=words) as caught:
        Exporter(tmp_path / "run", store, streaming=True)
    assert str(caught.value).startswith(str(tmp_path / "run"))


@torch.no_grad()
def test_the_shortest_window_streams() -> None:
    """Two frames of features: a shorter one is refused."""
    data = replace(LIVE, frames=18)
    streams = StreamingForm(random_classifier(NTU, data, PLAN)).streaming
    assert streams is not None
    assert streams.states["state_pool"] == 1
    compare(PLAN, data, NTU)


def test_the_student_on_real_people(utd_first: Store, tmp_path: Path) -> None:
    """The student's own plan, with weights nobody trained, on every frame of held-out clips of
    UTD-MHAD."""
    store = utd_first
    data = replace(LIVE, protocol=store.protocols[0], frames=90, warm_up=15)
    write_classifier(
        tmp_path / "run", store, data, replace(student_plan(), padding=False, causal=True)
    )
    found = Exporter(tmp_path / "run", store, streaming=True).write(tmp_path / "student.onnx")
    assert found["clips"] == len(store.split(store.protocols[0], "test")) == 27 * 4
    assert found["largest_difference"] < 1e-5
    assert found["bytes"] < 800_000
