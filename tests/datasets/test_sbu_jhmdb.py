"""Two people who do something together, and people of films in two dimensions."""

import codecs
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from skedge.datasets.formats import jhmdb, sbu
from skedge.datasets.importer import Importing
from skedge.datasets.readers import import_dataset
from skedge.datasets.source import File
from skedge.datasets.store import PARTS, Store
from skedge.skeleton import InputError
from skedge.skeleton.layout import load_layout
from skedge.skeleton.retarget import retarget
from tests.skeleton.people import NTU, people

AS_IS = Importing(as_is=True)


def _sbu(folder: Path, pair: str, action: int, body: np.ndarray) -> np.ndarray:
    """Two persons (2, T, 15, 3) in metres, and their file as the set has it."""
    flat = retarget(body, NTU, load_layout("sbu15"))[0]
    aside = np.array([0.5, 0, 0])
    both = np.stack([flat - aside, flat + aside])
    shares = (both - (1.28, 0.96, 0)) / (-2.56, -1.92, 1.28)
    rows = shares.swapaxes(0, 1).reshape(len(flat), -1)
    lines = [",".join([str(i + 1), *map(repr, row.tolist())]) for i, row in enumerate(rows)]
    file = folder / pair / f"{action:02d}" / "001" / "skeleton_pos.txt"
    file.parent.mkdir(parents=True)
    file.write_text("\n".join(lines) + "\n")
    return both


def test_both_people_of_sbu_are_read_in_metres_and_its_folds_divide_the_pairs(
    tmp_path: Path,
) -> None:
    truth = {}
    for number, pair in enumerate(("s01s02", "s03s04", "s07s03")):
        truth[pair] = _sbu(tmp_path / "sbu", pair, 3 + number, people()[number])
    import_dataset("sbu", tmp_path / "sbu", tmp_path / "store")
    store = Store(tmp_path / "store")
    assert (store.layout.name, store.rate, len(store.labels)) == ("sbu15", 15.0, 8)
    one = store.find("s03s04_04_001")
    np.testing.assert_allclose(store.clip(one), truth["s03s04"], atol=1e-4)
    assert store.labels[store.index["label"][one]] == "punching"
    assert store.index["subject"][one] == 3
    tested = {
        name: store.index["setup"][store.codes(name) == PARTS["test"]].tolist()
        for name in store.protocols
    }
    # s01s02 is pair 1, s03s04 pair 9, s07s03 pair 21.
    assert tested == {"fold-1": [1, 9], "fold-2": [], "fold-3": [21], "fold-4": [], "fold-5": []}
    assert len(store.split("fold-2", "train")) == 3


def test_the_people_of_sbu_stay_in_the_files_order(tmp_path: Path) -> None:
    """In approaching the second person may walk and the first stand: who is active is the
    classes' meaning, not who moves most."""
    walking = people()[0] + np.linspace(0, 3, people()[0].shape[1])[:, None, None] * (0, 0, 1)
    truth = _sbu(tmp_path / "sbu", "s01s02", 1, people()[0])
    moving = _sbu(tmp_path / "other", "s01s02", 1, walking)
    rows = np.loadtxt(tmp_path / "sbu/s01s02/01/001/skeleton_pos.txt", delimiter=",")
    other = np.loadtxt(tmp_path / "other/s01s02/01/001/skeleton_pos.txt", delimiter=",")
    rows[:, 46:] = other[:, 46:]
    file = tmp_path / "sbu/s01s02/01/001/skeleton_pos.txt"
    np.savetxt(file, rows, delimiter=",", fmt="%.8f")
    report = import_dataset("sbu", tmp_path / "sbu", tmp_path / "store")
    clip = Store(tmp_path / "store").clip(0)
    np.testing.assert_allclose(clip, [truth[0], moving[1]], atol=1e-4)
    assert report["notes"] == []


@pytest.mark.parametrize(
    ("share", "metres"), [(-0.05, 1.28 + 0.05 * 2.56), (1.05, -1.28 - 0.05 * 2.56)]
)
def test_people_beside_the_picture_are_read(tmp_path: Path, share: float, metres: float) -> None:
    """A Kinect guesses joints that its picture cuts off: these are shares below 0 or above 1."""
    _sbu(tmp_path, "s01s02", 1, people()[0])
    file = tmp_path / "s01s02/01/001/skeleton_pos.txt"
    rows = np.loadtxt(file, delimiter=",")
    rows[:, 1::3] = share
    np.savetxt(file, rows, delimiter=",", fmt="%.8f")
    (clip,) = sbu.read_clip(File(str(file)))
    # 1.28 m is the picture's left edge, -1.28 m its right one.
    np.testing.assert_allclose(clip.joints[..., 0], metres, rtol=1e-6)


@pytest.mark.parametrize(
    ("place", "good"),
    [
        ("s01s02/08/012", True),
        ("s01s02/09/001", False),
        ("s01s02/00/001", False),
        ("s09s01/01/001", False),
    ],
)
def test_folders_of_sbu_that_the_set_does_not_have_are_damage(
    tmp_path: Path, place: str, good: bool
) -> None:
    """An action 9 or a person 9 has no class and no fold; a twelfth repetition is one."""
    _sbu(tmp_path, "s01s02", 1, people()[0])
    (tmp_path / place).mkdir(parents=True)
    shutil.copy(tmp_path / "s01s02/01/001/skeleton_pos.txt", tmp_path / place)
    report = import_dataset("sbu", tmp_path, tmp_path / "store", how=AS_IS)
    found = [(one["file"], one["reason"]) for one in report["damaged"]]
    assert report["clips"] == 1 + good
    if not good:
        ((file, reason),) = found
        assert file == f"{place}/skeleton_pos.txt"
        assert reason.endswith("of a pair of the set, with an action from 1 to 8")


@pytest.mark.parametrize("start", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_files_of_sbu_that_an_editor_saved_anew_are_the_same(
    tmp_path: Path, start: bytes, end: bytes
) -> None:
    _sbu(tmp_path, "s01s02", 1, people()[0])
    file = tmp_path / "s01s02/01/001/skeleton_pos.txt"
    expected = sbu.read_clip(File(str(file)))[0].joints
    file.write_bytes(start + file.read_bytes().replace(b"\n", end))
    np.testing.assert_array_equal(sbu.read_clip(File(str(file)))[0].joints, expected)


def test_the_folds_of_sbu_are_the_published_ones() -> None:
    """A pair in another fold would train beside its own test."""
    published = [
        "s01s02 s03s04 s05s02 s06s04",
        "s02s03 s02s07 s03s05 s05s03",
        "s01s03 s01s07 s07s01 s07s03",
        "s02s01 s02s06 s03s02 s03s06",
        "s04s02 s04s03 s04s06 s06s02 s06s03",
    ]
    for fold, pairs in zip(sbu.FOLDS, published, strict=True):
        assert " ".join(sbu.PAIRS[number - 1] for number in fold) == pairs


@pytest.mark.parametrize("middle", [0.0, 1.5])
def test_coordinates_of_sbu_that_are_metres_are_told(tmp_path: Path, middle: float) -> None:
    """They became people of three metres upside down, and were called feet."""
    metres = _sbu(tmp_path, "s01s02", 1, people()[0]).swapaxes(0, 1)
    metres = metres - metres.mean(axis=(0, 1, 2)) + middle
    rows = [
        ",".join([str(i + 1), *map(repr, row.ravel().tolist())]) for i, row in enumerate(metres)
    ]
    (tmp_path / "s01s02/01/001/skeleton_pos.txt").write_text("\n".join(rows))
    with pytest.raises(
        InputError, match=r"shares of the picture, 0 to 1, got .*: are these metres"
    ):
        import_dataset("sbu", tmp_path, tmp_path / "store")


@pytest.mark.parametrize("row", [["0", "0", "0"], ["0.5", "NaN", "1"]])
def test_zeros_of_sbu_and_joints_that_lack_a_number_are_absent(
    tmp_path: Path, row: list[str]
) -> None:
    _sbu(tmp_path, "s01s02", 1, people()[0])
    file = tmp_path / "s01s02/01/001/skeleton_pos.txt"
    rows = [line.split(",") for line in file.read_text().splitlines()]
    for line in rows:
        line[4:7] = row  # the neck of the first person
    file.write_text("\n".join(map(",".join, rows)))
    joints = sbu.read_clip(File(str(file)))[0].joints
    absent = np.isnan(joints).all(axis=(1, 3))
    assert np.argwhere(absent).tolist() == [[0, 1]]
    assert np.isnan(joints).sum() == 3 * len(rows)


def test_a_clip_of_sbu_without_anybody_is_damage(tmp_path: Path) -> None:
    """Not a clip of nobody, which would be trained on."""
    _sbu(tmp_path, "s01s02", 1, people()[0])
    file = tmp_path / "s01s02/01/001/skeleton_pos.txt"
    file.write_text("1," + ",".join(["0"] * 90) + "\n")
    with pytest.raises(InputError, match=r"expected bodies, got only zeros in 1 frame$"):
        sbu.read_clip(File(str(file)))


def test_places_elsewhere_are_refused_with_the_folders_expected(tmp_path: Path) -> None:
    for name, expected in (("skeleton_pos.txt", "s01s02/01/001"), ("joint_positions.mat", "wave")):
        (tmp_path / name).write_bytes(b"")
        format = "sbu" if name.endswith("txt") else "jhmdb"
        with pytest.raises(InputError, match=expected):
            import_dataset(format, tmp_path, tmp_path / "store")


def _jhmdb(file: Path, places: np.ndarray, called: str = "pos_img") -> Path:
    file.parent.mkdir(parents=True)
    savemat(file, {called: places, "viewpoint": "E"}, do_compression=True)
    return file


def test_jhmdb_is_people_of_one_height_and_its_lists_are_splits(tmp_path: Path) -> None:
    layout = load_layout("jhmdb15")
    for label, name, body in (
        ("wave", "w1", people()[0]),
        ("wave", "w2", people()[1]),
        ("sit", "w1", people()[2]),
    ):
        flat = retarget(body, NTU, layout)[0]
        # In a picture y points down, and x the other way than a Kinect's.
        pixels = (160, 120) + 60 * flat[..., :2] * (-1, -1)
        folder = tmp_path / "set" / "joint_positions" / label / name
        _jhmdb(folder / "joint_positions.mat", pixels.transpose(2, 1, 0))
    splits = tmp_path / "set" / "splits"
    splits.mkdir()
    (splits / "wave_test_split1.txt").write_text("w1.avi 1 \nw2.avi 2 \n")
    (splits / "sit_test_split1.txt").write_text("w1.avi 2 \n")
    import_dataset("jhmdb", tmp_path / "set", tmp_path / "store")
    store = Store(tmp_path / "store")
    assert (tuple(store.protocols), store.rate) == (("split-1",), 30.0)
    named = {
        part: [str(store.index["name"][i]) for i in store.split("split-1", part)]
        for part in ("train", "test")
    }
    assert named == {"train": ["wave/w1"], "test": ["sit/w1", "wave/w2"]}
    clip = store.clip(store.find("wave/w1"))[0]
    truth = retarget(people()[0], NTU, layout)[0]
    assert (clip[..., 2] == 0).all()
    ratio = np.ptp(clip[..., 1]) / np.ptp(truth[..., 1])
    moved = clip[..., :2] / ratio - truth[..., :2]
    assert np.ptp(moved, axis=(0, 1)).max() < 0.01


@pytest.mark.parametrize(
    ("called", "shape"),
    [
        ("pos_world", (2, 15, 4)),
        ("pos_img", (2, 15)),
        ("pos_img", (3, 15, 4)),
        ("pos_img", (2, 14, 4)),
    ],
)
def test_places_of_jhmdb_of_another_form_are_named(
    tmp_path: Path, called: str, shape: tuple[int, ...]
) -> None:
    places = np.random.default_rng(0).uniform(0, 200, shape)
    file = _jhmdb(tmp_path / "wave/w1/joint_positions.mat", places, called)
    with pytest.raises(InputError, match=r"expected (pos_img as numbers|15 joints)"):
        jhmdb.read_clip(File(str(file)))


def test_places_of_jhmdb_that_no_picture_has_are_absent(tmp_path: Path) -> None:
    flat = retarget(people()[0], NTU, load_layout("jhmdb15"))[0][..., :2]
    places = (160, 120) + 60 * flat * (-1, -1)
    places[3, 5, 0], places[4, 6, 1] = np.nan, -1e30
    file = _jhmdb(tmp_path / "wave/w1/joint_positions.mat", places.transpose(2, 1, 0))
    joints = jhmdb.read_clip(File(str(file)))[0].joints
    absent = np.isnan(joints)
    assert np.argwhere(absent.all(axis=-1)).tolist() == [[0, 3, 5], [0, 4, 6]]
    assert absent.sum() == 6


def test_places_of_jhmdb_of_nobody_are_damage(tmp_path: Path) -> None:
    file = _jhmdb(tmp_path / "wave/w1/joint_positions.mat", np.full((2, 15, 4), np.nan))
    with pytest.raises(InputError, match=r"expected coordinates, got no joint in 4 frames$"):
        jhmdb.read_clip(File(str(file)))


def test_places_of_jhmdb_that_are_no_body_have_no_height(tmp_path: Path) -> None:
    """One joint alone, and all joints at one place, are as tall as nothing."""
    alone = np.full((2, 15, 4), np.nan)
    alone[:, 2] = 100
    for number, places in enumerate((alone, np.zeros((2, 15, 4)))):
        file = _jhmdb(tmp_path / f"wave/w{number}/joint_positions.mat", places)
        with pytest.raises(InputError, match=r"expected limbs of jhmdb15 .*, got too few$"):
            jhmdb.read_clip(File(str(file)))


def test_a_truncated_file_of_jhmdb_is_damage(tmp_path: Path) -> None:
    places = np.random.default_rng(0).uniform(0, 200, (2, 15, 4))
    file = _jhmdb(tmp_path / "wave/w1/joint_positions.mat", places)
    file.write_bytes(file.read_bytes()[:400])
    with pytest.raises(InputError, match=r"expected a MATLAB file, got one that .* truncated\?$"):
        jhmdb.read_clip(File(str(file)))


def test_a_joint_in_the_middle_of_all_places_of_jhmdb_is_seen(tmp_path: Path) -> None:
    """The middle is where coordinates become zero, which elsewhere means that nobody saw it."""
    flat = retarget(people()[0], NTU, load_layout("jhmdb15"))[0][:5, :, :2]
    places = np.round((160, 120) + 60 * flat * (-1, -1))
    places[2, 1] = np.median(places, axis=(0, 1))
    assert (places[2, 1] == np.median(places, axis=(0, 1))).all()
    _jhmdb(tmp_path / "set/wave/w1/joint_positions.mat", places.transpose(2, 1, 0))
    import_dataset("jhmdb", tmp_path / "set", tmp_path / "store", how=AS_IS)
    clip = Store(tmp_path / "store").clip(0)
    assert np.isfinite(clip).all()
    assert not clip[0, 2, 1].any()


def test_a_list_of_jhmdb_may_name_clips_of_neither_part(tmp_path: Path) -> None:
    """HMDB51's lists, which have the same form, do so with 0; editors put a mark before them."""
    places = np.random.default_rng(0).uniform(0, 200, (2, 15, 4))
    for name in ("w1", "w2", "w3"):
        _jhmdb(tmp_path / f"set/wave/{name}/joint_positions.mat", places)
    lines = "w1.avi 1\r\nw2.avi 0\r\n\r\nw3.avi 2\r\n"
    (tmp_path / "set/wave_test_split2.txt").write_bytes(codecs.BOM_UTF8 + lines.encode())
    import_dataset("jhmdb", tmp_path / "set", tmp_path / "store", how=AS_IS)
    store = Store(tmp_path / "store")
    assert store.codes("split-2").tolist() == [PARTS["train"], 0, PARTS["test"]]


@pytest.mark.parametrize(("format", "clips"), [("sbu", 282), ("jhmdb", 928)])
def test_a_download_that_is_not_whole_is_told(tmp_path: Path, format: str, clips: int) -> None:
    """The papers' numbers of clips are known."""
    if format == "sbu":
        _sbu(tmp_path / "set", "s01s02", 1, people()[0])
    else:
        places = np.random.default_rng(0).uniform(0, 200, (2, 15, 4))
        _jhmdb(tmp_path / "set/wave/w1/joint_positions.mat", places)
    report = import_dataset(format, tmp_path / "set", tmp_path / "store", how=AS_IS)
    assert report["mismatches"] == [f"clips: expected {clips} clips, got 1"]
