"""Thresholds chosen by what they cost and bring."""

from collections import Counter

from skedge.bench.studies.thresholds import PATIENCE, THRESHOLDS, choose
from skedge.edge_runtime.scoring.everyday import Tally


def tally(right: int, false: int) -> Tally:
    """Ten waves and an hour of walking, in which `false` waves were seen."""
    return Tally(
        performances=Counter(wave=10),
        right=Counter(wave=right),
        false=Counter({("walk", "wave"): false}),
        seconds=3600.0,
    )


def every(
    loose: dict[str, Tally], strict: dict[str, Tally]
) -> dict[tuple[float, int], dict[str, Tally]]:
    """Low thresholds come to `loose` on every set, those above 0.7 to `strict`."""
    return {(t, p): strict if t > 0.7 else loose for t in THRESHOLDS for p in PATIENCE}


def test_a_false_event_costs_its_price() -> None:
    found = every({"a": tally(10, 30)}, {"a": tally(8, 0)})
    assert choose(found, ["a"], ["wave"], price=0.01)["wave"][0] > 0.7
    assert choose(found, ["a"], ["wave"], price=0.001)["wave"][0] <= 0.7


def test_only_the_named_sets_have_a_say() -> None:
    found = every({"a": tally(10, 0), "b": tally(10, 90)}, {"a": tally(2, 0), "b": tally(9, 0)})
    assert choose(found, ["a"], ["wave"], price=0.01)["wave"][0] <= 0.7
    assert choose(found, ["b"], ["wave"], price=0.01)["wave"][0] > 0.7


def test_a_class_that_no_set_performs_is_kept_quiet() -> None:
    """By the lowest threshold that is never false."""
    found = every({"a": tally(0, 5)}, {"a": tally(0, 0)})
    for sets in found.values():
        sets["a"].performances.clear()
    assert choose(found, ["a"], ["wave"], price=0.01)["wave"][0] == 0.8
