"""A few films taught to the model that comes with skedge."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from skedge.datasets.store import Store, StoreWriter
from skedge.datasets.synthetic.actions import ACTIONS
from skedge.datasets.synthetic.synthesize import clip
from skedge.edge_runtime.models import find
from skedge.edge_runtime.recognizer import Recognizer
from skedge.edge_runtime.scoring.predict import predict_store
from skedge.edge_runtime.taught import logit
from skedge.path import run, who_learns
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import InputSettings
from skedge.skeleton import InputError, load_layout
from skedge.skeleton.layout import Layout
from skedge.skeleton.retarget import retarget
from skedge.steps import export, teach_head
from skedge.student.heading import Heading, Rows, embeddings, fit_head, leave_out
from skedge.student.others import of_others
from skedge.student.shipped import Shipped
from skedge.student.streaming import StreamingClassifier
from skedge.teacher.clips import Clips, Windows, tell
from skedge.teacher.protocols.evaluate import Sets, on_protocol
from skedge.teacher.runs.load import load_classifier

POSE = load_layout("blazepose33")
STANDING = {"nose": (0, 1.6), "left_shoulder": (0.2, 1.4), "left_elbow": (0.25, 1.1),
            "left_wrist": (0.25, 0.85), "left_hip": (0.12, 0.95), "left_knee": (0.12, 0.5),
            "left_ankle": (0.12, 0.08), "left_heel": (0.12, 0.03), "left_foot_index": (0.12, 0.02)}  # fmt: skip


def body() -> np.ndarray:
    """A standing person (33, 3) who faces the camera."""
    joints = np.zeros((33, 3))
    for number, name in enumerate(POSE.joints):
        x, y = STANDING.get(name.replace("right", "left"), (0.03, 1.62))
        if name.endswith(("pinky", "index", "thumb")) and "foot" not in name:
            x, y = 0.25, 0.78
        joints[number] = (-x if name.startswith("right") else x, y, -0.15 if "foot" in name else 0)
    return joints


def films(
    path: Path,
    clips: int = 6,
    rate: float | None = 30.0,
    layout: Layout = POSE,
    labels: tuple[str, ...] = ("rise", "bend"),
    trained: Collection[int] | None = None,
) -> Store:
    """Clips of arms that rise and knees that bend, as the pose estimator gives them; every third
    is for testing, or all but those to be `trained` on."""
    rng = np.random.default_rng(0)
    with StoreWriter(path, name="films", layout=layout, labels=labels, rate=rate) as out:
        out.made_by = {"format": "films"}
        for number in range(2 * clips):
            frames = int(rng.integers(50, 90))
            swing = np.sin(np.linspace(0, np.pi * rng.uniform(3, 6), frames)) ** 2
            joints = np.repeat(body()[None], frames, axis=0)
            if number % 2 == 0:
                hands = [i for i, name in enumerate(POSE.joints) if "wrist" in name]
                joints[:, hands, 1] += 0.9 * swing[:, None]
            else:
                above = joints[0, :, 1] > 0.6
                joints[:, above, 1] -= 0.4 * swing[:, None]
            joints += rng.normal(0, 0.005, joints.shape)
            out.add(f"c{number}", joints[None, :, : len(layout)], label=number % 2)
        parts = np.where(np.arange(2 * clips) // 2 % 3 == 2, 3, 1)
        if trained is not None:
            parts = np.where(np.isin(np.arange(2 * clips), [*trained]), 1, 3)
        out.protocol("films", lambda _: parts.astype(np.int8))
    return Store(path)


def test_the_shipped_encoder_answers_as_the_shipped_file_does() -> None:
    shipped = Shipped()
    network = shipped.classifier(3)
    recognizer = Recognizer.load(find("default"), taught=False)
    rng = np.random.default_rng(1)
    path = rng.normal(0, 0.02, (40, len(shipped.layout), 3)).cumsum(0).astype(np.float32)
    clip = path + np.linspace(0, 1.7, len(shipped.layout), dtype=np.float32)[:, None]
    recognizer.checks_bodies = False
    expected = recognizer.embed(clip, rate=shipped.input.hz)
    with torch.no_grad():
        found = StreamingClassifier(network)(torch.from_numpy(clip)[None, None])[1][0]
    mean = found[shipped.input.warm_up - 1 :].mean(0).numpy()
    np.testing.assert_allclose(mean, expected, atol=1e-3 * np.abs(expected).max())


@pytest.fixture
def few_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an hour of invented people takes a quarter of a minute to learn from."""
    monkeypatch.setattr("skedge.student.others.PEOPLE", 3)
    monkeypatch.setattr("skedge.student.others.CLIPS", 1)


@pytest.mark.usefixtures("few_people")
def test_a_few_films_become_a_live_model_that_tells_them_apart(tmp_path: Path) -> None:
    store = films(tmp_path / "store")
    recipe = Recipe(students=("own",), input=InputSettings(protocol="films"))
    assert who_learns(recipe, store) == ["shipped"]
    metrics = teach_head(store, tmp_path / "run", recipe)
    assert (metrics["top1"], metrics["clips"]) == (100.0, 4)
    assert [*metrics["classes"]] == ["rise", "bend", "other"]
    export(tmp_path / "run", tmp_path / "student.onnx", store, streaming=True)
    found = predict_store(tmp_path / "student.onnx", store, "films")
    assert 100 * found.accuracy == metrics["top1"]
    metadata = Recognizer.load(tmp_path / "student.onnx").metadata
    assert metadata.labels == ("rise", "bend", "other")
    assert metadata.thresholds == {
        label: found["threshold"] for label, found in metrics["events"].items()
    }
    assert metadata.provenance["encoder"]["pool"] == "mean", "few films are too few for more"
    assert metadata.touching, "what the pose estimator makes of two was among the clips"
    assert not Recognizer.load("default").metadata.touching


def test_what_the_shipped_model_cannot_see_is_learned_by_a_network_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(students=("own",), input=InputSettings(protocol="films"))
    store = films(tmp_path / "films")
    for seen in ({"stream": "three"}, {"persons": 2}):
        assert who_learns(replace(recipe, input=replace(recipe.input, **seen)), store) == ["labels"]
    assert who_learns(recipe, films(tmp_path / "no-rate", rate=None)) == ["labels"]
    assert who_learns(recipe, films(tmp_path / "flat", layout=load_layout("coco17"))) == ["labels"]
    for most, who in ((7, "labels"), (8, "shipped")):
        monkeypatch.setattr("skedge.path.FEW", most)
        assert who_learns(recipe, store) == [who], "8 clips train"
    asked = replace(recipe, students=("labels",))
    assert who_learns(asked, store) == ["labels"]


def test_joints_that_cannot_be_placed_are_named(tmp_path: Path) -> None:
    hands = Layout.from_dict(
        {"name": "hand", "joints": ["wrist", "tip"], "bones": [["tip", "wrist"]], "center": "wrist",
         "anchors": {"hip": ["wrist"], "spine": ["wrist"], "chest": ["wrist"]},
         "shoulders": ["wrist", "tip"], "pairs": [], "parts": {}},
        "hand",
    )  # fmt: skip
    store = films(tmp_path / "store", layout=hands)
    with pytest.raises(InputError, match=r"hand.*no counterpart"):
        teach_head(store, tmp_path / "run", Recipe(input=InputSettings(protocol="films")))


def events(model: Path, clips: Sequence[np.ndarray], rate: float = 30) -> list[str]:
    """The labels of the events that a model raises while it is shown clips (T, V, 3), one person
    after another."""
    recognizer = Recognizer.load(model)
    found = []
    for person, joints in enumerate(clips):
        for number, frame in enumerate(joints):
            result = recognizer.update(frame, number / rate, person)
            found += [one.label for one in result.events if not one.ended]
        recognizer.reset()
    return found


def test_a_model_of_a_few_films_is_quiet_at_everything_else(tmp_path: Path) -> None:
    """It knew its own actions alone: whatever anybody did was one of them."""
    store = films(tmp_path / "store")
    recipe = Recipe(students=("own",), input=InputSettings(protocol="films"))
    metrics = teach_head(store, tmp_path / "run", recipe)
    export(tmp_path / "run", tmp_path / "student.onnx", store, streaming=True)
    target = Shipped().layout
    tested = store.split("films", "test")
    own = [retarget(store.clip(i)[0], store.layout, target) for i in tested]
    assert sorted(events(tmp_path / "student.onnx", own)) == ["bend", "bend", "rise", "rise"]
    # Half a minute of what people do otherwise, by nobody whom it has seen.
    strangers = [clip(ACTIONS.index("other"), person, seed=1).joints for person in range(24)]
    assert len(events(tmp_path / "student.onnx", strangers)) <= 1
    for found in metrics["events"].values():
        assert (found["recall"], found["clips"]) == (100, 4)
        assert found["false_per_hour"] < 5


@pytest.mark.usefixtures("few_people")
def test_other_is_lowered_and_thresholds_go_up_by_half_as_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else clips of one's own actions are taken for anything else, or what is else for events."""
    store = films(tmp_path / "store")
    recipe = Recipe(students=("own",), input=InputSettings(protocol="films"))

    def learned(name: str) -> tuple[Tensor, np.ndarray]:
        metrics = teach_head(store, tmp_path / name, recipe)
        head = load_classifier(tmp_path / name)[0].get_submodule("head")
        assert isinstance(head, nn.Linear)
        return head.bias.detach(), logit(np.array([*metrics["thresholds"].values()]))

    bias, thresholds = learned("lowered")
    monkeypatch.setattr("skedge.student.heading.LOWERED", 0.0)
    monkeypatch.setattr("skedge.student.heading.RAISED", 0.0)
    as_learned, as_chosen = learned("as-learned")
    torch.testing.assert_close(bias, as_learned - torch.tensor([0.0, 0.0, 2.0]))
    np.testing.assert_allclose(thresholds, as_chosen + 1, atol=0.05)


@pytest.mark.usefixtures("few_people")
def test_clips_of_anything_else_are_part_of_it(tmp_path: Path) -> None:
    """What a user has of it says more than invented people do."""
    store = films(tmp_path / "store", labels=("rise", "other"))
    recipe = Recipe(students=("own",), input=InputSettings(protocol="films"))
    metrics = teach_head(store, tmp_path / "run", recipe)
    assert [*metrics["classes"]] == ["rise", "other"]
    assert [*metrics["thresholds"]] == ["rise"], "other is never an event"
    assert metrics["top1"] == 100
    export(tmp_path / "run", tmp_path / "student.onnx", store, streaming=True)
    assert Recognizer.load(tmp_path / "student.onnx").labels == ("rise", "other")


@pytest.mark.usefixtures("few_people")
@pytest.mark.parametrize("second", ["bend", "other"])
def test_the_report_says_what_the_events_come_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], second: str
) -> None:
    """It judged a model for a camera by its answers to whole clips alone."""
    store = films(tmp_path / "store", labels=("rise", second))
    recipe = Recipe(students=("own",), input=InputSettings(protocol="films"))
    report = run(recipe, store, tmp_path / "runs")
    found = report["events"]
    folder = tmp_path / "runs" / recipe.name
    target = Shipped().layout
    raised = {
        label: events(
            folder / "student.onnx",
            [
                retarget(store.clip(i)[0], store.layout, target)
                for i in store.split("films", "test")
                if store.labels[store.index["label"][i]] == label
            ],
        )
        for label in store.labels
    }
    own = [label for label in store.labels if label != "other"]
    assert {label: one["right"] for label, one in found["recall_per_class"].items()} == {
        label: raised[label].count(label) for label in own
    }
    assert found["performances"] == 2 * len(own)
    right = sum(raised[label].count(label) for label in own)
    shown = capsys.readouterr().out
    assert f"Events on the test clips: {right} of {2 * len(own)} actions are found, " in shown
    if second == "other":
        hours = found["hours_of_other_movement"]
        seconds = sum(
            store.clip(i).shape[1] / 30
            for i in store.split("films", "test")
            if store.labels[store.index["label"][i]] == "other"
        )
        assert 3600 * hours == pytest.approx(seconds, abs=0.5)
        false = f"{len(raised['other'])} false in {seconds / 60:.1f} min of anything else"
        assert false in shown
    else:
        assert "no clip of anything else (other) says" in shown
    assert "Events on the test clips" in (folder / "report.md").read_text()
    assert (folder / "everyday" / "everyday.html").is_file()


@pytest.mark.usefixtures("few_people")
def test_an_action_of_ones_own_is_not_anything_else(tmp_path: Path) -> None:
    """By its name here or elsewhere: invented claps would teach that a clap is none."""
    shipped = Shipped()

    def clips(*labels: str) -> int:
        return len(of_others(labels, replace(shipped.input, protocol="xsub"), shipped.layout))

    assert clips("rise") == clips("rise", "other", "idle") == 3 * len(ACTIONS)
    assert clips("clap") == clips("Clap", "rise") == clips("hand clap") == 3 * (len(ACTIONS) - 1)
    assert clips("clap", "boxing") == 3 * (len(ACTIONS) - 2)


def test_clips_that_are_looked_at_together_answer_as_each_alone(tmp_path: Path) -> None:
    shipped = Shipped()
    streaming = StreamingClassifier(shipped.classifier(2))
    store = films(tmp_path / "store", clips=20)
    read = partial(Clips.read, store, data=replace(shipped.input, protocol="films"))
    together = embeddings(streaming, read(np.arange(len(store)), layout=shipped.layout))
    assert len(together) == len(store) > 32
    for i in (0, 7, 33):
        (alone,) = embeddings(streaming, read(np.array([i]), layout=shipped.layout))
        torch.testing.assert_close(together[i], alone, atol=1e-4, rtol=0)


def test_thresholds_come_from_clips_that_were_left_out() -> None:
    """By their own heads even clips of nothing are sure; one of a kind says nothing."""
    rng = np.random.default_rng(0)

    def answers(count: int, place: float, apart: float = 0.0) -> list[Tensor]:
        places = rng.normal(place, apart, (count, 1, 400))
        return [torch.from_numpy(rng.normal(one, 1, (12, 400))).float() for one in places]

    others = answers(30, 0.0, 1.0)
    clips = [*answers(10, 2.0), *answers(10, 0.0, 2.0), *answers(1, -2.0)]
    numbers = torch.tensor([0] * 10 + [1] * 10 + [2])
    labels = ("clear", "noise", "once", "other")
    held = leave_out(clips, numbers, others, labels=labels, hz=15)
    assert held.labels == labels[:3]
    assert held.recall("clear", held.threshold("clear")) == 1
    head = nn.Linear(400, 4)
    fit_head(head, Rows.of(clips, numbers, others, 3))
    with torch.no_grad():
        known = [head(one).softmax(1)[:, 1].min().item() for one in clips[10:20]]
    assert min(known) > 0.9, "clips that it learned from"
    assert held.recall("noise", held.threshold("noise")) == 0, "each of them is another"
    assert len(held.mixed["once"]) == 0
    assert held.recall("once", 0.99) == 1, "nothing says that it is missed"
    with torch.no_grad():
        learned = [head(one).softmax(1)[:, 1].median().item() for one in others]
    assert held.others[:, 1].mean() > 2 * np.mean(learned), "those that were left out are less so"
    assert held.seconds == 30 * 12 / 15
    assert held.others.shape == (30, 3)


def test_a_clip_counts_once_however_long_it_is() -> None:
    rng = np.random.default_rng(0)
    clips = [torch.from_numpy(rng.normal(i % 2, 1, (5, 4))).float() for i in range(8)]
    labels = torch.arange(8) % 2
    once, longer = nn.Linear(4, 2), nn.Linear(4, 2)
    fit_head(once, Rows.of(clips, labels, [], 2))
    fit_head(longer, Rows.of([clips[0].repeat(9, 1), *clips[1:]], labels, [], 2))
    torch.testing.assert_close(once.weight, longer.weight, atol=1e-4, rtol=0)
    torch.testing.assert_close(once.bias, longer.bias, atol=1e-4, rtol=0)


def test_a_head_is_the_best_there_is_for_its_clips() -> None:
    """On embeddings as they come, with as much to lose by large weights as by wrong answers: the
    slope of the loss is 0, and so is a mean of answers the actions' shares."""
    rng = np.random.default_rng(0)
    labels = torch.tensor([0, 0, 0, 0, 0, 1, 1, 2])
    clips = [
        torch.from_numpy(rng.normal(3 + int(label), [1, 2, 5, 9], (4 + number, 4))).float()
        for number, label in enumerate(labels)
    ]
    head = nn.Linear(4, 3)
    fit_head(head, Rows.of(clips, labels, [], 3))
    weight, bias = (one.detach().double().requires_grad_() for one in (head.weight, head.bias))
    means = torch.stack([clip.double().mean(0) for clip in clips])
    squares = torch.stack([clip.double().square().mean(0) for clip in clips])
    variance = squares.mean(0) - means.mean(0).square()
    answers = [clip.double() @ weight.T + bias for clip in clips]
    wrong = [
        functional.cross_entropy(answer, label.expand(len(answer)))
        for answer, label in zip(answers, labels, strict=True)
    ]
    (torch.stack(wrong).mean() + Heading.decay / 2 * (weight.square() * variance).sum()).backward()
    assert weight.grad is not None
    assert bias.grad is not None
    assert (weight.grad / variance.sqrt()).abs().max() < 1e-4
    assert bias.grad.abs().max() < 1e-4
    shares = torch.stack([answer.softmax(1).mean(0) for answer in answers]).mean(0)
    torch.testing.assert_close(
        shares.detach(), torch.tensor([5, 2, 1]).double() / 8, atol=1e-4, rtol=0
    )


@pytest.mark.usefixtures("few_people")
@pytest.mark.parametrize(
    ("trained", "left_out"),
    [((0, 1), {"rise": 0, "bend": 0}), ((0, 2, 4, 1), {"rise": 3, "bend": 0})],
    ids=["one of each", "one of one"],
)
def test_an_action_of_a_single_clip_is_learned_too(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    trained: tuple[int, ...],
    left_out: dict[str, int],
) -> None:
    """One training clip of each action ended in a traceback."""
    tell.cache_clear()
    store = films(tmp_path / "store", trained=trained)
    recipe = Recipe(students=("own",), input=InputSettings(protocol="films"))
    metrics = teach_head(store, tmp_path / "run", recipe)
    assert metrics["top1"] == 100
    assert {label: found["clips"] for label, found in metrics["events"].items()} == left_out
    said = capsys.readouterr().err
    for label, clips in left_out.items():
        assert (f"note: {label}: fewer than two training clips" in said) is (clips == 0)
    assert all(0 <= found["false_per_hour"] < 100 for found in metrics["events"].values())


def test_a_clip_has_an_answer_for_each_frame_from_the_warm_up_on_and_a_short_one_its_last(
    tmp_path: Path,
) -> None:
    shipped = Shipped()
    recipe = Recipe(input=InputSettings(protocol="films"))
    data = on_protocol(shipped.input, recipe.input)
    train = Sets.read(films(tmp_path / "store"), data, shipped.layout).train
    assert isinstance(train, Windows)
    first = shipped.input.warm_up
    streaming = StreamingClassifier(shipped.classifier(2))
    lengths = train.lengths.tolist()
    assert min(lengths) > first
    found = embeddings(streaming, train)
    assert [len(one) for one in found] == [length - first + 1 for length in lengths]
    begun = train.frames[: first - 1]
    short = Windows(begun, torch.tensor([first - 1]), train.labels[:1], data)
    (last,) = embeddings(streaming, short)
    with torch.no_grad():
        expected = streaming(begun.transpose(0, 1)[None])[1][0, -1:]
    torch.testing.assert_close(last, expected)
