"""The hot functions, timed by `make bench`; elsewhere each of them runs once, so that these cannot
rot."""

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from skedge.datasets.store import Store, StoreWriter
from skedge.edge_runtime import Recognizer
from skedge.skeleton import load_layout, prepare, retarget
from skedge.skeleton.normalize import Normalization, normalize
from skedge.skeleton.prepare import fill
from skedge.skeleton.resample import resize
from tests.edge_runtime.edge_models import walk

NTU, KINECT = load_layout("ntu25"), load_layout("kinect20")


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    """A clip (M, T, V, 3) of four seconds in which a tenth of the joints is absent."""
    joints = walk(120, 30, persons=2).transpose(1, 0, 2, 3).copy()
    joints[np.random.default_rng(0).random(joints.shape[:3]) < 0.1] = np.nan
    return joints


def test_fill(benchmark: Any, clip: np.ndarray) -> None:
    assert np.isfinite(benchmark(fill, clip, NTU)).all()


def test_resize(benchmark: Any, clip: np.ndarray) -> None:
    assert benchmark(resize, clip, 50).shape == (2, 50, 25, 3)


def test_prepare(benchmark: Any, clip: np.ndarray) -> None:
    assert benchmark(prepare, clip, NTU, 2, 50).shape == (2, 50, 25, 3)


@pytest.mark.parametrize("name", get_args(Normalization))
def test_normalize(benchmark: Any, clip: np.ndarray, name: str) -> None:
    assert np.isfinite(benchmark(normalize, fill(clip, NTU), NTU, name)).all()


def test_retarget(benchmark: Any) -> None:
    joints = np.random.default_rng(0).normal(size=(1, 120, 20, 3)).astype(np.float32)
    assert benchmark(retarget, joints, KINECT, NTU).shape == (1, 120, 25, 3)


@pytest.mark.parametrize("hop", [0.1, 0])
def test_update_one_frame(benchmark: Any, models: list[Path], hop: float) -> None:
    recognizer = Recognizer.load(models[1], hop=hop)
    frames = walk(300, 30)[:, 0]
    number = iter(range(10**9))

    def update() -> object:
        i = next(number)
        return recognizer.update(frames[i % 300], i / 30)

    for _ in range(60):
        update()
    assert benchmark(update).ready


def test_predict_a_clip(benchmark: Any, models: list[Path]) -> None:
    recognizer = Recognizer.load(models[1])
    assert benchmark(recognizer.predict, walk(120, 30)).shape == (3,)


def test_read_a_store(benchmark: Any, tmp_path: Path, clip: np.ndarray) -> None:
    with StoreWriter(
        tmp_path / "store", name="walks", layout=NTU, labels=["walk"], rate=30
    ) as writer:
        for i in range(100):
            writer.add(str(i), clip, label=0)

    def read() -> float:
        store = Store(tmp_path / "store")
        return float(sum(np.nansum(store.clip(i)) for i in range(len(store))))

    assert benchmark(read) == pytest.approx(100 * np.nansum(clip), rel=1e-3)
