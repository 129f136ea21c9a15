"""What programs of other people write: rates in the list, decimal commas, masked arrays, padding,
scores of another form. Each is read rightly, or named with what mends it."""

import pickle
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skedge.datasets.mending import Mending
from skedge.datasets.readers import import_dataset
from skedge.datasets.store import Store, StoreWriter
from skedge.datasets.store.paces import mixed_rates
from skedge.skeleton.body_check import check_bodies
from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import load_layout
from skedge.skeleton.mend import UPWARDS, mend
from skedge.skeleton.moments import padding
from skedge.skeleton.resample import take
from skedge.skeleton.retarget import retarget
from tests.datasets.own_clips import own_clips
from tests.skeleton.people import NTU, people

_folder = partial(own_clips, suffix=".npy")


def _read(folder: Path, **options: Any) -> tuple[Store, list[str]]:
    store = folder.parent / f"{folder.name}-store"
    report = import_dataset("arrays", folder, store, layout="ntu25", **options)
    return Store(store), report["warnings"]


def test_a_column_of_rates_brings_all_clips_to_the_commonest_one(tmp_path):
    slow = people()[0]
    fast = take(slow, np.arange(0, slow.shape[1] - 0.9, 0.5))
    rates = ["FPS", "30", "60.0", '"30,0"']
    store, notes = _read(_folder(tmp_path / "set", [slow, fast, slow], more=rates))
    assert store.rate == 30
    assert notes[0] == "1 clip of another rate is read 30 times a second"
    assert store.clip(1) == pytest.approx(slow, abs=1e-5)
    alike, notes = _read(_folder(tmp_path / "alike", [slow, slow], more=["fps", "15", ""]))
    assert alike.rate == 15
    assert "another rate" not in " ".join(notes)
    assert "1 clip has no rate: taken as 15" in notes


def test_a_rate_that_is_none_leaves_its_clip_out(tmp_path):
    store, _ = _read(_folder(tmp_path / "set", people()[:3], more=["fps", "30", "fast", "0"]))
    assert len(store) == 1


@pytest.mark.parametrize(
    ("mark", "point", "encoding"),
    [("\t", ",", "utf-8"), (" ", ",", "utf-8"), (";", ",", "utf-16"), (",", ".", "utf-16")],
)
def test_numbers_with_decimal_commas_and_in_wide_letters_are_the_same(
    tmp_path, mark, point, encoding
):
    clip = people()[0][0]
    rows = [mark.join(f"{one:.4f}".replace(".", point) for one in frame.ravel()) for frame in clip]
    titles = mark.join(f"{joint}_{axis}" for joint in NTU.joints for axis in "xyz")
    folder = _folder(tmp_path / "set", [people()[1]])
    (folder / "a.csv").write_text("\n".join([titles, *rows]), encoding=encoding)
    (folder / "clips.csv").write_text("file,label\na.csv,wave\n")
    store, _ = _read(folder)
    assert store.clip(0)[0] == pytest.approx(clip, abs=1e-4)


def test_decimal_commas_between_commas_are_told(tmp_path):
    folder = _folder(tmp_path / "set", people()[:1])
    rows = [",".join(f"{one:.4f}".replace(".", ",") for one in f.ravel()) for f in people()[0][0]]
    (folder / "a.csv").write_text("\n".join(rows))
    (folder / "clips.csv").write_text("file,label\na.csv,wave\n")
    with pytest.raises(InputError, match="expected decimal points, got commas"):
        _read(folder)


def test_masked_joints_are_absent(tmp_path):
    masked = np.ma.masked_array(people()[0], mask=np.zeros_like(people()[0], bool))
    masked.mask[:, ::2, 5] = True
    with StoreWriter(tmp_path / "s", name="s", layout=NTU, labels=["wave"], rate=30.0) as store:
        store.add("one", masked, label=0)
    assert np.isnan(Store(tmp_path / "s").clip(0)[:, ::2, 5]).all()
    assert np.isfinite(Store(tmp_path / "s").clip(0)[:, 1::2]).all()
    saved, notes = _read(_folder(tmp_path / "saved", [masked.filled(), people()[1]]), rate=30.0)
    assert np.isnan(saved.clip(0)[:, ::2, 5]).all()
    assert notes == ["10 joints are exactly 0, -1, 999 or such: taken as not seen"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda c: np.concatenate([c, np.repeat(c[:, -1:], 20, 1)], 1), "copies of one frame"),
        (lambda c: np.concatenate([c] * 3, 1)[:, :50], "beginning again"),
        (lambda c: np.concatenate([c, np.full_like(c, np.nan)], 1), ""),
        (lambda c: np.concatenate([c, np.zeros_like(c)], 1), ""),
    ],
)
def test_clips_that_were_made_longer_are_told(tmp_path, make, said):
    _, notes = _read(_folder(tmp_path / "set", [make(clip) for clip in people()]))
    padded = [note for note in notes if "padded?" in note]
    assert len(padded) == bool(said)
    assert said in " ".join(padded)


def test_any_clip_that_moves_on_is_not_padded():
    assert all(padding(clip) == "" for clip in people())


def test_classes_of_two_paces_are_asked_for_their_rates():
    rng = np.random.default_rng(0)
    sway = np.sin(np.arange(60) / 9)[:, None, None] * (0.4, 0, 0)
    once = [
        take(people()[0][0, :1] + sway, np.linspace(0, 59, int(rng.uniform(30, 45))))[None]
        for _ in range(80)
    ]
    labels = np.arange(80) % 2
    assert mixed_rates(once.__getitem__, labels) == []
    mixed = [
        take(clip, np.arange(0, clip.shape[1] - 0.9, 0.25)) if number % 4 > 1 else clip
        for number, clip in enumerate(once)
    ]
    (said,) = mixed_rates(mixed.__getitem__, labels)
    assert "a column rate" in said


@given(
    st.sampled_from(UPWARDS),
    st.booleans(),
    st.sampled_from(UPWARDS),
    st.booleans(),
    st.sampled_from(["m", "cm"]),
)
def test_flags_that_are_still_needed_are_told_together_with_those_given(up, flip, then, more, unit):
    """What the new flags make is upright where the old ones and the advised ones together are."""
    given_flags = Mending(unit=unit, up=up, flip_x=flip)
    advised = f"--unit cm --up {then}" + (" --flip-x" if more else "")
    words = given_flags.instead(advised).split()
    assert words[:2] == ["--unit", "cm" if unit == "m" else "any"]
    told_up = words[words.index("--up") + 1] if "--up" in words else "y"
    body = np.array([[0.0, 0, 0], [0.1, 1.7, 0.3]])
    both = mend(mend(body, up=up, flip_x=flip), up=then, flip_x=more)
    once = mend(body, up=told_up, flip_x="--flip-x" in words)
    assert once[:, 1] == pytest.approx(both[:, 1])
    # No mirror image either: three directions are right-handed in both, or in neither.
    first = mend(mend(np.eye(3), up=up, flip_x=flip), up=then, flip_x=more)
    second = mend(np.eye(3), up=told_up, flip_x="--flip-x" in words)
    assert np.linalg.det(first) == pytest.approx(np.linalg.det(second))


@pytest.mark.parametrize("up", [None, "-y", "y"])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("advised", ["--up -y", "--flip-x", "--up -y --flip-x"])
def test_flags_of_places_in_a_picture_are_told_as_well(up, flip, advised):
    """In pictures y points down without a flag: other flags turn them than turn metres."""
    picture = _pictured()[0][None]
    layout = load_layout("coco17")
    given = Mending(channels="xy", up=up, flip_x=flip)
    words = given.instead(advised).split()
    if words[:2] == ["leave", "out"]:
        words = []
    told_up = words[words.index("--up") + 1] if "--up" in words else None
    once = Mending(channels="xy", up=told_up, flip_x="--flip-x" in words)
    turn = {"up": "-y" if "--up" in advised else "y", "flip_x": "--flip-x" in advised}
    expected = mend(given.apply(picture, layout, "clip"), **turn)
    np.testing.assert_allclose(once.apply(picture, layout, "clip"), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("flags", "advised", "told"),
    [
        ({"unit": "cm", "flip_x": True}, "--flip-x", "leave out --flip-x"),
        ({"up": "-y"}, "--up -y", "leave out --up -y"),
        ({"up": "-y", "flip_x": True}, "--up -y --flip-x", "leave out --up -y and --flip-x"),
        ({"unit": "cm"}, "--up z", "--unit cm --up z"),
        ({}, "--up z", "--up z"),
        ({"unit": "cm"}, "give each joint its title", "give each joint its title"),
    ],
)
def test_flags_that_are_right_are_not_told_to_be_left_out(flags, advised, told):
    """A set in centimetres, mirrored by mistake, was to be read without --unit cm too."""
    assert Mending(**flags).instead(advised) == told


def _pictured(layout: str = "coco17") -> list[np.ndarray]:
    """Clips (T, V, 3) of people in pixels, with scores."""
    rng = np.random.default_rng(0)
    clips = []
    for clip in people():
        flat = retarget(clip[0], NTU, load_layout(layout))
        flat[..., :2] = (640, 360) - 150 * flat[..., :2]
        flat[..., 2] = rng.uniform(0.3, 1, flat.shape[:-1])
        clips.append(flat)
    return clips


def test_pixels_without_the_pictures_size_and_frames_of_nobody_are_read(tmp_path):
    annotations = []
    for number, clip in enumerate(_pictured()):
        frames = [frame[None, :, :2] for frame in clip]
        scores = [frame[None, :, 2] for frame in clip]
        frames[2], scores[2] = np.zeros((0, 17, 2)), np.zeros((0, 17))
        annotations.append(
            {"frame_dir": f"c{number}", "label": 0, "keypoint": frames, "keypoint_score": scores}
        )
    (tmp_path / "set.pkl").write_bytes(pickle.dumps(tuple(annotations)))
    import_dataset("pyskl", tmp_path / "set.pkl", tmp_path / "s", rate=30.0)
    store = Store(tmp_path / "s")
    assert len(store) == 12
    assert np.isnan(store.clip(0)[:, 2]).all()
    assert check_bodies([store.clip(i) for i in range(12)], store.layout).sure == ()


@pytest.mark.parametrize("corner", [0.0, 1.0])
def test_shares_of_a_picture_in_which_a_foot_lies_outside_are_read(tmp_path, corner):
    size = np.array([1280, 720])
    annotations = []
    for number, clip in enumerate(_pictured()):
        shares = clip[..., :2] / size + (0, 0.45)
        annotations.append(
            {
                **{"frame_dir": f"c{number}", "label": 0, "img_shape": (720, 1280)},
                "keypoint": (shares * (1 + corner) - corner)[None],
                "keypoint_score": clip[None, ..., 2],
            }
        )
    assert max(one["keypoint"][..., 1].max() for one in annotations) > 1.05
    (tmp_path / "set.pkl").write_bytes(pickle.dumps(annotations))
    report = import_dataset("pyskl", tmp_path / "set.pkl", tmp_path / "s", rate=30.0)
    assert report["clips"] == 12


def test_shares_of_a_picture_in_arrays_are_told(tmp_path):
    folder = _folder(tmp_path / "set", [clip / (1280, 720, 1) for clip in _pictured()])
    store = tmp_path / "s"
    told = import_dataset(
        "arrays", folder, store, layout="coco17", mending=Mending(channels="xys")
    )["warnings"]
    assert any("shares of its width and height" in note for note in told)


def test_openpose_is_read_and_known_where_it_is_called_a_kinect(tmp_path):
    """Both have 25 joints, in another order."""
    folder = _folder(tmp_path / "set", _pictured("openpose25"))
    flat = Mending(channels="xys")
    told = import_dataset("arrays", folder, tmp_path / "a", layout="openpose25", mending=flat)
    assert not any("layout" in note for note in told["warnings"])
    told = import_dataset("arrays", folder, tmp_path / "b", layout="ntu25", mending=flat)
    assert any("in openpose25's; --layout openpose25" in note for note in told["warnings"])


def test_a_child_beside_an_adult_in_a_picture_stays_a_child() -> None:
    """The tallest person of a clip is 1.70 m, not the smallest."""
    layout = load_layout("coco17")
    adult = retarget(people()[0], NTU, layout) * (100, -100, 0)
    alone = Mending(channels="xy").apply(adult, layout, "clip")
    both = Mending(channels="xy").apply(np.concatenate([adult / 2, adult]), layout, "clip")
    np.testing.assert_allclose(np.ptp(both[1], axis=1), np.ptp(alone[0], axis=1), rtol=1e-4)
