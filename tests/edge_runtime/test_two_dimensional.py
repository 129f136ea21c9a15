"""Pose estimators that see in two dimensions: COCO-17 pixels with scores, from training to live."""

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skedge.cli import main
from skedge.datasets.mending import Mending
from skedge.edge_runtime.interfaces import Frame, Person
from skedge.edge_runtime.pose.own import OwnPose
from skedge.skeleton import InputError
from skedge.skeleton.anatomy import height_of
from skedge.skeleton.layout import load_layout
from skedge.skeleton.retarget import retarget
from tests.skeleton.people import NTU, people

COCO = load_layout("coco17")
FRAMES = 24


def _pictured(clip: int, wave: bool) -> np.ndarray:
    """A person in a picture of 640 x 480, as x, y and a score (T, 17, 3); half of them wave."""
    body = retarget(np.tile(people()[clip], (1, 2, 1, 1)), NTU, COCO)[0, :FRAMES]
    places = np.array([320, 240]) - 120 * body[..., :2]
    if wave:
        swing = np.sin(np.arange(FRAMES) * 0.8)
        elbow, wrist = (COCO.index(f"right_{joint}") for joint in ("elbow", "wrist"))
        shoulder = places[:, COCO.index("right_shoulder")]
        places[:, elbow] = shoulder - 20
        places[:, wrist] = shoulder + np.stack([-20 + 25 * swing, np.full(FRAMES, -55)], axis=1)
    return np.concatenate([places, np.full((FRAMES, 17, 1), 0.9)], axis=-1).astype(np.float32)


class Flat:
    """Sees one person, whose `frames` (T, 17, 3) are x, y and a score."""

    layout = COCO
    channels = "xys"

    def __init__(self, frames: np.ndarray) -> None:
        self.frames = frames

    def estimate(self, frame: Frame) -> tuple[Person, ...]:
        return (Person(3, self.frames[round(frame.seconds * 30) % len(self.frames)]),)


def _seen(pose: Any, count: int = FRAMES) -> list[Person]:
    own = OwnPose(pose, "--pose mine:Flat")
    return [own.estimate(Frame(None, number / 30))[0] for number in range(count)]


def test_people_in_a_picture_stand_upright_in_metres_as_the_import_makes_them() -> None:
    frames = _pictured(0, True)
    imported = Mending(channels="xys").apply(frames[None], COCO, "clip")[0]
    seen = _seen(Flat(frames))
    joints = np.stack([person.joints for person in seen])
    assert height_of(joints[5:], COCO, flat=True) == pytest.approx(1.7, rel=0.05)
    last = joints[-1] - joints[-1, 0]
    np.testing.assert_allclose(last, imported[-1] - imported[-1, 0], atol=0.05)
    assert (joints[..., 2] == 0).all()
    np.testing.assert_array_equal(seen[4].pixels, frames[4, :, :2])


def test_a_joint_without_a_score_is_absent_and_nobody_is_no_body() -> None:
    frames = _pictured(0, False)
    frames[:, COCO.index("left_ankle"), 2] = 0
    assert np.isnan(_seen(Flat(frames))[3].joints[COCO.index("left_ankle")]).all()
    frames[..., 2] = 0
    assert np.isnan(_seen(Flat(frames))[3].joints).all()


@pytest.mark.parametrize(
    ("channels", "shape", "words"),
    [
        (None, (17, 2), r"--pose mine:Flat: .*\(17, 3\).*got \(17, 2\); .*`channels = 'xy'`"),
        ("xys", (25, 3), r"expected joints \(17, 3\) .*xys of coco17\), got \(25, 3\)"),
        ("rgb", (17, 3), r"expected channels of xyz, xys, xy, got 'rgb'"),
    ],
)
def test_joints_of_another_shape_name_the_estimator(
    channels: str | None, shape: tuple[int, ...], words: str
) -> None:
    pose = Flat(np.ones((4, *shape), np.float32))
    pose.channels = channels or "xyz"
    with pytest.raises(InputError, match=words):
        _seen(pose, 1)


ESTIMATOR = """
import numpy as np
from skedge.edge_runtime.interfaces import Person
from skedge.skeleton.layout import load_layout

class Flat:
    layout = load_layout("coco17")
    channels = "xys"

    def __init__(self, people):
        self.frames = np.load({frames!r})

    def estimate(self, frame):
        return (Person(1, self.frames[round(frame.seconds * 30) % len(self.frames)]),)
"""


def test_a_student_of_pixels_and_scores_runs_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A PYSKL pickle trains it, and an estimator of one's own gives it a film's people."""
    cv2 = pytest.importorskip("cv2", reason="films need OpenCV (the extra live)")
    annotations = []
    for number in range(24):
        frames = _pictured(number % 12, wave=number >= 12)[None]
        annotations.append(
            {
                "frame_dir": f"clip{number}",
                "label": int(number >= 12),
                "keypoint": frames[..., :2],
                "keypoint_score": frames[..., 2],
                "img_shape": (480, 640),
                "total_frames": FRAMES,
            }
        )
    names = [one["frame_dir"] for one in annotations]
    split = {"xsub_train": names[::2], "xsub_val": names[1::2]}
    (tmp_path / "set.pkl").write_bytes(pickle.dumps({"split": split, "annotations": annotations}))
    (tmp_path / "labels.txt").write_text("stand\nwave\n")
    film = cv2.VideoWriter(
        str(tmp_path / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 30, (64, 48)
    )
    for _ in range(60):
        film.write(np.zeros((48, 64, 3), np.uint8))
    film.release()
    np.save(tmp_path / "frames.npy", _pictured(5, wave=True))
    source = ESTIMATOR.format(frames=str(tmp_path / "frames.npy"))
    (tmp_path / "flat.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    train = "distill --recipe own --data store --out run --distill.optim.least_steps 120"
    small = (
        "--distill.optim.epochs 1 --distill.optim.learning_rate 0.02 --distill.label_smoothing 0"
        " --student.widths [8,16] --student.strides [1,1]"
    )
    cut = "--input.frames 20 --compute.precision 32-true --compute.accelerator cpu"
    live = "live --source film.avi --model student.onnx --pose flat.py:Flat --no-page --fast"
    for command in (
        "data import pyskl set.pkl store --labels labels.txt --rate 30",
        f"{train} {small} {cut}",
        "export run student.onnx --data store",
        f"{live} --threshold 0.6",
    ):
        main(command.split())
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith('{"schema')]
    assert [json.loads(line)["event"] for line in lines] == ["wave"] * len(lines) != []


def test_the_estimator_on_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "two-dimensional.md").read_text()
    program = page.split("```python\n")[1].split("```")[0]
    found = np.stack([_pictured(0, False)[0], _pictured(1, True)[0]])
    made: dict[str, Any] = {"my_network": lambda people: lambda image: found[:people]}
    exec(program, made)
    own = OwnPose(made["Flat"](2), "--pose flat.py:Flat")
    people_seen = own.estimate(Frame(np.zeros((4, 4, 3), np.uint8), 0.0))
    assert [person.id for person in people_seen] == [0, 1]
    assert all(np.isfinite(person.joints).all() for person in people_seen)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "got NoneType"),
        ((np.zeros((17, 3)),), "each a .*Person, got ndarray"),
        (7, "got int"),
        ((Person("anna", np.zeros((17, 3))),), "a whole number as each person's id, got 'anna'"),
        ((Person(3, np.zeros((17, 3))),) * 2, "an id of their own for all .*, got 3, 3$"),
        ((Person(0, np.full((17, 3), "x")),), "arrays of numbers"),
        ((Person(0, np.zeros((17, 3)), np.zeros((3, 2))),), r"pixels \(17, 2\) .*got \(3, 2\)"),
    ],
)
def test_an_estimator_that_gives_something_else_than_people_is_told_so(
    given: Any, words: str
) -> None:
    """It read `'NoneType' object is not iterable`, or ended in a traceback when all was over, and
    what was recorded was lost."""
    pose = Flat(_pictured(0, False))
    pose.estimate = lambda frame: given
    with pytest.raises(InputError, match=rf"--pose mine:Flat: .*{words}"):
        _seen(pose, 1)


def test_an_estimator_that_cannot_be_made_is_one_line() -> None:
    """One that takes no number of people ended in a traceback."""
    with pytest.raises(
        InputError, match=r"--pose mine:Mine: .* number of people, 2, got TypeError"
    ):
        OwnPose.made_by(lambda: None, 2, "--pose mine:Mine")


def test_who_has_gone_for_long_is_forgotten() -> None:
    """An estimator that gives everybody a new number would fill the memory in a few days."""
    pose = Flat(_pictured(0, False))
    own = OwnPose(pose, "--pose mine:Flat")
    for number in range(100):
        pose.estimate = lambda frame, number=number: (Person(number, pose.frames[0]),)
        own.estimate(Frame(None, float(number)))
    assert len(own._scales) <= 12


def test_joints_in_lists_are_joints() -> None:
    pose = Flat(_pictured(0, False).tolist())
    assert _seen(pose, 1)[0].joints.shape == (17, 3)
