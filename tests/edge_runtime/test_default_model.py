"""The model that comes with skedge."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import yaml

from skedge import recipes
from skedge.datasets.poses import read_poses
from skedge.datasets.store import Store
from skedge.datasets.synthetic import body
from skedge.datasets.synthetic.actions import ACTIONS
from skedge.datasets.synthetic.gait import Stretch, gait, style
from skedge.datasets.synthetic.people import SENSORS, build, person
from skedge.datasets.synthetic.synthesize import clip
from skedge.edge_runtime import Recognizer
from skedge.edge_runtime.events import QUIET
from skedge.edge_runtime.models import find, find_beside_pose
from skedge.edge_runtime.scoring.predict import Classes, predict_store
from skedge.skeleton import load_layout
from skedge.skeleton.hanging import leg_joints
from skedge.skeleton.retarget import retarget
from tests.edge_runtime.edge_models import walk

FILES = ["default", "default.tflite"]
SYNONYMS = {"boxing": "punch", "sit to stand": "stand up", "stand to sit": "sit down"}
# People that training has never met.
STRANGERS = 77
NTU = load_layout("ntu25")


def events(recognizer: Recognizer, joints: np.ndarray, rate: float = 30.0) -> list[str]:
    """What begins while the frames (T, V, 3) pass."""
    recognizer.reset()
    found = []
    for number, frame in enumerate(joints):
        result = recognizer.update(frame, number / rate)
        found += [event.label for event in result.events if not event.ended]
    return found


@pytest.mark.parametrize("name", FILES)
def test_it_takes_a_cameras_frames_and_tells_how_it_was_made(name: str) -> None:
    metadata = Recognizer.load(find(name)).metadata
    assert metadata.streaming is not None
    assert metadata.streaming.delay == 0
    assert metadata.labels == ACTIONS
    assert len(metadata.layout) == 25
    assert "make default-model" in metadata.provenance["note"]
    assert set(metadata.thresholds) == set(ACTIONS) - QUIET
    assert metadata.accuracy["recall"] > 50
    assert metadata.accuracy["false_events_per_hour"] < 60


@pytest.mark.parametrize("name", FILES)
def test_what_begins_its_events_is_what_its_recipe_says(name: str) -> None:
    """So that it is made with the same again."""
    recipe = yaml.safe_load((files(recipes) / "default.yaml").read_text())["distill"]["online"]
    metadata = Recognizer.load(find(name)).metadata
    assert metadata.thresholds == recipe["thresholds"]
    assert metadata.patience == recipe["patience"]
    assert metadata.lasting == recipe["lasting"] == {"wave": 1.8}
    assert set(metadata.upper_body) == set(recipe["upper_body"])


@pytest.mark.parametrize("name", FILES)
def test_people_side_by_side_are_told_what_each_would_be_alone(name: str) -> None:
    """The interpreter of a .tflite file is shared, and what it remembers of each is not."""
    clips = [walk(45, 30, seed=seed)[:, 0] for seed in (0, 1)]
    alone = []
    for bodies in clips:
        recognizer = Recognizer.load(name, hop=0, taught=False)
        alone.append([recognizer.update(one, n / 30) for n, one in enumerate(bodies)][-1])
    together = Recognizer.load(name, hop=0, taught=False)
    for number, people in enumerate(zip(*clips, strict=True)):
        both = [together.update(one, number / 30, person) for person, one in enumerate(people)]
    for expected, result in zip(alone, both, strict=True):
        assert expected.ready
        np.testing.assert_array_equal(result.probabilities, expected.probabilities)


def test_both_files_are_small() -> None:
    sizes = [find(name).stat().st_size for name in FILES]
    assert max(sizes) < 0.8e6
    assert sum(sizes) < 1.5e6


def test_a_file_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find("default") == find("default.onnx") != Path("default")
    assert find(tmp_path / "default") == tmp_path / "default"
    (tmp_path / "default.onnx").touch()
    assert find("default.onnx") == Path("default.onnx")


def test_a_folder_of_that_name_hides_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as that of a run of the recipe `default`: no command found the model there."""
    monkeypatch.chdir(tmp_path)
    for name in ("default", "default.onnx", "default.tflite"):
        found, beside_pose = find(name), find_beside_pose(name)
        (tmp_path / name).mkdir()
        assert (find(name), find_beside_pose(name)) == (found, beside_pose)
        assert found.is_file()
        (tmp_path / name).rmdir()


@pytest.mark.parametrize("name", FILES)
def test_strangers_actions_raise_their_event(name: str) -> None:
    """Invented people it has never met, before the synthetic set's own cameras."""
    recognizer, right = Recognizer.load(find(name)), {}
    loud = [action for action, label in enumerate(ACTIONS) if label not in QUIET]
    for action in loud:
        clips = [clip(action, subject, seed=STRANGERS).joints for subject in range(4)]
        right[ACTIONS[action]] = sum(ACTIONS[action] in events(recognizer, one) for one in clips)
    assert sum(right.values()) >= 0.6 * 4 * len(loud), right
    assert sum(found > 0 for found in right.values()) >= len(loud) - 2, right


def test_nothing_is_an_event_that_means_nothing() -> None:
    recognizer = Recognizer.load(find("default"))
    for action in (ACTIONS.index(label) for label in QUIET):
        clips = [clip(action, subject, seed=STRANGERS).joints for subject in range(6)]
        found = [event for one in clips for event in events(recognizer, one)]
        assert len(found) <= 1, found
        assert QUIET.isdisjoint(found)


def test_whoever_walks_past_does_nothing() -> None:
    recognizer, found = Recognizer.load(find("default")), []
    for subject in range(6):
        rng = np.random.default_rng([STRANGERS, subject])
        shape = build(person(STRANGERS, subject), SENSORS[subject % 3], rng)
        way = [Stretch(5.0, speed) for speed in rng.uniform(0.8, 1.6, 1)]
        walked = body.joints(gait(way, 150, style(rng), shape, rng), shape)
        turned = walked @ body.rotation(np.array([0, rng.uniform(-180, 180), 0])).T
        found += events(recognizer, turned + np.array([0, -1.0, 4.0]))
    assert found == []


@pytest.mark.parametrize("name", FILES)
def test_who_sits_at_a_desk_waves_and_claps_and_never_kicks(name: str) -> None:
    """Strangers whose legs, and then hips too, are out of view."""
    recognizer = Recognizer.load(find(name))
    hips = [NTU.index("left_hip"), NTU.index("right_hip"), NTU.index("hip_center")]
    for hidden in ([*leg_joints(NTU)], [*leg_joints(NTU), *hips]):
        right = raised = 0
        for label in ("wave", "clap", "kick", "squat"):
            for subject in range(4):
                joints = clip(ACTIONS.index(label), subject, seed=STRANGERS).joints.copy()
                joints[:, hidden] = np.nan
                found = events(recognizer, joints)
                assert {*found} <= {*recognizer.metadata.upper_body}
                right += label in found
                raised += len(found) if label in ("kick", "squat") else 0
        assert right >= 5
        assert raised <= 2


def test_a_clip_of_a_second_gets_an_answer() -> None:
    """From a third of a second on."""
    recognizer = Recognizer.load(find("default"))
    frames = clip(ACTIONS.index("wave"), 0, seed=STRANGERS).joints
    results = [recognizer.update(frame, number / 30) for number, frame in enumerate(frames[:30])]
    assert next(n for n, result in enumerate(results) if result.ready) <= 10
    assert results[-1].label in ACTIONS


@pytest.mark.parametrize("name", FILES)
def test_real_people_it_has_never_seen(name: str, utd_store: Path) -> None:
    """UTD-MHAD's actions that it knows, subjects 2 4 6 8, by the last answer to each clip, among
    all 14 classes."""
    classes = Classes(synonyms=SYNONYMS)
    report = predict_store(
        find(name), Store(utd_store), "xsub", frame_by_frame=True, classes=classes
    )
    assert len(report.predictions) == 111
    assert report.accuracy >= 0.8


def test_who_hugs_raises_no_event_and_who_kicks_or_punches_is_seen(
    dataset: Callable[[str], Path],
) -> None:
    """In hugs the pose estimator loses one of the two, and finds limbs of both in the other."""
    folder = dataset("film-poses")
    recognizer = Recognizer.load("default", taught=False)
    touching = set()
    for film in read_poses(folder):
        if "_ut1_" not in film.name:
            continue
        if film.touching.any():
            touching.add(film.label)
        if film.label == "hugging":
            for person in np.unique(film.person):
                own = film.whole & ~film.touching & (film.person == person)
                bodies = retarget(film.joints[own], film.layout, recognizer.metadata.layout)
                recognizer.reset()
                for joints, moment in zip(bodies, film.seconds[own].tolist(), strict=True):
                    assert not recognizer.update(joints, moment).events, film.name
    assert touching == {"hugging"}
