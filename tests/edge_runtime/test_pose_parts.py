"""The steps of the pose estimator against formulas and loops written independently; no network runs
here."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.edge_runtime.pose_bodies import body

pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")

import cv2

from skedge.edge_runtime.pose.detector import anchors, decode, overlap
from skedge.edge_runtime.pose.heat import Heat
from skedge.edge_runtime.pose.landmarks import HIPS, LAYOUT, MAIN
from skedge.edge_runtime.pose.placement import Placement, distance, rays
from skedge.edge_runtime.pose.region import Region, around_body, cut_level
from skedge.edge_runtime.pose.search import Search, covered, same
from skedge.edge_runtime.pose.smoothing import OneEuro
from skedge.edge_runtime.pose.whole import Whole, is_upper, is_whole

angles = st.floats(-math.pi, math.pi)


class TestDetector:
    def test_anchors_are_those_the_network_was_trained_with(self) -> None:
        """Five layers with strides 8, 16, 32, 32, 32 on 224 pixels, two anchors a layer in the
        middle of every cell."""
        expected: list[tuple[float, float]] = []
        strides = [8, 16, 32, 32, 32]
        for stride in sorted(set(strides)):
            for row in range(224 // stride):
                for column in range(224 // stride):
                    middle = ((column + 0.5) * stride / 224, (row + 0.5) * stride / 224)
                    expected += [middle] * (2 * strides.count(stride))
        np.testing.assert_allclose(anchors(), expected, rtol=0, atol=1e-12)

    @given(st.integers(0, 10_000), st.integers(1, 12))
    def test_overlapping_boxes_become_their_weighted_mean(self, seed: int, count: int) -> None:
        rng = np.random.default_rng(seed)
        raw, logits = rng.normal(0, 30, (2254, 12)), np.full(2254, -9.0)
        chosen = rng.choice(2254, count, replace=False)
        logits[chosen] = rng.uniform(-1, 5, count)
        raw[chosen, 2:4] = rng.uniform(20, 120, (count, 2))

        # The published rule: the surest box takes all that overlap it by more than 0.3 into a mean
        # weighted by scores.
        left = []
        for i in chosen:
            score = 1 / (1 + math.exp(-logits[i]))
            if score >= 0.4:
                x, y = anchors()[i][0] + raw[i, 0] / 224, anchors()[i][1] + raw[i, 1] / 224
                w, h = raw[i, 2] / 224, raw[i, 3] / 224
                points = [anchors()[i][k % 2] + raw[i, 4 + k] / 224 for k in range(8)]
                left.append((score, [x - w / 2, y - h / 2, x + w / 2, y + h / 2, *points]))
        left.sort(key=lambda one: -one[0])
        expected = []
        while left:
            first = left[0]
            group = [one for one in left if one is first or _iou(first[1], one[1]) > 0.3]
            total = sum(score for score, _ in group)
            expected.append(
                (first[0], [sum(s * row[k] for s, row in group) / total for k in range(12)])
            )
            left = [one for one in left if all(one is not other for other in group)]

        scores, boxes, points = decode(raw.astype(np.float32), logits.astype(np.float32))
        assert len(scores) == len(expected)
        if expected:
            np.testing.assert_allclose(scores, [score for score, _ in expected], atol=1e-5)
            np.testing.assert_allclose(
                np.hstack([boxes, points.reshape(-1, 8)]), [row for _, row in expected], atol=1e-4
            )

    def test_nothing_sure_is_nobody(self) -> None:
        scores, boxes, points = decode(
            np.zeros((2254, 12), np.float32), np.full((2254, 1), -100, np.float32)[:, 0]
        )
        assert scores.shape == (0,)
        assert boxes.shape == (0, 4)
        assert points.shape == (0, 4, 2)

    def test_overlap_of_boxes(self) -> None:
        boxes = np.array([[0, 0, 2, 2], [1, 1, 3, 3], [2, 0, 4, 2], [0, 0, 1, 1], [5, 5, 5, 5.0]])
        np.testing.assert_allclose(overlap(boxes[0], boxes), [1, 1 / 7, 0, 1 / 4, 0])


def _iou(a: list[float], b: list[float]) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


class TestRegion:
    @given(st.floats(0, 640), st.floats(0, 480), angles, st.floats(10, 300))
    def test_a_body_stands_upright_in_its_region(
        self, x: float, y: float, lean: float, radius: float
    ) -> None:
        """Hips in the middle, the circle's top straight above, at 1 / 1.25 of the way to the
        edge."""
        top = np.array([x + radius * math.sin(lean), y - radius * math.cos(lean)])
        region = around_body(np.array([x, y]), top)
        assert region is not None
        assert region.size == pytest.approx(2.5 * radius)
        np.testing.assert_allclose(region.to_picture(np.array([0.5, 0.5])), (x, y), atol=1e-6)
        np.testing.assert_allclose(
            region.to_picture(np.array([0.5, 0.5 - 0.5 / 1.25])), top, atol=1e-6
        )

    @pytest.mark.parametrize("top", [(5.0, 5.0), (5.5, 5.0), (np.nan, 1.0), (np.inf, 1.0)])
    def test_two_points_in_one_are_no_body(self, top: tuple[float, float]) -> None:
        assert around_body(np.array([5.0, 5.0]), np.array(top)) is None

    @given(st.floats(80, 120), st.floats(60, 100), angles, st.floats(20, 60))
    def test_what_is_cut_out_is_what_lies_there(
        self, x: float, y: float, angle: float, size: float
    ) -> None:
        """A picture whose colours are its coordinates, so that every pixel of the cut says where it
        came from."""
        rows, columns = np.mgrid[:160, :200]
        image = np.stack([columns, rows, np.zeros_like(rows)], axis=-1).astype(np.uint8)
        cut = Region(x, y, size, angle).cut(image, 16, cv2.BORDER_REPLICATE).astype(float)
        cut = cut[..., ::-1]
        for row, column in ((0, 0), (0, 15), (15, 0), (8, 8), (3, 12)):
            across, down = (column / 16 - 0.5) * size, (row / 16 - 0.5) * size
            at = (
                x + across * math.cos(angle) - down * math.sin(angle),
                y + across * math.sin(angle) + down * math.cos(angle),
            )
            np.testing.assert_allclose(cut[row, column, :2], at, atol=0.6)

    @pytest.mark.parametrize("size", [100.0, 256.0, 333.3, 700.0])
    @pytest.mark.parametrize("middle", [(320, 240), (60.4, 400.7), (610, 20)])
    def test_a_level_cut_shows_the_region_that_it_names(
        self, size: float, middle: tuple[float, float]
    ) -> None:
        # Its own coordinates are the picture's colours.
        rows, columns = np.mgrid[:480, :640]
        image = np.stack([columns / 4, rows / 4, np.zeros_like(rows)], axis=-1).astype(np.uint8)
        asked = Region(*middle, size, 0.03)
        found = cut_level(image, asked, 64)
        assert found is not None
        square, shown = found
        assert abs(shown.size - size) <= 0.5
        # A pixel of the small square, which is taken for its middle, and half a pixel of rounding.
        assert math.hypot(shown.x - asked.x, shown.y - asked.y) < size / 64 + 1
        ticks = np.arange(64)
        places = shown.to_picture(np.stack(np.meshgrid(ticks, ticks), axis=-1) / 64)
        expected = np.stack([places[..., 0].clip(0, 639), places[..., 1].clip(0, 479)], axis=-1) / 4
        seen = square[..., ::-1][..., :2]
        assert np.abs(seen - expected).max() < 1.6, "colours are rounded down"

    def test_a_level_cut_outside_or_far_too_large_is_none(self) -> None:
        image = np.zeros((48, 64, 3), np.uint8)
        assert cut_level(image, Region(-60, 20, 40, 0.0), 32) is None
        assert cut_level(image, Region(30, 20, 5000, 0.0), 32) is None

    def test_beside_the_picture_it_is_black_or_goes_on_as_asked(self) -> None:
        image = np.full((100, 200, 3), 50, np.uint8)
        whole = Region(100, 50, 200, 0.0)
        letterbox = whole.cut(image, 40, cv2.BORDER_CONSTANT)
        assert (letterbox[:9] == 0).all()
        assert (letterbox[11:29] == 50).all()
        assert (letterbox[31:] == 0).all()
        assert (whole.cut(image, 40, cv2.BORDER_REPLICATE) == 50).all()


def refine(points: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """`points` drawn to the heat (64, 64, n), which two features a map sum to, with a bias."""
    maps = heat.shape[2]
    features = np.concatenate([heat / 2 - 1, heat], axis=2)
    weights = np.concatenate([np.eye(maps), np.eye(maps) / 2], axis=1).astype(np.float32)
    return Heat(weights, np.ones((maps, 1), np.float32)).refine(points, features)


class TestHeat:
    def test_a_point_moves_to_the_middle_of_the_heat_around_it(self) -> None:
        heat = np.full((64, 64, 2), -20.0, np.float32)
        heat[20, 31, 0], heat[21, 32, 0], heat[40, 60, 0] = 3.0, 1.0, 9.0
        first, second = (1 / (1 + math.exp(-logit)) for logit in (3.0, 1.0))
        expected = (
            (31 * first + 32 * second) / (first + second) / 64,
            (20 * first + 21 * second) / (first + second) / 64,
        )
        refined = refine(np.array([[30.5 / 64, 20.2 / 64], [0.5, 0.5]]), heat)
        np.testing.assert_allclose(refined[0], expected, atol=1e-5)
        np.testing.assert_array_equal(refined[1], [0.5, 0.5], "nothing sure near it")

    @pytest.mark.parametrize("point", [(-0.01, 0.5), (0.5, 1.0), (7.0, -3.0)])
    def test_a_point_outside_of_the_map_stays(self, point: tuple[float, float]) -> None:
        heat = np.full((64, 64, 1), 9.0, np.float32)
        np.testing.assert_array_equal(refine(np.array([point]), heat), [point])

    def test_at_the_edge_the_square_is_cut_off(self) -> None:
        heat = np.full((64, 64, 1), 5.0, np.float32)
        np.testing.assert_allclose(refine(np.array([[0.0, 63.9 / 64]]), heat)[0] * 64, [1.5, 61.5])


def one_euro(
    values: list[float], times: list[float], cutoff: float, slope: float, rate: float
) -> list[float]:
    """The paper's algorithm 1 for one number: the derivative is filtered first and opens the filter
    of the value."""
    smoothed, speed, found = values[0], 0.0, [values[0]]
    for (before, now), value in zip(pairwise(times), values[1:], strict=True):
        gap = now - before
        raw = (value - smoothed) / gap
        share = 1 / (1 + 1 / (2 * math.pi * rate) / gap)
        speed = share * raw + (1 - share) * speed
        share = 1 / (1 + 1 / (2 * math.pi * (cutoff + slope * abs(speed))) / gap)
        smoothed = share * value + (1 - share) * smoothed
        found.append(smoothed)
    return found


class TestOneEuro:
    @given(
        st.lists(st.tuples(st.floats(-5, 5), st.floats(0.001, 0.5)), min_size=1, max_size=20),
        st.floats(0.1, 5),
        st.floats(0, 5),
    )
    def test_it_is_the_papers_formula(
        self, steps: list[tuple[float, float]], cutoff: float, slope: float
    ) -> None:
        values, gaps = zip(*steps, strict=True)
        times = np.cumsum(gaps)
        euro = OneEuro(cutoff, slope, 1.0)
        found = [
            euro.update(np.array([value, -value]), float(now))
            for value, now in zip(values, times, strict=True)
        ]
        expected = one_euro(list(values), list(times), cutoff, slope, 1.0)
        np.testing.assert_allclose([one[0] for one in found], expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(
            [one[1] for one in found], np.negative(expected), rtol=1e-9, atol=1e-9
        )

    def test_rest_is_steadied_and_a_throw_is_followed(self) -> None:
        rng = np.random.default_rng(0)
        euro = OneEuro(1.0, 3.0)
        still = np.array(
            [euro.update(rng.normal(0, 0.01, 3), number / 30) for number in range(90)]
        )[30:]
        assert still.std() < 0.005
        late = [
            abs(euro.update(np.full(3, 4.0 * number / 30), 3 + number / 30)[0] - 4.0 * number / 30)
            for number in range(1, 30)
        ]
        assert max(late[10:]) < 0.12, "at four metres a second"

    def test_the_same_moment_twice_changes_nothing_and_gaps_in_numbers_heal(self) -> None:
        euro = OneEuro(1.0, 1.0)
        first = euro.update(np.array([1.0, np.nan]), 1.0)
        np.testing.assert_array_equal(euro.update(np.array([9.0, 9.0]), 1.0), first)
        np.testing.assert_array_equal(euro.update(np.array([np.nan, 7.0]), 1.1), [np.nan, 7.0])
        np.testing.assert_array_equal(euro.update(np.array([2.0, 7.0]), 1.2), [2.0, 7.0])


def seen_by_a_camera(points: np.ndarray, width: int, height: int) -> np.ndarray:
    """Pixels of points (V, 3), x to the camera's left, y up, z away: a pinhole, its focal length
    0.87 of the longer side."""
    focal = 0.87 * max(width, height)
    return np.stack(
        [
            width / 2 - focal * points[:, 0] / points[:, 2],
            height / 2 - focal * points[:, 1] / points[:, 2],
        ],
        axis=1,
    )


class TestPlacement:
    @given(
        st.integers(0, 1000),
        st.floats(-1, 1),
        st.floats(-1, 1),
        st.floats(1.5, 8),
        st.sampled_from([(640, 480), (480, 640)]),
    )
    def test_a_body_is_found_where_it_was_put(
        self, seed: int, x: float, y: float, z: float, size: tuple[int, int]
    ) -> None:
        joints = np.random.default_rng(seed).normal(0, 0.4, (33, 3)).clip(-1, 1)
        # About the hips, as the network gives them, both as far away.
        joints[24] = -joints[23] * (1, 1, 0)
        joints[23, 2] = 0
        place = np.array([x, y, z])
        pixels = seen_by_a_camera(joints + place, *size)
        found = distance(joints, pixels, np.ones(33), *size)
        assert found == pytest.approx(z, abs=1e-6)
        placed = Placement().update(joints, pixels, np.ones(33), *size, 0.0)
        np.testing.assert_allclose(placed, joints + place, atol=1e-6)

    def test_rays_and_pixels_are_the_same_thing(self) -> None:
        rng = np.random.default_rng(0)
        points = rng.normal(size=(20, 3)) + np.array([0, 0, 5])
        np.testing.assert_allclose(
            rays(seen_by_a_camera(points, 640, 480), 640, 480),
            points[:, :2] / points[:, 2:],
            atol=1e-9,
        )

    def test_who_jumps_goes_up_though_the_network_only_knows_the_hips(self) -> None:
        joints = np.random.default_rng(1).normal(0, 0.4, (33, 3)).clip(-1, 1)
        joints -= joints[[23, 24]].mean(axis=0)
        placement = Placement()
        heights = []
        for number in range(30):
            up = np.array([0.2, 0.4 * (number >= 15), 3.0])
            pixels = seen_by_a_camera(joints + up, 640, 480)
            placed = placement.update(joints, pixels, np.ones(33), 640, 480, number / 30)
            heights.append(placed[[23, 24], 1].mean())
        assert heights[14] == pytest.approx(0, abs=0.02)
        assert heights[-1] == pytest.approx(0.4, abs=0.03)
        np.testing.assert_allclose(placed - placed[0], joints - joints[0], atol=1e-9)


class TestWhole:
    def test_from_head_to_knees(self) -> None:
        assert is_whole(body(), 640, 480)
        assert is_whole(body(height=480, top=80), 640, 480), "feet may be cut off"
        assert not is_whole(body(height=600, top=90), 640, 480), "knees not"
        assert not is_whole(body(top=20), 640, 480), "nor the crown, which lies above the nose"
        assert not is_whole(body(x=10), 640, 480)
        assert not is_whole(body(visible=0.4), 640, 480)
        assert not is_whole(body(score=0.4), 640, 480)

    def test_from_the_crown_to_the_elbows_with_the_knees_out_of_the_picture(self) -> None:
        desk = body(height=700, top=120)
        assert is_upper(desk, 640, 480)
        assert not is_whole(desk, 640, 480)
        assert not is_upper(body(), 640, 480), "a whole body is not"
        assert not is_upper(body(height=1200, top=120), 640, 480), "elbows must be in the picture"
        assert not is_upper(body(height=700, top=40), 640, 480), "and the crown"
        assert not is_upper(body(height=700, top=120, visible=0.4), 640, 480)
        assert not is_upper(body(height=700, top=120, score=0.4), 640, 480)

    @pytest.mark.parametrize("side", ["left", "right"])
    def test_who_is_seen_from_the_side_hides_one_side(self, side: str) -> None:
        profile = body()
        near = np.array([joint.startswith(side) for joint in LAYOUT.joints])
        profile.visibility[:] = np.where(near, 0.95, 0.05)
        assert is_whole(profile, 640, 480)
        profile.visibility[:] = np.where(near, 0.75, 0.05)
        assert not is_whole(profile, 640, 480), "a close-up's sides are seen as well as that"

    def test_one_bad_picture_changes_nothing(self) -> None:
        whole = Whole()
        assert [whole.update(True, 0.0, number / 30) for number in range(30)][-1] is True
        assert whole.update(False, 0.0, 1.0) is True
        assert [whole.update(False, 0.0, 1 + number / 30) for number in range(1, 30)][-1] is False

    @pytest.mark.parametrize("rate", [3, 5, 10, 30, 60])
    def test_a_slow_computer_sees_whole_bodies_too(self, rate: int) -> None:
        whole = Whole()
        believed = [whole.update(True, 0.0, number / rate) for number in range(2 * rate)]
        assert not believed[0]
        assert believed.index(True) / rate == pytest.approx(0.7, abs=0.35)
        assert believed[-1]

    def test_time_in_which_nobody_was_seen_does_not_speak_for_a_body(self) -> None:
        whole = Whole()
        assert not any(whole.update(True, 0.0, float(number)) for number in range(30))

    def test_who_was_never_upright_is_not_believed(self) -> None:
        whole = Whole()
        assert not any(whole.update(True, 1.4, number / 30) for number in range(60))
        whole.update(True, 0.1, 2.0)
        assert whole.update(True, 1.4, 2.1), "who stood before may lie down"


class TestSearch:
    class Detector:
        """Keeps the pictures that it is given."""

        def __init__(self) -> None:
            self.seen: list[np.ndarray] = []

        def detect(self, image: np.ndarray) -> list:
            self.seen.append(image.copy())
            return []

    def test_windows_take_turns_and_known_bodies_are_painted_over(self) -> None:
        detector = self.Detector()
        search = Search(detector)
        image = np.random.default_rng(0).integers(0, 255, (240, 426, 3), np.uint8)
        for _ in range(6):
            search.look(image, [], [], 0.0)
        assert [one.shape for one in detector.seen] == 2 * [
            (240, 426, 3),
            (240, 240, 3),
            (240, 240, 3),
        ]
        np.testing.assert_array_equal(detector.seen[1], image[:, :240])
        np.testing.assert_array_equal(detector.seen[2], image[:, 186:])
        before = image.copy()
        search.look(image, [body(height=120, x=200, top=50)], [], 0.0)
        np.testing.assert_array_equal(image, before)
        painted = (detector.seen[-1] != image).any(axis=-1)
        assert painted[60:160, 185:215].mean() > 0.95
        assert not painted[:, 300:].any()

    def test_a_window_lies_where_somebody_comes_in(self) -> None:
        detector = self.Detector()
        search = Search(detector)
        image = np.full((240, 426, 3), 90, np.uint8)
        search.look(image, [], [], 0.0)
        assert not search.has_changed(image, [])
        image[40:200, 330:400] = 200
        assert search.has_changed(image, [])
        assert not search.has_changed(image, [body(height=160, x=365, top=40)])
        search.look(image, [], [], 0.2)
        (square,) = (one for one in detector.seen[1:] if one.shape == (240, 240, 3))
        np.testing.assert_array_equal(square, image[:, 186:])

    def test_one_body_found_twice_is_one(self) -> None:
        assert same(body(), body(x=325))
        assert not same(body(), body(x=420))
        assert covered(body(height=100, top=100), body())
        assert not covered(body(x=520), body())

    def test_main_joints_are_the_twelve_of_trunk_and_limbs(self) -> None:
        assert len(set(MAIN)) == 12
        assert {LAYOUT.joints[joint].partition("_")[2] for joint in MAIN} == {
            "shoulder", "elbow", "wrist", "hip", "knee", "ankle",
        }  # fmt: skip


def test_nobody_is_nearer_than_a_camera_sees_or_beyond_a_hall() -> None:
    """A body whose joints lie on each other in the picture would stand at no distance or miles
    away."""
    joints = np.random.default_rng(0).normal(0, 0.3, (33, 3))
    for size, away in ((0.0, 0.3), (0.1, 30.0)):
        pixels = 100 + size * joints[:, :2] * (-1, -1)
        placed = Placement().update(joints, pixels, np.ones(33), 640, 480, 0.0)
        assert placed[list(HIPS), 2].mean() == pytest.approx(away)
