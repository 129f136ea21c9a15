"""Search, tracking and identities together, in front of made-up people whom made-up networks
see."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")

from skedge.edge_runtime.interfaces import Frame
from skedge.edge_runtime.pose import blazepose
from skedge.edge_runtime.pose.blazepose import BlazePose
from skedge.edge_runtime.pose.landmarks import Body
from skedge.edge_runtime.pose.region import Region
from skedge.skeleton import InputError
from tests.edge_runtime.pose_bodies import body

WIDTH, HEIGHT, TALL, RATE = 426, 240, 100.0, 30
# Where somebody is at a moment (x in pixels), None while not to be seen.
Walk = Callable[[float], float | None]


class Scene:
    """People in a row, those that come first in front: who is less than `HIDES` pixels behind
    another cannot be seen.

    The picture's colours are its coordinates, so that the detector knows which window it is given,
    and what is painted over.
    """

    HIDES = 25.0

    def __init__(self, **walks: Walk) -> None:
        self.walks = walks
        self.now = 0.0
        rows, columns = np.mgrid[:HEIGHT, :WIDTH]
        self.image = np.stack([columns // 2, rows, columns % 2], axis=-1).astype(np.uint8)

    def visible(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for who, walk in self.walks.items():
            x = walk(self.now)
            if x is not None and all(abs(x - other) >= self.HIDES for other in found.values()):
                found[who] = x
        return found

    def detect(self, window: np.ndarray) -> list[Region]:
        left, top = 2 * int(window[0, 0, 0]) + int(window[0, 0, 2]), int(window[0, 0, 1])
        found = []
        for x in self.visible().values():
            at = round(x) - left, 112 - top
            inside = 0 <= at[0] < window.shape[1] and 0 <= at[1] < window.shape[0]
            if inside and (window[at[1], at[0]] == self.image[112, round(x)]).all():
                found.append(Region(at[0], at[1], 1.3 * TALL, 0.0))
        return found

    def find(self, image: np.ndarray, region: Region) -> Body | None:
        near = [
            x
            for x in self.visible().values()
            if np.hypot(x - region.x, 112 - region.y) < 0.35 * region.size
        ]
        x = min(near, key=lambda x: abs(x - region.x), default=region.x)
        return body(height=TALL, x=x, top=60, score=0.95 if near else 0.05)

    def follow(self, pose: BlazePose, seconds: float) -> list[dict[str, int]]:
        """Which number everybody has in every picture, by their places."""
        found = []
        for number in range(round(seconds * RATE)):
            self.now = number / RATE
            seen = self.visible()
            people = pose.estimate(Frame(self.image, self.now))
            numbers = {}
            for person in people:
                assert person.pixels is not None
                trunk = person.pixels[[11, 12, 23, 24], 0].mean()
                numbers[min(seen, key=lambda who: abs(seen[who] - trunk))] = person.id
            assert len(numbers) == len(people), "one number for each body"
            found.append(numbers)
        return found


@pytest.fixture
def estimate(monkeypatch: pytest.MonkeyPatch) -> Callable[..., BlazePose]:
    """Makes a BlazePose whose networks see the scene."""

    def make(scene: Scene, people: int, **how: Any) -> BlazePose:
        monkeypatch.setattr(blazepose, "model_path", lambda model, folder: Path(model))
        monkeypatch.setattr(blazepose, "Detector", lambda path, threads: scene)
        monkeypatch.setattr(blazepose, "Landmarker", lambda path, threads: scene)
        return BlazePose(people, **how)

    return make


def numbers(found: list[dict[str, int]], who: str) -> set[int]:
    return {one[who] for one in found if who in one}


@pytest.mark.parametrize("threads", [1, 3])
def test_everybody_is_looked_at_with_one_network_on_all_threads(
    threads: int, estimate: Callable[..., BlazePose], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(left=lambda now: 60.0, middle=lambda now: 200.0, right=lambda now: 340.0)
    estimate(scene, 3)
    opened: list[int] = []
    monkeypatch.setattr(
        blazepose, "Landmarker", lambda path, threads: opened.append(threads) or scene
    )
    assert len(scene.follow(BlazePose(3, threads=threads), 2.0)[-1]) == 3
    assert opened == [threads], "each copy of the network would take its memory"


def test_two_who_cross_keep_their_numbers_though_one_hides_the_other(
    estimate: Callable[..., BlazePose],
) -> None:
    scene = Scene(front=lambda now: 80 + 70 * now, rear=lambda now: 350 - 70 * now)
    found = scene.follow(estimate(scene, 2), 3.6)
    assert numbers(found, "front") == {0} or numbers(found, "front") == {1}
    assert len(numbers(found, "rear")) == 1
    assert numbers(found, "front").isdisjoint(numbers(found, "rear"))
    # The one in front hides the other for a third of a second, and covers most of that one for as
    # long again.
    assert sum(len(one) == 2 for one in found) > 0.7 * len(found)
    assert all(len(one) == 2 for one in found[-20:])


def test_who_hugs_somebody_who_is_lost_is_marked(estimate: Callable[..., BlazePose]) -> None:
    """Two walk up to each other, are one body for a second, and part."""

    def way(start: float, met: float) -> Callable[[float], float]:
        return lambda now: start + (met - start) * min(now, 5 - now, 2.0) / 2

    scene = Scene(left=way(60, 190), right=way(340, 192))
    pose = estimate(scene, 2)
    seen = []
    for number in range(5 * RATE):
        scene.now = number / RATE
        seen.append({one.id: one.touching for one in pose.estimate(Frame(scene.image, scene.now))})
    alone = [one for one in seen if len(one) == 1]
    (stays,) = {who for one in alone for who in one}
    assert len(alone) > 0.8 * RATE
    assert all(one[stays] for one in alone)
    assert not any(any(one.values()) for one in seen if len(one) == 2)


def test_the_detector_rests_while_everybody_asked_for_is_in_view(
    estimate: Callable[..., BlazePose],
) -> None:
    for people, scene in (
        (1, Scene(a=lambda now: 200 + 10 * now)),
        (2, Scene(a=lambda now: 120, b=lambda now: 300)),
    ):
        steps: list[str] = []
        pose = estimate(scene, people, took=lambda step, seconds, steps=steps: steps.append(step))
        scene.follow(pose, 0.5)
        steps.clear()
        for number in range(30):
            pose.estimate(Frame(scene.image, 0.5 + number / RATE))
        assert steps == ["landmarks"] * 30 * people


def test_a_moving_view_without_anybody_costs_no_look_in_every_picture(
    estimate: Callable[..., BlazePose],
) -> None:
    scene = Scene()
    steps: list[str] = []
    pose = estimate(scene, 1, took=lambda step, seconds: steps.append(step))
    for number in range(2 * RATE):
        pose.estimate(Frame(np.full_like(scene.image, 200 * (number % 2)), number / RATE))
    assert 2 * RATE / 3 <= steps.count("detector") <= RATE, "one in two pictures at most"


def test_who_vanishes_is_looked_for_at_once_and_around_that_place_first(
    estimate: Callable[..., BlazePose], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(a=lambda now: 200 if now < 1 else None)
    windows: list[tuple[int, ...]] = []
    detect = scene.detect

    def watched(window: np.ndarray) -> list[Region]:
        if scene.now >= 1:
            windows.append(window.shape[:2])
        return detect(window)

    monkeypatch.setattr(scene, "detect", watched)
    pose = estimate(scene, 1)
    scene.follow(pose, 1.0)
    for number in range(RATE, RATE + 6):
        scene.now = number / RATE
        pose.estimate(Frame(scene.image, scene.now))
    assert len(windows) == 6
    assert windows[0] < (HEIGHT, HEIGHT)
    assert windows[1] == (HEIGHT, WIDTH)


def test_while_one_is_followed_the_other_is_looked_for_now_and_then(
    estimate: Callable[..., BlazePose],
) -> None:
    # Wherever the newcomer is seen the other is, too, and would be found first.
    scene = Scene(a=lambda now: 200, late=lambda now: 270 if now > 2 else None)
    steps: list[str] = []
    found = scene.follow(estimate(scene, 2, took=lambda step, seconds: steps.append(step)), 3.5)
    came = next(number for number, one in enumerate(found) if "late" in one)
    assert 2 < came / RATE < 3
    assert steps.count("detector") < 25, "five times a second at most"


def test_who_was_there_a_moment_ago_goes_before_others(estimate: Callable[..., BlazePose]) -> None:
    """One is asked for and lost for a picture, in which another is found first: the number must not
    go over to that one."""
    scene = Scene(b=lambda now: 195 if now >= 1 else None, a=lambda now: 215 + 20 * now)
    pose = estimate(scene, 1)
    first = scene.follow(pose, 1.0)
    find, losses = scene.find, []

    def blurred(image: np.ndarray, region: Region) -> Body | None:
        """The body that is followed is not recognised where it was expected, but where the detector
        has just seen it."""
        if not losses:
            losses.append(region)
            return body(score=0.1)
        return find(image, region)

    scene.find = blurred
    scene.now = 1.0
    people = pose.estimate(Frame(scene.image, scene.now))
    assert losses
    assert [person.id for person in people] == [first[-1]["a"]]
    assert people[0].pixels is not None
    assert abs(people[0].pixels[[11, 12], 0].mean() - scene.visible()["a"]) < 10


@pytest.mark.parametrize(("angle", "stands"), [(3.1, True), (-1.9, True), (3.1, False)])
def test_who_stands_but_is_taken_for_fallen_over_is_believed_as_soon(
    estimate: Callable[..., BlazePose], angle: float, stands: bool
) -> None:
    """A blurred picture: the detector, and the landmarks in its region, have somebody's head where
    the feet are. Things that look like that are not people, and do not stand either."""
    scene = Scene(a=lambda now: 200.0)

    def detect(window: np.ndarray) -> list[Region]:
        return [replace(one, angle=angle) for one in Scene.detect(scene, window)]

    def find(image: np.ndarray, region: Region) -> Body | None:
        found = Scene.find(scene, image, region)
        if found is None or abs(region.angle) < 0.1:
            return found if stands else body(score=0.3)
        return replace(found, region=replace(found.region, angle=region.angle))

    scene.detect, scene.find = detect, find
    found = scene.follow(estimate(scene, 1), 0.4)
    assert [bool(one) for one in found[3:]] == [stands] * len(found[3:])


@pytest.mark.parametrize("sharp", [0.2, 1.5])
def test_who_was_found_upside_down_stands_again_when_the_picture_is_sharp(
    estimate: Callable[..., BlazePose], sharp: float
) -> None:
    """At first, on trial or believed already, both networks have the head where the feet are, and
    nobody is there; who is followed upside down would stay so for good."""
    scene = Scene(a=lambda now: 200.0)

    def detect(window: np.ndarray) -> list[Region]:
        return [replace(one, angle=3.1) for one in Scene.detect(scene, window)]

    def find(image: np.ndarray, region: Region) -> Body | None:
        found = Scene.find(scene, image, region)
        if abs(region.angle) < 0.1:
            return found if scene.now >= sharp else body(score=0.3)
        return replace(found, region=replace(found.region, angle=region.angle)) if found else None

    scene.detect, scene.find = detect, find
    pose = estimate(scene, 1)
    scene.follow(pose, sharp)
    leans = []
    for number in range(round(sharp * RATE), round((sharp + 0.5) * RATE)):
        scene.now = number / RATE
        people = pose.estimate(Frame(scene.image, scene.now))
        leans.append(bool(people) and abs(pose._followed[0].body.region.angle) < 0.1)
    assert all(leans[round(0.3 * RATE) :])


def test_a_newcomer_is_believed_at_the_second_look_and_whole_after_half_a_second(
    estimate: Callable[..., BlazePose],
) -> None:
    scene = Scene(a=lambda now: 200)
    pose = estimate(scene, 1)
    people = [pose.estimate(Frame(scene.image, number / RATE)) for number in range(30)]
    assert people[0] == ()
    assert len(people[3]) == 1
    assert not people[3][0].whole
    assert people[-1][0].whole
    assert people[-1][0].joints.shape == (33, 3)
    assert people[-1][0].joints.dtype == np.float32


def test_joints_outside_of_the_picture_are_absent(estimate: Callable[..., BlazePose]) -> None:
    """The network has a place for every joint; where it says itself that it is none, the model
    would take it for a limb."""
    hands = [15, 16, 17, 18, 19, 20, 21, 22]

    class Cut(Scene):
        def find(self, image: np.ndarray, region: Region) -> Body | None:
            one = super().find(image, region)
            assert one is not None
            return replace(one, presence=np.where(np.isin(np.arange(33), hands), 0.4, 0.6))

    scene = Cut(who=lambda now: 200.0)
    pose = estimate(scene, 1)
    scene.follow(pose, 1.0)
    (person,) = pose.estimate(Frame(scene.image, 1.0))
    assert np.flatnonzero(np.isnan(person.joints).any(axis=1)).tolist() == hands


@pytest.mark.parametrize("people", [1, 2, 12])
def test_threads_change_nothing_but_the_time(
    people: int, estimate: Callable[..., BlazePose]
) -> None:
    found = []
    for threads in (1, 3):
        walks = {f"w{n}": lambda now, x=50 + 100 * n: x + 15 * now for n in range(4)}
        scene = Scene(**walks)
        found.append(scene.follow(estimate(scene, people, threads=threads), 1.0))
    assert found[0] == found[1]
    assert len(found[0][-1]) == min(people, 4)


def test_while_nothing_moves_people_are_looked_for_less_often(
    estimate: Callable[..., BlazePose],
) -> None:
    looks = {}
    for moving in ("nothing", "the one followed", "the edge"):
        scene = Scene(a=lambda now: 200)
        steps: list[str] = []
        pose = estimate(scene, 2, took=lambda step, seconds, steps=steps: steps.append(step))
        for number in range(90):
            scene.now = number / RATE
            image = scene.image.copy()
            if moving == "the edge":
                # Where nobody is.
                image[:60, 10 * (number % 30) : 10 * (number % 30) + 60] += 60
            elif moving == "the one followed":
                image[70:150, 180 + number % 20 : 200 + number % 20] += 60
            pose.estimate(Frame(image, scene.now))
        looks[moving] = steps.count("detector")
    assert looks["nothing"] <= 10
    assert looks["the one followed"] == looks["nothing"]
    assert looks["the edge"] > 1.3 * looks["nothing"]


def test_wrong_use_is_refused(estimate: Callable[..., BlazePose]) -> None:
    scene = Scene()
    with pytest.raises(InputError, match="--people: expected a number from 1 to 64, got 0"):
        estimate(scene, 0)
    with pytest.raises(InputError, match="--pose-threads: expected a number from 1 to 64, got 0"):
        estimate(scene, 1, threads=0)
    with pytest.raises(InputError, match="expected a picture, got a frame without one"):
        estimate(scene, 1).estimate(Frame(None, 0.0))
