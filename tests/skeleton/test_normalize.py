"""The normalisations against straightforward loops, and NumPy against torch."""

import math
from typing import Any, get_args

import numpy as np
import pytest
import torch

from skedge.skeleton import load_layout
from skedge.skeleton.layout import Layout
from skedge.skeleton.normalize import ROOT_FRAMES, Normalization, normalize, root

NAMES = get_args(Normalization)


def _clips(layout: Layout, seed: int = 0) -> np.ndarray:
    """Two bodies with some anatomy, (4, 2, 6, V, 3): spine up, shoulders across, everything else at
    random, any yaw."""
    rng = np.random.default_rng(seed)
    joints = rng.normal(scale=0.4, size=(4, 2, 6, len(layout), 3))
    for j in layout.anchors["hip"]:
        joints[..., j, :] = rng.normal(scale=0.05, size=(4, 2, 6, 3))
    for j in layout.anchors["spine"]:
        joints[..., j, :] = rng.normal(scale=0.05, size=(4, 2, 6, 3)) + np.array([0, 0.3, 0])
    angle = rng.uniform(-math.pi, math.pi, (4, 2, 6, 1))
    cosine, sine = np.cos(angle), np.sin(angle)
    x, y, z = joints[..., 0], joints[..., 1], joints[..., 2]
    turned = np.stack([cosine * x + sine * z, y, cosine * z - sine * x], axis=-1)
    return (turned + np.array([0.3, -0.2, 3.0])).astype(np.float32)


def _mean(frame: np.ndarray, joints: tuple[int, ...]) -> np.ndarray:
    return np.mean([frame[j] for j in joints], axis=0)


def _rotation(axis: np.ndarray, angle: float) -> np.ndarray:
    """Rodrigues: the matrix that turns columns about `axis` by `angle`."""
    if np.linalg.norm(axis) < 1e-9:
        return np.eye(3)
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


def _align(line: np.ndarray, target: np.ndarray) -> np.ndarray:
    cosine = line @ target / np.linalg.norm(line)
    return _rotation(np.cross(line, target), math.acos(np.clip(cosine, -1, 1)))


def _by_hand(clip: np.ndarray, layout: Layout, name: str) -> np.ndarray:
    clip = clip.astype(np.float64)
    out = clip.copy()
    left, right = layout.shoulders
    if name == "per-frame":
        for m, person in enumerate(clip):
            for t, frame in enumerate(person):
                centred = frame - _mean(frame, layout.anchors["chest"])
                line = centred[right] - centred[left]
                angle = math.atan2(line[2], line[0])
                turn = _rotation(np.array([0.0, 1.0, 0.0]), angle)
                out[m, t] = [turn @ point for point in centred]
        return out
    if name == "per-frame-program":  # angles, and one sign of them for a whole clip
        for m, person in enumerate(clip):
            centred = [frame - _mean(frame, layout.anchors["chest"]) for frame in person]
            lines = [frame[right] - frame[left] for frame in centred]
            sign = -1 if sum(line[2] for line in lines) >= 0 else 1
            for t, (frame, line) in enumerate(zip(centred, lines, strict=True)):
                angle = sign * math.acos(line[0] / (math.hypot(line[0], line[2]) + 1e-4))
                turn = _rotation(np.array([0.0, 1.0, 0.0]), -angle)
                out[m, t] = [turn @ point for point in frame]
        return out
    if name == "root-relative":
        for m, t in np.ndindex(clip.shape[:2]):
            out[m, t] = clip[m, t] - _mean(clip[m, t], layout.anchors["hip"])
        return out
    if name == "root-motion":
        for m, person in enumerate(clip):
            both = layout.index("left_hip"), layout.index("right_hip")
            hips = [_mean(frame, both) for frame in person]
            for t, frame in enumerate(person):
                out[m, t] = frame - hips[t]
                past = [hips[max(k, 0)] for k in range(t - ROOT_FRAMES + 1, t + 1)]
                for joint in both:
                    out[m, t, joint] += hips[t] - np.mean(past, axis=0)
        return out
    first = clip[0, 0]
    origin = _mean(first, layout.anchors["spine"])
    turn = np.eye(3)
    if name == "first-frame-aligned":
        up = origin - _mean(first, layout.anchors["hip"])
        turn = _align(up, np.array([0.0, 0.0, 1.0]))
        turn = _align(turn @ (first[right] - first[left]), np.array([1.0, 0.0, 0.0])) @ turn
    for m, t, v in np.ndindex(clip.shape[:3]):
        out[m, t, v] = turn @ (clip[m, t, v] - origin)
    return out


@pytest.mark.parametrize("layout", ["ntu25", "utd-mhad20", "coco17", "blazepose33"])
@pytest.mark.parametrize("name", NAMES)
def test_against_loops(name: str, layout: str) -> None:
    known = load_layout(layout)
    clips = _clips(known)
    placed = normalize(clips, known, name)
    assert placed.dtype == np.float32
    for clip, result in zip(clips, placed, strict=True):
        np.testing.assert_allclose(result, _by_hand(clip, known, name), atol=2e-5)


@pytest.mark.parametrize("name", NAMES)
def test_numpy_equals_torch(name: str) -> None:
    layout = load_layout("ntu25")
    clips = _clips(layout)
    clips[1, 1] = 0
    by_torch = normalize(torch.from_numpy(clips), layout, name, torch)
    np.testing.assert_allclose(normalize(clips, layout, name), by_torch.numpy(), atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_where_the_body_stands_is_gone(name: str) -> None:
    layout = load_layout("ntu25")
    clips = _clips(layout)
    moved = normalize(clips + np.float32([1, -0.5, 2]), layout, name)
    np.testing.assert_allclose(moved, normalize(clips, layout, name), atol=1e-4)


def test_what_each_promises() -> None:
    layout = load_layout("ntu25")
    clips = _clips(layout)
    per_frame = normalize(clips, layout, "per-frame")
    np.testing.assert_allclose(per_frame[..., 20, :], 0, atol=1e-6)
    line = per_frame[..., 8, :] - per_frame[..., 4, :]
    np.testing.assert_allclose(line[..., 2], 0, atol=1e-5)
    assert (line[..., 0] > 0).all()
    np.testing.assert_allclose(
        per_frame[..., 1] - per_frame[..., 20:21, 1],
        clips[..., 1] - clips[..., 20:21, 1],
        atol=1e-6,
    )

    by_root = normalize(clips, layout, "root-relative")
    np.testing.assert_allclose(by_root[..., 0, :], 0, atol=1e-6)
    np.testing.assert_allclose(
        by_root[..., 8, :] - by_root[..., 4, :], clips[..., 8, :] - clips[..., 4, :], atol=1e-6
    )

    aligned = normalize(clips, layout, "first-frame-aligned")[:, 0, 0]
    np.testing.assert_allclose(aligned[:, 1], 0, atol=1e-6)
    line = aligned[:, 8] - aligned[:, 4]
    np.testing.assert_allclose(line[:, 1:], 0, atol=1e-5)
    assert (line[:, 0] > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_distances_between_joints_stay(name: str) -> None:
    layout = load_layout("ntu25")
    clips = _clips(layout)
    placed = normalize(clips, layout, name)
    if name == "root-motion":  # there the hips' entries say something else
        kept = [
            j for j, joint in enumerate(layout.joints) if joint not in ("left_hip", "right_hip")
        ]
        clips, placed = clips[..., kept, :], placed[..., kept, :]
    before = np.linalg.norm(clips[..., :, None, :] - clips[..., None, :, :], axis=-1)
    after = np.linalg.norm(placed[..., :, None, :] - placed[..., None, :, :], axis=-1)
    np.testing.assert_allclose(after, before, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_an_absent_person_stays_zero(name: str) -> None:
    layout = load_layout("ntu25")
    clips = _clips(layout)
    clips[:, 1, 2:] = 0
    placed = normalize(clips, layout, name)
    assert not placed[:, 1, 2:].any()
    assert placed[:, 1, :2].any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("line", [(0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (-1.0, 0.0, 0.0)])
def test_degenerate_bodies_stay_finite(name: str, line: tuple[float, float, float]) -> None:
    """A body in one point, one whose shoulders stand above each other, one that faces away: no NaN,
    no division by zero."""
    layout = load_layout("ntu25")
    joints = np.ones((1, 3, 25, 3), np.float32)
    joints[..., 8, :] += np.float32(line)
    with np.errstate(all="raise"):
        placed = normalize(joints, layout, name)
    assert np.isfinite(placed).all()
    assert np.isfinite(normalize(torch.from_numpy(joints), layout, name, torch).numpy()).all()


@pytest.mark.parametrize("xp", [np, torch])
def test_the_origin_is_where_person_1_enters(xp: Any) -> None:
    """Of a clip that person 2 begins alone; without an origin it would stay in the camera's
    coordinates."""
    layout = load_layout("ntu25")
    clips = _clips(layout)
    clips[:, 0, :2] = 0
    given = clips if xp is np else torch.from_numpy(clips)
    for name in ("first-frame", "first-frame-aligned"):
        placed = np.asarray(normalize(given, layout, name, xp))
        np.testing.assert_allclose(placed[:, 0, 2, 1], 0, atol=1e-6)
        assert not placed[:, 0, :2].any()
        later = normalize(clips[:, :, 2:], layout, name)
        np.testing.assert_allclose(placed[:, :, 2:], later, atol=1e-6)


def test_shoulders_that_face_away_are_turned_round() -> None:
    layout = load_layout("ntu25")
    joints = np.zeros((1, 1, 25, 3), np.float32)
    joints[..., 4, :], joints[..., 8, :], joints[..., 20, :] = (0.2, 1, 3), (-0.2, 1, 3), (0, 1, 3)
    placed = normalize(joints, layout, "per-frame")
    np.testing.assert_allclose(placed[0, 0, 8], (0.2, 0, 0), atol=1e-6)


def test_root_motion_goes_on_where_a_stream_is_cut() -> None:
    """Placed in pieces, with where the root was before, a clip is what it is in one."""
    layout = load_layout("ntu25")
    rng = np.random.default_rng(1)
    clip = rng.normal(size=(1, 1, 60, 25, 3)).astype(np.float32).cumsum(2)
    whole = normalize(clip, layout, "root-motion")
    cut = 20
    before = root(clip[:, :, cut - ROOT_FRAMES + 1 : cut], layout)
    rest = normalize(clip[:, :, cut:], layout, "root-motion", before=before)
    np.testing.assert_allclose(rest, whole[:, :, cut:], atol=1e-5)
    alone = normalize(clip[:, :, cut:], layout, "root-motion")
    assert np.abs(alone[:, :, : ROOT_FRAMES - 1] - whole[:, :, cut : cut + 15]).max() > 0.1


def test_root_motion_shows_a_jump_that_root_relative_hides() -> None:
    layout = load_layout("ntu25")
    clip = np.repeat(_clips(layout)[:1, :1, :1], 40, axis=2)
    clip[:, :, 30:33, :, 1] += 0.2
    hip = layout.index("left_hip")
    jump = normalize(clip, layout, "root-motion")[0, 0, :, hip]
    assert np.abs(np.diff(jump[:30], axis=0)).max() < 1e-5
    assert (jump[30:33, 1] - jump[0, 1]).min() > 0.15
    hidden = normalize(clip, layout, "root-relative")[0, 0, :, hip]
    assert np.abs(np.diff(hidden, axis=0)).max() < 1e-5
