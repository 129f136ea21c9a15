import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from skedge.datasets.formats.utd_mhad import LABELS, read_clip
from skedge.datasets.importer import Importing
from skedge.datasets.readers import import_dataset
from skedge.datasets.source import File
from skedge.datasets.store import Store
from skedge.skeleton import InputError


def test_the_whole_set(utd_store: Path) -> None:
    store = Store(utd_store)
    assert (len(store), len(store.labels), store.rate, store.layout.name) == (
        861,
        27,
        30.0,
        "utd-mhad20",
    )
    assert set(store.index["subject"].tolist()) == set(range(1, 9))
    assert set(store.index["label"].tolist()) == set(range(27))
    assert (
        store.index["frames"].min(),
        np.median(store.index["frames"]),
        store.index["frames"].max(),
    ) == (41, 67, 125)
    assert not np.isnan(store.joints).any()


def test_the_protocols(utd_store: Path) -> None:
    store = Store(utd_store)
    subjects = store.index["subject"]
    assert [len(store.split("xsub", part)) for part in ("train", "test")] == [431, 430]
    assert set(subjects[store.split("xsub", "train")].tolist()) == {1, 3, 5, 7}
    assert set(subjects[store.split("xsub-val", "train")].tolist()) == {1, 3, 5}
    assert set(subjects[store.split("xsub-val", "val")].tolist()) == {7}
    np.testing.assert_array_equal(store.split("xsub-val", "test"), store.split("xsub", "test"))


def test_a_clip_is_its_files_content(utd_store: Path, dataset: Callable[[str], Path]) -> None:
    store = Store(utd_store)
    for name in ("a1_s1_t1", "a13_s6_t3", "a27_s8_t3"):
        clip = store.clip(store.find(name))
        frames = loadmat(dataset("utd-mhad") / f"{name}_skeleton.mat")["d_skel"]
        assert clip.shape == (1, frames.shape[2], 20, 3)
        for frame, joint in ((0, 0), (7, 13), (-1, 19)):
            np.testing.assert_allclose(clip[0, frame, joint], frames[joint, :, frame], rtol=1e-6)
    action = store.index[store.find("a13_s6_t3")]
    assert (store.labels[action["label"]], action["subject"]) == ("boxing", 6)


def test_people_stand_upright_and_do_what_the_label_says(utd_store: Path) -> None:
    store = Store(utd_store)
    joint = store.layout.index

    def mean(label: str, of: Callable[[np.ndarray], float]) -> float:
        clips = np.flatnonzero(store.index["label"] == store.class_index(label))
        return float(np.mean([of(store.clip(int(i))[0]) for i in clips]))

    def drop_of_head(clip: np.ndarray) -> float:
        return clip[0, joint("head"), 1] - clip[:, joint("head"), 1].min()

    for label in LABELS:
        assert (
            mean(
                label,
                lambda clip: np.median(clip[:, joint("head"), 1] - clip[:, joint("left_foot"), 1]),
            )
            > 0.9
        )
    assert mean("squat", drop_of_head) > 0.3
    assert mean("wave", drop_of_head) < 0.1
    assert (
        mean("sit to stand", lambda clip: clip[-1, joint("head"), 1] - clip[0, joint("head"), 1])
        > 0.2
    )
    assert (
        mean("stand to sit", lambda clip: clip[0, joint("head"), 1] - clip[-1, joint("head"), 1])
        > 0.2
    )
    assert (
        mean(
            "clap",
            lambda clip: np.linalg.norm(
                clip[:, joint("left_hand")] - clip[:, joint("right_hand")], axis=-1
            ).min(),
        )
        < 0.2
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A small folder of whole files, one of them in a subfolder with a space."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "utd mhad"
    (folder / "more of it").mkdir(parents=True)
    for action, subject in ((1, 1), (1, 2), (27, 7)):
        savemat(
            folder / f"a{action}_s{subject}_t1_skeleton.mat",
            {"d_skel": rng.normal(size=(20, 3, 5))},
        )
    savemat(
        folder / "more of it" / "a10_s3_t2_skeleton.mat",
        {"d_skel": rng.normal(size=(20, 3, 6))},
        do_compression=True,
    )
    return folder


def test_a_folder_at_any_depth(source: Path, tmp_path: Path) -> None:
    import_dataset("utd-mhad", source, tmp_path / "a store")
    store = Store(tmp_path / "a store")
    assert [str(name) for name in store.index["name"]] == [
        "a1_s1_t1",
        "a1_s2_t1",
        "a10_s3_t2",
        "a27_s7_t1",
    ]
    assert store.made_by["source"] == "utd mhad"
    with pytest.raises(InputError, match="nothing is yet"):
        import_dataset("utd-mhad", source, tmp_path / "a store")
    import_dataset("utd-mhad", source, tmp_path / "a store", how=Importing(overwrite=True))


def _save(**variables: Any) -> Callable[[Path], None]:
    return lambda path: savemat(path, variables)


def _cut(share: float) -> Callable[[Path], None]:
    def cut(path: Path) -> None:
        savemat(
            path, {"d_skel": np.random.default_rng(0).normal(size=(20, 3, 50))}, do_compression=True
        )
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    return cut


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "truncated": (_cut(0.6), "cannot be read .* is it truncated"),
    "cut in the header": (_cut(0.02), "expected a MATLAB file"),
    "MATLAB 7.3": (
        lambda path: path.write_bytes(
            b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(384) + b"\x89HDF" + bytes(99)
        ),
        "level 7.3: save it with -v7",
    ),
    "empty": (lambda path: path.write_bytes(b""), "expected a MATLAB file"),
    "text": (lambda path: path.write_text("0 0 0\n" * 500), "expected a MATLAB file"),
    "another variable": (_save(d_iner=np.zeros((20, 3, 5))), "expected the variable d_skel"),
    "another joint count": (
        _save(d_skel=np.zeros((25, 3, 5))),
        r"expected 20 joints \(utd-mhad20\), got 25; .*ntu25",
    ),
    "two dimensions": (
        _save(d_skel=np.zeros((20, 3))),
        r"expected d_skel as numbers of shape \(20, 3, frames\), got \(20, 3\)",
    ),
    "two coordinates": (_save(d_skel=np.zeros((20, 2, 5))), "expected d_skel"),
    "text inside": (_save(d_skel="not a skeleton"), "expected d_skel"),
    "cells": (_save(d_skel=np.array([{}, {}], dtype=object)), "expected d_skel"),
    "complex": (_save(d_skel=np.zeros((20, 3, 5), complex)), "expected d_skel"),
    "nothing finite": (
        _save(d_skel=np.full((20, 3, 5), np.nan)),
        "NaN, infinity or nothing in 5 frames",
    ),
    "no frames": (_save(d_skel=np.zeros((20, 3, 0))), "expected"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_named_and_leaves_no_store(
    source: Path, tmp_path: Path, damage: Callable[[Path], Any], message: str
) -> None:
    path = source / "a3_s3_t3_skeleton.mat"
    damage(path)
    with pytest.raises(InputError, match=message) as caught:
        import_dataset("utd-mhad", source, tmp_path / "store", how=Importing(strict=True))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["utd mhad"]


@pytest.mark.parametrize("share", np.linspace(0.02, 0.98, 25))
def test_a_real_file_truncated_anywhere(
    dataset: Callable[[str], Path], tmp_path: Path, share: float
) -> None:
    original = dataset("utd-mhad") / "a1_s1_t1_skeleton.mat"
    path = tmp_path / original.name
    shutil.copyfile(original, path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InputError, match=r"a1_s1_t1_skeleton.mat"):
        read_clip(File(str(path)))


def test_wrong_sources(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a folder .* got nothing at that path"):
        import_dataset("utd-mhad", tmp_path / "nowhere", tmp_path / "store")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="got none"):
        import_dataset("utd-mhad", tmp_path / "empty", tmp_path / "store")
    savemat(tmp_path / "empty" / "a28_s1_t1_skeleton.mat", {"d_skel": np.zeros((20, 3, 5))})
    with pytest.raises(InputError, match=r"expected an action from 1 to 27 in the name, got 28"):
        import_dataset("utd-mhad", tmp_path / "empty", tmp_path / "store")
