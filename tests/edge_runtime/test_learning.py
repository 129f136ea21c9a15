"""The discriminant of taught actions against an independent reference, and the thresholds and
figures of held-out clips against what is counted by hand."""

import math
import tracemalloc

import numpy as np
import pytest

from skedge.edge_runtime.learning import HeldOut, hold_out, learn
from tests.edge_runtime.test_teach import NEW, OTHERS, SIZE, cloud


def reference(
    new: dict[str, list[np.ndarray]], others: list[np.ndarray]
) -> dict[str, tuple[np.ndarray, float]]:
    """Weights (D,) and bias of every class as the module's description says, clip by clip and
    answer by answer."""
    every = np.vstack(others)
    middle, scale = every.mean(0), every.std(0) + 1e-3 * every.std()
    every = (every - middle) / scale
    clips = {label: [(clip - middle) / scale for clip in own] for label, own in new.items()}
    chosen = {label: [clip[int(0.4 * len(clip)) :] for clip in own] for label, own in clips.items()}
    found: dict[str, tuple[np.ndarray, float]] = {}
    for _ in range(3):
        means = {
            label: sum(clip.mean(0) for clip in own) / len(own) for label, own in chosen.items()
        }
        away = [
            answer - means[label]
            for label, own in chosen.items()
            for clip in own
            for answer in clip
        ]
        spread = np.cov(every.T, bias=True) + 0.5 * sum(np.outer(one, one) for one in away) / len(
            away
        )
        spread += 0.3 * spread.diagonal().mean() * np.eye(SIZE)
        for label, own in clips.items():
            weights = 0.5 * np.linalg.inv(spread) @ means[label]
            found[label] = weights, -0.5 * float(weights @ means[label])
            chosen[label] = [
                np.array(sorted(clip, key=lambda answer: -(weights @ answer)))[
                    : max(3, len(clip) // 2)
                ]
                for clip in own
            ]
    return found


def test_the_discriminant_is_the_references() -> None:
    taught = learn(NEW, OTHERS)
    for number, (weights, bias) in enumerate(reference(NEW, OTHERS).values(), 1):
        np.testing.assert_allclose(taught.weights[:, number], weights, atol=1e-8)
        assert taught.bias[number] == pytest.approx(bias)
    assert not taught.weights[:, 0].any()
    assert taught.bias[0] == 0


def test_a_feature_that_is_all_but_constant_decides_nothing() -> None:
    """Its rounding, divided by next to nothing, would outweigh all others."""
    dust = np.random.default_rng(0).normal(size=10_000) * 1e-7

    def with_dust(clips: list[np.ndarray], size: float) -> list[np.ndarray]:
        return [np.hstack([clip, size * dust[: len(clip), None]]) for clip in clips]

    new = {label: with_dust(clips, 50.0) for label, clips in NEW.items()}
    taught = learn(new, with_dust(OTHERS, 1.0))
    unseen = np.vstack(cloud(10, 12)[5:])
    plain = learn(NEW, OTHERS).shares(unseen)
    dusty = taught.shares(np.hstack([unseen, np.full((len(unseen), 1), 5e-6)]))
    np.testing.assert_allclose(dusty, plain, atol=0.02)


def held(own: list[float], others: list[float], seconds: float = 3600.0) -> HeldOut:
    return HeldOut(
        ("knock",), {"knock": np.array(own)[:, None]}, np.array(others)[:, None], seconds
    )


def share(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def test_false_events_are_counted_where_there_are_many_and_extrapolated_where_there_are_few() -> (
    None
):
    """The ten surest of 30 stretches in half an hour: their foot at a logit of 1, the nine others
    0.5 above it in the mean."""
    tops = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9]
    found = held([0.9], [share(one) for one in [-2.0] * 20 + tops], seconds=1800)
    assert found.false_per_hour("knock", share(0.0)) == 10 / 0.5
    assert found.false_per_hour("knock", share(0.0), careful=2.0) == pytest.approx(
        (10 + 2 * math.sqrt(10)) / 0.5
    )
    beyond = [found.false_per_hour("knock", share(3.0), careful) for careful in (0.0, 1.5)]
    assert beyond == pytest.approx(
        [9 * math.exp(-2 / 0.5) / 0.5, 9 * math.exp(-2 / (0.5 * 1.5)) / 0.5]
    )
    assert found.recall("knock", 0.9) == 1


def test_a_threshold_goes_half_of_the_way_to_the_least_sure_clip() -> None:
    """Where nothing else comes near, it is as far from that as from the clips, in logits."""
    threshold = held([0.95, 0.99], [0.01] * 30).threshold("knock")
    middle = (math.log(0.3 / 0.7) + math.log(0.95 / 0.05)) / 2
    assert threshold == pytest.approx(share(middle), abs=2e-4)


def test_a_threshold_keeps_clips_in_view_whatever_the_background_does() -> None:
    """The background is as sure as the clips: no threshold is quiet, and one that saw fewer than
    three of five clips would be of no use."""
    own = [0.5, 0.85, 0.86, 0.87, 0.88]
    found = held(own, [0.97] * 30)
    threshold = found.threshold("knock")
    assert found.recall("knock", threshold) == 0.6
    assert threshold > 0.85
    assert held(own, [0.2] * 30).recall("knock", held(own, [0.2] * 30).threshold("knock")) == 1


def test_a_class_of_which_nothing_is_left_measures_nothing_in_that_fold() -> None:
    """A single clip, left out, leaves its class without any; the others still have their turn."""
    new = {
        "odd": [[clip] for clip in cloud(10, count=3)],
        "once": [[clip] for clip in cloud(11, count=1)],
    }
    found = hold_out(new, OTHERS, 600.0, patience={"odd": 3, "once": 3})
    assert [len(rows) for rows in found.mixed.values()] == [2, 0]
    assert len(found.others) == len([i for i in range(len(OTHERS)) if i % 3])


def test_what_is_left_out_is_measured_as_if_it_had_never_been_there() -> None:
    """Sums over everything else less those of a fold are sums over the rest of it."""
    clips = cloud(10, count=4)
    found = hold_out({"odd": [[clip] for clip in clips]}, OTHERS, 600.0, patience={"odd": 1})
    for fold in range(4):
        rest = [clip for i, clip in enumerate(OTHERS) if i % 4 != fold]
        taught = learn({"odd": [clip for i, clip in enumerate(clips) if i != fold]}, rest)
        surest = taught.shares(clips[fold])[:, 1].max()
        assert found.mixed["odd"][fold, 0] == pytest.approx(surest, abs=1e-9)
        for i in range(fold, len(OTHERS), 4):
            assert found.others[i, 0] == pytest.approx(
                taught.shares(OTHERS[i])[:, 1].max(), abs=1e-9
            )
    assert found.stretches == tuple(range(len(OTHERS)))


def test_far_from_zero_nothing_is_lost_in_rounding() -> None:
    """Sums of products of such numbers, as they are, keep no digit of how far they vary."""
    far = 1e8
    moved = {label: [clip + far for clip in clips] for label, clips in NEW.items()}
    here, there = learn(NEW, OTHERS), learn(moved, [clip + far for clip in OTHERS])
    for clip in OTHERS[:3]:
        np.testing.assert_allclose(there.shares(clip + far), here.shares(clip), atol=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_a_feature_that_varies_only_in_what_is_left_out_is_constant(seed: int) -> None:
    """What is left of its sums is a rounding error, which may be below 0 and has no root then."""
    rng = np.random.default_rng(seed)
    others = [clip.copy() for clip in OTHERS]
    for number, clip in enumerate(others):
        clip[:, 0] = rng.normal(0, 10, len(clip)) if number % 4 == 0 else 0.1
    new = {"odd": [[clip] for clip in cloud(10, count=4)]}
    found = hold_out(new, others, 600.0, patience={"odd": 1})
    assert np.isfinite(found.others).all()
    assert np.isfinite(found.mixed["odd"]).all()


def test_hours_of_anything_else_need_no_copy() -> None:
    """Four hours took 1.7 GB, four times what their embeddings are: more than a Pi may have."""
    rng = np.random.default_rng(0)
    others = [rng.normal(size=(50, 100)).astype(np.float32) for _ in range(500)]
    new = {"odd": [[rng.normal(3, 1, (20, 100)).astype(np.float32)] for _ in range(2)]}
    tracemalloc.start()
    hold_out(new, others, 2500.0, patience={"odd": 3})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < sum(clip.nbytes for clip in others) / 3
