"""Stores and files through a model: whole clips and frame by frame, other layouts, unknown classes,
wrong files."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from skedge.cli import main
from skedge.datasets.store import PARTS, Store, StoreWriter
from skedge.edge_runtime import Recognizer
from skedge.edge_runtime.scoring.predict import Classes, predict_file, predict_store, understood
from skedge.skeleton import InputError, load_layout, retarget
from tests.edge_runtime.edge_models import METADATA, metadata, walk, write_model
from tests.edge_runtime.test_guard import NTU, standing
from tests.edge_runtime.test_online import STORE as RECORDINGS
from tests.edge_runtime.test_online import write_store as write_recordings


def write_store(
    path: Path,
    labels: tuple[str, ...],
    layout: str = "ntu25",
    rate: float | None = 30,
    lengths: tuple[int, ...] = (40, 50, 60),
) -> Path:
    kind = load_layout(layout)
    with StoreWriter(path, name="walks", layout=kind, labels=labels, rate=rate) as writer:
        for i, length in enumerate(lengths):
            joints = retarget(walk(length, 30, seed=i), load_layout("ntu25"), kind)
            writer.add(f"clip{i}", joints.transpose(1, 0, 2, 3), label=i % len(labels))
        writer.protocol("all", lambda index: np.full(len(index), PARTS["test"]))
    return path


def test_a_store_whole_and_frame_by_frame(model: Path, tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", METADATA.labels)
    recognizer = Recognizer.load(model, hop=0)
    report = predict_store(recognizer, store, "all", "test")
    assert [prediction.name for prediction in report.predictions] == ["clip0", "clip1", "clip2"]
    assert [prediction.truth for prediction in report.predictions] == list(METADATA.labels)
    assert report.notes == ()
    for i, prediction in enumerate(report.predictions):
        np.testing.assert_array_equal(
            prediction.probabilities, recognizer.predict(walk((40, 50, 60)[i], 30, seed=i))
        )
    expected = np.mean([prediction.label == prediction.truth for prediction in report.predictions])
    assert report.accuracy == expected
    # Clips within the window: a camera's way ends in the same answer.
    live = predict_store(model, store, "all", frame_by_frame=True)
    every = predict_store(recognizer, store, "all", frame_by_frame=True)
    for one, other, late in zip(
        report.predictions, every.predictions, live.predictions, strict=True
    ):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-5)
        assert late.label is not None


def test_clips_too_short_for_an_answer_are_wrong(model: Path, tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", METADATA.labels, lengths=(60, 20, 20))
    report = predict_store(model, store, "all", frame_by_frame=True)
    assert [prediction.label is None for prediction in report.predictions] == [False, True, True]
    assert report.accuracy <= 1 / 3
    assert "2 clips ended before the first answer" in report.notes[0]
    assert "which takes 1 s" in report.notes[0]


def test_a_file_too_short_for_an_answer_says_how_long_that_takes(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "clip.npy"
    np.save(path, standing(20))
    main(["predict", str(model), str(path), "--rate", "30", "--frame-by-frame"])
    late = "no answer: the clip ended before the first one, which takes 1 s"
    assert capsys.readouterr().out == f"{late}\t0.000\n"


def test_labels_are_matched_by_name(model: Path, tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", ("idle", "juggle", "wave"))
    report = predict_store(model, store, "all")
    assert [prediction.truth for prediction in report.predictions] == ["idle", "wave"]
    assert report.notes == ("1 of 3 clips left out: the model does not know their class",)
    other = write_store(tmp_path / "other", ("juggle", "whistle"))
    with pytest.raises(InputError, match="expected clips of the model's classes"):
        predict_store(model, other, "all")


@pytest.mark.parametrize(
    ("synonyms", "words"),
    [
        ({"gret": "wave"}, "unknown class 'gret'.*greet"),
        ({"greet": "wawe"}, "model's name of 'greet'.*wave.*got 'wawe'"),
    ],
)
def test_a_misspelt_synonym_is_refused(
    synonyms: dict[str, str], words: str, model: Path, tmp_path: Path
) -> None:
    """It had no effect, and its clips were left out as if the model did not know them."""
    store = write_store(tmp_path / "store", ("greet", "idle"))
    with pytest.raises(InputError, match=words):
        predict_store(model, store, "all", classes=Classes(synonyms=synonyms))


def test_a_store_without_a_split_is_taken_whole_and_that_is_said(
    model: Path, tmp_path: Path
) -> None:
    """With `--part train` too, and without a word."""
    layout = load_layout("ntu25")
    with StoreWriter(
        tmp_path / "store", name="walks", layout=layout, labels=METADATA.labels, rate=30
    ) as writer:
        writer.add("clip", walk(40, 30).transpose(1, 0, 2, 3), label=0)
    for part in ("test", "train"):
        report = predict_store(model, tmp_path / "store", part=part)
        assert report.notes == ("the store has no split: all of its clips are measured",)
    assert predict_store(model, tmp_path / "store", part="all").notes == ()


@pytest.mark.parametrize(
    ("protocols", "measured"),
    [(("one", "two"), "clip0"), (("two", "one"), "clip1"), (("one", "odd-even"), "clip2")],
)
def test_a_store_is_measured_by_the_models_own_split_else_by_its_first(
    model: Path, tmp_path: Path, protocols: tuple[str, ...], measured: str
) -> None:
    tested = {"one": 0, "two": 1, "odd-even": 2}
    with StoreWriter(
        tmp_path / "store", name="s", layout=NTU, labels=METADATA.labels, rate=30
    ) as writer:
        for i in range(3):
            writer.add(f"clip{i}", walk(40, 30, seed=i).transpose(1, 0, 2, 3), label=i)
        for name in protocols:
            codes = np.full(3, PARTS["train"])
            codes[tested[name]] = PARTS["test"]
            writer.protocol(name, lambda index, codes=codes: codes)
    report = predict_store(model, tmp_path / "store")
    assert [one.name for one in report.predictions] == [measured]


def test_clips_with_other_bytes_are_left_out_by_name(model: Path, tmp_path: Path) -> None:
    """Two of three are measured, and the report names the one that is not."""
    store = Store(write_store(tmp_path / "store", METADATA.labels))
    joints = np.load(store.path / "joints.npy", mmap_mode="r+")
    joints[int(store.index["offset"][1])] += 1
    joints.flush()
    report = predict_store(model, store.path, "all")
    assert [one.name for one in report.predictions] == ["clip0", "clip2"]
    assert report.notes == (
        "1 clip left out, with bytes that are not what was written, such as clip1",
    )
    joints += 1
    joints.flush()
    with pytest.raises(InputError, match=r"as they were written, got 3 with other bytes; import"):
        predict_store(model, store.path, "all")


def test_recordings_are_no_clips(model: Path, tmp_path: Path) -> None:
    """A minute of many actions was one clip of one class, and its accuracy said nothing."""
    store = write_recordings(tmp_path / "store", RECORDINGS)
    with pytest.raises(InputError, match=r"got recordings.*`skedge evaluate online` measures"):
        predict_store(model, store, "all")


def test_one_class_only(model: Path, tmp_path: Path) -> None:
    store = write_store(
        tmp_path / "store", ("idle", "juggle", "wave", "clap"), lengths=(40, 50, 60)
    )
    assert [
        one.name for one in predict_store(model, store, "all", classes=Classes("wave")).predictions
    ] == ["clip2"]
    for label, expected in (
        ("sneeze", "unknown class 'sneeze'"),
        ("clap", "expected clips of 'clap'"),
        ("juggle", "expected clips of the model's classes"),
    ):
        with pytest.raises(InputError, match=expected):
            predict_store(model, store, "all", classes=Classes(label))


def test_another_layout_is_retargeted(model: Path, tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", METADATA.labels, layout="kinect20")
    report = predict_store(model, store, "all")
    assert report.notes == ("joints retargeted from kinect20 to ntu25",)


def test_an_unknown_rate_is_told(model: Path, tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", METADATA.labels, rate=None)
    assert "30 Hz assumed" in predict_store(model, store, "all", frame_by_frame=True).notes[0]
    assert predict_store(model, store, "all").notes == ()


def test_progress_can_be_followed(model: Path, tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", METADATA.labels)
    seen: list[int] = []
    predict_store(model, store, "all", track=lambda clips: (seen.append(i) or i for i in clips))
    assert seen == [0, 1, 2]


def test_wrong_part_and_protocol(model: Path, tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", METADATA.labels)
    with pytest.raises(InputError, match="is empty"):
        predict_store(model, store, "all", "val")
    with pytest.raises(InputError, match="unknown protocol"):
        predict_store(model, store, "some")


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("frame_by_frame", [False, True])
def test_a_file(model: Path, tmp_path: Path, suffix: str, frame_by_frame: bool) -> None:
    path, clip = tmp_path / f"my clip{suffix}", walk(40, 20)
    if suffix == ".npy":
        np.save(path, clip)
    else:
        np.savez(path, joints=clip, other=np.zeros(3))
    recognizer = Recognizer.load(model, hop=0)
    prediction = predict_file(recognizer, path, rate=20, frame_by_frame=frame_by_frame)
    np.testing.assert_allclose(prediction.probabilities, recognizer.predict(clip), atol=1e-5)
    assert prediction.label == METADATA.labels[int(prediction.probabilities.argmax())]


@pytest.mark.parametrize("frame_by_frame", [False, True])
def test_a_file_of_bodies_that_make_no_sense_gets_no_answer_and_no_count(
    model: Path, tmp_path: Path, frame_by_frame: bool
) -> None:
    recognizer = Recognizer.load(model, hop=0)
    recognizer.checks_bodies = True
    body = standing(45)
    for name, clip, expected in (
        ("mm", 1000 * body, "are these millimetres"),
        ("up", body * np.array([1, -1, 1], np.float32), "y points down"),
        ("away", np.full_like(body, np.nan), "no joint is seen"),
        ("noise", np.random.default_rng(0).normal(0, 0.4, body.shape), "which joint is which"),
    ):
        path = tmp_path / f"{name}.npy"
        np.save(path, clip)
        with pytest.raises(InputError, match=expected) as caught:
            predict_file(recognizer, path, frame_by_frame=frame_by_frame)
        assert str(caught.value).startswith(str(path))
        with pytest.raises(InputError, match=expected):
            recognizer.repetitions(clip)
    np.save(tmp_path / "fine.npy", body)
    fine = predict_file(recognizer, tmp_path / "fine.npy", frame_by_frame=frame_by_frame)
    assert fine.label in METADATA.labels


@pytest.mark.parametrize("frame_by_frame", [False, True])
def test_a_clip_of_a_store_that_makes_no_sense_is_wrong_and_named(
    model: Path, tmp_path: Path, frame_by_frame: bool
) -> None:
    """The others are answered all the same."""
    recognizer = Recognizer.load(model, hop=0)
    recognizer.checks_bodies = True
    bodies = [standing(60), standing(60) * np.array([1, -1, 1], np.float32), standing(60, seed=1)]
    for name, chosen in (("mixed", bodies), ("wrong", bodies[1:2])):
        with StoreWriter(
            tmp_path / name, name=name, layout=NTU, labels=METADATA.labels, rate=30
        ) as writer:
            for i, body in enumerate(chosen):
                writer.add(f"clip{i}", body[None], label=0)
    report = predict_store(recognizer, tmp_path / "mixed", frame_by_frame=frame_by_frame)
    assert [one.label is None for one in report.predictions] == [False, True, False]
    assert not report.predictions[1].right
    [note] = [note for note in report.notes if "make no sense" in note]
    assert note.startswith("1 of 3 clips make no sense")
    assert "clip1: the clip: the head is below the feet" in note
    assert not any("before the first answer" in note for note in report.notes)
    with pytest.raises(InputError, match="clip0: the clip: the head is below the feet"):
        predict_store(recognizer, tmp_path / "wrong", frame_by_frame=frame_by_frame)


def test_wrong_bodies_are_noted_wherever_in_a_store_they_are(model: Path, tmp_path: Path) -> None:
    """More clips than are looked at, of which the first is right."""
    right, wrong = standing(40)[None], standing(40)[None] * np.array([1, -1, 1], np.float32)
    with StoreWriter(
        tmp_path / "store", name="set", layout=NTU, labels=METADATA.labels, rate=30
    ) as writer:
        for i in range(60):
            writer.add(f"clip{i}", wrong if i else right, label=0)
    notes = predict_store(model, tmp_path / "store", part="all").notes
    assert any("the head is below the feet" in note for note in notes)


def test_a_recognizer_measures_clips_between_two_recordings(model: Path, tmp_path: Path) -> None:
    """The clip's time stamps are behind those of the first, and the second one's behind its own."""
    clip = walk(40, 20)
    np.save(tmp_path / "clip.npy", clip)
    expected = predict_file(model, tmp_path / "clip.npy", rate=20, frame_by_frame=True)
    recognizer = Recognizer.load(model)
    recognizer.update(clip[0, 0], 50.0)
    found = predict_file(recognizer, tmp_path / "clip.npy", rate=20, frame_by_frame=True)
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)
    assert not recognizer.update(clip[0, 0], 0.0).ready


@pytest.mark.parametrize("frame_by_frame", [False, True])
def test_a_rate_at_which_nothing_can_be_told_or_nobody_moves_is_named(
    model: Path, streaming_model: Path, tmp_path: Path, frame_by_frame: bool
) -> None:
    recognizer = Recognizer.load(streaming_model)
    recognizer.checks_bodies = True
    path = tmp_path / "clip.npy"
    np.save(path, standing(120))
    with pytest.raises(InputError, match=r"rate: 2\.0 frames come per second, too few"):
        predict_file(recognizer, path, rate=2, frame_by_frame=frame_by_frame)
    assert predict_file(recognizer, path, rate=5, frame_by_frame=frame_by_frame).notes == ()
    (note,) = predict_file(recognizer, path, rate=900, frame_by_frame=frame_by_frame).notes
    assert "are there really 900 frames a second" in note
    assert predict_file(recognizer, path, rate=1000, frame_by_frame=frame_by_frame).notes
    with pytest.raises(InputError, match="up to 1000 frames per second, got 1001"):
        predict_file(recognizer, path, rate=1001, frame_by_frame=frame_by_frame)
    # A model that stretches clips has no use for the rate.
    stretching = Recognizer.load(model)
    stretching.checks_bodies = True
    assert stretching.predict(standing(60), rate=2).shape == (len(stretching.labels),)


def test_one_array_of_any_name(model: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", walk(40, 20)[:, 0])
    assert predict_file(model, tmp_path / "one.npz").label in METADATA.labels


def test_a_joint_that_is_lost_in_one_frame_is_lost_in_that_one_alone() -> None:
    clip = standing(60)
    holed = clip.copy()
    holed[20, 7, 1] = np.nan
    expected = clip.copy()
    expected[20, 7] = np.nan
    joints, notes = understood(holed, NTU, None, "clip.npy", rate=30)
    np.testing.assert_array_equal(joints, expected.astype(np.float32))
    assert notes == []


def test_joints_that_are_not_those_of_the_layout_named_are_refused() -> None:
    """By the model's own number of joints, a clip would pass for one of the model's layout."""
    with pytest.raises(InputError, match="expected 20 joints"):
        understood(standing(60), NTU, "kinect20", "clip.npy")


class Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("trapped"),)


def test_wrong_files(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("count.npy", np.zeros((30, 20, 3)))
    np.save("absent.npy", np.full((30, 25, 3), np.nan))
    np.save("flat.npy", np.zeros(30))
    np.save("planar.npy", np.zeros((30, 25, 2)))
    np.save("text.npy", np.array(["a", "b"]))
    np.save("table.npy", np.full((30, 25, 3), "a"))
    np.savez("many.npz", a=np.zeros(3), b=np.zeros(3))
    np.savez("none.npz")
    np.savez("poses.npz", picture=[0], person=[1], joints=np.zeros((1, 33, 3)), rate=30.0)
    Path("our poses.npz").write_bytes(Path("poses.npz").read_bytes())
    np.save("trap.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    Path("trap.pkl").write_bytes(pickle.dumps(Trap()))
    Path("cut.npy").write_bytes(Path("count.npy").read_bytes()[:500])
    Path("cut.npz").write_bytes(Path("many.npz").read_bytes()[:200])
    Path("empty.npy").write_bytes(b"")
    Path("header.npy").write_bytes(Path("count.npy").read_bytes().replace(b"{", b"(", 1))
    np.savez_compressed("packed.npz", joints=np.random.default_rng(0).normal(size=(30, 25, 3)))
    packed = Path("packed.npz").read_bytes()
    Path("packed.npz").write_bytes(packed[:200] + bytes(len(packed) - 600) + packed[-400:])
    for frame_by_frame in (False, True):
        for name, expected in (
            ("count.npy", "expected 25 joints"),
            ("flat.npy", "expected shape (frames, joints, 3)"),
            ("planar.npy", "expected shape (frames, joints, 3)"),
            ("text.npy", "array of coordinates"),
            ("table.npy", "array of coordinates"),
            ("many.npz", "one called joints, got a, b"),
            ("none.npz", "one called joints, got none"),
            ("poses.npz", "got a pose recording; see `skedge evaluate everyday --data poses.npz`"),
            ("our poses.npz", "`skedge live --source 'our poses.npz'` or"),
            ("trap.npy", "damaged or different"),
            ("trap.pkl", "damaged or different file; `skedge live --source` takes films"),
            ("cut.npy", "damaged or different"),
            ("cut.npz", "damaged or different"),
            ("empty.npy", "damaged or different"),
            ("header.npy", "damaged or different"),
            ("packed.npz", "damaged or different"),
            ("missing.npy", "found none"),
        ):
            with pytest.raises(InputError) as caught:
                predict_file(model, name, frame_by_frame=frame_by_frame)
            assert expected in str(caught.value)
            assert str(caught.value).startswith(name)
            assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="NaN everywhere"):
        predict_file(model, "absent.npy")
    assert predict_file(model, "absent.npy", frame_by_frame=True).label is None
    with pytest.raises(InputError, match="rate: expected"):
        predict_file(model, "count.npy", rate=-1, frame_by_frame=True)
    assert not Path("trapped").exists()


def test_a_scene_of_two_and_a_crowd(tmp_path: Path) -> None:
    recognizer = Recognizer.load(write_model(tmp_path / "pair.onnx", metadata(persons=2)), hop=0)
    np.save(tmp_path / "crowd.npy", walk(40, 20, persons=5))
    whole, live = (
        predict_file(recognizer, tmp_path / "crowd.npy", 20, frame_by_frame=way)
        for way in (False, True)
    )
    np.testing.assert_allclose(whole.probabilities, live.probabilities, atol=1e-5)
