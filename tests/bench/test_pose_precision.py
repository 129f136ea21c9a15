"""The study of quantised landmark networks: what it compares with, and how far apart."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")
pytest.importorskip("ai_edge_litert", reason="needs LiteRT: pip install 'skedge[live]'")

from skedge.bench.studies import pose_precision
from skedge.bench.studies.pose_precision import SIDE, answers, distances, in_float32
from skedge.edge_runtime.pose.models import MODELS
from skedge.skeleton import InputError


@pytest.mark.parametrize("network", ["lite", "full"])
def test_weights_in_float32_change_no_answer(network: str, networks: Path, tmp_path: Path) -> None:
    stored = networks / MODELS[network].name
    wide = tmp_path / "float32.tflite"
    wide.write_bytes(in_float32(stored.read_bytes()))
    assert wide.stat().st_size > 1.7 * stored.stat().st_size, "nothing was widened"
    pictures = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), np.uint8)
    for one, other in zip(answers(stored, pictures)[0], answers(wide, pictures)[0], strict=True):
        for mine, theirs in zip(one, other, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-3)


def test_distances_are_of_landmarks_in_pictures_with_a_body() -> None:
    def outputs(x: float) -> list[np.ndarray]:
        place = np.tile([3 * x, 4 * x, 100 * x, 0, 0], 39)[None]
        return [place, np.ones((1, 1)), np.tile([0, 0.3 * x, 0.4 * x], 39)[None]]

    expected = [outputs(0), outputs(0)]
    got = [outputs(1), outputs(9)]
    np.testing.assert_allclose(distances(got, expected, [0], output=0), np.full(33, 5.0))
    np.testing.assert_allclose(distances(got, expected, [0], output=2), np.full(33, 0.5))


def test_a_film_of_nobody_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy had no arrays to stack."""
    monkeypatch.setattr(pose_precision, "open_source", lambda film: [])
    monkeypatch.setattr(pose_precision, "BlazePose", lambda people, network: None)
    with pytest.raises(InputError, match=r"^wall\.mp4: expected a film of people"):
        pose_precision.seen_by_network("wall.mp4")
