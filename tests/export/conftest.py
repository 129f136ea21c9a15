"""One small network nobody trained, exported once in every format and precision for all tests of
this room."""

from pathlib import Path

import numpy as np
import pytest

from skedge.datasets.store import Store, StoreWriter
from skedge.export.exporter import Exporter
from skedge.recipes.settings import EncoderSettings, InputSettings
from tests.export.exported_files import Exported
from tests.teacher.tiny import make_store, write_classifier

DATA = InputSettings(frames=12, persons=2, normalization="per-frame", stream="motion")
PLAN = EncoderSettings(widths=(8, 12), strides=(1, 2), dropout=0.0)


@pytest.fixture(scope="session", autouse=True)
def _quick(one_registry: None) -> None:
    """Every file of this room exports."""


@pytest.fixture(scope="session")
def utd_first(utd_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """UTD-MHAD's 27 actions, each by its 8 people as they do it the first time."""
    whole = Store(utd_store)
    path = tmp_path_factory.mktemp("stores") / "utd first"
    with StoreWriter(
        path, name="utd first", layout=whole.layout, labels=whole.labels, rate=whole.rate
    ) as writer:
        for number, entry in enumerate(whole.index):
            if str(entry["name"]).endswith("_t1"):
                writer.add(
                    str(entry["name"]),
                    whole.clip(number),
                    label=int(entry["label"]),
                    subject=int(entry["subject"]),
                )
        writer.protocol("odd-even", lambda index: np.where(index["subject"] % 2, 1, 3))
    return Store(path)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("export here")


@pytest.fixture(scope="session")
def store(place: Path) -> Store:
    """Clips of one person and of two."""
    return make_store(place / "store", persons=2, subjects=12)


@pytest.fixture(scope="session")
def run(store: Store, place: Path) -> Path:
    """Fitted to the store: else int8 moves its answers too far, which hardly differ."""
    write_classifier(place / "a run", store, DATA, PLAN, fitted=True)
    return place / "a run"


@pytest.fixture(scope="session")
def exporter(run: Path, store: Store) -> Exporter:
    return Exporter(run, store)


@pytest.fixture(scope="session")
def exported(exporter: Exporter, place: Path) -> Exported:
    return Exported(exporter, place / "my models")
