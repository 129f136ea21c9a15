import numpy as np
import pytest

from skedge.skeleton import layout_names, load_layout
from skedge.skeleton.graph import neighbours, partition
from skedge.skeleton.layout import Layout


@pytest.mark.parametrize(
    ("distances", "sums", "nonzeros"),
    [("one-hop", (8.95, 13.30, 2.75), (25, 40, 8)), ("true", (8.95, 7.30, 8.75), (25, 24, 24))],
)
def test_the_published_partitions_of_ntu25(distances: str, sums: tuple, nonzeros: tuple) -> None:
    parts = partition(load_layout("ntu25"), distances)
    assert parts.shape == (3, 25, 25)
    assert parts.dtype == np.float32
    np.testing.assert_allclose(parts.sum(axis=(1, 2)), sums, atol=1e-5)
    assert tuple(np.count_nonzero(part) for part in parts) == nonzeros


def _by_hand(layout: Layout, distances: str) -> np.ndarray:
    """Joint by joint: hops by breadth-first search, the reference programs' three cases."""
    joints = len(layout)
    near: list[set[int]] = [set() for _ in range(joints)]
    for child, parent in layout.bones:
        near[child].add(parent)
        near[parent].add(child)
    hops = {layout.center: 0}
    queue = [layout.center]
    for joint in queue:
        for other in near[joint]:
            if other not in hops:
                hops[other] = hops[joint] + 1
                queue.append(other)
    if distances == "one-hop":
        hops = {joint: min(hop, 2) for joint, hop in hops.items()}
    parts = np.zeros((3, joints, joints))
    for target in range(joints):
        share = 1 / (1 + len(near[target]))
        parts[0, target, target] = share
        for source in near[target]:
            parts[1 if hops[source] >= hops[target] else 2, source, target] = share
    return parts


@pytest.mark.parametrize("distances", ["one-hop", "true"])
@pytest.mark.parametrize("name", layout_names())
def test_every_layout_has_its_partition(name: str, distances: str) -> None:
    layout = load_layout(name)
    parts = partition(layout, distances)
    np.testing.assert_allclose(parts, _by_hand(layout, distances), atol=1e-6)
    np.testing.assert_allclose(parts.sum(axis=(0, 1)), 1, atol=1e-6)
    assert (np.count_nonzero(parts, axis=0) <= 1).all(), "no link belongs to two parts"


@pytest.mark.parametrize("name", layout_names())
def test_neighbours_share_a_bone(name: str) -> None:
    layout = load_layout(name)
    linked = neighbours(layout)
    pairs = {(a, b) for bone in layout.bones for a, b in (bone, bone[::-1])}
    assert {(int(a), int(b)) for a, b in zip(*linked.nonzero(), strict=True)} == pairs
    assert linked.sum(0).tolist() == layout.degrees.tolist()
