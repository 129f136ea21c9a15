from pathlib import Path

import numpy as np
import pytest

from skedge.datasets.store import Store, StoreWriter
from skedge.skeleton import load_layout


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
