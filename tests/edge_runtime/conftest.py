from pathlib import Path

import pytest

from tests.edge_runtime.edge_models import write_model, write_streaming_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "student.onnx")


@pytest.fixture(scope="session")
def streaming_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_streaming_model(tmp_path_factory.mktemp("models") / "stream.onnx")
