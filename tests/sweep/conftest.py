from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from skedge.datasets.store import Store, StoreWriter
from skedge.recipes import RECIPES
from skedge.skeleton import load_layout
from skedge.sweep import grid
from skedge.sweep.point import read_recipe


@pytest.fixture(scope="session", autouse=True)
def shipped_recipes_are_read_once() -> Iterator[None]:
    """Most grids start from one of them; the parser takes a quarter of a second for a recipe."""
    shipped = cache(read_recipe)

    def read(file: str) -> object:
        return (shipped if Path(file).parent == RECIPES else read_recipe)(file)

    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(grid, "read_recipe", read)
        yield


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Four clips of noise: two train, one validates, one tests."""
    path = tmp_path_factory.mktemp("noise") / "a store"
    with StoreWriter(
        path, name="noise", layout=load_layout("kinect20"), labels=["a", "b"], rate=30.0
    ) as writer:
        for i in range(4):
            writer.add(
                f"clip {i}",
                np.random.default_rng(i).normal(size=(1, 20, 20, 3)),
                label=i % 2,
                subject=i,
            )
        for protocol in ("xsub", "xsub-val"):
            writer.protocol(protocol, lambda index: np.array([1, 1, 2, 3]))
    return Store(path)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stands for the folder of a trained network."""
    folder = tmp_path_factory.mktemp("runs") / "trained"
    folder.mkdir()
    (folder / "weights.safetensors").write_text("weights")
    return folder
