"""Real sets in other axes, units and orders of joints: every wrong one is told with what mends it,
no right one is refused."""

from collections.abc import Callable, Sequence
from itertools import islice, pairwise, permutations
from pathlib import Path

import numpy as np
import pytest

from skedge.datasets.importer import Clip, Dataset
from skedge.datasets.readers import FORMATS
from skedge.skeleton.body_check import BodyReport, check_bodies
from skedge.skeleton.layout import Layout, layout_names, load_layout
from skedge.skeleton.mend import UNITS, mend

# How each set is read: its format, where in its folder it lies, and the options that it needs.
SETS: dict[str, tuple[str, str, dict[str, object]]] = {
    "utd-mhad": ("utd-mhad", "", {}),
    "msr-action3d": ("msr-action3d", "", {}),
    "utkinect": ("arrays", "", {"layout": "kinect20", "rate": 15.0}),
    "florence": ("arrays", "", {}),
    "bandai-namco": ("pyskl", "motions.pkl", {"layout": "kinect20", "rate": 30.0}),
}
CLIPS = 24
Real = tuple[Layout, list[np.ndarray]]


@pytest.fixture(scope="module", params=SETS)
def real(request: pytest.FixtureRequest, dataset: Callable[[str], Path]) -> Real:
    """The layout of a real set and some of its clips (M, T, V, 3), from all over the set."""
    format, file, options = SETS[request.param]
    found: Dataset = FORMATS[format](dataset(request.param) / file, **options)
    chosen = list(found.sources)[:: max(1, len(found.sources) // CLIPS)]
    clips: list[Clip] = [clip for source in chosen for clip in islice(found.read(source), 1)]
    return found.layout, [clip.joints for clip in clips]


def remedies(clips: Sequence[np.ndarray], layout: Layout) -> dict[str, str]:
    """The flags that are named, with their values; all are sure."""
    faults = [fault for fault in check_bodies(clips, layout).faults if fault.remedy]
    assert all(fault.sure for fault in faults)
    words = " ".join(fault.remedy for fault in faults).split()
    named = dict(pairwise([*words, ""]))
    return {word: named[word] for word in words if word.startswith("--")}


def refused(report: BodyReport) -> list[str]:
    return [fault.remedy for fault in report.sure]


def test_the_set_as_it_is_and_every_clip_alone_are_right(real: Real) -> None:
    layout, clips = real
    assert refused(check_bodies(clips, layout)) == []
    assert [refused(check_bodies([clip], layout)) for clip in clips] == [[]] * len(clips)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_every_order_sign_and_unit_of_axes_is_mended_by_the_flags_named(
    real: Real, order: tuple[int, int, int]
) -> None:
    """The flags bring y up again, in metres, and no mirror image."""
    layout, clips = real
    others = ((1, "mm"), (4, "mm"), (2, "cm"), (7, "in"))
    for signs, unit in (*((signs, "m") for signs in range(8)), *others):
        sign = np.array([1 - 2 * (signs >> axis & 1) for axis in range(3)])
        named = remedies([clip[..., order] * sign / UNITS[unit] for clip in clips], layout)
        turned = mend(
            np.eye(3)[:, order] * sign / UNITS[unit],
            unit=named.get("--unit", "m"),
            up=named.get("--up", "y"),
            flip_x="--flip-x" in named,
        )
        assert np.allclose(turned[1], [0, 1, 0], atol=1e-6), (signs, unit, named)
        assert np.linalg.det(turned) == pytest.approx(1), (signs, unit, named)


def test_joints_in_another_order_are_told(real: Real) -> None:
    """The order of another layout is named, the reverse one is said, any other is no human's."""
    layout, clips = real
    if layout.name in layout_names():
        fitting = [load_layout(name) for name in layout_names()]
        for other in fitting:
            if len(other) == len(layout) and other.name != layout.name:
                assert remedies(clips, other) == {"--layout": layout.name}
    backward = [clip[:, :, ::-1] for clip in clips]
    assert remedies(backward, layout) == {"--layout": "FILE.json"}
    rng = np.random.default_rng(0)
    for order in (np.roll(np.arange(len(layout)), 1), rng.permutation(len(layout))):
        faults = check_bodies([clip[:, :, order] for clip in clips], layout).faults
        assert "layout" in [fault.kind for fault in faults]


def test_left_and_right_exchanged_are_told(real: Real) -> None:
    layout, clips = real
    exchanged = [clip[:, :, layout.mirror] for clip in clips]
    assert remedies(exchanged, layout) == {"--flip-x": ""}
    both = [clip * (-1, -1, 1) for clip in exchanged]
    assert remedies(both, layout)["--up"] == "-y"


def test_places_in_a_picture_are_told(real: Real) -> None:
    """Pixels beside a depth in metres or millimetres, beside a score, and beside nothing."""
    layout, clips = real
    rng = np.random.default_rng(0)
    for third in ("m", "mm", "score", "nothing"):
        pictured = []
        for clip in clips:
            body = clip - np.nanmean(clip, axis=2, keepdims=True) + (0, 0, 3)
            depth = body[..., 2:]
            place = (320, 240) + np.array([525, -525]) * body[..., :2] / depth
            score = rng.uniform(0.3, 1, depth.shape)
            beside = {"m": depth, "mm": 1000 * depth, "score": score, "nothing": 0 * depth}[third]
            pictured.append(np.concatenate([place, beside], axis=-1))
        channels = "xys" if third == "score" else "xy"
        assert remedies(pictured, layout).get("--channels") == channels, third


def test_zeros_are_counted_and_a_wrong_rate_is_asked_for(real: Real) -> None:
    layout, clips = real
    rng = np.random.default_rng(0)
    absent = [np.where(rng.random(clip.shape[:3])[..., None] < 0.1, 0, clip) for clip in clips]
    report = check_bodies(absent, layout, 30)
    assert report.zeros == pytest.approx(0.1, abs=0.03)
    assert refused(report) == []
    assert [fault.remedy for fault in check_bodies(clips, layout, 900).faults] == ["--rate"]
