"""Two people who do something together, and people of films in two dimensions."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from skedge.datasets.formats import jhmdb, sbu
from skedge.datasets.readers import import_dataset
from skedge.datasets.source import File
from skedge.datasets.store import PARTS, Store
from skedge.skeleton import InputError
from skedge.skeleton.layout import load_layout
from skedge.skeleton.retarget import retarget
from tests.skeleton.people import NTU, people


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
    tested = {
        name: store.index["setup"][store.codes(name) == PARTS["test"]].tolist()
        for name in store.protocols
    }
    # s01s02 is pair 1, s03s04 pair 9, s07s03 pair 21.
    assert tested == {"fold-1": [1, 9], "fold-2": [], "fold-3": [21], "fold-4": [], "fold-5": []}
    assert len(store.split("fold-2", "train")) == 3


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


def test_coordinates_of_sbu_that_are_metres_are_told(tmp_path: Path) -> None:
    """They became people of three metres upside down, and were called feet."""
    metres = _sbu(tmp_path, "s01s02", 1, people()[0]).swapaxes(0, 1)
    metres = metres - metres.mean(axis=(0, 1, 2))
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
