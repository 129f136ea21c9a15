"""Two people who touch: whose body may be that of both, and of nobody else."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from skedge.skeleton.layout import load_layout
from skedge.skeleton.touching import REACH, Touching, Trunk, trunks

SIZE = 60.0
LEFT: Trunk = (200.0, 150.0, SIZE)


def beside(lengths: float, size: float = SIZE) -> Trunk:
    return (200.0 + lengths * SIZE, 150.0, size)


def test_who_loses_somebody_in_reach_is_not_believed_until_that_one_is_back() -> None:
    touching = Touching()
    both: dict[int, Trunk] = {1: LEFT, 2: beside(1.2)}
    assert touching.update(both, 0.0) == set()
    assert touching.update({1: LEFT}, 0.1) == {1}
    assert touching.update({1: beside(0.5)}, 2.0) == {1}
    assert touching.update({1: beside(0.5), 2: LEFT}, 2.1) == set()
    assert touching.update({1: beside(2.0), 2: LEFT}, 2.2) == set()


def test_nobody_is_doubted_for_long() -> None:
    touching = Touching()
    touching.update({1: LEFT, 2: beside(1.2)}, 0.0)
    assert touching.update({1: LEFT}, 0.1) == {1}
    assert touching.update({1: LEFT}, 3.0) == {1}
    assert touching.update({1: LEFT}, 3.2) == set()


def test_who_leaves_elsewhere_or_passes_behind_says_nothing() -> None:
    for other in (beside(REACH + 0.1), beside(0.5, size=0.6 * SIZE), beside(0.5, size=1.6 * SIZE)):
        touching = Touching()
        touching.update({1: LEFT, 2: other}, 0.0)
        assert touching.update({1: LEFT}, 0.1) == set()


def test_of_two_who_are_lost_at_once_the_first_one_back_is_not_believed() -> None:
    touching = Touching()
    touching.update({1: LEFT, 2: beside(0.8), 3: beside(5.0)}, 0.0)
    assert touching.update({3: beside(5.0)}, 0.1) == set()
    assert touching.update({3: beside(5.0), 2: LEFT}, 1.0) == {2}
    assert touching.update({3: beside(5.0), 2: LEFT, 1: beside(1.0)}, 1.1) == set()


def test_who_left_long_ago_is_not_lost_beside_a_newcomer() -> None:
    touching = Touching()
    touching.update({1: LEFT}, 0.0)
    touching.update({}, 0.1)
    assert touching.update({2: LEFT}, 0.2) == set()


def test_a_trunk_that_is_not_seen_is_beside_nobody() -> None:
    touching = Touching()
    unseen: Trunk = (float("nan"), float("nan"), float("nan"))
    touching.update({1: LEFT, 2: unseen}, 0.0)
    assert touching.update({1: LEFT}, 0.1) == set()


@given(
    pictures=st.lists(
        st.dictionaries(
            st.integers(0, 4),
            st.tuples(*[st.floats(0, 500) | st.just(float("nan"))] * 3),
            max_size=4,
        ),
        max_size=20,
    )
)
@example([{0: (0.0, 0.0, 5e-324), 1: (0.0, 0.0, 500.0)}, {1: (0.0, 0.0, 500.0)}])
def test_only_who_is_in_view_is_named_and_nobody_while_all_stay(
    pictures: list[dict[int, Trunk]],
) -> None:
    touching = Touching()
    lost = False
    before: set[int] = set()
    for number, people in enumerate(pictures):
        found = touching.update(people, number / 30)
        lost = lost or bool(before - people.keys())
        before = set(people)
        assert found <= people.keys()
        assert lost or not found


def test_where_trunks_are() -> None:
    layout = load_layout("blazepose33")
    pixels = np.full((2, 33, 2), np.nan)
    for names, place in (("left_shoulder right_shoulder", 100.0), ("left_hip right_hip", 160.0)):
        for name, across in zip(names.split(), (40.0, 20.0), strict=True):
            pixels[0, layout.index(name)] = across, place
    (seen, unseen) = trunks(pixels, layout)
    assert seen == (30.0, 130.0, 60.0)
    assert np.isnan(unseen).all()
    assert trunks(np.zeros((0, 33, 2)), layout) == []
