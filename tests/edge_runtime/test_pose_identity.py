"""Who is who from picture to picture: people who cross, hide, come and go keep their numbers."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.optimize import linear_sum_assignment

from skedge.edge_runtime.pose.identity import Identities, Sighting, assign

RED, BLUE = np.array([53.0, 80.0, 67.0]), np.array([32.0, 79.0, -108.0])
RATE = 30
SIZE = 200.0
# Somebody's place (x, y) at a moment, None while out of sight.
Walk = Callable[[float], tuple[float, float] | None]


def follow(walks: dict[str, tuple[Walk, np.ndarray | None]], seconds: float, people: int = 2, noise: float = 0.0,
           seed: int = 0, rate: float = RATE) -> Iterator[dict[str, int | None]]:  # fmt: skip
    """Who has which number in every picture of those walks; bodies come in a random order."""
    rng = np.random.default_rng(seed)
    identities = Identities(people)
    for number in range(round(seconds * rate)):
        now = number / rate
        places = {who: walk(now) for who, (walk, _) in walks.items()}
        seen = [who for who in rng.permutation(list(walks)) if places[who] is not None]
        sightings = []
        for who in seen:
            x, y = np.asarray(places[who]) + rng.normal(0, noise * SIZE, 2)
            sightings.append(
                Sighting(
                    float(x),
                    float(y),
                    SIZE * float(np.exp(rng.normal(0, noise))),
                    color=walks[who][1],
                )
            )
        tracks = identities.update(sightings, now)
        yield {
            who: None if track is None else track.id
            for who, track in zip(seen, tracks, strict=True)
        }


def numbers(followed: Iterator[dict[str, int | None]], who: str) -> set[int]:
    return {frame[who] for frame in followed if frame.get(who) is not None}


def line(start: float, speed: float, y: float = 300.0) -> Walk:
    return lambda seconds: (start + speed * seconds, y)


@pytest.mark.parametrize("colors", [(RED, BLUE), (RED, RED), (None, None)])
@pytest.mark.parametrize("speed", [80.0, 150.0, 240.0])
@pytest.mark.parametrize("seed", range(3))
def test_two_who_cross_keep_their_numbers(colors: tuple, speed: float, seed: int) -> None:
    # They meet in the middle, one a little behind the other, both always in view.
    walks = {"a": (line(100, speed), colors[0]), "b": (line(700, -speed, 330), colors[1])}
    followed = list(follow(walks, 600 / speed, noise=0.01, seed=seed))
    assert numbers(iter(followed), "a").isdisjoint(numbers(iter(followed), "b"))
    assert len(numbers(iter(followed), "a")) == len(numbers(iter(followed), "b")) == 1


@pytest.mark.parametrize("colors", [(RED, BLUE), (RED, RED), (None, None)])
@pytest.mark.parametrize("hidden", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("seed", range(3))
def test_one_who_is_hidden_behind_another_comes_back_the_same(
    colors: tuple, hidden: float, seed: int
) -> None:
    """While two bodies cover each other the network finds only the one in front."""
    speed = 150.0
    met = 300 / speed

    def behind(seconds: float) -> tuple[float, float] | None:
        return None if abs(seconds - met) < hidden / 2 else (700 - speed * seconds, 320)

    followed = list(
        follow(
            {"a": (line(100, speed), colors[0]), "b": (behind, colors[1])},
            2 * met,
            noise=0.01,
            seed=seed,
        )
    )
    assert len(numbers(iter(followed), "a")) == 1
    assert len(numbers(iter(followed), "b")) == 1
    assert numbers(iter(followed), "a").isdisjoint(numbers(iter(followed), "b"))


@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_two_who_are_both_missed_while_they_cross_go_on_the_way_they_went(
    seed: int, upright: bool
) -> None:
    """Dressed alike, each is nearer to where the other was last: only the way they went tells them
    apart."""
    speed = 240.0
    met = 300 / speed

    def missed(walk: Walk) -> Walk:
        def place(seconds: float) -> tuple[float, float] | None:
            found = walk(seconds)
            if found is None or abs(seconds - met) < 0.12:
                return None
            return found[::-1] if upright else found

        return place

    walks = {"a": (missed(line(100, speed)), RED), "b": (missed(line(700, -speed, 305)), RED)}
    followed = list(follow(walks, 2 * met, noise=0.005, seed=seed))
    assert [len(numbers(iter(followed), who)) for who in "ab"] == [1, 1]


@pytest.mark.parametrize("rate", [5, 10, 60])
def test_the_cameras_rate_does_not_matter(rate: float) -> None:
    walks = {"a": (line(100, 100), RED), "b": (line(700, -100, 330), BLUE)}
    followed = list(follow(walks, 6, rate=rate))
    assert [len(numbers(iter(followed), who)) for who in "ab"] == [1, 1]


def test_who_was_away_for_long_is_somebody_new() -> None:
    def away(seconds: float) -> tuple[float, float] | None:
        return None if 1 < seconds < 6 else (300, 300)

    found = numbers(follow({"a": (away, RED)}, 8), "a")
    assert len(found) == 2


def test_somebody_else_in_the_same_place_is_somebody_new() -> None:
    def first(seconds: float) -> tuple[float, float] | None:
        return (300, 300) if seconds < 1 else None

    def second(seconds: float) -> tuple[float, float] | None:
        return (300, 300) if seconds > 1.5 else None

    followed = list(follow({"red": (first, RED), "blue": (second, BLUE)}, 3))
    assert numbers(iter(followed), "red").isdisjoint(numbers(iter(followed), "blue"))


def test_no_more_are_followed_than_asked_for() -> None:
    walks = {str(i): (line(100.0 + 150 * i, 0), None) for i in range(5)}
    for frame in follow(walks, 2, people=3):
        assert sum(number is not None for number in frame.values()) <= 3
    assert sorted(number for number in frame.values() if number is not None) == [0, 1, 2]


def test_a_trial_passes_before_somebody_is_believed() -> None:
    identities = Identities(2)
    for number in range(12):
        (track,) = identities.update([Sighting(300, 300, SIZE, trial=0.2)], number / RATE)
        assert track is not None
        assert (track.id is None) == (number < 6), "two tenths of a second are six pictures"
    # What is seen once now and then is never believed.
    for number in range(60, 200):
        seen = [Sighting(900, 100, SIZE, trial=0.2)] if number % 3 == 0 else []
        assert all(
            track is None or track.id is None for track in identities.update(seen, number / RATE)
        )


costs = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=5),
               elements=st.one_of(st.floats(0, 10), st.just(np.inf)))  # fmt: skip


@given(costs)
def test_assignment_is_the_best_there_is(matrix: np.ndarray) -> None:
    """As many as can be, then the cheapest: SciPy's solution with a price for those left over that
    outweighs all costs."""
    columns = assign(matrix)
    pairs = [(row, column) for row, column in enumerate(columns) if column is not None]
    assert len({column for _, column in pairs}) == len(pairs)
    assert all(np.isfinite(matrix[pair]) for pair in pairs)
    price = 1000.0
    rows, best = linear_sum_assignment(np.where(np.isfinite(matrix), matrix, price))
    chosen = matrix[rows, best]
    assert len(pairs) == np.isfinite(chosen).sum()
    assert sum(matrix[pair] for pair in pairs) == pytest.approx(chosen[np.isfinite(chosen)].sum())


def test_a_crowd_is_told_apart_as_quickly_as_a_few() -> None:
    """Trying all subsets of 60 would not end."""
    rng = np.random.default_rng(0)
    costs = rng.random((60, 60))
    columns = assign(costs)
    assert columns == linear_sum_assignment(costs)[1].tolist()


@given(st.lists(st.lists(st.tuples(*[st.floats(0, 600)] * 2, st.floats(50, 300), st.booleans()), max_size=4), max_size=20),
       st.integers(1, 3))  # fmt: skip
def test_whatever_is_seen_numbers_are_never_shared_or_used_again(
    pictures: list, people: int
) -> None:
    identities = Identities(people)
    gone: set[int] = set()
    before: set[int] = set()
    for number, bodies in enumerate(pictures):
        sightings = [Sighting(x, y, size, color=RED if red else None) for x, y, size, red in bodies]
        tracks = identities.update(sightings, number * 0.7)
        assert len(tracks) == len(sightings)
        found = [track.id for track in tracks if track is not None and track.id is not None]
        assert len(found) == len(set(found)) <= people
        assert not set(found) & gone
        known = {track.id for track in identities.tracks if track.id is not None}
        gone |= before - known
        before = known


def test_nobody_falls_over_from_one_picture_to_the_next() -> None:
    identities = Identities(1)
    [standing] = identities.update([Sighting(100, 100, 200)], 0.0)
    [lying] = identities.update([Sighting(100, 100, 200, lean=np.pi / 2)], 0.03)
    assert standing is not None
    assert lying is not standing


def test_who_walks_into_the_shade_or_away_stays_the_same() -> None:
    """Clothes and size may change by more than from one picture to the next."""
    identities = Identities(1)
    for number in range(3 * RATE):
        done = number / (3 * RATE)
        shade = tuple((RED * (1 - done)).tolist())
        seen = Sighting(100, 100, 200 * 0.4**done, color=shade)
        [track] = identities.update([seen], number / RATE)
        assert track is not None
        assert track.id == 0


def test_nobody_is_elsewhere_from_one_picture_to_the_next() -> None:
    """Who comes into view as another goes out of it is somebody else."""
    for step, same in ((0.15, True), (0.5, False)):
        identities = Identities(1)
        [one] = identities.update([Sighting(100, 100, 200)], 0.0)
        [next] = identities.update([Sighting(100 + 200 * step, 100, 200)], 1 / RATE)
        assert one is not None
        assert (next is one) == same


def test_who_has_come_back_is_not_found_a_second_time() -> None:
    """Whoever came to the place next had the same number."""
    identities = Identities(2)
    here, beside = Sighting(100, 100, 200), Sighting(110, 100, 200)
    seen = [identities.update(bodies, now) for bodies, now in (([here], 0), ([here], 1))]
    assert [track.id for [track] in seen if track is not None] == [0, 0]
    both = identities.update([here, beside], 1 + 1 / RATE)
    assert [track.id for track in both if track is not None] == [0, 1]


bodies = st.lists(
    st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(150, 250)), max_size=3
)


@given(
    st.lists(st.tuples(bodies, st.sampled_from([0.05, 0.3])), max_size=15),
    st.sampled_from([0, 0.1]),
)
def test_numbers_do_not_depend_on_which_way_people_walk(pictures: list, trial: float) -> None:
    def found(turned: bool) -> list[list[int | None]]:
        identities, now, given_out = Identities(2), 0.0, []
        for seen, gap in pictures:
            now += gap
            places = [(y, x, size) if turned else (x, y, size) for x, y, size in seen]
            sightings = [Sighting(x, y, size, trial=trial) for x, y, size in places]
            tracks = identities.update(sightings, now)
            given_out.append([track.id if track is not None else None for track in tracks])
            known = [track.id for track in identities.tracks if track.id is not None]
            assert len(known) == len(set(known))
        return given_out

    assert found(turned=False) == found(turned=True)


others = st.lists(
    st.tuples(st.integers(1000, 1600), st.integers(0, 600), st.integers(100, 300)), max_size=3
)


@given(
    st.lists(st.tuples(others, st.sampled_from([0.03, 0.2, 1.0]), st.integers(0, 3)), max_size=20),
    st.integers(1, 3),
    st.sampled_from([0, 0.3]),
)
def test_who_stays_in_view_keeps_the_number_whatever_others_do(
    pictures: list, people: int, trial: float
) -> None:
    identities, now, stays = Identities(people), 0.0, Sighting(0, 0, 200)
    (first,) = identities.update([stays], now)
    for seen, gap, place in pictures:
        now += gap
        sightings = [Sighting(x, y, size, trial=trial) for x, y, size in seen]
        sightings.insert(place, stays)
        found = identities.update(sightings, now)
        assert found[sightings.index(stays)] is first
        assert first is not None
        assert first.id == 0
        assert sum(track is not None for track in found) <= people
