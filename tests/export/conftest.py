"""One small network nobody trained, exported once in every format and precision for all tests of this room."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "teacher"))

from exported_files import Exported
from tiny import make_store, write_classifier

from export.exporter import Exporter
from skeleton.datasets.store import Store
from teacher.settings import EncoderSettings, InputSettings

DATA = InputSettings(frames=12, persons=2, normalization="per-frame", stream="motion")
PLAN = EncoderSettings(widths=(8, 12), strides=(1, 2), dropout=0.0)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("export here")


@pytest.fixture(scope="session")
def store(place: Path) -> Store:
    """Clips of one person and of two."""
    return make_store(place / "store", persons=2, subjects=12)


@pytest.fixture(scope="session")
def run(store: Store, place: Path) -> Path:
    write_classifier(place / "a run", store, DATA, PLAN)
    return place / "a run"


@pytest.fixture(scope="session")
def exporter(run: Path, store: Store) -> Exporter:
    return Exporter(run, store)


@pytest.fixture(scope="session")
def exported(exporter: Exporter, place: Path) -> Exported:
    return Exported(exporter, place / "my models")
