from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge_runtime.chromium import Chromium, find_chromium
from tests.edge_runtime.edge_models import write_model, write_streaming_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "student.onnx")


@pytest.fixture(scope="session")
def streaming_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_streaming_model(tmp_path_factory.mktemp("models") / "stream.onnx")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    program = find_chromium()
    if program is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with Chromium(program, tmp_path_factory.mktemp("profile")) as browser:
        yield browser
