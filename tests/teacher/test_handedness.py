"""Mirror images are trained on where people use either hand, and only there."""

import numpy as np
import pytest
import torch

from skedge.recipes.settings import AugmentSettings
from skedge.skeleton.layout import load_layout
from skedge.teacher.handedness import either_side, for_sides

NTU = load_layout("ntu25")


def _clip(side: str | None, rng: np.random.Generator) -> np.ndarray:
    """Somebody (1, 20, 25, 3) who waves with one hand, or bows for None."""
    body = rng.normal(0, 0.002, (1, 20, 25, 3)).astype(np.float32)
    swing = np.sin(np.arange(20) / 2)[:, None]
    if side is None:
        body[0, :, :, 1] += 0.2 * swing
        return body
    arm = [NTU.index(f"{side}_{joint}") for joint in ("elbow", "wrist", "hand")]
    body[0][:, arm, 0] += 0.3 * swing
    return body


def _set(classes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Clips of each class, whose letters are the sides of its clips: r, l, or b for a bow."""
    rng = np.random.default_rng(0)
    sides = {"r": "right", "l": "left", "b": None}
    clips = [_clip(sides[letter], rng) for letters in classes for letter in letters]
    return np.stack(clips), np.repeat(np.arange(len(classes)), [len(each) for each in classes])


@pytest.mark.parametrize(
    ("classes", "names", "either"),
    [
        (["rrrrl", "bbbbb"], ["wave", "bow"], True),
        (["rrlll", "rrrrr"], ["wave", "throw"], True),
        (["rrrrr", "bbbbb"], ["wave", "bow"], False),  # all were asked to take the right one
        (["bbbbb", "bbbbb"], ["bow", "squat"], False),
        (["rrrrr", "lllll", "rrrrl"], ["raise", "lift", "wave"], False),  # actions of one side
        (["rrrrl", "rrrrl"], ["Swipe-Left", "swipe_right"], False),  # a direction, not a hand
        (["rrrrl", "rrrrl"], ["circle counter-clockwise", "wave"], False),
        (["rrrrl", "rrrrl"], ["SwipeLeft", "SwipeRight"], False),
        (["rrrrl", "rrrrl"], ["swiperight", "swipe2"], False),
        (["rrrrl", "rrrrl"], ["DrawAnticlockwise", "wave"], False),
        (["rrrrl", "rrrrl"], ["SwipeUpRight", "wave"], False),
        (["rrrrl", "rrrrl"], ["RIGHT", "wave"], False),
        (["rrrrl", "rrrrl"], ["sit upright", "StandUpright"], True),
        (["rrrrl", "rrrrl"], ["SIT UPRIGHT", "wave"], True),
        (["r" * 28 + "l"], ["wave"], True),  # as in UTKinect's training part
        (["l" * 99 + "r"], ["wave"], False),
        (["rrrlbbbbbb"], ["walk"], False),  # mostly done with both
        (["rrr", "lll", "rrrrl"], ["raise", "lift", "wave"], False),
        (["r" * 9 + "l", "lll", "rrrrl"], ["raise", "lift", "wave"], False),
        (["rr", "ll", "rrrrl"], ["raise", "lift", "wave"], True),  # two clips may be chance
        (["r" * 99 + "l"], ["wave"], False),  # one in a hundred may be an error of the sensor
        (["bbbbl", "bbbbr"], ["bow", "walk"], False),
    ],
)
def test_what_clips_show(classes: list[str], names: list[str], either: bool) -> None:
    joints, labels = _set(classes)
    for size in (1.0, 0.03):
        assert either_side(size * joints, labels, names, layout=NTU) is either


def test_the_settings_for_clips(capsys: pytest.CaptureFixture[str]) -> None:
    asked = AugmentSettings(mirror=0.5, mirror_when="either-side", yaw=60)
    for classes, share, words in (
        (["rrrrl"], 0.5, "mirror images are trained on too; for none set mirror: 0 in the"),
        (["rrrrr"], 0.0, "no mirror images are trained on; for some set mirror_when: always in"),
    ):
        joints, labels = (torch.from_numpy(array) for array in _set(classes))
        found = for_sides(asked, joints, labels, names=["wave"], layout=NTU)
        assert (found.mirror, found.yaw) == (share, 60)
        assert words in " ".join(capsys.readouterr().err.split())
    always = AugmentSettings(mirror=0.5)
    assert for_sides(always, joints, labels, names=["wave"], layout=NTU) == always
    # Clips without a label, of an unlabelled store, say nothing.
    assert not either_side(joints.numpy(), np.full(len(joints), -1), [], layout=NTU)


def test_a_layout_without_sides_has_no_mirror_images() -> None:
    """It was a traceback, for clips of one arm or of joints of one's own."""
    names = ["hip_center", "spine", "shoulder_center", "right_elbow", "right_wrist"]
    joints, labels = _set(["rrrrl"])
    arm = joints[..., [NTU.index(name) for name in names], :]
    assert not either_side(arm, labels, ["wave"], layout=NTU.subset(names))
