"""A student trained on recordings: labels of frames, windows, the loss, thresholds, the whole
way."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skedge import steps
from skedge.datasets.store import Store, StoreWriter
from skedge.datasets.synthetic.synthesize import synthesize_recordings
from skedge.edge_runtime import Recognizer
from skedge.edge_runtime.events import QUIET, Event, EventRules
from skedge.export.exporter import Exporter
from skedge.recipes.distill_settings import DistillSettings
from skedge.recipes.online_settings import OnlineSettings
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import AugmentSettings, EncoderSettings, InputSettings, OptimSettings
from skedge.recipes.style_settings import StyleSettings
from skedge.skeleton import InputError, load_layout
from skedge.student.calibrate import Judged, Span, calibrate, fits, judge
from skedge.student.distill import distill, load_beginning
from skedge.student.online import Online, _answered, allowed_answers, answer_loss
from skedge.student.recordings import NOTHING, TENSORS, UNASKED, Recordings, frame_labels, spans
from skedge.teacher.networks.classifier import Classifier, last_layer
from skedge.teacher.networks.dual import make_encoder
from skedge.teacher.runs.folder import Card, write_run
from skedge.teacher.runs.load import load_classifier, load_encoder
from tests.teacher.tiny import COMPUTE, equal, make_store, write_classifier

DATA = InputSettings(frames=30, normalization="root-motion", time="rate", hz=15.0, warm_up=5)
PLAN = EncoderSettings(
    backbone="tcn", widths=(8, 8), strides=(1, 1), dropout=0.0, causal=True, padding=False,
    joints=("head", "left_wrist", "right_wrist", "left_hip", "right_hip"),
)  # fmt: skip
ONLINE = OnlineSettings(answers=24)
LABELS = ("wave", "clap", "idle", "other")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = tmp_path_factory.mktemp("recordings") / "store"
    synthesize_recordings(path, recordings_per_subject=1, subjects=6, clean=True)
    return Store(path)


def test_frames_of_an_action_are_its_own_until_a_while_after_it(store: Store) -> None:
    for index in range(len(store)):
        frames = int(store.index["frames"][index])
        labels = frame_labels(store, index, ONLINE)
        own = store.intervals[store.intervals["clip"] == index]
        loud = [one for one in own if store.labels[one["label"]] not in QUIET]
        assert loud, "a recording of nothing proves nothing"
        for one in loud:
            begun = one["start"] + int(min(0.3 * 30, (one["end"] - one["start"]) / 3))
            assert (labels[one["start"] : begun] == UNASKED).all()
            assert (labels[begun : one["end"]] == one["label"]).all()
        near = np.zeros(frames, bool)
        for one in loud:
            near[one["start"] : one["end"] + int(ONLINE.fade * 30) + 1] = True
        assert all(store.labels[label] in QUIET for label in np.unique(labels[~near]) if label >= 0)


def test_an_action_is_the_answer_until_it_fades_or_another_begins(tmp_path: Path) -> None:
    """At 30 frames a second for 36 after it, and for 24 more nothing is asked."""
    wave, clap, idle = range(3)
    done = [(wave, 30, 60), (clap, 150, 165), (wave, 190, 220), (idle, 281, 283), (clap, 285, 297)]
    within = [(wave, 30, 210), (clap, 90, 105)]
    with StoreWriter(
        tmp_path / "store", name="s", layout=load_layout("coco17"), labels=LABELS, rate=30.0
    ) as writer:
        writer.add("one", np.ones((1, 300, 17, 3)), label=wave, intervals=done)
        writer.add("within", np.ones((1, 300, 17, 3)), label=wave, intervals=within)
    store = Store(tmp_path / "store")
    labels = frame_labels(store, 0, ONLINE)
    expected = np.full(300, NOTHING)
    for start, end, label in (
        *((30, 39, UNASKED), (39, 96, wave), (96, 120, UNASKED)),
        *((150, 155, UNASKED), (155, 190, clap)),  # no more than a third of a short one
        *((190, 199, UNASKED), (199, 256, wave), (256, 280, UNASKED)),
        *((281, 283, idle), (285, 289, UNASKED), (289, 300, clap)),
    ):
        expected[start:end] = label
    np.testing.assert_array_equal(labels, expected)
    expected[:] = NOTHING
    for start, end, label in (
        *((30, 39, UNASKED), (39, 90, wave), (90, 95, UNASKED), (95, 141, clap)),
        (141, 270, UNASKED),  # who claps while waving still waves: not nothing
    ):
        expected[start:end] = label
    np.testing.assert_array_equal(frame_labels(store, 1, ONLINE), expected)
    assert len({UNASKED, NOTHING, *range(len(LABELS))}) == 2 + len(LABELS)


def test_a_window_has_no_frame_of_another_recording(store: Store) -> None:
    """Nor a label of another frame: places in recordings shorter than a window, some of them long
    after their end."""
    own = replace(ONLINE, tempo=0.5, fresh=0.0, style=StyleSettings(pace=0.3))
    data = Recordings(store, [0], DATA, own)
    data.lengths, data.paces = torch.full((3,), 30), torch.full((3,), 2.0)
    place = 100 * torch.arange(3)[:, None] + torch.arange(30)
    data.labels = place.flatten()
    data.frames = data.labels[:, None, None, None].float().expand(-1, *data.frames.shape[1:])
    of = torch.arange(3).repeat(50)
    torch.manual_seed(0)
    joints, labels = data.cut(of, 29)
    at = joints[:, 0, :, 0, 0]
    for number in range(3):
        assert at[of == number].min() == 100 * number
        assert at[of == number].max() == 100 * number + 29, "the last frame is shown, too"
    asked = labels != UNASKED
    assert (at[:, 29:] - labels)[asked].abs().max() < 0.501


def test_windows_are_cut_where_the_training_runs(store: Store) -> None:
    data = Recordings(store, [0], DATA, ONLINE)
    data.to(torch.device("meta"))
    assert {getattr(data, name).device.type for name in TENSORS} == {"meta"}


def test_windows_hold_what_the_camera_saw_and_ask_nothing_at_first(store: Store) -> None:
    own = replace(ONLINE, tempo=0.0, fresh=1.0, style=StyleSettings(pace=0.0))
    data = Recordings(store, np.arange(3), DATA, own)
    torch.manual_seed(0)
    of = torch.cat([batch for (batch,) in data.loader(16)])
    joints, labels = data.cut(of, 29)
    assert joints.shape == (len(of), 1, 29 + 24, 25, 3)
    assert labels.shape == (len(of), 24)
    assert len(of) > 100
    assert set(of.tolist()) == {0, 1, 2}
    # The person has just come: before, the first pose stands still, and answers are not asked for.
    still = (joints[:, 0, 1:] == joints[:, 0, :-1]).all(-1).all(-1)
    assert still[:, :29].all()
    moments = [int((~row).float().argmax()) for row in still[:, 28:]]
    assert 10 <= max(moments) - min(moments) <= 14, "anywhere in the first 60 % of the answers"
    for comes, window in zip(moments, labels, strict=True):
        assert (window[: comes + DATA.warm_up - 2] == UNASKED).all()
    assert (labels >= 0).any()
    # From then on they are asked for as soon as a recognizer gives one.
    data.labels[:] = 0
    torch.manual_seed(0)
    of = torch.cat([batch for (batch,) in data.loader(16)])
    asked = data.cut(of, 29)[1] != UNASKED
    first = torch.tensor(moments)[:, None] + DATA.warm_up - 2
    torch.testing.assert_close(asked, torch.arange(24) >= first)


def test_without_a_newcomer_windows_are_cut_from_the_recording(store: Store) -> None:
    data = Recordings(store, [0], DATA, replace(ONLINE, tempo=0.0, fresh=0.0))
    torch.manual_seed(2)
    joints, _ = data.cut(torch.tensor([0]), 29)
    steps = (joints[0, 0, 40:] - joints[0, 0, 39:-1]).abs().amax((1, 2))
    assert (steps > 0).all()
    assert steps.max() < 1.0, "two recordings' frames in one window"


def test_windows_are_played_now_quicker_and_now_slower_with_their_own_labels(store: Store) -> None:
    """A body that moves by a metre a frame, and another action every hundred frames."""
    steps = {}
    for pace in (0.0, 0.15):
        own = replace(ONLINE, tempo=0.0, fresh=0.0, style=StyleSettings(pace=pace))
        data = Recordings(store, [0], DATA, own)
        times = torch.arange(len(data.frames))
        data.frames = torch.zeros_like(data.frames) + times[:, None, None, None]
        data.labels = times // 100
        torch.manual_seed(1)
        joints, labels = data.cut(torch.zeros(64, dtype=torch.int64), 29)
        at = joints[:, 0, :, 0, 0].numpy()
        labels_there = np.round(at[:, 29:]) // 100
        assert (labels.numpy() == labels_there).mean() > 0.99
        inside = ((at > 0) & (at < len(times) - 1)).all(1)
        steps[pace] = np.diff(at[inside], axis=1)
    np.testing.assert_allclose(steps[0.0], 2.0, atol=0.01)
    assert 0.2 < steps[0.15].std() < 0.5
    assert steps[0.15].mean() == pytest.approx(2.0, abs=0.1)
    assert np.abs(np.diff(steps[0.15], axis=1)).max() < 0.5, "a jump is no other pace"


def test_windows_are_played_faster_and_slower_by_the_recipes_tempo(store: Store) -> None:
    """A tempo that was passed over changed no result: bodies that move by a metre a frame."""
    own = replace(ONLINE, tempo=0.3, fresh=0.0, style=StyleSettings(pace=0.0))
    data = Recordings(store, [0], DATA, own)
    times = torch.arange(len(data.frames))
    data.frames = torch.zeros_like(data.frames) + times[:, None, None, None]
    torch.manual_seed(3)
    joints, _ = data.cut(torch.zeros(512, dtype=torch.int64), 29)
    at = joints[:, 0, :, 0, 0].double()
    inside = ((at > 0) & (at < len(times) - 1)).all(1)
    drawn = at[inside].diff(dim=1).mean(1).log() - data.paces[0].log()
    assert drawn.mean() == pytest.approx(0, abs=0.05)
    assert drawn.std() == pytest.approx(0.28, abs=0.03), "0.3, cut off at half"
    assert drawn.abs().max() == pytest.approx(0.5, abs=0.01)


def test_windows_are_all_different_in_every_epoch(store: Store) -> None:
    data = Recordings(store, [0], DATA, ONLINE)
    batches = [batch for _ in range(2) for (batch,) in data.loader(4)]
    seen = torch.cat([data.cut(batch, 29)[0] for batch in batches])
    assert len(seen) >= 16
    assert len(seen.flatten(1).unique(dim=0)) == len(seen)


def test_a_recording_comes_as_often_as_its_windows_would_fill_it(store: Store) -> None:
    """At 30 frames a second two for each of the 24 answers of a window; a short one comes once."""
    data = Recordings(store, np.arange(3), DATA, ONLINE)
    data.lengths = torch.tensor([480, 100, 10])
    torch.manual_seed(0)
    drawn = torch.cat([batch for (batch,) in data.loader(1)])
    assert drawn.bincount().tolist() == [10, 2, 1]
    assert drawn.tolist() != sorted(drawn.tolist()), "a batch is not of one recording alone"
    for size, devices, batches in (
        (4, 1, [4] * 3),
        (8, 2, [4] * 3),
        (100, 1, [13]),
        (100, 2, [6] * 2),
    ):
        assert [len(batch) for (batch,) in data.loader(size, devices)] == batches


def test_recordings_of_two_rates_are_cut_at_the_models_own(store: Store) -> None:
    """Bodies that move by a metre a second in recordings of 30 and of 60 frames a second."""
    steady = replace(ONLINE, tempo=0.0, fresh=0.0, style=StyleSettings(pace=0.0))
    slow, quick = (Recordings(store, [0], DATA, steady) for _ in range(2))
    for one, rate in ((slow, 30.0), (quick, 60.0)):
        one.paces[:] = rate / DATA.hz
        moments = torch.arange(len(one.frames)) / rate
        one.frames = torch.zeros_like(one.frames) + moments[:, None, None, None]
    slow.join(quick)
    joints, _ = slow.cut(torch.tensor([0, 1] * 32), 29)
    steps = joints[:, 0, 40:, 0, 0].diff(dim=1)
    torch.testing.assert_close(steps, torch.full_like(steps, 1 / DATA.hz), atol=1e-4, rtol=0)


def test_labels_stay_with_their_frames_where_nobody_is_seen_at_first(
    store: Store, tmp_path: Path
) -> None:
    """The frames before somebody comes are dropped: what follows keeps its own labels."""
    joints = np.array(store.clip(0))
    empty = 45
    joints[:, :empty] = np.nan
    intervals = [tuple(one)[1:] for one in store.intervals if one["clip"] == 0]
    with StoreWriter(
        tmp_path / "late", name="late", layout=store.layout, labels=store.labels, rate=30.0
    ) as writer:
        writer.add("late", joints, label=0, intervals=intervals)
    whole, cut = (Recordings(one, [0], DATA, ONLINE) for one in (store, Store(tmp_path / "late")))
    assert len(cut.labels) == len(whole.labels) - empty
    torch.testing.assert_close(cut.labels, whole.labels[empty:])
    own = spans(store, 0)
    assert [one.start - empty / 30 for one in own] == pytest.approx(
        [one.start for one in spans(store, 0, empty)]
    )
    assert [one.end - empty / 30 for one in own] == pytest.approx(
        [one.end for one in spans(store, 0, empty)]
    )


def test_what_an_action_asks_for_lasts_as_long_at_any_rate(store: Store, tmp_path: Path) -> None:
    """The labels of a second of an action, and of the seconds after it."""
    wave = next(i for i, label in enumerate(store.labels) if label not in QUIET)
    found = []
    for rate in (30, 60):
        path = tmp_path / str(rate)
        with StoreWriter(
            path, name="wave", layout=store.layout, labels=store.labels, rate=float(rate)
        ) as writer:
            joints = np.random.default_rng(0).normal(size=(1, 6 * rate, len(store.layout), 3))
            writer.add("wave", joints, label=wave, intervals=[(wave, rate, 2 * rate)])
        labels = frame_labels(Store(path), 0, ONLINE)
        found.append([(labels == one).sum() / rate for one in (wave, UNASKED, NOTHING)])
        assert [(one.start, one.end) for one in spans(Store(path), 0)] == [(1.0, 2.0)]
    np.testing.assert_allclose(*found, atol=2 / 30)


@given(st.integers(0, 2**31 - 1))
@settings(deadline=None, max_examples=30)
def test_the_loss_asks_for_any_quiet_class_where_nothing_has_a_name(seed: int) -> None:
    torch.manual_seed(seed)
    allowed, weights = allowed_answers(LABELS), torch.ones(5)
    logits = torch.randn(2, 6, 4)
    labels = torch.randint(-2, 4, (2, 6))
    expected, count = 0.0, 0
    for row, label in zip(logits.view(-1, 4).softmax(1), labels.view(-1).tolist(), strict=True):
        if label != UNASKED:
            right = row[2] + row[3] if label == NOTHING else row[label]
            expected, count = expected - right.log(), count + 1
    loss = answer_loss(logits, labels, allowed, weights)
    torch.testing.assert_close(loss, torch.as_tensor(expected / max(1, count)).float())


def test_a_set_in_which_something_always_happens_is_refused() -> None:
    with pytest.raises(InputError, match="expected a class of recordings in which nothing"):
        allowed_answers(("wave", "clap"))


def _recording(*stretches: tuple[int, int, str, float]) -> np.ndarray:
    """A minute of `other`, but for frames from, to, of a label with a probability."""
    answers = np.tile(np.array([0.0, 0.0, 0.0, 1.0]), (900, 1))
    for start, end, label, sure in stretches:
        answers[start:end] = (1 - sure) / 3
        answers[start:end, LABELS.index(label)] = sure
    return answers


def test_thresholds_are_the_lowest_that_are_quiet_enough() -> None:
    """A false wave at 0.72 an hour and a false clap at 0.9: their classes' thresholds lie above."""
    right = [Span("wave", 10.0, 12.0), Span("clap", 20.0, 22.0)]
    seen = [(150, 190, "wave", 0.97), (300, 340, "clap", 0.97)]
    false = [(600, 640, "wave", 0.72), (700, 740, "clap", 0.9)]
    recordings = [Judged(_recording(*seen, *false), right, 15.0) for _ in range(3)]
    rules, chosen = calibrate(recordings, LABELS, replace(ONLINE, false_events=0.0))
    assert chosen["thresholds"] == {"wave": 0.75, "clap": 0.95}
    figures = judge(recordings, rules)
    assert figures["recall"] == 100
    assert figures["false_events_per_hour"] == 0
    assert (figures["recordings"], figures["hours"]) == (3, 0.05)
    # Three minutes, and two classes: three false events of each are 120 an hour in all.
    for allowed, expected in ((121.0, (0.3, 0.3)), (119.0, (0.75, 0.95))):
        _, chosen = calibrate(recordings, LABELS, replace(ONLINE, false_events=allowed))
        assert tuple(chosen["thresholds"].values()) == expected
    loose, chosen = calibrate(recordings, LABELS, replace(ONLINE, false_events=1000.0))
    assert chosen["thresholds"] == {"wave": 0.3, "clap": 0.3}
    assert judge(recordings, loose)["false_events_per_hour"] == pytest.approx(120, abs=1)
    named = replace(ONLINE, false_events=1000.0, thresholds={"clap": 0.8}, patience={"wave": 5})
    rules, chosen = calibrate(recordings, LABELS, named)
    assert chosen["thresholds"] == {"wave": 0.3, "clap": 0.8}
    assert chosen["patience"] == {"wave": 5, "clap": 3}
    assert rules.patience.tolist() == [5, 3, 3, 3]


@pytest.mark.parametrize(
    ("sure", "threshold"),
    [(0.93, 0.95), (0.96, 0.97), (0.975, 0.98), (0.985, 0.99), (0.992, 0.995), (0.9999, 0.995)],
)
def test_a_class_that_is_hardly_quiet_gets_a_threshold_that_a_file_may_hold(
    sure: float, threshold: float
) -> None:
    false = Judged(_recording((600, 640, "wave", sure)), [], 15.0)
    _, chosen = calibrate([false], LABELS, replace(ONLINE, false_events=0.0))
    assert chosen["thresholds"] == {"wave": threshold, "clap": 0.3}


def test_the_only_action_of_a_model_may_have_all_false_events() -> None:
    false = np.delete(_recording((600, 640, "wave", 0.72)), 1, axis=1)  # one in this minute
    for allowed, threshold in ((61.0, 0.3), (59.0, 0.75)):
        own = replace(ONLINE, false_events=allowed)
        _, chosen = calibrate([Judged(false, [], 15.0)], ("wave", "idle", "other"), own)
        assert chosen["thresholds"] == {"wave": threshold}


@pytest.mark.parametrize(
    ("start", "end", "right"),
    [
        (10.0, 12.0, True),
        (8.0, 9.6, True),
        (12.4, 14.0, True),
        (8.0, 9.4, False),
        (12.6, 14, False),
    ],
)
def test_an_event_may_be_half_a_second_beside_its_action(
    start: float, end: float, right: bool
) -> None:
    event = Event("wave", 0.9, start, end, announced=end)
    assert fits(event, Span("wave", 10.0, 12.0)) == right
    assert not fits(event, Span("clap", 10.0, 12.0))


def test_the_recall_of_what_was_never_done_is_unknown() -> None:
    """It was 0 %, as if all of it had been missed."""
    done = Judged(_recording((150, 190, "wave", 0.97)), [Span("wave", 10.0, 12.0)], 15.0)
    idle = Judged(_recording(), [], 15.0)
    rules, chosen = calibrate([done], LABELS, ONLINE)
    found = judge([done], rules)
    assert (found["recall"], found["per_class"]) == (100.0, {"clap": None, "wave": 100.0})
    assert chosen["lags"].keys() == {"start", "end"}
    rules, chosen = calibrate([idle], LABELS, ONLINE)
    assert chosen["lags"] == {}, "0 would be that answers come at once"
    found = judge([idle], rules)
    assert (found["recall"], found["per_class"]) == (None, {"clap": None, "wave": None})
    assert found["false_events_per_hour"] == 0.0


def test_false_events_are_counted_by_the_hour_of_all_recordings() -> None:
    """Two in three minutes; of three waves one is found."""
    waves = [Span("wave", start, start + 2.0) for start in (10.0, 30.0, 50.0)]
    found = judge(
        [
            Judged(_recording((150, 190, "wave", 0.97)), waves, 15.0),
            Judged(_recording((150, 190, "clap", 0.97), (450, 490, "wave", 0.97)), [], 15.0),
            Judged(_recording(), [], 15.0),
        ],
        EventRules(LABELS, np.full(4, 0.5), np.full(4, 3)),
    )
    assert found == {
        "recall": 33.33,
        "false_events_per_hour": 40.0,
        "per_class": {"clap": None, "wave": 33.33},
        "recordings": 3,
        "hours": 0.05,
    }


def test_what_lasts_begins_events_whatever_the_thresholds() -> None:
    """A wave of five seconds that is never sure, and a false one as long."""
    spans_ = [Span("wave", 10.0, 15.0)]
    recording = _recording((150, 225, "wave", 0.7), (600, 675, "wave", 0.7))
    judged = [Judged(recording, spans_, 15.0)] * 3
    rules, chosen = calibrate(judged, LABELS, replace(ONLINE, false_events=0.0))
    assert chosen["lasting"] == {}
    assert judge(judged, rules)["recall"] == 0
    # `idle` never is an event; `kick` is no class of this model.
    named = replace(ONLINE, false_events=0.0, lasting={"wave": 2.0, "idle": 2.0, "kick": 2.0})
    rules, chosen = calibrate(judged, LABELS, named)
    assert chosen["thresholds"]["wave"] == 0.75
    assert chosen["lasting"] == rules.lasting == {"wave": 2.0}
    figures = judge(judged, rules)
    assert figures["recall"] == 100
    assert figures["false_events_per_hour"] == pytest.approx(60, abs=1)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"thresholds": {"wave": 9.0}}, "thresholds: expected 0 to 1, got 9.0"),
        ({"patience": {"wave": 0}}, "patience: expected 1 or more, got 0"),
        ({"lasting": {"wave": -1.0}}, "lasting: expected above 0, up to 600, got -1.0"),
    ],
)
def test_events_that_cannot_begin_are_refused_before_the_training(
    own: dict[str, Any], message: str
) -> None:
    """A file with such numbers would be refused as damaged, hours later."""
    with pytest.raises(InputError, match=f"^distill.online.{message} of wave$"):
        Recipe(distill=DistillSettings(online=OnlineSettings(**own)))


def test_lags_are_how_late_the_answers_come() -> None:
    late = Judged(_recording((160, 200, "wave", 0.9)), [Span("wave", 10.0, 12.0)], 15.0)
    _, chosen = calibrate([late] * 3, LABELS, ONLINE)
    assert chosen["lags"]["start"] == pytest.approx(160 / 15 - 10, abs=0.15)
    assert chosen["lags"]["end"] == pytest.approx(199 / 15 - 12, abs=0.15)
    start = late.events(EventRules(LABELS, np.full(4, 0.5), np.full(4, 3)))[0].start
    assert start == pytest.approx(161 / 15), "ten answers a second, of which 160 / 15 is none"
    exact = replace(late, spans=[Span("wave", start + 0.001, 12.0)])
    _, chosen = calibrate([exact], LABELS, ONLINE)
    assert str(chosen["lags"]["start"]) == "0.0"


def test_what_is_done_in_the_first_second_is_an_event() -> None:
    early = Judged(_recording((0, 12, "wave", 0.97)), [], 15.0)
    [event] = early.events(EventRules(LABELS, np.full(4, 0.5), np.full(4, 3)))
    assert (event.label, event.start) == ("wave", 0)


def test_quiet_classes_are_never_events() -> None:
    recording = Judged(_recording((0, 900, "idle", 0.99)), [], 15.0)
    rules = EventRules(LABELS, np.zeros(4), np.ones(4, int))
    assert recording.events(rules) == []


def test_from_recordings_to_a_file_that_knows_its_thresholds(store: Store, tmp_path: Path) -> None:
    how = DistillSettings(
        optim=OptimSettings(epochs=1, batch_size=32, learning_rate=1e-2),
        online=replace(ONLINE, lasting={"wave": 1.8}),
    )
    recipe = Recipe(input=DATA, student=PLAN, distill=how, compute=COMPUTE)
    metrics = distill(store, tmp_path / "run", recipe)
    assert metrics["protocol"] == "online"
    assert metrics["hours"] > 0
    file = tmp_path / "student.onnx"
    Exporter(tmp_path / "run", store, streaming=True).write(file)
    metadata = Recognizer.load(file).metadata
    assert set(metadata.thresholds) == set(store.labels) - QUIET
    assert metadata.thresholds == metrics["thresholds"]
    assert metadata.patience == metrics["patience"]
    assert metadata.lasting == metrics["lasting"] == {"wave": 1.8}
    assert metadata.lags == metrics["lags"]
    assert metadata.accuracy["false_events_per_hour"] == metrics["false_events_per_hour"]
    assert metadata.warm_up == 5


def test_quiet_classes_can_be_made_less_likely(store: Store, tmp_path: Path) -> None:
    biases = []
    for quiet in (0.0, 2.0):
        how = DistillSettings(optim=OptimSettings(epochs=0), online=replace(ONLINE, quiet=quiet))
        recipe = Recipe(input=DATA, student=PLAN, distill=how, compute=COMPUTE)
        distill(store, tmp_path / str(quiet), recipe)
        network, card = load_classifier(tmp_path / str(quiet))
        assert isinstance(network, Classifier)
        biases.append(last_layer(network.head).bias)
    lowered = (biases[0] - biases[1]).tolist()
    assert lowered == pytest.approx([2.0 * (label in QUIET) for label in card.labels])


def test_three_streams_on_recordings_are_refused_before_they_are_trained(
    store: Store, tmp_path: Path
) -> None:
    """They were trained one after the other, and then refused for want of a second class."""
    recipe = Recipe(input=replace(DATA, stream="three"), student=PLAN, compute=COMPUTE)
    with pytest.raises(InputError, match=r"one stream: expected input.stream joint, .* got three"):
        steps.distill(store, tmp_path / "run", recipe)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("data", "plan"),
    [(replace(DATA, time="stretched"), PLAN), (DATA, replace(PLAN, causal=False))],
)
def test_a_student_that_cannot_stream_is_refused(
    data: InputSettings, plan: EncoderSettings, store: Store, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="recordings train a student that streams"):
        distill(store, tmp_path / "run", Recipe(input=data, student=plan))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"student": replace(PLAN, head="mlp")}, "head"),
        ({"student": replace(PLAN, backbone="gin", joints=())}, "ST-GCN to stream"),
        ({"input": replace(DATA, normalization="first-frame")}, "only be normalised by what came"),
    ],
)
def test_what_cannot_stream_is_refused_before_the_training(
    changes: dict[str, Any], message: str, store: Store, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """It trained for hours, and was refused when it was to be tested."""
    monkeypatch.setattr("skedge.student.online.fit", None)
    recipe = replace(Recipe(input=DATA, student=PLAN, compute=COMPUTE), **changes)
    with pytest.raises(InputError, match=message):
        distill(store, tmp_path / "run", recipe)


@pytest.mark.parametrize(
    ("how", "plan", "message"),
    [
        ({"feature_weight": 1.0}, PLAN, r"feature_weight 0 .* got 1, 1 and 0"),
        ({"logit_weight": 0.0, "feature_weight": 1.0}, PLAN, "feature_weight 0"),
        ({}, replace(PLAN, strides=(1, 2), padding=True), r"got fusion one, strides \[1, 2\]"),
        ({}, replace(PLAN, fusion="mean"), "got fusion mean"),
    ],
)
def test_what_recordings_are_not_learned_from_is_refused(
    how: dict[str, Any], plan: EncoderSettings, message: str, store: Store, tmp_path: Path
) -> None:
    """A weight of features trained nothing, and such teachers ended in a traceback."""
    write_classifier(tmp_path / "teacher", store, DATA, plan)
    recipe = Recipe(input=DATA, student=PLAN, distill=DistillSettings(**how), compute=COMPUTE)
    with pytest.raises(InputError, match=message):
        distill(store, tmp_path / "run", recipe, teachers=[tmp_path / "teacher"])


def test_the_part_that_is_asked_for_is_measured(
    store: Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Settings were chosen by the test part, whatever `input.part` said."""
    parts: list[str] = []

    def answered(*args: Any, **named: Any) -> list[Judged]:
        parts.append(args[2])
        return _answered(*args, **named)

    monkeypatch.setattr("skedge.student.online._answered", answered)
    how = DistillSettings(
        optim=OptimSettings(epochs=0), online=replace(ONLINE, upper_body=["wave", "nobody"])
    )
    found = {}
    for part in ("val", "test"):
        recipe = Recipe(input=replace(DATA, part=part), student=PLAN, distill=how, compute=COMPUTE)
        found[part] = distill(store, tmp_path / part, recipe)
        assert found[part]["part"] == parts[-1] == part
        assert found[part]["recordings"] == len(store.split("xsub", part))
    assert "names nobody, of which" in capsys.readouterr().err


def test_settings_that_recordings_do_not_use_are_noted(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Random changes and the smoothing of labels were passed over in silence."""
    nothing = OptimSettings(epochs=0)
    for name, how in {
        "usual": DistillSettings(optim=nothing, online=ONLINE),
        "changed": DistillSettings(
            optim=nothing, online=ONLINE, augment=AugmentSettings(yaw=30), label_smoothing=0.3
        ),
    }.items():
        distill(
            store, tmp_path / name, Recipe(input=DATA, student=PLAN, distill=how, compute=COMPUTE)
        )
        noted = capsys.readouterr().err
        words = "note: distill.label_smoothing, distill.augment: without effect on recordings"
        assert (words in noted) == (name == "changed"), noted


def _student(
    store: Store, folder: Path, epochs: int = 3, plan: EncoderSettings = PLAN, **how: object
) -> Classifier:
    settings = DistillSettings(
        optim=OptimSettings(epochs=epochs, batch_size=32, learning_rate=1e-2), online=ONLINE
    )
    recipe = Recipe(input=DATA, student=plan, distill=settings, compute=COMPUTE)
    distill(store, folder, recipe, **how)
    network = load_classifier(folder)[0]
    assert isinstance(network, Classifier)
    return network


def test_a_teachers_answers_are_learned_where_there_are_no_labels(
    store: Store, tmp_path: Path
) -> None:
    """What is left to learn is the divergence from the teacher, whose quiet answers are lowered."""
    other = make_store(tmp_path / "real", layout="kinect20", labels=("knock",))
    sees = Recordings(other, range(len(other)), DATA, ONLINE, unlabelled_in=store.layout)
    joints, labels = sees.cut(torch.arange(len(sees.lengths)), 29)
    assert joints.shape[3] == len(store.layout)
    assert (labels == UNASKED).all()
    teacher, student = (write_classifier(tmp_path / name, store, DATA, PLAN) for name in "ab")
    how = DistillSettings(label_weight=1.0, online=replace(ONLINE, quiet=2.0))
    left = []
    for lowered in (0.0, 2.0):
        last_layer(teacher.head).bias.sub_(
            lowered * torch.tensor([float(label in QUIET) for label in store.labels])
        )
        module = Online(student, store.labels, how, sees, teacher=teacher)
        left.append(module.training_step((torch.arange(len(sees.lengths)),), 0).item())
    assert left[0] > 0.01
    assert left[1] == pytest.approx(0, abs=1e-5)
    folder = tmp_path / "run"
    assert _student(store, folder, 1, teachers=[tmp_path / "a"], unlabelled=[other])


def test_a_training_goes_on_with_the_same_recordings_alone(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = DistillSettings(optim=OptimSettings(epochs=1, batch_size=64), online=ONLINE)
    recipe = Recipe(input=DATA, student=PLAN, distill=how, compute=COMPUTE)
    run = tmp_path / "run"
    with monkeypatch.context() as changed:
        changed.setattr("skedge.student.online.finish_online", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            steps.distill(store, run, recipe)
    synthesize_recordings(tmp_path / "others", subjects=6, seed=77, clean=True)
    with pytest.raises(InputError, match=r"got other data; .*train without --resume"):
        steps.distill(Store(tmp_path / "others"), run, recipe, resume=True)
    assert steps.distill(store, run, recipe, resume=True)["protocol"] == "online"


def _interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_frames_of_actions_weigh_more_than_quiet_ones(store: Store, tmp_path: Path) -> None:
    """`distill.online.weight` could go to all frames alike, which is no weight."""
    student = write_classifier(tmp_path / "student", store, DATA, PLAN)
    settings = DistillSettings(online=replace(ONLINE, weight=3.0))
    module = Online(student, LABELS, settings, Recordings(store, [0], DATA, ONLINE))
    assert module.weights.tolist() == [3, 3, 1, 1, 1]


def test_half_precision_moves_no_joint(store: Store, tmp_path: Path) -> None:
    data = Recordings(store, [0], DATA, ONLINE)
    student = write_classifier(tmp_path / "student", store, DATA, PLAN)
    module = Online(student, store.labels, DistillSettings(online=ONLINE), data)
    seen = []
    for half in (False, True):
        torch.manual_seed(0)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            seen.append(module.film(torch.zeros(4, dtype=torch.int64))[0])
    torch.testing.assert_close(*seen)


def _pretrained(folder: Path, store: Store, plan: EncoderSettings) -> Path:
    encoder = make_encoder(store.layout, plan, DATA.frames)
    card = Card("encoder", store.layout, store.labels, DATA, plan, 0.9, {"store": store.name})
    write_run(folder, encoder, card, recipe=Recipe("pretrained"), metrics={})
    return folder


def test_a_student_begins_as_what_was_pretrained(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pretrained = _pretrained(tmp_path / "pretrained", store, PLAN)
    lists = replace(
        PLAN, widths=[*PLAN.widths], strides=[*PLAN.strides]
    )  # as a recipe file spells it
    student = _student(store, tmp_path / "run", 0, plan=lists, pretrained=pretrained)
    assert equal(student.encoder.state_dict(), load_encoder(pretrained, "one")[0].state_dict())
    further = _student(store, tmp_path / "further", 0, pretrained=tmp_path / "run")
    assert equal(further.encoder.state_dict(), student.encoder.state_dict())
    assert "begins as" not in capsys.readouterr().err
    bone = Recipe(input=replace(DATA, stream="bone"), student=PLAN)
    load_beginning(pretrained, store, bone)
    assert "begins as a network of input.stream joint, not bone" in capsys.readouterr().err
    graph = replace(PLAN, distances="true")  # that temporal convolutions do not read
    load_beginning(pretrained, store, Recipe(input=DATA, student=graph))
    other = _pretrained(tmp_path / "other", store, replace(PLAN, widths=(8, 12)))
    with pytest.raises(InputError, match="an encoder of the student's plan, got other widths"):
        _student(store, tmp_path / "no", 0, pretrained=other)


def test_recordings_have_one_teacher(store: Store, tmp_path: Path) -> None:
    _student(store, tmp_path / "teacher", 0)
    with pytest.raises(InputError, match="one teacher of one stream, got 2"):
        _student(store, tmp_path / "no", 0, teachers=[tmp_path / "teacher"] * 2)


def test_a_training_on_recordings_takes_the_most_steps_alone(store: Store, tmp_path: Path) -> None:
    """`most_steps` and `least_steps` had no effect on recordings."""
    settings = DistillSettings(
        optim=OptimSettings(epochs=9, batch_size=32, learning_rate=1e-2, most_steps=1),
        online=ONLINE,
    )
    recipe = Recipe(input=DATA, student=PLAN, distill=settings, compute=COMPUTE)
    assert distill(store, tmp_path / "run", recipe)["epochs"] == 1
