"""The training of the counter: what it learns from, and that the edge computes the same network."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from skedge.edge_runtime.curves import MARGIN, RATE
from skedge.edge_runtime.density import CURVES, LEGS, WEIGHTS, density
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
        reach = round((MARGIN + 0.8) * RATE)
        assert one.end <= len(one.motion) <= one.end + reach + 1
        assert 0 <= one.start <= reach


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


def test_marks_stay_with_their_frames_at_any_pace() -> None:
    """Marks that were not stretched with the motion taught a wrong count, and no test saw it."""
    marks = np.array([40, 70, 100, 130, 160])
    motion = np.zeros((220, CURVES), np.float16)
    motion[marks[:, None] + np.arange(-1, 2)] = 50
    one = Stretch(motion, marks, start=40, end=160)
    rng = np.random.default_rng(3)
    lengths, noisy = [], []
    for _ in range(200):
        varied, found = counting._varied(one, rng)
        size = np.abs(varied).max(axis=1)
        for mark in found:
            near = slice(max(0, int(mark) - 3), int(mark) + 4)
            assert size[near].max() > 4, "a mark without its peak"
        lengths.append(np.diff(found).mean() / 30)
        noisy.append(np.median(size) > 0)
    assert np.mean(noisy) == pytest.approx(0.5, abs=0.1)
    assert np.mean(np.isclose(lengths, 1)) == pytest.approx(0.5, abs=0.1)
    paces = np.log([one for one in lengths if not np.isclose(one, 1)])
    assert paces.min() == pytest.approx(-0.3, abs=0.05)
    assert paces.max() == pytest.approx(0.7, abs=0.05)


def test_bounds_are_wrong_by_as_much_as_an_events_may_be() -> None:
    """0.8 s outwards and 0.6 s inwards, at either end."""
    marks = np.array([100, 140, 180])
    one = Stretch(np.zeros((300, CURVES), np.float16), marks, start=100, end=180)
    rng = np.random.default_rng(2)
    early, late = [], []
    for _ in range(1000):
        motion, found = counting._varied(one, rng)
        if found[1] - found[0] == 40:  # at the pace that it had
            low = 100 - int(found[0])
            early.append(100 - MARGIN * RATE - low)
            late.append(low + len(motion) - 180 - MARGIN * RATE)
    for beyond in (early, late):
        assert max(beyond) == pytest.approx(0.8 * RATE, abs=1)
        assert min(beyond) == pytest.approx(-0.6 * RATE, abs=1)


@pytest.mark.parametrize("frames", [8, 30, 75])
def test_another_pace_goes_straight_from_frame_to_frame(frames: int) -> None:
    motion = np.random.default_rng(1).normal(size=(30, 4)).astype(np.float32)
    found = counting._sampled(motion, frames)
    place = np.linspace(0, 29, frames)
    expected = [np.interp(place, np.arange(30), column) for column in motion.T]
    np.testing.assert_allclose(found, np.transpose(expected), atol=1e-5)


def test_what_comes_with_the_package_is_such_a_network() -> None:
    with np.load(WEIGHTS, allow_pickle=False) as file:
        shipped = dict(file)
    made = CountingNetwork().arrays()
    assert {name: value.shape for name, value in made.items()} == {
        name: value.shape for name, value in shipped.items()
    }
    assert made["dilations"].tolist() == shipped["dilations"].tolist()


def test_stretches_err_as_often_as_cameras_do() -> None:
    """Legs out of view, no depth, a joint that is lost, noise: each in its share of stretches."""
    rng = np.random.default_rng(4)
    moving = np.random.default_rng(5).normal(size=(150, CURVES)).cumsum(0).astype(np.float16)
    one = Stretch(moving, np.array([40, 80, 110]), start=40, end=110)
    empty = [~counting._varied(one, rng)[0].any(axis=0) for _ in range(1500)]
    legs = np.mean([none[LEGS].all() for none in empty])
    depth = np.mean([none[2::3].all() for none in empty])
    left = [none for none in empty if not none[2::3].all()]
    joints = [none[: CURVES // 3 * 3].reshape(-1, 3).all(1) for none in left]
    assert all(none.sum() == 3 * of.sum() for none, of in zip(left, joints, strict=True))
    lost = np.mean([(of.sum() == 1) or (of.sum() == len(LEGS) // 3 + 1) for of in joints])
    assert legs == pytest.approx(0.15, abs=0.03)
    assert depth == pytest.approx(0.1, abs=0.025)
    assert lost == pytest.approx(0.1, abs=0.03)


def test_the_loss_is_of_the_count_of_what_is_ahead_and_of_every_frame() -> None:
    """By loops over frames; padding counts nowhere."""
    rng = np.random.default_rng(6)
    pairs = [(np.ones((length, CURVES), np.float32), marks) for length, marks in (
        (40, np.array([5.0, 15.0, 31.0])), (25, np.array([2.0, 20.5])),
    )]  # fmt: skip
    rates = np.zeros((2, 40))
    for rate, (motion, _) in zip(rates, pairs, strict=True):
        rate[: len(motion)] = rng.uniform(0, 0.2, len(motion))
    seen: list[Tensor] = []

    def network(curve: Tensor, inside: Tensor) -> Tensor:
        seen.extend((curve, inside))
        return torch.from_numpy(rates).float()

    found = float(counting._loss(network, pairs))
    curve, inside = seen
    assert inside.sum((1, 2)).tolist() == [40, 25]
    assert torch.equal(curve, inside.expand_as(curve))
    expected = 0.0
    for rate, (motion, marks) in zip(rates, pairs, strict=True):
        done = [np.interp(frame + 1, marks, range(len(marks))) for frame in range(40)]
        wrong = abs(rate.sum() - done[-1])
        expected += wrong**2 / (2 * 0.5) if wrong < 0.5 else wrong - 0.25
        ahead = [max(0, abs(rate[: t + 1].sum() - done[t]) - 0.3) for t in range(len(motion))]
        expected += np.mean(ahead)
        steps = [0.0, *np.diff(done)]
        expected += sum(abs(rate[t] - steps[t]) for t in range(40)) / max(1, done[-1])
    assert found == pytest.approx(expected / 2, rel=1e-5)


def test_hardly_anything_is_a_repetition_at_first() -> None:
    """A network that counts five times in each frame at first learns for long to count less."""
    torch.manual_seed(0)
    with torch.inference_mode():
        rate = CountingNetwork()(torch.randn(4, 60, CURVES), torch.ones(4, 60, 1))
    assert 0 < float(rate.mean()) < 0.1


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


def test_sets_of_at_least_five_are_learned_from_eight_times_as_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    motion = np.zeros((300, CURVES), np.float16)
    few, many = (
        Stretch(motion, np.arange(count + 1) * 20 + 80, start=80, end=80 + 20 * count)
        for count in (4, 5)
    )
    picked: list[int] = []

    def varied(one: Stretch, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        picked.append(len(one.marks) - 1)
        return np.zeros((8, CURVES), np.float32), np.array([0, 8])

    monkeypatch.setattr(counting, "_varied", varied)
    monkeypatch.setattr(counting, "TO_AND_FRO", 0.0)
    train([few, few, many], steps=10)
    assert len(picked) == 10 * counting.BATCH
    assert picked.count(5) / picked.count(4) == pytest.approx(8 / 2, rel=0.15)


@pytest.mark.parametrize("name", ["counter.npz", "counter"])
def test_the_file_holds_what_was_trained(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: list[Stretch]
) -> None:
    """A name without .npz was a traceback after the training, and the network was lost."""
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
