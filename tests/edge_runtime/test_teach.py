"""New actions from a few clips: the rule, the file, and that a Recognizer knows them afterwards."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from skedge.cli import main
from skedge.datasets.store import Store, StoreWriter
from skedge.edge_runtime import Recognizer
from skedge.edge_runtime.events import EventRules
from skedge.edge_runtime.learning import HeldOut, hold_out, learn
from skedge.edge_runtime.models import find
from skedge.edge_runtime.scoring.predict import predict_file
from skedge.edge_runtime.taught import OutdatedError, Taught, beside, taught_by
from skedge.edge_runtime.teach import Played, teach
from skedge.skeleton import InputError, load_layout, retarget
from tests.edge_runtime.edge_models import metadata, walk, write_model

SIZE = 12
MODEL = metadata(frames=4, seconds=1.0, labels=("wave", "clap", "idle"))


def cloud(seed: int, count: int = 5, answers: int = 8) -> list[np.ndarray]:
    """Clips of embeddings (answers, SIZE) around a place that the seed names."""
    place = 4 * np.random.default_rng(seed).normal(size=SIZE)
    rng = np.random.default_rng(1000 + seed)
    return [place + rng.normal(size=(answers, SIZE)) for _ in range(count)]


NEW = {"jump": cloud(10), "bow": cloud(11, 3)}
OTHERS = [clip for seed in range(20, 40) for clip in cloud(seed, 2)]


@settings(max_examples=8)
@given(st.integers(0, 10**6), st.floats(0, 100))
@example(707, 90.1171875)  # what was taught is so sure that a probability was below 0
def test_answers_are_probabilities_and_the_models_own_keep_their_proportions(
    seed: int, size: float
) -> None:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(3), size=7)
    taught = learn(NEW, OTHERS)
    both = taught.combine(probabilities, size * rng.normal(size=(7, SIZE)), MODEL)
    assert both.shape == (7, 5)
    assert (both >= 0).all()
    np.testing.assert_allclose(both.sum(axis=1), 1, atol=1e-5)
    own = both[:, :3].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(both[:, :3], probabilities * own, atol=1e-4)


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.floats(0, 3), st.floats(0.3, 0.99), st.floats(0.05, 0.99))
def test_what_was_taught_again_is_never_less_probable_than_before(
    seed: int, size: float, reached: float, wanted: float
) -> None:
    """And as probable as begins its event where it is as sure as the clips were."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(3), size=50)
    embedding = size * rng.normal(size=(50, SIZE))
    taught = replace(
        learn({"clap": cloud(10)}, OTHERS), again=("clap",), thresholds={"clap": reached}
    )
    model = replace(MODEL, thresholds={"clap": wanted})
    after = taught.combine(probabilities, embedding, model)
    assert after.shape == (50, 3)
    np.testing.assert_allclose(after.sum(axis=1), 1, atol=1e-5)
    assert (after[:, 1] >= probabilities[:, 1] - 1e-6).all()
    share = taught.shares(embedding)[:, 1]
    begins = (share >= reached) | (probabilities[:, 1] >= wanted)
    clear = np.abs(share - reached) > 1e-4
    np.testing.assert_array_equal((after[:, 1] >= wanted - 1e-6)[clear], begins[clear])
    # What is not taught keeps its proportions.
    np.testing.assert_allclose(
        after[:, 0] * probabilities[:, 2], after[:, 2] * probabilities[:, 0], atol=1e-6
    )
    if min(reached, wanted) > 0.5:  # what lasts must be more probable than all else
        unsure = (share < 0.5) & (probabilities[:, 1] < 0.5)
        assert (after[unsure, 1] < 0.5 + 1e-6).all()


def test_new_actions_and_known_ones_may_be_taught_at_once() -> None:
    taught = replace(
        learn({"jump": cloud(10), "clap": cloud(11)}, OTHERS),
        again=("clap",),
        thresholds={"jump": 0.8, "clap": 0.8},
    )
    assert taught.new == ("jump",)
    idle = np.tile([0.05, 0.05, 0.9], (30, 1))
    for seed, column in ((10, 3), (11, 1)):
        answers = taught.combine(idle, np.concatenate(cloud(seed, 30)[20:])[:30], MODEL)
        assert answers.shape == (30, 4)
        np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)
        assert (answers.argmax(axis=1) == column).mean() > 0.9


@settings(max_examples=40)
@given(
    st.integers(0, 10**6),
    st.permutations(["wave", "clap", "jump"]),
    st.lists(st.floats(0.6, 0.95), min_size=3, max_size=3),
    st.tuples(st.floats(0.5, 0.97), st.floats(0.5, 0.97)),
)
def test_what_begins_an_event_is_the_same_whatever_else_is_taught_and_in_any_order(
    seed: int, order: list[str], reached: list[float], wanted: tuple[float, float]
) -> None:
    """The last of the store's classes took from those before it, and new ones from all."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(3), size=50)
    embedding = 2 * rng.normal(size=(50, SIZE))
    limits = dict(zip(("wave", "clap", "jump"), reached, strict=True))
    model = replace(MODEL, thresholds=dict(zip(("wave", "clap"), wanted, strict=True)))
    clips = {"wave": cloud(12), "clap": cloud(11), "jump": cloud(10)}

    def learned(labels: list[str]) -> Taught:
        taught = learn({label: clips[label] for label in labels}, OTHERS)
        return replace(taught, again=("wave", "clap"), thresholds=limits)

    taught = learned(["wave", "clap", "jump"])
    after = taught.combine(probabilities, embedding, model)
    assert (after >= 0).all()
    np.testing.assert_allclose(after.sum(axis=1), 1, atol=1e-5)
    same = learned(order).combine(probabilities, embedding, model)
    np.testing.assert_allclose(after, same, atol=1e-4)
    shares = taught.shares(embedding)[:, 1:]
    for number, label in enumerate(("wave", "clap")):
        sure = (shares[:, number] >= limits[label]) | (
            (probabilities[:, number] >= wanted[number]) & (shares.argmax(axis=1) == number)
        )
        assert (after[sure, number] >= wanted[number] - 1e-5).all(), "as sure as the clips were"
    new = shares[:, 2] > 0.5
    np.testing.assert_allclose(after[new, 3], shares[new, 2], atol=1e-5)


def test_taught_clips_are_known_afterwards_and_others_are_not_taken_for_them() -> None:
    taught = learn(NEW, OTHERS)
    for number, label in enumerate(NEW, 1):
        unseen = np.concatenate(cloud(10 + number - 1, 40)[10:])
        assert (taught.shares(unseen).argmax(axis=1) == number).mean() > 0.9, label
    elsewhere = np.concatenate([clip for seed in range(20, 40) for clip in cloud(seed, 6)[3:]])
    assert (taught.shares(elsewhere).argmax(axis=1) == 0).mean() > 0.9


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(InputError, match="anything else"):
        learn(NEW, [])
    with pytest.raises(InputError, match="at least one new class"):
        learn({}, OTHERS)


def test_what_cannot_be_told_apart_is_measured_so() -> None:
    """A class like everything else is not seen again; one of its own is, without false events."""
    new = {"odd": [[clip] for clip in cloud(10)], "same": [[clip] for clip in cloud(25)]}
    others = [clip for seed in range(20, 40) for clip in cloud(seed, 5)]
    found = hold_out(new, others, 600.0, patience={"odd": 3, "same": 3})
    threshold = found.threshold("odd")
    assert found.recall("odd", threshold) == 1
    assert found.false_per_hour("odd", threshold) <= 5
    assert found.recall("same", 0.5) < 0.5 or found.false_per_hour("same", 0.5) > 5


def test_every_clip_is_left_out_in_its_turn_and_waits_as_long_as_its_class() -> None:
    """The clips of two folds were in the order of the folds."""
    clips = [[clip] for clip in cloud(10, count=15)]
    clips[2] = [cloud(30)[0]]  # of something else
    clips[12] = [clips[12][0][:4]]  # too short for five answers in a row
    others = [clip for seed in range(20, 40) for clip in cloud(seed, 2)]
    found = hold_out({"odd": clips}, others, 600.0, patience={"odd": 5})
    missed = np.flatnonzero(found.mixed["odd"][:, 0] < 0.5)
    assert missed.tolist() == [2, 12]
    quick = hold_out({"odd": clips}, others, 600.0, patience={"odd": 3})
    assert np.flatnonzero(quick.mixed["odd"][:, 0] < 0.5).tolist() == [2]


@given(st.lists(st.floats(0.001, 0.999), min_size=4, max_size=60))
def test_fewer_false_events_at_higher_thresholds(reached: list[float]) -> None:
    held = HeldOut(("a",), {"a": np.ones((3, 1))}, np.array(reached)[:, None], 600.0)
    rates = [held.false_per_hour("a", one) for one in (0.3, 0.5, 0.7, 0.9, 0.99)]
    assert min(rates) >= 0
    assert rates[-1] <= max(rates[0], 6 * len(reached))
    assert 0.3 <= held.threshold("a") < 1


class TestFile:
    """What is written for the model."""

    @pytest.fixture
    def taught(self) -> Taught:
        return learn(NEW, OTHERS, MODEL.weights_sha256)

    def test_it_comes_back_as_it_was(self, taught: Taught, tmp_path: Path) -> None:
        path = beside(tmp_path / "student.onnx")
        assert path == tmp_path / "student.taught.json"
        taught.save(path)
        again = Taught.load(path, MODEL)
        assert (again.labels, again.clips) == (("jump", "bow"), (5, 3))
        embedding = np.random.default_rng(0).normal(size=(9, SIZE))
        np.testing.assert_allclose(again.shares(embedding), taught.shares(embedding), atol=1e-5)
        assert [one.name for one in tmp_path.iterdir()] == [path.name]

    def test_known_actions_come_back_and_older_programs_do_not_read_them(
        self, taught: Taught, tmp_path: Path
    ) -> None:
        taught.save(tmp_path / "new.json")
        assert json.loads((tmp_path / "new.json").read_text())["version"] == 2
        known = replace(taught, labels=("jump", "clap"), again=("clap",))
        known.save(tmp_path / "t.json")
        document = json.loads((tmp_path / "t.json").read_text())
        assert document["version"] == 3
        found = Taught.load(tmp_path / "t.json", MODEL)
        assert (found.new, found.again) == (("jump",), ("clap",))
        for wrong in ([], ["jump"], ["clap", "jump"], ["idle"]):
            (tmp_path / "t.json").write_text(json.dumps(document | {"again": wrong}))
            with pytest.raises(InputError, match="damaged"):
                Taught.load(tmp_path / "t.json", MODEL)

    def test_another_models_is_outdated_and_says_how_to_repeat_it(
        self, taught: Taught, tmp_path: Path
    ) -> None:
        taught.save(tmp_path / "t.json")
        with pytest.raises(OutdatedError, match=r"Teach again: skedge teach MODEL STORE"):
            Taught.load(tmp_path / "t.json", metadata(weights_sha256="1" * 64))

    @pytest.mark.parametrize("damage", ["version", "weights", "labels", "thresholds", "scale"])
    def test_a_damaged_one_is_refused(self, taught: Taught, tmp_path: Path, damage: str) -> None:
        path = tmp_path / "t.json"
        taught.save(path)
        document = json.loads(path.read_text())
        document[damage] = {"version": "x", "labels": ["wave", "bow"]}.get(damage, "!")
        path.write_text(json.dumps(document))
        with pytest.raises(InputError, match="damaged"):
            Taught.load(path, MODEL)

    def test_the_package_is_never_written_to(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        assert beside(find("default")) == tmp_path / "skedge" / "taught" / "default.taught.json"
        assert beside(find("default.tflite")) == beside(find("default"))

    def test_what_cannot_be_written_is_said(self, taught: Taught, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(InputError, match="expected a place"):
            taught.save(tmp_path / "file" / "t.json")


class TestTeaching:
    """A store of clips, a model, and what it answers afterwards."""

    def motion(self, kind: int, seed: int) -> np.ndarray:
        """A clip (1, 90, 25, 3) of a kind of its own."""
        own = walk(90, 30, seed=kind)[:, 0]
        noise = np.random.default_rng(seed).normal(0, 0.05, (90, 25, 3))
        return (own + noise)[None].astype(np.float32)

    @pytest.fixture
    def room(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        # Bodies that are none, but for the model of a few numbers.
        monkeypatch.setattr("skedge.edge_runtime.teach._check", lambda store, numbers: None)
        write_model(tmp_path / "m.onnx", MODEL)
        self.store(tmp_path / "mine", ["jump", "bow", "other"])
        return tmp_path

    def clip(self, room: Path) -> Path:
        np.save(room / "clip.npy", self.motion(1, 1)[0])
        return room / "clip.npy"

    def store(self, path: Path, labels: list[str], clips: int = 5) -> Path:
        kinds = {"wave": 1, "clap": 2, "jump": 3, "bow": 4, "ring": 5}
        with StoreWriter(
            path, name="mine", layout=load_layout("ntu25"), labels=labels, rate=30.0
        ) as writer:
            for number, label in enumerate(labels):
                for i in range(25 if label == "other" else clips):
                    kind = 100 + i if label == "other" else kinds[label.lower()]
                    writer.add(f"{label} {i}", self.motion(kind, 10 * kind + i), label=number)
            writer.protocol("all", lambda index: np.full(len(index), 3, np.int8))
        return path

    def test_the_model_knows_the_new_actions_beside_its_own(self, room: Path) -> None:
        found = teach(room / "m.onnx", room / "mine")
        assert set(found["taught"]) == {"jump", "bow"}
        assert found["taught"]["jump"]["recall"] == 100
        assert found["other"]["seconds"] == 75
        after = Recognizer.load(room / "m.onnx")
        assert after.labels == ("wave", "clap", "idle", "jump", "bow")
        assert after.rules.thresholds[3] == found["taught"]["jump"]["threshold"]
        for kind, label in ((3, "jump"), (4, "bow")):
            events = []
            for number, frame in enumerate(self.motion(kind, 99)[0]):
                events += after.update(frame, number / 30, label).events
            assert {event.label for event in events} == {label}

    def test_a_known_action_is_taught_as_somebody_does_it(self, room: Path) -> None:
        """A wave that the model misses could only be taught under another name."""
        self.store(room / "waves", ["Wave", "jump", "other"])

        def waves() -> set[str]:
            recognizer = Recognizer.load(room / "m.onnx")
            frames = enumerate(self.motion(1, 99)[0])
            return {
                event.label
                for number, frame in frames
                for event in recognizer.update(frame, number / 30).events
            }

        assert "wave" not in waves()
        found = teach(room / "m.onnx", room / "waves", again=["wave"])
        assert set(found["taught"]) == {"wave", "jump"}
        wave = found["taught"]["wave"]
        assert (wave["recall"], wave["recall_before"]) == (100, 0)
        assert wave["false_per_hour"] >= wave["false_per_hour_before"]
        assert Recognizer.load(room / "m.onnx").labels == ("wave", "clap", "idle", "jump")
        assert waves() == {"wave"}
        flags = ["--model", str(room / "m.onnx"), "--out", str(room / "report")]
        main(["evaluate", "everyday", "--data", str(room / "mine"), *flags])
        said = (room / "report" / "everyday.md").read_text()
        assert "- With what `skedge teach` has added: wave, jump." in said
        write_model(room / "m.onnx", metadata(frames=4, seconds=1.0, weights_sha256="1" * 64))
        [note] = Recognizer.load(room / "m.onnx").notes
        assert note.endswith(f"skedge teach {room / 'm.onnx'} {room / 'waves'} --again wave")

    def test_how_it_was_taught_is_kept_as_it_was_typed(self, room: Path) -> None:
        waves = self.store(room / "waves", ["Wave", "jump"])
        out = room / "my actions.json"
        teach(room / "m.onnx", waves, room / "mine", again=["wave"], out=out)
        assert taught_by(out) == (
            ["wave", "jump"],
            f"skedge teach {room / 'm.onnx'} {waves} --other {room / 'mine'} --again wave"
            f" --out '{out}'",
        )

    def test_known_actions_are_anything_else_where_nobody_asks_for_them(self, room: Path) -> None:
        self.store(room / "waves", ["wave", "jump", "other"])
        found = teach(room / "m.onnx", room / "waves")
        assert set(found["taught"]) == {"jump"}
        assert found["other"]["seconds"] == 75 + 15
        (warning,) = [one for one in found["warnings"] if one.startswith("wave")]
        assert "part of anything else; --again wave teaches them" in warning
        found = teach(room / "m.onnx", room / "waves", again=["wave"])
        assert not [one for one in found["warnings"] if "part of anything else" in one]

    def test_what_the_model_recognises_anyway_is_said(
        self, room: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("skedge.edge_runtime.teach.events_of", lambda rules, clip: ["wave"])
        self.store(room / "waves", ["wave", "other"])
        found = teach(room / "m.onnx", room / "waves", again=["wave"])
        assert found["taught"]["wave"]["recall_before"] == 100
        assert found["taught"]["wave"]["false_per_hour_before"] == 25 / (75 / 3600)
        assert any("without being taught (100 %)" in one for one in found["warnings"])

    def test_where_nothing_can_be_written_shows_before_anything_is_learned(
        self, room: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """All clips were played first, which takes minutes on a board."""
        monkeypatch.setattr("skedge.edge_runtime.teach.play", lambda *_: pytest.fail("was played"))
        self.store(room / "waves", ["wave", "other"])
        (room / "file").write_text("")
        for out, words in (
            (room / "file" / "t.json", "expected a folder that can be written into"),
            (room, "expected a file to write, got a folder"),
        ):
            with pytest.raises(InputError, match=words):
                teach(room / "m.onnx", room / "waves", again=["wave"], out=out)

    @pytest.mark.parametrize(
        ("own", "higher"),
        [
            ({}, "0.99"),
            ({"wave": 0.9}, "0.99"),
            ({"wave": 0.995}, "0.999"),
            ({"wave": 0.9999}, "0.99998"),
        ],
    )
    def test_false_events_of_the_model_alone_are_not_blamed_on_the_clips(
        self, room: Path, monkeypatch: pytest.MonkeyPatch, own: dict[str, float], higher: str
    ) -> None:
        """More clips of anything else were advised, which change nothing about what the model
        raises by itself: a threshold does, if it is higher than the one in the model's file, which
        was not looked at."""
        write_model(room / "m.onnx", replace(MODEL, thresholds=own))
        monkeypatch.setattr("skedge.edge_runtime.teach.events_of", lambda rules, clip: ["wave"])
        self.store(room / "waves", ["wave", "other"])
        [warning] = [
            one
            for one in teach(room / "m.onnx", room / "waves", again=["wave"])["warnings"]
            if "false events" in one
        ]
        assert "1200 of them without being taught; a higher threshold" in warning
        said = f"--threshold wave={higher}: `skedge evaluate everyday` says which one"
        assert said in warning
        assert "record more" not in warning

    def test_what_the_model_alone_sees_counts_as_seen(
        self, room: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Clips of anything teach nothing; they are seen all the same, and no oftener by chance."""
        monkeypatch.setattr("skedge.edge_runtime.teach.events_of", lambda rules, clip: ["wave"])
        with StoreWriter(
            room / "vague", name="v", layout=load_layout("ntu25"), labels=["wave"], rate=30.0
        ) as writer:
            for i in range(5):
                writer.add(f"{i}", self.motion(100 + 5 * i, i), label=0)
        taught = teach(room / "m.onnx", room / "vague", other=room / "mine", again=["wave"])
        wave = taught["taught"]["wave"]
        assert (wave["recall"], wave["recall_before"]) == (100, 100)
        assert wave["threshold"] >= 0.6

    def test_a_known_action_is_awaited_as_long_as_the_model_does(self, room: Path) -> None:
        """Forty answers in a row are four seconds, which no clip has."""
        write_model(room / "m.onnx", replace(MODEL, patience={"wave": 40}))
        self.store(room / "waves", ["wave", "jump", "other"])
        taught = teach(room / "m.onnx", room / "waves", again=["wave"])["taught"]
        assert (taught["wave"]["recall"], taught["jump"]["recall"]) == (0, 100)

    @pytest.mark.parametrize(
        ("again", "message"),
        [
            (["fly"], r"--again: expected actions of the model \(wave, clap\), got fly"),
            (["idle"], r"--again: expected actions of the model \(wave, clap\), got idle"),
            (
                ["Clap"],
                "mine: expected clips of clap, got none; `skedge record --out .*mine clap` adds",
            ),
            ([" wave "], "mine: expected clips of wave, got none"),
        ],
    )
    def test_what_cannot_be_taught_again_is_refused(
        self, room: Path, again: list[str], message: str
    ) -> None:
        with pytest.raises(InputError, match=message):
            teach(room / "m.onnx", room / "mine", again=again)

    def test_a_class_without_clips_is_not_taught_again_without_a_word(self, room: Path) -> None:
        """`--again wave` taught the other classes alone."""
        with StoreWriter(
            room / "some", name="s", layout=load_layout("ntu25"), labels=["wave", "jump"], rate=30.0
        ) as writer:
            for i in range(3):
                writer.add(f"jump {i}", self.motion(3, i), label=1)
        with pytest.raises(InputError, match="some: expected clips of wave, got none"):
            teach(room / "m.onnx", room / "some", other=room / "mine", again=["wave"])

    def test_a_threshold_of_what_was_taught_to_an_older_model_keeps_nothing_from_starting(
        self, room: Path
    ) -> None:
        """After an update of the model the service did not start any more."""
        teach(room / "m.onnx", room / "mine")
        known = Recognizer.load(room / "m.onnx", threshold={"jump": 0.9, "wave": 0.8})
        assert known.given == {"jump": 0.9, "wave": 0.8}
        write_model(room / "m.onnx", metadata(frames=4, seconds=1.0, weights_sha256="1" * 64))
        updated = Recognizer.load(room / "m.onnx", threshold={"jump": 0.9, "wave": 0.8})
        assert updated.given == {"wave": 0.8}
        assert "no longer fits the model" in updated.notes[0]
        # Of a class of the model's own that was taught again it holds as before.
        self.store(room / "waves", ["wave", "other"])
        teach(room / "m.onnx", room / "waves", again=["wave"])
        write_model(room / "m.onnx", metadata(frames=4, seconds=1.0, weights_sha256="2" * 64))
        updated = Recognizer.load(room / "m.onnx", threshold={"wave": 0.8})
        assert updated.given == {"wave": 0.8}
        with pytest.raises(InputError, match=r"expected actions of the model .*, got fly"):
            Recognizer.load(room / "m.onnx", threshold={"fly": 0.9})

    def test_a_store_of_known_actions_alone_says_how_to_teach_them(self, room: Path) -> None:
        self.store(room / "waves", ["wave", "other"])
        with pytest.raises(InputError, match="; --again wave teaches it once more, as you do it"):
            teach(room / "m.onnx", room / "waves")

    def test_actions_that_are_no_longer_taught_are_named(self, room: Path) -> None:
        """Teaching from a second store forgot the actions of the first without a word."""
        self.store(room / "more", ["jump", "ring"])
        first, again, more = (
            [one for one in teach(room / "m.onnx", store, other)["warnings"] if "before" in one]
            for store, other in ((room / "mine", None),) * 2 + ((room / "more", room / "mine"),)
        )
        assert first == again == []
        assert "bow: taught before by `skedge teach " in more[0]
        assert "one store with the clips of all" in more[0]

    def test_a_clip_too_short_for_an_answer_does_no_harm(self, room: Path) -> None:
        with StoreWriter(
            room / "short", name="short", layout=load_layout("ntu25"), labels=["other"], rate=30.0
        ) as writer:
            writer.add("cut off", self.motion(100, 1)[:, :2], label=0)
            writer.protocol("all", lambda index: np.full(len(index), 3, np.int8))
        found = teach(room / "m.onnx", room / "mine", other=room / "short")
        assert found["taught"]["jump"]["recall"] == 100

    def test_it_insists_on_a_minute_of_anything_else(self, room: Path) -> None:
        """And names the actions: who had recorded `others` was told of 0 s, not why."""
        self.store(room / "bare", ["jump", "bow"])
        with pytest.raises(
            InputError, match=r"a minute or more.*\(jump, bow\).*skedge record other --out"
        ):
            teach(room / "m.onnx", room / "bare")
        found = teach(room / "m.onnx", room / "bare", other=room / "mine")
        assert found["other"]["seconds"] == 75
        assert not (room / "nothing").exists()

    def test_almost_a_minute_is_not_called_one(self, room: Path) -> None:
        """Who had recorded 59.6 s read that a minute was expected, and that there were 60 s."""
        self.store(room / "bare", ["jump", "bow"])
        with StoreWriter(
            room / "rest", name="rest", layout=load_layout("ntu25"), labels=["other"], rate=30.0
        ) as writer:
            writer.add("rest", np.repeat(self.motion(100, 1)[:, :1], 1788, 1), label=0)
            writer.protocol("all", lambda index: np.full(len(index), 3, np.int8))
        with pytest.raises(InputError, match=r"a minute or more.*, got 59 s;"):
            teach(room / "m.onnx", room / "bare", other=room / "rest")

    def test_of_days_of_anything_else_hours_are_looked_at(
        self, room: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A day of it, as `--record-poses` brings, took more memory than a Pi has."""
        monkeypatch.setattr("skedge.edge_runtime.teach.MOST_OTHER", 36.0)
        found = teach(room / "m.onnx", room / "mine")
        assert found["other"]["seconds"] == 27, "9 of 25 clips of 3 s"
        assert found["warnings"][0] == (
            f"{room / 'mine'}: 0.0 of 0.0 hours of anything else are looked at: 1 of 3 clips"
        )
        with StoreWriter(
            room / "few", name="f", layout=load_layout("ntu25"), labels=["other"], rate=30.0
        ) as writer:
            writer.add("while", self.motion(200, 1), label=0)
        found = teach(room / "m.onnx", room / "mine", room / "few")
        assert found["other"]["seconds"] == 30, "what is little is looked at whole"
        monkeypatch.setattr("skedge.edge_runtime.teach.MOST_OTHER", 75.0)
        assert teach(room / "m.onnx", room / "mine")["other"]["seconds"] == 75

    def test_anything_else_may_be_called_in_capitals(self, room: Path) -> None:
        """`Other` was taken for a new action, and a minute of it asked for again."""
        store = json.loads((room / "mine" / "store.json").read_text())
        store["labels"][2] = "Other"
        (room / "mine" / "store.json").write_text(json.dumps(store))
        found = teach(room / "m.onnx", room / "mine")
        assert set(found["taught"]) == {"jump", "bow"}
        assert found["other"]["seconds"] == 75

    def test_a_pace_that_nobody_knows_is_said(self, room: Path) -> None:
        store = json.loads((room / "mine" / "store.json").read_text())
        (room / "mine" / "store.json").write_text(json.dumps(store | {"rate": None}))
        found = teach(room / "m.onnx", room / "mine")
        assert "does not know its frame rate: 30 Hz assumed" in found["warnings"][0]

    def test_one_clip_of_a_class_is_too_few(self, room: Path) -> None:
        self.store(room / "one", ["ring"], clips=1)
        with pytest.raises(InputError, match="two clips of each class to teach"):
            teach(room / "m.onnx", room / "one", other=room / "mine")

    def test_clips_too_short_to_learn_from_are_named(self, room: Path) -> None:
        """The sentence named no class, no store and no remedy."""
        with StoreWriter(
            room / "cut", name="cut", layout=load_layout("ntu25"), labels=["ring"], rate=30.0
        ) as writer:
            writer.add("whole", self.motion(5, 1), label=0)
            writer.add("cut off", self.motion(5, 2)[:, :3], label=0)
        with pytest.raises(InputError, match=r"two clips of ring .*\(0\.5 s\), got 1 of 2; record"):
            teach(room / "m.onnx", room / "cut", other=room / "mine")

    def test_a_class_like_everything_else_is_warned_of(self, room: Path) -> None:
        with StoreWriter(
            room / "vague", name="v", layout=load_layout("ntu25"), labels=["what"], rate=30.0
        ) as writer:
            for i in range(5):
                writer.add(f"{i}", self.motion(100 + 5 * i, i), label=0)
        found = teach(room / "m.onnx", room / "vague", other=room / "mine")
        assert any(warning.startswith("what:") for warning in found["warnings"])
        assert found["taught"]["what"]["recall"] < 50
        assert "not known again" not in " ".join(found["warnings"]), "no take of it went well"

    @pytest.mark.parametrize("label", ["hop", "wave"])
    def test_a_take_that_went_wrong_is_named(
        self, room: Path, monkeypatch: pytest.MonkeyPatch, label: str
    ) -> None:
        """The report said that four of five were seen, and not which one was not. Of an action
        that the model knows it is no miss where the model sees it untaught."""
        with StoreWriter(
            room / "my takes",
            name="t",
            layout=load_layout("ntu25"),
            labels=[label, "other"],
            rate=30.0,
        ) as writer:
            writer.add("too short", self.motion(222, 9)[:, :3], label=1)
            for i in range(5):
                writer.add(f"take {i}", self.motion(140 if i == 3 else 3, i), label=0)
        again = [label] if label == "wave" else []
        monkeypatch.setattr("skedge.edge_runtime.teach.events_of", lambda rules, clip: [])
        whole = teach(room / "m.onnx", room / "my takes", room / "mine", again)
        assert whole["taught"][label]["recall"] == 80
        (said,) = [one for one in whole["warnings"] if "not known again" in one]
        assert said.startswith(f"{label}: not known again by the other clips: take 3;")
        assert f"`skedge data remove '{room / 'my takes'}' 'take 3'` takes out one" in said
        monkeypatch.setattr("skedge.edge_runtime.teach.events_of", lambda rules, clip: ["wave"])
        whole = teach(room / "m.onnx", room / "my takes", room / "mine", again)
        missed = [one for one in whole["warnings"] if "not known again" in one]
        assert len(missed) == (label == "hop")

    def test_what_is_taken_for_it_in_anything_else_is_named(self, room: Path) -> None:
        """The action itself, done while anything else was recorded, made many false events of it,
        and nobody knew in which clip."""
        with StoreWriter(
            room / "more", name="m", layout=load_layout("ntu25"), labels=["other"], rate=30.0
        ) as writer:
            parts = [self.motion(300 + i, i) for i in range(10)]
            writer.add("of several stretches", np.concatenate(parts, axis=1), label=0)
            for i in range(30):
                kind = 3 if i in (8, 9, 21) else 200 + i
                writer.add(f"while {i}", self.motion(kind, 60 + i), label=0)
        found = teach(room / "m.onnx", room / "mine", other=room / "more")
        said = [one for one in found["warnings"] if "taken for it in anything else" in one]
        assert len(said) == 1
        where = [f"{room / 'more'}#while {number}" for number in (8, 9, 21)]
        assert said[0].startswith(f"jump: taken for it in anything else: {', '.join(where)};")

    def test_clips_that_are_told_apart_need_no_word(self, room: Path) -> None:
        said = " ".join(teach(room / "m.onnx", room / "mine")["warnings"])
        assert "not known again" not in said
        assert "taken for it" not in said

    def test_an_action_that_the_model_takes_for_one_it_knows_is_named(
        self, room: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In more than half of its clips: three of five jumps, two of five bows."""
        asked: dict[int, int] = {}

        def events_of(rules: EventRules, clip: Played) -> list[str]:
            number = asked.setdefault(id(clip), len(asked))
            return ["clap"] if number in (0, 1, 2, 5, 6) else []

        monkeypatch.setattr("skedge.edge_runtime.teach.events_of", events_of)
        warnings = teach(room / "m.onnx", room / "mine")["warnings"]
        assert [one for one in warnings if "takes it for" in one] == [
            "jump: the model takes it for 'clap', which it knows, in 3 of 5 clips"
        ]

    def test_two_actions_that_are_one_are_named(self, room: Path) -> None:
        with StoreWriter(
            room / "twice", name="t", layout=load_layout("ntu25"), labels=["hop", "leap"], rate=30.0
        ) as writer:
            for i in range(10):
                writer.add(f"{i}", self.motion(3, i), label=i % 2)
        warnings = teach(room / "m.onnx", room / "twice", other=room / "mine")["warnings"]
        for one, another in (("hop", "leap"), ("leap", "hop")):
            assert any(
                warning.startswith(f"{one}: taken for '{another}' in ") for warning in warnings
            )
        assert not any(
            "taken for" in one for one in teach(room / "m.onnx", room / "mine")["warnings"]
        )

    @pytest.mark.parametrize(("layout", "persons"), [("kinect20", 1), ("ntu25", 2)])
    def test_clips_of_another_layout_or_with_somebody_else_teach_the_same(
        self, room: Path, layout: str, persons: int
    ) -> None:
        """The model takes one person: the first."""
        mine, other = Store(room / "mine"), load_layout(layout)
        with StoreWriter(
            room / "other", name="o", layout=other, labels=mine.labels, rate=30.0
        ) as writer:
            for i, row in enumerate(mine.index):
                joints = retarget(mine.clip(i), mine.layout, other)
                writer.add(str(i), np.repeat(joints, persons, axis=0), label=row["label"])
        found = teach(room / "m.onnx", room / "other")["taught"]
        assert {label: one["recall"] for label, one in found.items()} == {"jump": 100, "bow": 100}

    def test_a_model_updated_in_place_still_starts(self, room: Path) -> None:
        teach(room / "m.onnx", room / "mine")
        write_model(room / "m.onnx", metadata(frames=4, seconds=1.0, weights_sha256="1" * 64))
        recognizer = Recognizer.load(room / "m.onnx")
        assert recognizer.labels == MODEL.labels
        [note] = recognizer.notes
        assert f"skedge teach {room / 'm.onnx'} {room / 'mine'}" in note
        assert note in predict_file(room / "m.onnx", self.clip(room)).notes
        with pytest.raises(InputError, match="Teach again"):
            Recognizer.load(room / "m.onnx", taught=beside(room / "m.onnx"))

    def test_it_can_be_left_aside_or_come_from_another_file(self, room: Path) -> None:
        teach(room / "m.onnx", room / "mine", out=room / "elsewhere.json")
        assert Recognizer.load(room / "m.onnx").labels == MODEL.labels
        assert len(Recognizer.load(room / "m.onnx", taught=room / "elsewhere.json").labels) == 5
        with pytest.raises(InputError, match="found none"):
            Recognizer.load(room / "m.onnx", taught=room / "nowhere.json")

    def test_a_damaged_file_beside_the_model_is_said(self, room: Path) -> None:
        beside(room / "m.onnx").write_bytes(b"nonsense")
        with pytest.raises(InputError, match=r"m\.taught\.json.*remove it"):
            Recognizer.load(room / "m.onnx")

    def test_on_the_command_line(self, room: Path, capsys: pytest.CaptureFixture[str]) -> None:
        main(["teach", str(room / "m.onnx"), str(room / "mine")])
        assert set(json.loads(capsys.readouterr().out)["taught"]) == {"jump", "bow"}
        self.store(room / "waves", ["wave", "clap", "other"])
        main(["teach", str(room / "m.onnx"), str(room / "waves"), "--again", "wave", "clap"])
        assert set(json.loads(capsys.readouterr().out)["taught"]) == {"wave", "clap"}
