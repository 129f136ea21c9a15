import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skedge.datasets.store import Store
from skedge.datasets.synthetic import body, motion, people, recordings
from skedge.datasets.synthetic import synthesize as synthetic
from skedge.datasets.synthetic.synthesize import ACTIONS
from skedge.skeleton import InputError, load_layout, prepare

LAYOUT = load_layout("ntu25")
BONES = np.array(LAYOUT.bones)


def performance(action: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng([5, action, seed])
    who = synthetic.person(5, seed)
    shape = synthetic.build(who, synthetic.SENSORS[seed % 3], rng)
    return body.joints(synthetic.motion(action, who, shape, rng).channels, shape)


@pytest.fixture(scope="module")
def performances() -> list[np.ndarray]:
    return [performance(action, seed) for action in range(len(ACTIONS)) for seed in range(8)]


@pytest.fixture(scope="module")
def clips() -> list[synthetic.Clip]:
    return list(synthetic.make_clips(clips_per_action_and_subject=2))


def test_bones_keep_their_length(performances):
    for joints in performances:
        lengths = np.linalg.norm(joints[:, BONES[:, 0]] - joints[:, BONES[:, 1]], axis=-1)
        np.testing.assert_allclose(lengths, np.broadcast_to(lengths[0], lengths.shape), atol=1e-9)


def test_bodies_stand_on_the_floor(performances):
    feet = [
        LAYOUT.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("ankle", "foot")
    ]
    for joints in performances:
        heights = joints[..., 1].max(axis=1) - joints[..., 1].min(axis=1)
        assert joints[:, feet, 1].min() > -0.1
        assert joints[..., 1].max() < 3.2
        assert heights.min() > 0.4
        assert heights.max() < 2.6
        assert joints[:, LAYOUT.index("head"), 1].min() > 0.4
        assert joints[[0, -1], LAYOUT.index("head"), 1].max() < 2.1


def test_nobody_jerks(performances):
    for joints in performances:
        assert np.linalg.norm(np.diff(joints, axis=0), axis=-1).max() < 0.75  # 22 m/s, a fast throw


def test_every_action_moves_and_idle_moves_least(performances):
    extent = np.array([np.ptp(joints, axis=0).max() for joints in performances]).reshape(
        len(ACTIONS), -1
    )
    assert extent.min() > 0.005
    assert (
        np.median(extent[ACTIONS.index("idle")])
        < np.median(extent[: len(ACTIONS) - 2], axis=1).min()
    )


def test_lengths_and_numbers(clips):
    frames = np.array([len(clip.joints) for clip in clips])
    assert len(clips) == 20 * 2 * len(ACTIONS)
    assert frames.min() >= motion.SHORTEST
    assert frames.max() <= motion.LONGEST
    assert 55 < np.median(frames) < 110
    assert {clip.camera for clip in clips} == {0, 1, 2}


def test_people_stand_before_the_camera(clips):
    for clip in clips:
        center = np.nanmedian(clip.joints[:, LAYOUT.center], axis=0)
        assert 1.5 < center[2] < 4.8
        assert abs(center[0]) < 1.5


def test_same_seed_same_clip_other_seed_other_clip():
    one = synthetic.clip(3, 4, 1, seed=2)
    assert one.joints.tobytes() == synthetic.clip(3, 4, 1, seed=2).joints.tobytes()
    for other in (
        synthetic.clip(3, 4, 1, seed=3),
        synthetic.clip(3, 4, 0, seed=2),
        synthetic.clip(3, 5, 1, seed=2),
    ):
        assert other.joints.tobytes() != one.joints.tobytes()


def test_noise_is_as_large_as_asked():
    rng = np.random.default_rng(0)
    joints = np.concatenate([synthetic.noise(60, rng, 1.0) for _ in range(200)])
    assert 0.005 < joints[:, LAYOUT.index("spine")].std() < 0.02
    assert 0.02 < joints[:, LAYOUT.index("left_hand")].std() < 0.06
    assert not synthetic.noise(60, rng, 0.0).any()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.05])
def test_as_many_joints_drop_as_asked(share):
    rng = np.random.default_rng(1)
    rate = np.mean([synthetic.gaps(80, rng, share).mean() for _ in range(1500)])
    assert rate == pytest.approx(share, rel=0.35)


def test_without_drops_nothing_is_absent():
    for action in range(len(ACTIONS)):
        assert np.isfinite(synthetic.clip(action, 0, dropped=0.0).joints).all()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, len(ACTIONS) - 1),
    st.integers(0, 10_000),
    st.integers(0, 50),
    st.integers(0, 2**32),
)
def test_any_draw_gives_a_usable_clip(action, subject, repetition, seed):
    made = synthetic.clip(action, subject, repetition, seed=seed)
    assert np.isfinite(prepare(made.joints[None], LAYOUT, 1, 50)).all()
    assert np.nanmax(np.abs(made.joints)) < 10, "who walks stays before the camera"
    assert np.isfinite(made.joints).mean() > 0.5


@pytest.mark.parametrize("subjects", [3, 7, 20])
def test_parts_are_never_empty(subjects):
    assert set(synthetic.parts(subjects)) == {1, 2, 3}
    assert np.bincount(synthetic.parts(20)).tolist() == [0, 12, 3, 5]


def test_store(tmp_path):
    for name in ("one", "two"):
        synthetic.synthesize(tmp_path / name, subjects=5, clips_per_action_and_subject=1, seed=9)
    store = Store(tmp_path / "one")
    assert store.labels == ACTIONS
    assert len(store) == 5 * len(ACTIONS)
    people: list[set[int]] = []
    for part in ("train", "val", "test"):
        chosen = store.index[store.split("xsub", part)]
        assert set(chosen["label"]) == set(range(len(ACTIONS)))
        people.append(set(chosen["subject"].tolist()))
    assert sum(map(len, people)) == len(set.union(*people)) == 5
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


@pytest.mark.parametrize(
    "wrong", [{"subjects": 2}, {"clips_per_action_and_subject": 0}, {"seed": -1}]
)
def test_wrong_sizes_are_refused(tmp_path, wrong):
    with pytest.raises(InputError, match="at least 3 subjects"):
        synthetic.synthesize(tmp_path / "store", **wrong)


@pytest.mark.parametrize("wrong", [(len(ACTIONS), 0), (-1, 0), (0, -1)])
def test_unknown_clips_are_refused(wrong):
    with pytest.raises(InputError, match="expected an action"):
        synthetic.clip(*wrong)


def test_linear_classifier_does_not_suffice(clips):
    linear_model = pytest.importorskip("sklearn.linear_model")
    part = synthetic.parts(20)[[clip.subject for clip in clips]]
    labels = np.array([clip.action for clip in clips])
    ready = np.stack([prepare(clip.joints[None], LAYOUT, 1, 50)[0] for clip in clips])
    flat = (ready - ready[:, :1, 1:2]).reshape(len(ready), -1)
    accuracy = (
        linear_model.RidgeClassifier()
        .fit(flat[part == 1], labels[part == 1])
        .score(flat[part == 3], labels[part == 3])
    )
    assert 3 / len(ACTIONS) < accuracy < 0.9


def test_recordings_are_mostly_background_with_known_actions_between(tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic, "CHUNK", 1)  # so few are not shared out otherwise
    for path, processes in (("one", 1), ("again", 2)):
        synthetic.synthesize_recordings(tmp_path / path, subjects=4, processes=processes)
    store, again = Store(tmp_path / "one"), Store(tmp_path / "again")
    assert store.fingerprint == again.fingerprint
    assert len(store) == 4
    repetitions = json.loads((tmp_path / "one" / "repetitions.json").read_text())
    seen: set[str] = set()
    busy = 0
    for i, name in enumerate(store.index["name"]):
        own = store.intervals[store.intervals["clip"] == i]
        assert (own["start"] < own["end"]).all()
        assert len(repetitions[name]) == len(own)
        assert min(repetitions[name]) >= 1
        labels = [store.labels[label] for label in own["label"]]
        assert own["start"][0] == 0
        assert (own["start"][1:] == own["end"][:-1]).all()
        assert own["end"][-1] == store.index["frames"][i]
        seen |= set(labels)
        known = [label not in ("idle", "other") for label in labels]
        busy += (own["end"] - own["start"])[known].sum()
        # Nobody sits down who sits.
        chairs = [label for label in labels if label in ("sit down", "stand up")]
        assert all(one != next for one, next in pairwise(chairs))
    assert len(seen) > 6
    assert 0.1 < busy / store.index["frames"].sum() < 0.5


def test_an_interval_holds_the_whole_action():
    rng = np.random.default_rng(3)
    found = 0
    for subject in range(8):
        who = people.person(1, subject)
        shape = people.build(who, people.SENSORS[0], rng)
        moved, intervals = recordings.recorded(who, shape, rng, 90)
        joints = body.joints(moved, shape)
        hips = joints[:, LAYOUT.index("hip_center"), 1]
        for action, start, end, *_ in intervals:
            inside = hips[start:end]
            if ACTIONS[action] in ("sit down", "stand up", "squat"):
                found += 1
                assert np.ptp(inside) > 0.15 * shape.leg
            if ACTIONS[action] == "sit down":
                assert inside[-1] < inside[0]
            if ACTIONS[action] == "stand up":
                assert inside[-1] > inside[0]
    assert found > 5


def test_nobody_jerks_or_freezes_in_a_recording():
    rng = np.random.default_rng(7)
    for subject in range(4):
        who = people.person(7, subject)
        shape = people.build(who, people.SENSORS[subject % 3], rng)
        moved, _ = recordings.recorded(who, shape, rng)
        joints = body.joints(moved, shape)
        steps = np.linalg.norm(np.diff(joints, axis=0), axis=-1).max(axis=1)
        assert steps.max() < 0.75
        assert np.median(steps) > 1e-4
        assert np.hypot(*np.abs(joints[:, 0, [0, 2]]).T).max() < 6


@pytest.mark.parametrize("wrong", [{"subjects": 2}, {"recordings_per_subject": 0}, {"seed": -1}])
def test_wrong_numbers_of_recordings(tmp_path, wrong):
    with pytest.raises(InputError, match="expected at least 3 subjects, 1 recording per subject"):
        synthetic.synthesize_recordings(tmp_path / "store", **wrong)
    assert not (tmp_path / "store").exists()
