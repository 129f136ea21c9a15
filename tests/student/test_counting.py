"""The training of the counter: what it learns from, and that the edge computes the same network."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from skedge.edge_runtime.density import CURVES, density
from skedge.student import counting
from skedge.student.counting import CountingNetwork, Stretch, stretches, train


@pytest.fixture(scope="module")
def found() -> list[Stretch]:
    return stretches(people=12, seed=5)


def test_marks_begin_and_end_with_the_action(found: list[Stretch]) -> None:
    for one in found:
        assert one.motion.shape[1] == CURVES
        assert (np.diff(one.marks) > 0).all()
        assert one.start - 1 <= one.marks[0]
        assert one.marks[-1] <= one.end + 1
        assert one.end <= len(one.motion)


@pytest.mark.parametrize("frames", [8, 61, 300])
def test_the_edge_computes_the_network_that_was_trained(frames: int) -> None:
    torch.manual_seed(1)
    network = CountingNetwork()
    rng = np.random.default_rng(frames)
    motion = rng.normal(size=(frames, CURVES)).astype(np.float32)
    weights = {name: value.astype(np.float32) for name, value in network.arrays().items()}
    with torch.inference_mode():
        expected = network(torch.from_numpy(motion)[None], torch.ones(1, frames, 1))[0].numpy()
    # The weights are kept in 16 bits.
    assert density(motion, weights) == pytest.approx(expected, rel=2e-2, abs=1e-4)


def test_padding_does_not_change_what_is_counted() -> None:
    """Stretches of a batch are padded to the longest."""
    torch.manual_seed(1)
    network = CountingNetwork()
    motion = torch.randn(1, 50, CURVES)
    padded = torch.cat([motion, torch.zeros(1, 40, CURVES)], 1)
    inside = (torch.arange(90) < 50).float()[None, :, None]
    with torch.inference_mode():
        alone = network(motion, torch.ones(1, 50, 1))
        beside = network(padded, inside)
    assert torch.allclose(beside[:, :50], alone, atol=1e-5)
    assert not beside[:, 50:].any()


def test_a_varied_stretch_keeps_its_repetitions(found: list[Stretch]) -> None:
    rng = np.random.default_rng(0)
    for one in found:
        motion, marks = counting._varied(one, rng)
        assert motion.dtype == np.float32
        assert len(marks) == len(one.marks)
        assert np.abs(np.median(motion, axis=0)).max() < 1e-5
        assert marks[-1] <= len(motion) + 1


def test_training_learns_to_count(found: list[Stretch]) -> None:
    def error(network: CountingNetwork) -> float:
        wrong = []
        with torch.inference_mode():
            for one in found:
                motion = torch.from_numpy(one.motion.astype(np.float32))[None]
                rate = network(motion, torch.ones(1, motion.shape[1], 1))
                wrong.append(abs(float(rate.sum()) - (len(one.marks) - 1)))
        return float(np.mean(wrong))

    assert error(train(found, steps=12)) < 0.7 * error(train(found, steps=0))


def test_what_is_learned_at_once_is_of_similar_length(
    monkeypatch: pytest.MonkeyPatch, found: list[Stretch]
) -> None:
    """Padding would be most of the work: ways to and fro have lengths of their own."""
    seen: list[list[int]] = []

    def loss(network: CountingNetwork, pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> Tensor:
        seen.append([len(motion) for motion, _ in pairs])
        return network(torch.zeros(1, 8, CURVES), torch.ones(1, 8, 1)).sum()

    monkeypatch.setattr(counting, "_loss", loss)
    train(found, steps=3)
    assert [len(part) for part in seen] == [counting.BATCH // counting.PARTS] * 3 * counting.PARTS
    for step in range(3):
        parts = seen[step * counting.PARTS : (step + 1) * counting.PARTS]
        assert all(max(shorter) <= min(longer) for shorter, longer in pairwise(parts))


@pytest.mark.parametrize("name", ["counter.npz", "counter"])
def test_the_file_holds_what_was_trained(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: list[Stretch]
) -> None:
    """A name without .npz was a traceback behind the training, and the network was lost."""
    monkeypatch.setattr(counting, "stretches", lambda people, seed: found)
    out = tmp_path / name
    monkeypatch.setattr("sys.argv", ["counting", "--out", str(out), "--steps", "1"])
    counting.main()
    with np.load(out, allow_pickle=False) as file:
        assert len(density(np.zeros((20, CURVES), np.float32), dict(file))) == 20


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--people", "0"], "at least one"),
        (["--steps", "0"], "at least one"),
        ([], "a folder"),
        (["--out", "."], "a file in a folder that is there, got ."),
        (["--out", "/proc/counter.npz"], "/proc: expected a folder that can be written into"),
    ],
)
def test_what_cannot_be_trained_is_said_first(
    flags: list[str],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["counting", "--out", "nowhere/counter.npz", *flags])
    with pytest.raises(SystemExit) as stop:
        counting.main()
    assert stop.value.code == 2
    assert reason in capsys.readouterr().err
