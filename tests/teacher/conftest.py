import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

# One thread: the arithmetic is tiny, and other tests' numbers must not depend on the machine's
# cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from skedge.datasets.store import Store
from skedge.recipes.settings import FinetuneSettings
from skedge.teacher.clips import tell
from skedge.teacher.pretrain import pretrain
from skedge.teacher.protocols.finetune import finetune
from tests.teacher.tiny import PRETRAINED, make_store, optim


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """Lightning leaves Ctrl-C ignored behind an interruption."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def _untold() -> None:
    """Notes are said once in a process: a test reads what another one may have made it say."""
    tell.cache_clear()


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return make_store(tmp_path_factory.mktemp("tiny") / "a store")


@pytest.fixture(scope="session")
def encoder_run(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pretrained encoder's run folder; for reading only."""
    folder = tmp_path_factory.mktemp("runs") / "pre trained"
    pretrain(store, folder, PRETRAINED)
    return folder


@pytest.fixture(scope="session")
def teacher_run(store: Store, encoder_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finetuned teacher's run folder; for reading only."""
    folder = tmp_path_factory.mktemp("runs") / "teacher"
    finetune(
        store,
        folder,
        replace(PRETRAINED, finetune=FinetuneSettings(optim=optim())),
        encoder=encoder_run,
    )
    return folder
