"""Input that makes no sense: a sentence and no answer; and no ordinary body is refused."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skedge.datasets.poses import read_poses
from skedge.datasets.store import Store
from skedge.edge_runtime import Recognizer
from skedge.edge_runtime.guard import Guard, Pace, without_nobodies
from skedge.skeleton import InputError, load_layout
from skedge.skeleton.body_check import check_bodies
from skedge.skeleton.layout import Layout
from skedge.skeleton.retarget import retarget
from tests.edge_runtime.edge_models import metadata, write_model
from tests.edge_runtime.test_recognizer import Echo

NTU = load_layout("ntu25")
RATE = 15.0
# Somebody who faces the camera: NTU's joints in metres, y up, the camera's z away from it.
FRONT = np.array([
    (0, .9, 0), (0, 1.15, .02), (0, 1.5, 0), (0, 1.65, -.02), (-.2, 1.4, 0), (-.25, 1.12, .03), (-.26, .88, -.05), (-.26, .8, -.07),
    (.2, 1.4, 0), (.25, 1.12, .03), (.26, .88, -.05), (.26, .8, -.07), (-.1, .88, 0), (-.12, .48, -.04), (-.13, .08, 0), (-.15, .02, -.13),
    (.1, .88, 0), (.12, .48, -.04), (.13, .08, 0), (.15, .02, -.13), (0, 1.42, 0), (-.26, .73, -.08), (-.23, .8, -.1), (.26, .73, -.08),
    (.23, .8, -.1),
], np.float32)  # fmt: skip


def standing(frames: int = 45, size: float = 1.0, turned: float = 0.0, seed: int = 0) -> np.ndarray:
    """Somebody who stands and moves the arms a little, (T, 25, 3), three metres before a camera."""
    rng = np.random.default_rng(seed)
    joints = np.repeat(FRONT[None], frames, axis=0)
    swing = 0.15 * np.sin(np.arange(frames) / RATE * 4)[:, None]
    joints[:, [6, 7, 21, 22], 2] -= swing
    joints[:, [10, 11, 23, 24], 2] += swing
    cosine, sine = np.cos(turned), np.sin(turned)
    joints = size * joints @ np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]])
    joints += np.array([0.2, -0.9, 3.0])
    return (joints + rng.normal(0, 0.006, joints.shape)).astype(np.float32)


def look(clip: np.ndarray, rate: float = RATE) -> list[str]:
    guard = Guard(NTU)
    problems = []
    for number, joints in enumerate(clip):
        guard.look(joints[None], number / rate)
        problems.append(guard.problem)
    return problems


def only_a_hand(clip: np.ndarray) -> np.ndarray:
    clip[:, :6], clip[:, 7:] = np.nan, np.nan
    return clip


SENSELESS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "zeros": (np.zeros_like, "0 of 25 joints|no joint|all joints are zero"),
    "one joint": (only_a_hand, "1 of 25 joints are seen, too few for a body; give 7 at least"),
    "millimetres": (lambda clip: 1000 * clip, "millimetres"),
    "centimetres": (lambda clip: 100 * clip, "centimetres"),
    "pixels": (lambda clip: 250 * clip + np.float32(300), "pixels"),
    "upside down": (lambda clip: clip * np.array([1, -1, 1], np.float32), "y points down"),
    "turned over": (lambda clip: clip * np.array([-1, -1, 1], np.float32), "y points down"),
    "mirrored": (lambda clip: clip * np.array([-1, 1, 1], np.float32), "left and right"),
}


def test_bodies_are_looked_at_unless_somebody_says_otherwise(model: Path) -> None:
    """In a process of its own: these tests have turned it off for all models."""
    code = (
        "import sys, numpy; from skedge import Recognizer;"
        " recognizer = Recognizer.load(sys.argv[1]);"
        " print(recognizer.update(numpy.ones((25, 3)), 0.0).problem)"
    )
    done = subprocess.run([sys.executable, "-c", code, model], capture_output=True, text=True)
    assert done.stdout.startswith("a body is 0 m in size: are these metres?"), done.stderr


@pytest.mark.parametrize("what", SENSELESS)
def test_senseless_bodies_get_a_sentence_and_no_answer(what: str) -> None:
    spoil, expected = SENSELESS[what]
    recognizer = Recognizer(Echo(metadata(seconds=1.5)), hop=0)
    recognizer.checks_bodies = True
    clip = spoil(standing(75))
    results = [recognizer.update(frame, i / RATE) for i, frame in enumerate(clip)]
    told = [result for result in results if result.problem or not frame_seen(clip[0])]
    assert told
    assert results[-1].probabilities is None
    assert not results[-1].ready
    if what != "zeros":
        assert any(matches(expected, result.problem) for result in results)
    recognizer.reset()
    with pytest.raises(InputError, match=expected):
        recognizer.predict(clip, rate=RATE)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("what", ["upside down", "along z", "another order", "reverse", "noise"])
def test_nonsense_that_a_third_of_a_second_shows_gets_no_answer_at_all(
    what: str, seed: int
) -> None:
    """Not even those before the first long look."""
    rng = np.random.default_rng(seed)
    clip = standing(60, size=rng.uniform(0.6, 1.2), turned=rng.uniform(-1, 1), seed=seed)
    spoilt = {
        "upside down": clip * np.array([1, -1, 1]),
        "along z": clip[..., [0, 2, 1]],
        "another order": clip[:, rng.permutation(25)],
        "reverse": clip[:, ::-1],
        "noise": rng.normal(0, 0.4, clip.shape),
    }
    recognizer = Recognizer.load("default", taught=False)
    recognizer.checks_bodies = True
    results = [recognizer.update(frame, i / 30) for i, frame in enumerate(spoilt[what])]
    assert all(result.probabilities is None for result in results)
    assert results[-1].problem
    recognizer.reset()
    assert any(recognizer.update(frame, i / 30).fresh for i, frame in enumerate(clip))


@pytest.mark.parametrize(
    ("size", "sentence"),
    [(0.14, "0.14 m in size: are these metres?"), (0.16, ""), (3.9, ""), (4.1, "4.1 m in size")],
)
def test_nobody_is_so_small_or_so_large(size: float, sentence: str) -> None:
    body = standing(1)
    body = size / np.ptp(body[0], axis=0).max() * body
    frame, problem = without_nobodies(body, NTU)
    assert sentence in problem
    assert bool(problem) == bool(sentence) == bool(np.isnan(frame).all())


def test_a_few_frames_call_nobody_mirrored() -> None:
    """It takes some movements to be sure of that."""
    problems = look(SENSELESS["mirrored"][0](standing(75)), rate=30)
    assert not any(problems[:30])
    assert "left and right" in problems[-1]


def test_in_a_scene_the_first_who_is_there_is_looked_at() -> None:
    """Also where the first joints are out of view."""
    clip = standing(45) * np.array([1, -1, 1], np.float32)
    clip[:, :2] = np.nan
    guard = Guard(NTU)
    for number, joints in enumerate(clip):
        guard.look(np.stack([np.full_like(joints, np.nan), joints]), number / RATE)
    assert "y points down" in guard.problem


def test_a_joint_that_is_exactly_zero_was_not_seen() -> None:
    """Programs write zeros for it; an arm that reaches for the camera would be a movement."""
    frame = standing(1)
    frame[0, 7] = 0
    found, problem = without_nobodies(frame, NTU)
    assert problem == ""
    expected = frame.copy()
    expected[0, 7] = np.nan
    np.testing.assert_array_equal(found, expected)


def test_when_bodies_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """With time stamps in nanoseconds every frame made up for millions of looks, one by one."""
    looked: list[float] = []
    moment = 0.0
    monkeypatch.setattr(
        "skedge.edge_runtime.guard.verdict", lambda *_: looked.append(moment - 1000) or ""
    )
    guard, person = Guard(NTU), standing(1)
    for moment in (*np.arange(1000.0, 1102.0, 0.02), *np.arange(1200.0, 1282.0, 0.02)):
        guard.look(person, float(moment))
    assert looked == pytest.approx([0.2, 1, 5, 10, 40, 70, 100, 200, 220, 250, 280], abs=0.021)
    guard.look(person, 1e18)
    assert len(looked) == 12


def test_who_comes_into_view_with_shoulders_across_the_hips_is_not_refused() -> None:
    """As in a clip of UTKinect, for half a second."""
    clip = standing(75)
    clip[:10, [4, 8]] = clip[:10, [8, 4]]
    assert not any(look(clip, rate=30))


def frame_seen(frame: np.ndarray) -> bool:
    return bool((frame != 0).any())


def matches(expected: str, sentence: str) -> bool:
    return any(words in sentence for words in expected.split("|"))


@pytest.mark.parametrize(
    ("scale", "unit"), [(1e3, "milliseconds"), (1e6, "microseconds"), (1e9, "nanoseconds")]
)
def test_time_stamps_that_are_no_seconds(scale: float, unit: str) -> None:
    recognizer = Recognizer(Echo())
    recognizer.checks_bodies = True
    for number, frame in enumerate(standing(10)):
        result = recognizer.update(frame, 1.7e9 + scale * number / 30)
    assert unit in result.problem
    assert result.probabilities is None


@pytest.mark.parametrize(
    "stamps",
    [
        pytest.param(np.full(40, 7.0), id="always the same"),
        pytest.param(np.arange(240) // 30.0, id="whole seconds"),
        pytest.param(np.arange(40) / 30 / 3600, id="hours"),
    ],
)
def test_time_stamps_that_stand_still(stamps: np.ndarray) -> None:
    recognizer = Recognizer(Echo())
    recognizer.checks_bodies = True
    clip = standing(len(stamps))
    results = [recognizer.update(*one) for one in zip(clip, stamps, strict=True)]
    assert "give each frame its own" in results[-1].problem
    assert results[-1].probabilities is None


@given(st.floats(5, 400), st.integers(1, 3), st.integers(1, 3))
def test_no_cameras_pace_is_refused(rate: float, twice: int, persons: int) -> None:
    """Not a quick camera's, nor frames that come twice, nor several people's, each stamped when
    it is passed on."""
    recognizer = Recognizer(Echo())
    recognizer.checks_bodies = True
    clip = standing(60)
    for number, frame in enumerate(clip):
        for person in range(persons):
            for _ in range(twice):
                late = 0.0002 * person
                result = recognizer.update(frame, number / rate + late, person=person)
                assert not result.problem


def test_frames_of_nobody_belong_to_the_pace() -> None:
    """Somebody found in every sixth picture only is not told that too few frames come."""
    recognizer = Recognizer(Echo())
    recognizer.checks_bodies = True
    for number, frame in enumerate(standing(90)):
        if number % 6:
            recognizer.end_events(number / 15)
        else:
            assert not recognizer.update(frame, number / 15).problem


def test_a_rate_at_which_nothing_can_be_told() -> None:
    told = {}
    for rate in (2, 5):
        pace = Pace()
        told[rate] = [pace.look(number / rate) for number in range(20)][-1]
    assert "too few" in told[2]
    assert told[5] == ""


def test_what_was_wrong_and_is_right_again_is_answered() -> None:
    recognizer = Recognizer(Echo(metadata(seconds=1.5)), hop=0)
    recognizer.checks_bodies = True
    clip = np.concatenate([1000 * standing(30), standing(75)])
    results = [recognizer.update(frame, i / RATE) for i, frame in enumerate(clip)]
    assert results[29].problem
    assert results[-1].problem == ""
    assert results[-1].ready


@settings(max_examples=30)
@given(st.floats(0.55, 1.25), st.floats(-3.1, 3.1), st.integers(0, 99), st.booleans())
def test_no_ordinary_body_is_refused(size: float, turned: float, seed: int, half: bool) -> None:
    """Children and tall people, from any side, and whom a desk hides from the hips down."""
    clip = standing(40, size, turned, seed)
    if half:
        clip[:, [13, 14, 15, 17, 18, 19]] = np.nan
    assert set(look(clip)) == {""}


def test_who_lies_on_a_sofa_is_no_mistake() -> None:
    lying = standing(300)[..., [1, 0, 2]] * np.array([1, -1, 1], np.float32)
    assert set(look(lying)) == {""}


def test_a_layout_with_an_odd_bone_is_no_reason_to_be_silent() -> None:
    """`data check` names it; people before a camera can do nothing about it."""
    document = NTU.to_dict()
    bones = [bone for bone in document["bones"] if bone[0] != "left_hand"]
    document["bones"] = [*bones, ["left_hand", "left_elbow"]]
    layout = Layout.from_dict(document)
    assert [fault.kind for fault in check_bodies([standing()], layout).faults] == ["names"]
    guard = Guard(layout)
    for number, frame in enumerate(standing(200)):
        guard.look(frame[None], number / RATE)
        assert guard.problem == ""


def stream(utd_store: Path, seed: int, clips: int) -> tuple[np.ndarray, Layout]:
    """What several people do one after the other, (T, V, 3)."""
    store = Store(utd_store)
    chosen = np.random.default_rng(seed).choice(len(store), clips, replace=False)
    return np.concatenate([store.clip(number)[0] for number in chosen]), store.layout


@pytest.mark.parametrize("seed", range(8))
def test_no_recorded_body_is_refused(utd_store: Path, seed: int) -> None:
    frames, layout = stream(utd_store, seed, clips=20)
    guard = Guard(layout)
    for t, frame in enumerate(frames):
        guard.look(frame[None], t / 30)
        assert guard.problem == "", t


def test_nobody_in_a_film_is_refused(dataset: Callable[[str], Path]) -> None:
    """A pose estimator's bodies are less of a human's proportions than a depth sensor's."""
    films = [*read_poses(dataset("film-poses"))]
    assert len(films) > 100
    for film in films:
        for person in np.unique(film.person[film.whole]):
            own = film.whole & (film.person == person)
            guard = Guard(NTU)
            bodies = retarget(film.joints[own], film.layout, NTU)
            for joints, moment in zip(bodies, film.seconds[own], strict=True):
                guard.look(joints[None], float(moment))
                assert guard.problem == "", (film.name, person, moment)


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda joints: joints * np.array([-1, 1, 1]), "left and right"),
        (lambda joints: joints * np.array([1, 1, -1]), "left and right"),
        (lambda joints: joints[:, np.random.default_rng(5).permutation(20)], "which joint is"),
    ],
    ids=["x", "z", "order"],
)
@pytest.mark.parametrize("seed", range(4))
def test_what_one_second_hides_ten_show(
    utd_store: Path, seed: int, spoil: Callable[[np.ndarray], np.ndarray], named: str
) -> None:
    """A Kinect's knees hardly bend in a second: it takes several movements to find
    that bodies are mirrored."""
    frames, layout = stream(utd_store, seed, clips=6)
    guard = Guard(layout)
    for t, frame in enumerate(spoil(frames)):
        guard.look(frame[None], t / 30)
    assert named in guard.problem


def test_another_recording_is_not_called_slow_for_the_one_before() -> None:
    recognizer = Recognizer(Echo())
    recognizer.checks_bodies = True
    clip = standing(40)
    slow = [recognizer.update(frame, i * 1.0) for i, frame in enumerate(clip)]
    assert "1.0 frames come per second, too few" in slow[-1].problem
    recognizer.reset()
    results = [recognizer.update(frame, i / RATE) for i, frame in enumerate(clip)]
    assert {result.problem for result in results} == {""}


def test_the_end_of_who_left_comes_with_a_frame_that_makes_no_sense() -> None:
    """An event ends in one result only, and this one is as good as any."""
    recognizer = Recognizer(Echo(), hop=0)
    recognizer.checks_bodies = True
    for i, frame in enumerate(standing(45) + np.float32([0.7, 0, -3])):  # a wave to `Echo`
        recognizer.update(frame, i / RATE, person="ann")
    assert [event.label for event in recognizer.open_events] == ["wave"]
    later = [recognizer.update(np.ones((25, 3)), 3 + i / RATE, person="bo") for i in range(20)]
    assert all(result.problem for result in later)
    ended = [(event.person, event.label) for result in later for event in result.events]
    assert ended == [("ann", "wave")]


def test_the_live_view_says_it_once(tmp_path: Path) -> None:
    from skedge.edge_runtime.interfaces import Frame, Person
    from skedge.edge_runtime.live.actions import Actions, Observation

    recognizer = Recognizer.load(write_model(tmp_path / "m.onnx"))
    recognizer.checks_bodies = True
    actions, notes = Actions(recognizer), []
    growing = np.linspace(400, 1400, 60)[:, None, None]  # also beyond a thousand metres
    for number, joints in enumerate(growing * standing(60)):
        person = Person(1, joints)
        frame = Frame(None, number / RATE, (person,))
        outlook = actions.update(Observation(frame, (person,), NTU, 0.0))
        notes += outlook.notes
        assert outlook.answers[0].top == ()
        assert "millimetres" in outlook.answers[0].text
    assert len(notes) == 1
    assert re.fullmatch(r"a body is \d+ m in size: .*millimetres.*", notes[0])
