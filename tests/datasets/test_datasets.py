"""The table of readers, a store in numbers, and pictures."""

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from skedge.cli import main
from skedge.datasets.picture import LEFT, RIGHT, draw
from skedge.datasets.readers import FORMATS, import_dataset
from skedge.datasets.store import Store, StoreWriter
from skedge.datasets.store.summary import summarize
from skedge.skeleton import InputError, load_layout

NTU = load_layout("ntu25")


def test_an_unknown_format_lists_the_known(tmp_path: Path) -> None:
    assert {"utd-mhad", "pyskl"} <= set(FORMATS)
    with pytest.raises(
        InputError, match=r"unknown format 'nut60': expected one of .*pyskl.*utd-mhad"
    ):
        import_dataset("nut60", tmp_path, tmp_path / "store")


def test_an_option_of_another_format(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="utd-mhad has no option labels; it has none"):
        import_dataset("utd-mhad", tmp_path, tmp_path / "store", labels="names.txt", layout=None)
    with pytest.raises(InputError, match="pyskl has no option colour; it has layout, labels, rate"):
        import_dataset("pyskl", tmp_path, tmp_path / "store", colour="red")


def test_options_of_none_are_left_out(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="got none"):
        import_dataset("utd-mhad", tmp_path, tmp_path / "store", labels=None)


def test_a_store_in_numbers(tmp_path: Path) -> None:
    with StoreWriter(
        tmp_path / "store", name="toy", layout=NTU, labels=("wave", "clap", "bow"), rate=None
    ) as writer:
        for i, frames in enumerate((2, 4, 9)):
            joints = np.zeros((1 + i % 2, frames, 25, 3))
            joints[0, 0, :5] = np.nan
            writer.add(f"clip {i}", joints, label=i // 2, subject=i, camera=3)
        writer.protocol("xsub", lambda index: np.array([1, 1, 3]))
    store = Store(tmp_path / "store")
    summary = summarize(store)
    assert json.loads(json.dumps(summary)) == summary, "plain JSON types"
    assert summary["classes"] == {"wave": 2, "clap": 1, "bow": 0}
    assert summary["subjects"] == {"0": 1, "1": 1, "2": 1}
    assert (summary["cameras"], summary["setups"], summary["persons"]) == (
        {"3": 3},
        {},
        {"1": 2, "2": 1},
    )
    assert summary["protocols"] == {"xsub": {"train": 2, "test": 1}}
    assert summary["frames"] == {"min": 2, "median": 4.0, "max": 9, "total": 15}
    assert summary["missing"] == pytest.approx(15 / ((2 + 2 * 4 + 9) * 25))
    assert (summary["clips"], summary["layout"], summary["joints"], summary["rate"]) == (
        3,
        "ntu25",
        25,
        None,
    )
    assert summary["bytes"] == sum(file.stat().st_size for file in (tmp_path / "store").iterdir())
    assert summary["fingerprint"] == store.fingerprint


def _standing(persons: int = 1, frames: int = 12) -> np.ndarray:
    """A figure with its arms out: the left ones at negative x, as a Kinect sees a person who faces
    it."""
    joints = np.zeros((persons, frames, 25, 3), np.float32)
    height = {
        "head": 0.7,
        "neck": 0.5,
        "shoulder_center": 0.4,
        "spine": 0.2,
        "knee": -0.4,
        "ankle": -0.8,
        "foot": -0.9,
    }
    out = {
        "shoulder": 0.2,
        "elbow": 0.45,
        "wrist": 0.7,
        "hand": 0.8,
        "hip": 0.1,
        "knee": 0.12,
        "ankle": 0.12,
        "foot": 0.12,
    }
    for v, joint in enumerate(NTU.joints):
        side, _, rest = (
            joint.partition("_") if joint.startswith(("left", "right")) else ("", "", joint)
        )
        joints[:, :, v, 0] = (
            out.get(rest, 0.8 if side else 0) * {"left": -1, "right": 1, "": 0}[side]
        )
        joints[:, :, v, 1] = height.get(rest, 0.4 if side and rest != "hip" else 0)
    joints[..., 2] = 3
    joints[..., 0] += (
        np.linspace(0, 0.3, frames)[None, :, None] + 2.5 * np.arange(persons)[:, None, None]
    )
    return joints


def _pixels_of(picture: Image.Image, colour: str) -> np.ndarray:
    """Rows and columns of the pixels of that colour, (n, 2)."""
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return np.argwhere(
        np.abs(np.asarray(picture.convert("RGB")).astype(int) - wanted).max(axis=-1) < 12
    )


def test_a_gif_moves_at_the_clips_speed(tmp_path: Path) -> None:
    draw(_standing(frames=31), NTU, tmp_path / "a clip.gif", rate=30, title="stand")
    with Image.open(tmp_path / "a clip.gif") as picture:
        frames = getattr(picture, "n_frames", 1)
        seconds = 0.0
        for frame in range(frames):
            picture.seek(frame)
            seconds += picture.info["duration"] / 1000
        assert frames > 10
        assert seconds == pytest.approx(31 / 30, abs=0.06)
        first, last = (_at(picture, frame) for frame in (0, frames - 1))
    assert not np.array_equal(np.asarray(first), np.asarray(last))


@pytest.mark.parametrize("ending", [".gif", ".png"])
def test_a_full_disk_leaves_the_picture_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """Half a strip took its place."""
    file = tmp_path / f"clip{ending}"
    file.write_bytes(b"before")

    def cut_short(_: Image.Image, draft: Any, **_settings: Any) -> None:
        Path(draft).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", cut_short)
    with pytest.raises(OSError, match="No space left"):
        draw(_standing(frames=12), NTU, file, rate=20, title="stand")
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [(file.name, b"before")]


def test_labels_stand_over_their_frames(tmp_path: Path) -> None:
    clip = _standing(frames=12)
    for ending in (".gif", ".png"):
        for name, end in (("one", 4), ("two", 7)):
            file = tmp_path / f"{name}{ending}"
            draw(
                clip,
                NTU,
                file,
                rate=20,
                strip=3,
                title="0002-L",
                intervals=[("wave", 3, end), ("bow", 11, 12)],
            )
    with Image.open(tmp_path / "one.gif") as one, Image.open(tmp_path / "two.gif") as two:
        changed = [
            frame for frame in range(12) if _at(one, frame).tobytes() != _at(two, frame).tobytes()
        ]
    assert changed == [4, 5, 6]
    with Image.open(tmp_path / "one.png") as one, Image.open(tmp_path / "two.png") as two:
        columns = np.flatnonzero((np.asarray(one) != np.asarray(two)).any(axis=(0, 2)))
        assert one.width / 3 < columns.min() <= columns.max() < one.width * 2 / 3, (
            "frames 0, 6 and 11 are shown"
        )


def test_a_continuous_recording_is_shown_with_its_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StoreWriter(
        tmp_path / "store", name="toy", layout=NTU, labels=("wave", "bow"), rate=30.0
    ) as writer:
        writer.add("short", _standing(), label=1, intervals=[(1, 0, 2)])
        writer.add("long", _standing(), label=0, intervals=[(0, 3, 7), (1, 7, 9)])
    shown: list[Any] = []
    monkeypatch.setattr(
        "skedge.datasets.picture.draw",
        lambda *_, **how: shown.append((how["title"], how["intervals"])),
    )
    main(["data", "show", str(tmp_path / "store"), "long", str(tmp_path / "x.png")])
    assert shown == [("long", [("wave", 3, 7), ("bow", 7, 9)])]


def _at(picture: Image.Image, frame: int) -> Image.Image:
    picture.seek(frame)
    return picture.convert("RGB")


def test_left_and_right_and_up_are_where_a_camera_sees_them(tmp_path: Path) -> None:
    draw(_standing()[:, :1], NTU, tmp_path / "clip.png", strip=1)
    with Image.open(tmp_path / "clip.png") as picture:
        front = picture.crop((0, 0, picture.width, picture.height // 2))
        left, right = _pixels_of(front, LEFT), _pixels_of(front, RIGHT)
        assert len(left) > 100
        assert len(right) > 100
        assert left[:, 1].min() > right[:, 1].max(), (
            "whoever faces the camera has the left hand at its right"
        )
        rows_of_hands = left[left[:, 1] > left[:, 1].max() - 5, 0]
        assert rows_of_hands.mean() < left[:, 0].mean(), "the arms are above the legs"
        arm = left[np.abs(left[:, 0] - rows_of_hands.mean()) < 4, 1]
        assert np.diff(np.unique(arm)).max() < 4, "bones are lines from joint to joint"
        width, height = np.ptp(left[:, 1]) + np.ptp(right[:, 1]), np.ptp(left[:, 0])
        assert width / height == pytest.approx((0.8 - 0.0) * 2 / 1.3, rel=0.35), "equal axes"


def test_joints_that_nobody_measured_are_hollow(tmp_path: Path) -> None:
    still = np.repeat(_standing()[:, :1], 2, axis=1)
    holes = still.copy()
    holes[0, 1, [joint for joint, _ in NTU.pairs]] = np.nan
    coloured = []
    for clip in (still, holes):
        draw(clip, NTU, tmp_path / "clip.png", strip=2)
        with Image.open(tmp_path / "clip.png") as picture:
            coloured.append([len(_pixels_of(picture, colour)) for colour in (LEFT, RIGHT)])
    (left, right), (hollow, same) = coloured
    assert hollow < left - 20
    assert same == right


@pytest.mark.parametrize("ending", [".gif", ".png"])
def test_holes_and_several_persons_can_be_drawn(tmp_path: Path, ending: str) -> None:
    clip = _standing(persons=3)
    clip[0, 2:5, 8:12] = np.nan
    clip[1, :6] = np.nan
    clip[2] = np.nan
    draw(clip, NTU, tmp_path / f"clip{ending}")
    with Image.open(tmp_path / f"clip{ending}") as picture:
        assert min(picture.size) > 100


@pytest.mark.parametrize("layout", ["coco17", "blazepose33", "kinect20", "utd-mhad20", "msr20"])
def test_every_layout_can_be_drawn(tmp_path: Path, layout: str) -> None:
    known = load_layout(layout)
    draw(
        np.random.default_rng(0).normal(size=(1, 3, len(known), 3)),
        known,
        tmp_path / "clip.png",
        strip=2,
    )
    assert (tmp_path / "clip.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("clip", "name", "message"),
    [
        (_standing(), "clip.bmp", "ends in .gif or .png"),
        (np.full((1, 3, 25, 3), np.nan), "clip.gif", "NaN everywhere"),
        (_standing(), "nowhere/clip.gif", "expected a folder that exists"),
        (_standing()[:, :, :20], "clip.gif", "expected 25 joints"),
    ],
)
def test_what_cannot_be_drawn(tmp_path: Path, clip: Any, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        draw(clip, NTU, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_real_clip(utd_store: Path, tmp_path: Path) -> None:
    store = Store(utd_store)
    draw(store.clip(0), store.layout, tmp_path / "clip.png", rate=store.rate, title=store.labels[0])
    with Image.open(tmp_path / "clip.png") as picture:
        assert len(_pixels_of(picture, LEFT)) > 1000
        assert len(_pixels_of(picture, RIGHT)) > 1000
