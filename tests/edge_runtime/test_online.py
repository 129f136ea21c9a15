"""Whole recordings through a model: events where the actions are, several people, idling, and
stores that do not fit."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from skedge.cli import main
from skedge.datasets.store import PARTS, Store, StoreWriter
from skedge.edge_runtime import Recognizer
from skedge.edge_runtime.events import NEVER, QUIET
from skedge.edge_runtime.live.actions import Actions, Observation
from skedge.edge_runtime.scoring.online import evaluate_online
from skedge.edge_runtime.sources.recorded import frames_of
from skedge.skeleton import InputError, load_layout
from skedge.skeleton.layout import Layout
from tests.edge_runtime.edge_models import STREAMING, write_model, write_streaming_model
from tests.edge_runtime.test_guard import standing

RATE = 20
LABELS = ("wave", "clap", "idle")
Stretch = tuple[int, int, int]


def recording(frames: int, *people: Sequence[Stretch]) -> np.ndarray:
    """Joints (M, T, 25, 3) of which the streaming model says what stands here: its logits are the
    first joint's place."""
    joints = np.zeros((len(people), frames, 25, 3), np.float32)
    for own, doing in zip(joints, people, strict=True):
        for label, start, end in doing:
            own[start:end, 0, label] = 9
    return joints


def write_store(
    path: Path,
    recordings: Sequence[tuple[np.ndarray, Sequence[Stretch]]],
    labels: Sequence[str] = LABELS,
    layout: str = "ntu25",
    rate: float | None = RATE,
) -> Store:
    with StoreWriter(
        path, name="x", layout=load_layout(layout), labels=labels, rate=rate
    ) as writer:
        for number, (joints, intervals) in enumerate(recordings):
            writer.add(f"r{number}", joints, label=0, intervals=intervals)
        writer.protocol("all", lambda index: np.full(len(index), PARTS["test"]))
    return Store(path)


# Two recordings of ten seconds: a wave and a clap; a wave.
DONE = [[(0, 40, 80), (1, 120, 160)], [(0, 100, 140)]]
STORE = [(recording(200, one), one) for one in DONE]


def test_every_action_is_found(streaming_model: Path, tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", STORE)
    seen: list[int] = []
    report = evaluate_online(
        Recognizer.load(streaming_model),
        store,
        "all",
        track=lambda clips: (seen.append(i) or i for i in clips),
    )
    assert seen == [0, 1]
    figures = report.figures
    assert (figures["mAP"], figures["precision"], figures["recall"]) == (100, 100, 100)
    assert (figures["intervals"], figures["events"], figures["right"], figures["recordings"]) == (
        3,
        3,
        3,
        2,
    )
    assert figures["seconds"] == 20
    # Three answers at 10 Hz: at 0, 0.1 and 0.2 s of the action.
    assert figures["delay"] == pytest.approx(0.2, abs=0.001)
    assert report.notes == ()
    first = next(
        one for one in report.events if one["recording"] == "r0" and one["label"] == "wave"
    )
    # Answers from 2.0 to 3.9 s, about what was 0.4 s ago: the warm-up of four frames, of which half
    # begins a row.
    assert first["right"]
    assert (first["start"], first["end"], first["announced"]) == pytest.approx(
        (1.8, 3.5, 2.2), abs=0.02
    )


def test_recordings_that_make_no_sense_are_named(streaming_model: Path, tmp_path: Path) -> None:
    body = standing(90)[None]
    done: list[tuple[np.ndarray, Sequence[Stretch]]] = [
        (joints.astype(np.float32), [(0, 10, 40)])
        for joints in (body, 1000 * body, np.concatenate([body, body * [1, -1, 1]]))
    ]
    recognizer = Recognizer.load(streaming_model)
    recognizer.checks_bodies = True
    (note,) = evaluate_online(recognizer, write_store(tmp_path / "store", done), "all").notes
    assert note.startswith("2 of 3 recordings have bodies that make no sense")
    assert "such as r1: a body is" in note


def test_what_goes_on_is_one_event(streaming_model: Path, tmp_path: Path) -> None:
    """A gap shorter than the debounce belongs to the event; after a longer one it is another."""
    doing = [(0, 40, 60), (0, 70, 90), (0, 130, 160)]
    store = write_store(tmp_path / "store", [(recording(200, doing), [(0, 40, 90), (0, 130, 160)])])
    report = evaluate_online(Recognizer.load(streaming_model), store, "all")
    assert sorted((one["start"], one["end"]) for one in report.events) == [
        pytest.approx((1.8, 4.0), abs=0.02), pytest.approx((6.3, 7.5), abs=0.02)
    ]  # fmt: skip
    assert report.figures["right"] == 2
    hasty = evaluate_online(Recognizer.load(streaming_model, debounce=0.2), store, "all")
    assert (hasty.figures["events"], hasty.figures["right"]) == (3, 1)


def test_a_recording_is_not_remembered_in_the_next(streaming_model: Path, tmp_path: Path) -> None:
    still = (recording(200, []), [(0, 0, 40)])
    store = write_store(
        tmp_path / "store", [(recording(200, [(0, 100, 200)]), [(0, 100, 200)]), still]
    )
    figures = evaluate_online(Recognizer.load(streaming_model), store, "all").figures
    assert (figures["events"], figures["right"], figures["recall"]) == (1, 1, 50)


def test_a_model_that_was_in_use_measures_the_same_and_is_in_use_again(
    streaming_model: Path, tmp_path: Path
) -> None:
    """What a camera showed before must not be in the figures, nor the recordings in what it shows
    after."""
    store = write_store(tmp_path / "store", STORE)
    recognizer = Recognizer.load(streaming_model)
    expected = evaluate_online(recognizer, store, "all").figures
    waving = recording(60, [(0, 0, 60)])[0]
    for _ in range(2):
        begun = [
            event.label
            for number, joints in enumerate(waving)
            for event in recognizer.update(joints, number / RATE).events
        ]
        assert begun == ["wave"]
        assert evaluate_online(recognizer, store, "all").figures == expected


def test_false_alarms_and_idling(streaming_model: Path, tmp_path: Path) -> None:
    doing = [(0, 40, 80), (2, 80, 120), (1, 130, 170)]
    store = write_store(tmp_path / "store", [(recording(200, doing), [(0, 40, 80), (2, 80, 120)])])
    report = evaluate_online(Recognizer.load(streaming_model), store, "all")
    assert [(one["label"], one["right"]) for one in sorted(report.events, key=lambda one: one["start"])] == [
        ("wave", True), ("clap", False)
    ]  # fmt: skip
    assert (report.figures["mAP"], report.figures["precision"], report.figures["recall"]) == (
        100,
        50,
        100,
    )
    assert report.figures["per_class"]["clap"]["AP"] is None
    assert "1 of 2 intervals left out" in report.notes[0]
    assert "idle" in report.notes[0]


def test_two_people(streaming_model: Path, tmp_path: Path) -> None:
    """Each is followed alone; what both do at once is labelled once and counts once."""
    both = recording(200, [(0, 40, 80)], [(0, 42, 82), (1, 120, 160)])
    both[1, :20] = np.nan
    store = write_store(tmp_path / "store", [(both, [(0, 40, 80), (1, 120, 160)])])
    figures = evaluate_online(Recognizer.load(streaming_model), store, "all").figures
    assert (figures["events"], figures["right"]) == (2, 2)


def test_a_scene_of_two(tmp_path: Path) -> None:
    model = write_streaming_model(tmp_path / "pair.onnx", replace(STREAMING, persons=2))
    for people in (1, 2, 3):
        doing = [[(0, 40, 80)]] + [[]] * (people - 1)
        store = write_store(tmp_path / f"store{people}", [(recording(200, *doing), [(0, 40, 80)])])
        figures = evaluate_online(Recognizer.load(model), store, "all").figures
        assert (figures["events"], figures["right"]) == (1, 1)


def test_a_clip_model(tmp_path: Path) -> None:
    """An answer is about the middle of its window: the class whose joint moves furthest through
    most of two seconds."""
    matrix = np.zeros((3, 20, 25, 3))
    for label in range(3):
        matrix[label, :, 0, label] = 1 / 20
    model = write_model(tmp_path / "clips.onnx", matrix=matrix.reshape(3, -1))
    store = write_store(
        tmp_path / "store", [(2 * joints, intervals) for joints, intervals in STORE]
    )
    report = evaluate_online(Recognizer.load(model, threshold=0.99), store, "all")
    assert (report.figures["events"], report.figures["right"]) == (3, 3)
    first = next(
        one for one in report.events if one["recording"] == "r0" and one["label"] == "wave"
    )
    assert first["start"] == pytest.approx(2, abs=0.6)
    assert first["start"] < first["announced"] < first["end"] + 1.1


def test_an_action_that_is_off_has_no_number_for_a_threshold(
    streaming_model: Path, tmp_path: Path
) -> None:
    """A program that read the figures met a probability of 2."""
    recognizer = Recognizer.load(streaming_model, threshold={"wave": NEVER})
    figures = evaluate_online(recognizer, write_store(tmp_path / "store", STORE), "all").figures
    assert figures["threshold"]["wave"] is None
    assert figures["threshold"]["clap"] == 0.5


def test_names_and_unknown_classes(streaming_model: Path, tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", STORE, labels=("greet", "bow", "stand"))
    recognizer = Recognizer.load(streaming_model)
    report = evaluate_online(recognizer, store, "all", synonyms={"greet": "wave"})
    assert (report.figures["intervals"], report.figures["right"]) == (2, 2)
    assert "1 of 3 intervals left out" in report.notes[0]
    assert "(bow)" in report.notes[0]
    assert report.figures["precision"] == pytest.approx(66.67)
    with pytest.raises(InputError, match="expected intervals of the model's classes"):
        evaluate_online(recognizer, store, "all")
    with pytest.raises(InputError, match="unknown class 'gret'"):
        evaluate_online(recognizer, store, "all", synonyms={"gret": "wave"})


def test_another_rate_and_layout(streaming_model: Path, tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", STORE, rate=None)
    report = evaluate_online(Recognizer.load(streaming_model), store, "all")
    assert "30 Hz assumed" in report.notes[0]
    assert report.figures["seconds"] == pytest.approx(400 / 30, abs=0.05)
    twenty = write_store(
        tmp_path / "kinect", [(joints[:, :, :20], one) for joints, one in STORE], layout="kinect20"
    )
    report = evaluate_online(Recognizer.load(streaming_model), twenty, "all")
    assert report.notes == ("joints retargeted from kinect20 to ntu25",)
    assert report.figures["right"] == 3


def test_what_does_not_fit(streaming_model: Path, tmp_path: Path) -> None:
    recognizer = Recognizer.load(streaming_model)
    clips = write_store(tmp_path / "clips", [(joints, []) for joints, _ in STORE])
    with pytest.raises(
        InputError,
        match="expected recordings with labelled intervals in test of protocol 'all', got clips",
    ):
        evaluate_online(recognizer, clips, "all")
    store = write_store(tmp_path / "store", STORE)
    with pytest.raises(InputError, match="val of protocol 'all' is empty"):
        evaluate_online(recognizer, store, "all", "val")
    with pytest.raises(InputError, match="unknown protocol 'xsub'"):
        evaluate_online(recognizer, store, "xsub")
    for least in (0, 1.5, np.nan):
        with pytest.raises(InputError, match="--overlap: expected a share above 0 up to 1"):
            evaluate_online(recognizer, store, "all", least=least)
    three = Layout.from_dict(
        {
            "name": "three",
            "joints": ["neck", "head", "hip_center"],
            "bones": [["head", "neck"], ["hip_center", "neck"]],
            "center": "neck",
            "anchors": {"hip": ["hip_center"], "spine": ["hip_center", "neck"], "chest": ["neck"]},
            "shoulders": ["neck", "head"],
            "pairs": [],
            "parts": {"all": ["neck", "head", "hip_center"]},
        }
    )
    with StoreWriter(
        tmp_path / "three", name="x", layout=three, labels=LABELS, rate=RATE
    ) as writer:
        writer.add("r0", np.zeros((1, 40, 3, 3), np.float32), label=0, intervals=[(0, 3, 9)])
        writer.protocol("all", lambda index: np.full(len(index), PARTS["test"]))
    with pytest.raises(InputError, match="cannot retarget three to ntu25"):
        evaluate_online(recognizer, Store(tmp_path / "three"), "all")


def test_the_command_needs_no_torch(streaming_model: Path, tmp_path: Path) -> None:
    write_store(tmp_path / "store", STORE)
    out = tmp_path / "figures" / "online.json"
    arguments = [
        "evaluate",
        "online",
        "--model",
        streaming_model,
        "--data",
        tmp_path / "store",
        "--protocol",
        "all",
    ]
    run = (
        "import sys; from skedge import Recognizer; Recognizer.checks_bodies = False;"
        " from skedge.cli import main;"
        f" main({[*map(str, arguments), '--out', str(out)]}); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shown, written = json.loads(done.stdout), json.loads(out.read_text())
    assert shown["mAP"] == 100
    assert {name: written[name] for name in shown} == shown
    assert written["per_class"]["clap"]["AP"] == 100
    assert len(written["found"]) == 3
    assert [file.name for file in out.parent.iterdir()] == ["online.json"]


def test_the_command_in_one_line_when_wrong(
    streaming_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_store(tmp_path / "store", STORE)
    common = [
        "evaluate",
        "online",
        "--model",
        str(streaming_model),
        "--data",
        str(tmp_path / "store"),
        "--protocol",
        "all",
    ]
    for more, word in (
        (["--part", "dev"], "dev"),
        (["--overlap", "2"], "--overlap"),
        (["--patience", "0"], "patience"),
    ):
        with pytest.raises(SystemExit) as ended:
            main([*common, *more])
        assert ended.value.code == 2
        error = capsys.readouterr().err
        assert word in error
        assert error.count("\n") == 1


def test_what_the_live_view_prints_scores_the_same(streaming_model: Path, tmp_path: Path) -> None:
    """The lines' own start and end are those that are scored, and fit what was done."""
    store = write_store(tmp_path / "store", STORE)
    recognizer = Recognizer.load(streaming_model)
    report = evaluate_online(recognizer, store, "all")
    printed = []
    for number in range(len(store)):
        actions = Actions(recognizer)
        lines = []
        for frame in frames_of(store.clip(number).transpose(1, 0, 2, 3), RATE):
            seen = Observation(frame, frame.people or (), store.layout, 0.0)
            lines += [one.document() for one in actions.update(seen).happenings]
        lines += [one.document() for one in actions.finish().happenings]
        ended = [one for one in lines if one["phase"] == "ended"]
        printed += [(f"r{number}", one["event"], one["start"], one["end"]) for one in ended]
        recognizer.reset()
    scored = [(one["recording"], one["label"], one["start"], one["end"]) for one in report.events]
    assert sorted(printed) == sorted(scored)
    true = sorted(
        (f"r{number}", LABELS[label], start / RATE, end / RATE)
        for number, doing in enumerate(DONE)
        for label, start, end in doing
    )
    for (_, _, start, end), (_, _, began, over) in zip(sorted(printed), true, strict=True):
        assert abs(start - began) <= 0.5
        assert abs(end - over) <= 0.5


@pytest.mark.parametrize("label", sorted(QUIET))
def test_intervals_of_quiet_classes_are_left_out(label: str, tmp_path: Path) -> None:
    """Nobody can be right about them: an interval of `other` must not count as missed."""
    labels = ("wave", "clap", label)
    model = write_streaming_model(tmp_path / "m.onnx", replace(STREAMING, labels=labels))
    doing = [(0, 40, 80), (2, 80, 200)]
    store = write_store(tmp_path / "store", [(recording(200, doing), doing)], labels)
    report = evaluate_online(Recognizer.load(model), store, "all")
    assert {one["label"] for one in report.events} == {"wave"}
    assert report.figures["recall"] == 100
    assert label in report.notes[0]
