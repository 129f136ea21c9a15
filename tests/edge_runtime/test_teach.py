"""New actions from a few clips: the rule, the file, and that a Recognizer knows them afterwards."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skedge.cli import main
from skedge.datasets.store import StoreWriter
from skedge.edge_runtime import Recognizer
from skedge.edge_runtime.scoring.predict import predict_store
from skedge.edge_runtime.taught import Taught, beside
from skedge.edge_runtime.teach import learn, teach
from skedge.skeleton import InputError, load_layout
from tests.edge_runtime.edge_models import metadata, walk, write_model

SIZE = 12
MODEL = metadata(frames=4, seconds=1.0, labels=("wave", "clap", "idle"))


def cloud(seed: int, count: int = 20, spread: float = 0.2) -> np.ndarray:
    """Embeddings (count, SIZE) around a place that the seed names, wide in the first direction."""
    place = np.random.default_rng(seed).normal(size=SIZE)
    rng = np.random.default_rng(1000 + seed)
    return place + rng.normal(size=(count, SIZE)) * np.array([3.0, *[spread] * (SIZE - 1)])


KNOWN = {label: cloud(seed) for seed, label in enumerate(("wave", "clap", "idle"))}
NEW = {"jump": cloud(10, 5), "bow": cloud(11, 3)}


def reference(probabilities: np.ndarray, embedding: np.ndarray) -> np.ndarray:
    """The rule of the module's docstring, one number after the other."""
    means = {label: clips.mean(axis=0) for label, clips in KNOWN.items()}
    center = sum(means.values()) / len(means)
    covariance, count = np.zeros((SIZE, SIZE)), 0
    for label, clips in KNOWN.items():
        for clip in clips:
            covariance += np.outer(clip - means[label], clip - means[label])
            count += 1
    covariance /= count
    covariance = 0.95 * covariance + 0.05 * np.trace(covariance) / SIZE * np.eye(SIZE)
    # Any W with W W^T equal to the inverse gives the same cosines.
    whitening = np.linalg.cholesky(np.linalg.inv(covariance))

    def direction(vector: np.ndarray) -> np.ndarray:
        white = (vector - center) @ whitening
        return white / np.linalg.norm(white)

    def mean(clips: np.ndarray) -> np.ndarray:
        total = sum(direction(clip) for clip in clips)
        return total / np.linalg.norm(total)

    nearest = max(direction(embedding) @ mean(clips) for clips in KNOWN.values())
    scores = list(probabilities)
    for clips in NEW.values():
        own = mean(clips)
        threshold = np.quantile(
            [direction(clip) @ own for known in KNOWN.values() for clip in known], 0.95
        )
        scores.append(np.exp(20 * (direction(embedding) @ own - max(nearest, threshold))))
    return np.array(scores) / sum(scores)


@given(st.integers(0, 10**6))
@settings(max_examples=30)
def test_the_rule_is_what_the_documentation_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    embedding, probabilities = rng.normal(size=SIZE) * 2, rng.dirichlet(np.ones(3))
    np.testing.assert_allclose(
        learn(NEW, KNOWN).combine(probabilities, embedding),
        reference(probabilities, embedding),
        atol=2e-5,
    )


@given(st.integers(0, 10**6), st.floats(0, 100))
def test_answers_are_probabilities_and_the_models_own_keep_their_proportions(
    seed: int, size: float
) -> None:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(3), size=7)
    both = learn(NEW, KNOWN).combine(probabilities, size * rng.normal(size=(7, SIZE)))
    assert both.shape == (7, 5)
    assert (both >= 0).all()
    np.testing.assert_allclose(both.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(
        both[:, :3] / both[:, :3].sum(axis=1, keepdims=True), probabilities, atol=1e-4
    )


def test_taught_clips_are_known_afterwards_and_others_are_not_taken_for_them() -> None:
    taught = learn(NEW, KNOWN)
    sure = np.eye(3) * 0.8 + 0.2 / 3
    for number, label in enumerate(NEW):
        answers = taught.combine(np.tile(sure[0], (195, 1)), cloud(10 + number, 200)[5:])
        assert (answers.argmax(axis=1) == 3 + number).mean() > 0.95, label
    for number, label in enumerate(KNOWN):
        answers = taught.combine(np.tile(sure[number], (180, 1)), cloud(number, 200)[20:])
        assert (answers.argmax(axis=1) == number).mean() > 0.9, label


def test_one_clip_of_one_class_and_one_of_each_known_one_will_do() -> None:
    taught = learn({"jump": NEW["jump"][:1]}, {label: clips[:1] for label, clips in KNOWN.items()})
    assert taught.combine(np.array([0.6, 0.3, 0.1]), NEW["jump"][0]).argmax() == 3
    assert taught.clips == (1,)


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(InputError, match="at least two classes"):
        learn(NEW, {"wave": KNOWN["wave"]})
    with pytest.raises(InputError, match="at least one class"):
        learn({}, KNOWN)


class TestFile:
    """What is written beside the model."""

    @pytest.fixture
    def taught(self) -> Taught:
        return learn(NEW, KNOWN, MODEL.weights_sha256)

    def test_it_comes_back_as_it_was(self, taught: Taught, tmp_path: Path) -> None:
        path = beside(tmp_path / "student.onnx")
        assert path.name == "student.taught.json"
        taught.save(path)
        again = Taught.load(path, MODEL)
        assert (again.labels, again.clips) == (("jump", "bow"), (5, 3))
        embedding = np.random.default_rng(0).normal(size=(9, SIZE))
        probabilities = np.full((9, 3), 1 / 3)
        np.testing.assert_array_equal(
            again.combine(probabilities, embedding), taught.combine(probabilities, embedding)
        )
        assert [one.name for one in tmp_path.iterdir()] == [path.name]

    def test_another_models_is_refused(self, taught: Taught, tmp_path: Path) -> None:
        taught.save(tmp_path / "t.json")
        for other in (metadata(weights_sha256="1" * 64), metadata(labels=("jump", "clap"))):
            with pytest.raises(InputError, match="another model"):
                Taught.load(tmp_path / "t.json", other)

    def test_a_missing_one_and_a_newer_one(self, taught: Taught, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="found none"):
            Taught.load(tmp_path / "t.json", MODEL)
        taught.save(tmp_path / "t.json")
        document = json.loads((tmp_path / "t.json").read_text()) | {"version": 99}
        (tmp_path / "t.json").write_text(json.dumps(document))
        with pytest.raises(InputError, match="newer"):
            Taught.load(tmp_path / "t.json", MODEL)

    @pytest.mark.parametrize(
        "name",
        [
            "center",
            "whitening",
            "known",
            "means",
            "thresholds",
            "labels",
            "clips",
            "model",
            "version",
        ],
    )
    @pytest.mark.parametrize(
        "wrong", [None, "", "AAAA", "AACAfw==", [], {}, [[[]]], "x y", float("inf"), 10**400]
    )
    def test_a_damaged_one_is_one_line(
        self, taught: Taught, tmp_path: Path, name: str, wrong: object
    ) -> None:
        path = tmp_path / "t.json"
        taught.save(path)
        document = json.loads(path.read_text())
        for damaged in (
            document | {name: wrong},
            {key: value for key, value in document.items() if key != name},
        ):
            path.write_text(json.dumps(damaged))
            with pytest.raises(InputError, match=r"damaged|another model|newer"):
                Taught.load(path, MODEL)

    @given(data=st.data())
    def test_any_damage_is_one_line_or_none(
        self, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        path = tmp_path_factory.getbasetemp() / "fuzzed.json"
        if not hasattr(self, "content"):
            few = {label: clips[:, :3] for label, clips in KNOWN.items()}
            learn({"jump": cloud(10, 2)[:, :3]}, few, MODEL.weights_sha256).save(path)
            self.content = path.read_bytes()
        content = bytearray(self.content)
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(
            content[: data.draw(st.integers(0, len(content)))]
            if data.draw(st.booleans())
            else content
        )
        try:
            Taught.load(path, MODEL)
        except InputError:
            return

    def test_a_folder_that_cannot_be_written_to(self, taught: Taught, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="expected a place"):
            taught.save(tmp_path / "nowhere" / "t.json")


class TestTeaching:
    """A store of clips, a model, and what it answers afterwards."""

    def motion(self, kind: int, seed: int, layout: str = "ntu25") -> np.ndarray:
        """A clip (1, 30, V, 3) of a kind of its own."""
        own = walk(30, 30, seed=kind)[:, 0] + np.random.default_rng(seed).normal(
            0, 0.05, (30, 25, 3)
        ).astype(np.float32)
        return own[None, :, : len(load_layout(layout))]

    @pytest.fixture
    def room(self, tmp_path: Path) -> Path:
        write_model(tmp_path / "m.onnx", MODEL)
        self.store(tmp_path / "mine", ["jump", "bow"])
        self.store(tmp_path / "known", ["wave", "clap"])
        return tmp_path

    def store(self, path: Path, labels: list[str], clips: int = 4) -> Path:
        kinds = {"wave": 1, "clap": 2, "jump": 3, "bow": 4, "ring": 5}
        with StoreWriter(
            path, name="mine", layout=load_layout("ntu25"), labels=labels, rate=30.0
        ) as writer:
            for number, label in enumerate(labels):
                for i in range(clips):
                    writer.add(
                        f"{label} {i}",
                        self.motion(kinds[label], 10 * kinds[label] + i),
                        label=number,
                    )
            writer.protocol("all", lambda index: np.full(len(index), 3, np.int8))
        return path

    def test_the_model_knows_the_new_actions_beside_its_own(self, room: Path) -> None:
        before = Recognizer.load(room / "m.onnx")
        assert before.labels == MODEL.labels
        found = teach(room / "m.onnx", room / "mine", room / "known")
        assert found["taught"] == {"jump": 4, "bow": 4}
        assert found["known"]["clips"] == 8
        after = Recognizer.load(room / "m.onnx")
        assert after.labels == ("wave", "clap", "idle", "jump", "bow")
        assert after.metadata.labels == MODEL.labels
        for kind, label in ((3, "jump"), (4, "bow")):
            clip = self.motion(kind, 99).transpose(1, 0, 2, 3)
            assert after.labels[after.predict(clip).argmax()] == label
            for number, frame in enumerate(clip):
                result = after.update(frame, number / 30, label)
            assert result.label == label
            assert len(result.probabilities) == 5
        own = self.motion(1, 99).transpose(1, 0, 2, 3)
        assert after.predict(own)[3:].sum() < 0.5
        np.testing.assert_array_equal(after.embed(own), before.embed(own))
        assert predict_store(after, room / "mine", "all").accuracy == 1.0

    def test_it_can_be_left_aside_or_come_from_another_file(self, room: Path) -> None:
        teach(room / "m.onnx", room / "mine", room / "known", out=room / "elsewhere.json")
        assert Recognizer.load(room / "m.onnx").labels == MODEL.labels
        assert len(Recognizer.load(room / "m.onnx", taught=room / "elsewhere.json").labels) == 5
        teach(room / "m.onnx", room / "mine", room / "known")
        assert Recognizer.load(room / "m.onnx", taught=False).labels == MODEL.labels
        with pytest.raises(InputError, match="found none"):
            Recognizer.load(room / "m.onnx", taught=room / "nowhere.json")

    def test_a_damaged_file_beside_the_model_is_said(self, room: Path) -> None:
        beside(room / "m.onnx").write_bytes(b"nonsense")
        with pytest.raises(InputError, match=r"m\.taught\.json.*remove it"):
            Recognizer.load(room / "m.onnx")

    def test_teaching_again_replaces_what_was_taught(self, room: Path) -> None:
        teach(room / "m.onnx", room / "mine", room / "known")
        teach(room / "m.onnx", self.store(room / "other", ["ring", "wave", "clap"]))
        assert Recognizer.load(room / "m.onnx").labels == ("wave", "clap", "idle", "ring")

    def test_known_actions_come_from_the_synthetic_set_where_no_store_has_them(
        self, tmp_path: Path
    ) -> None:
        write_model(tmp_path / "m.onnx", metadata(frames=4, labels=("wave", "clap", "squat")))
        found = teach(tmp_path / "m.onnx", self.store(tmp_path / "mine", ["jump", "bow"]))
        assert found["known"]["classes"] == 3

    def test_without_known_actions_or_new_ones_there_is_one_line(self, room: Path) -> None:
        write_model(room / "other.onnx", metadata(frames=4, labels=("lift", "carry")))
        with pytest.raises(InputError, match="--known"):
            teach(room / "other.onnx", room / "mine")
        with pytest.raises(InputError, match="does not know"):
            teach(room / "m.onnx", room / "known")
        assert not beside(room / "other.onnx").exists()

    def test_of_many_known_clips_some_are_read(
        self, room: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("skedge.edge_runtime.teach.CLIPS_PER_KNOWN_CLASS", 3)
        assert teach(room / "m.onnx", room / "mine", room / "known")["known"]["clips"] == 6

    def test_joints_of_another_layout_are_placed(self, room: Path) -> None:
        rng = np.random.default_rng(0)
        with StoreWriter(
            room / "blaze", name="b", layout=load_layout("blazepose33"), labels=["ring"], rate=30.0
        ) as writer:
            writer.add("ring 1", rng.normal(size=(1, 30, 33, 3)), label=0)
        teach(room / "m.onnx", room / "blaze", room / "known")
        assert Recognizer.load(room / "m.onnx").labels[-1] == "ring"

    def test_on_the_command_line(self, room: Path, capsys: pytest.CaptureFixture[str]) -> None:
        main(["teach", str(room / "m.onnx"), str(room / "mine"), "--known", str(room / "known")])
        assert json.loads(capsys.readouterr().out)["taught"] == {"jump": 4, "bow": 4}
        main(["predict", str(room / "m.onnx"), str(room / "mine"), "--protocol", "all"])
        assert "top-1 100.00 % of 8 clips" in capsys.readouterr().out
