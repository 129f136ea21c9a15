from pathlib import Path

import pytest

from tests.edge_runtime.edge_models import write_model, write_streaming_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "student.onnx")


@pytest.fixture(scope="session")
def networks() -> Path:
    """The folder of the pose estimator's networks; the test is skipped where nobody has fetched
    them."""
    from skedge.edge_runtime.pose.models import MODELS, default_folder

    folder = default_folder()
    if not all((folder / one.name).is_file() for one in MODELS.values()):
        pytest.skip("needs the pose estimator's networks: run `skedge pose fetch`")
    return folder


@pytest.fixture(scope="session")
def streaming_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_streaming_model(tmp_path_factory.mktemp("models") / "stream.onnx")
