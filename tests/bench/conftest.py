from pathlib import Path

import pytest

from tests.edge_runtime.edge_models import metadata, write_model


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A large model called teacher and a small one called student, in a folder with a space in its
    name."""
    folder = tmp_path_factory.mktemp("two models")
    return [
        write_model(
            folder / "teacher.onnx", metadata(parameters=400_000, macs=200_000_000), padding=4
        ),
        write_model(
            folder / "student.onnx", metadata(parameters=100_000, macs=50_000_000), padding=1
        ),
    ]
