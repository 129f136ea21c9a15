"""The pose estimator as a whole, with its networks, on public films and a photograph."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from tests.edge_runtime.held import SOCKETS
from tests.edge_runtime.live_fakes import quick_model

pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")
pytest.importorskip("ai_edge_litert", reason="needs LiteRT: pip install 'skedge[live]'")

import cv2

from skedge.bench.studies.pose import measure, read_truth
from skedge.cli import main
from skedge.datasets.store import Store
from skedge.edge_runtime.interfaces import Frame
from skedge.edge_runtime.live.actions import Actions, Observation
from skedge.edge_runtime.pose.blazepose import BlazePose
from skedge.edge_runtime.pose.detector import Detector
from skedge.edge_runtime.pose.landmarks import LAYOUT, Landmarker
from skedge.edge_runtime.recognizer import Recognizer
from skedge.edge_runtime.sources import open_source
from skedge.skeleton.hanging import leg_joints

ROOT = Path(__file__).parents[2]
DATA = Path(__file__).parent / "data"
# A process of its own that watches what Python opens.
CHILD = (
    SOCKETS
    + """
import json, os, sys
happened = []
def watch(event, arguments):
    if event.startswith("socket.") or event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
        happened.append([event, repr(arguments)])
    if event == "open" and isinstance(arguments[0], str) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        if arguments[0] != os.devnull:
            happened.append([event, arguments[0]])
sys.addaudithook(watch)
from skedge.cli import main
try:
    main(sys.argv[1:])
finally:
    print(json.dumps({"happened": happened, "sockets": sockets(),
                      "modules": sorted({name.partition(".")[0] for name in sys.modules})}))
"""
)


@pytest.fixture(scope="module")
def video(dataset: Callable[[str], Path]) -> Path:
    return dataset("video")


def test_two_players_are_followed_through_a_film(video: Path, networks: Path) -> None:
    film = open_source(str(video / "two_basketball_players.mp4"), fast=True)
    found = measure(film, people=2, truth=read_truth(DATA / "two_basketball_players.csv"))
    assert found["frames"] == 300
    assert found["pose_frames"] >= 280
    assert found["whole_frames"] >= 240
    # Where each player's trunk is was marked by eye; a third to be seen, in the last pictures, is
    # somebody else.
    assert found["switches"]["switches"] == 0
    assert found["switches"]["found"] >= 0.85 * found["switches"]["places"]
    assert 2 <= found["identities"] <= 3


def test_a_close_up_is_no_body_and_has_no_actions(
    video: Path, networks: Path, tmp_path: Path
) -> None:
    recognizer = Recognizer.load(
        quick_model(tmp_path / "m.onnx"), threshold=0.0, patience=1, debounce=0.0
    )
    pose, actions = BlazePose(2), Actions(recognizer)
    said = set()
    for frame in islice(
        open_source(str(video / "arm_wrestling_closeup.mp4"), fast=True), 0, 120, 2
    ):
        outlook = actions.update(Observation(frame, pose.estimate(frame), pose.layout, 0.0))
        said |= {answer.text for answer in outlook.answers}
        assert outlook.happenings == ()
    assert said == {"no whole body in view"}


def test_whoever_is_cut_off_below_the_hips_is_seen_from_the_hips_up(
    video: Path, networks: Path
) -> None:
    """The photograph's lower part cut away, as a desk or a near camera does it."""
    photograph = cv2.imread(str(video / "full_body.jpg"))
    upper = np.ascontiguousarray(photograph[: int(0.6 * len(photograph))])
    pose = BlazePose(1)
    for number in range(30):
        people = pose.estimate(Frame(upper, number / 30))
    (person,) = people
    assert person.upper
    assert not person.whole
    assert np.isnan(person.joints[list(leg_joints(LAYOUT))]).all()
    assert np.isfinite(person.joints[LAYOUT.index("left_wrist")]).all()


def test_landmarks_are_those_of_the_reference_implementation(video: Path, networks: Path) -> None:
    """The table is what mediapipe 0.10.14 says of the photograph (complexity 1, static image)."""
    with open(DATA / "full_body_mediapipe.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["joint"] for row in rows] == list(LAYOUT.joints)
    pixels, world = (
        np.array([[float(row[name]) for name in names] for row in rows])
        for names in (("x", "y"), ("world_x", "world_y", "world_z"))
    )
    image = cv2.imread(str(video / "full_body.jpg"))
    region = Detector(networks / "pose_detection.tflite").detect(image)[0]
    body = Landmarker(networks / "pose_landmark_full.tflite").find(image, region)
    assert body is not None
    apart = np.linalg.norm(body.pixels - pixels, axis=1)
    assert apart.mean() < 4, "of 521 pixels from head to foot"
    assert apart.max() < 15
    # Its x and y grow to the right and downwards, ours to the camera's left and upwards.
    assert np.linalg.norm(body.world * (-1, -1, 1) - world, axis=1).mean() < 0.02
    assert np.abs(body.visibility - [float(row["visibility"]) for row in rows]).max() < 0.03


def test_two_people_stand_where_the_photograph_shows_them(video: Path, networks: Path) -> None:
    image = cv2.imread(str(video / "full_body.jpg"))
    pose = BlazePose(2)
    for number in range(30):
        people = pose.estimate(Frame(image, number / 30))
    assert [person.whole for person in people] == [True, True]
    nose, heel = LAYOUT.index("nose"), LAYOUT.index("left_heel")
    right, left = sorted(people, key=lambda person: person.joints[nose, 0])
    for person in people:
        assert person.joints.shape == (33, 3)
        assert 0.9 < person.joints[nose, 1] - person.joints[heel, 1] < 1.8, (
            "metres, upwards, of men who run bent"
        )
    # Who is seen on the right stands at the camera's right: x grows to its left, as a Kinect has
    # it.
    assert right.pixels[nose, 0] > left.pixels[nose, 0]
    assert 0.5 < left.joints[nose, 0] - right.joints[nose, 0] < 3


@pytest.fixture
def pictures(video: Path, tmp_path: Path) -> Path:
    """A folder of many times the same photograph, smaller."""
    image = cv2.resize(cv2.imread(str(video / "full_body.jpg")), (475, 320))
    (tmp_path / "pictures").mkdir()
    for number in range(60):
        cv2.imwrite(
            str(tmp_path / "pictures" / f"{number}.png"), image, [cv2.IMWRITE_PNG_COMPRESSION, 0]
        )
    return tmp_path / "pictures"


def test_a_clip_is_recorded_from_pictures(pictures: Path, networks: Path, tmp_path: Path) -> None:
    arguments = [
        "--source",
        pictures,
        "--store",
        tmp_path / "mine",
        "--clips",
        1,
        "--seconds",
        1,
        "--countdown",
        0,
        "--fast",
    ]
    main(["record", "stand", *map(str, arguments), "--no_page"])
    store = Store(tmp_path / "mine")
    assert store.layout.joints == LAYOUT.joints
    assert store.clip(0).shape == (1, 30, 33, 3)
    hips = store.clip(0)[0, :, LAYOUT.index("left_hip")]
    assert np.ptp(hips, axis=0).max() < 0.1, "who stands still stays in place"


def test_watching_pictures_opens_no_socket_and_writes_nothing(
    pictures: Path, networks: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    keep = {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "LANG")
    }
    environment = keep | {
        "HOME": str(home), "TMPDIR": str(home), "XDG_CACHE_HOME": str(networks.parents[1]),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]), "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    before = {path: path.stat().st_mtime for path in networks.parents[1].rglob("*")}
    arguments = [
        "live",
        "--source",
        pictures,
        "--model",
        quick_model(tmp_path / "m.onnx"),
        "--no_page",
        "--fast",
        "--people",
        2,
    ]
    command = [
        sys.executable,
        "-c",
        CHILD,
        *map(str, arguments),
        "--threshold",
        "0",
        "--patience",
        "1",
        "--debounce",
        "0",
    ]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    *events, last = map(json.loads, done.stdout.splitlines())
    assert done.stderr == ""
    assert {event["person"] for event in events} == {0, 1}
    assert last["happened"] == []
    assert last["sockets"] == []
    assert not {"torch", "mediapipe", "scipy", "pandas", "matplotlib"} & set(last["modules"])
    assert list(home.iterdir()) == []
    assert {path: path.stat().st_mtime for path in networks.parents[1].rglob("*")} == before
