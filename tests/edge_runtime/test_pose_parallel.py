"""Several bodies on several cores: the same bodies in the same order, and never more at a time."""

import threading
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")

from skedge.edge_runtime.pose import choice
from skedge.edge_runtime.pose.landmarks import Body
from skedge.edge_runtime.pose.parallel import Landmarkers
from skedge.edge_runtime.pose.region import Region
from tests.edge_runtime.pose_bodies import body

IMAGE = np.zeros((8, 8, 3), np.uint8)


class Network:
    """Sees a body at the region's x, and nobody at even ones; counts how many look at once."""

    def __init__(self, threads: int, together: threading.Barrier | None = None) -> None:
        self.threads = threads
        self._together = together
        self._busy = threading.Lock()

    def find(self, image: np.ndarray, region: Region) -> Body | None:
        assert self._busy.acquire(blocking=False), "a network is not for several threads at once"
        if self._together is not None and self.threads == 1:
            self._together.wait(30)
        self._busy.release()
        return body(x=region.x) if region.x % 2 else None


def regions(*places: float) -> list[Region]:
    return [Region(x, 0.0, 1.0, 0.0) for x in places]


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_bodies_come_in_the_order_of_their_regions(threads: int) -> None:
    landmarkers = Landmarkers(Network, threads)
    for places in ((), (1,), (5, 3, 1, 7, 2, 9), (2, 4)):
        found = landmarkers.find(IMAGE, regions(*places))
        seen = [None if one is None else one.region.x for one in found]
        assert seen == [x if x % 2 else None for x in places]


def test_two_bodies_are_looked_at_together_where_two_threads_are_free() -> None:
    # Neither look ends before the other has begun.
    together = threading.Barrier(2)
    landmarkers = Landmarkers(lambda threads: Network(threads, together), 2)
    assert len(landmarkers.find(IMAGE, regions(1, 3, 5, 7))) == 4


def test_networks_for_several_bodies_are_loaded_when_there_are_several() -> None:
    made: list[int] = []

    def make(threads: int) -> Network:
        made.append(threads)
        return Network(threads)

    landmarkers = Landmarkers(make, 3)
    landmarkers.find(IMAGE, regions(1))
    assert made == [3]
    landmarkers.find(IMAGE, regions(1, 3))
    landmarkers.find(IMAGE, regions(1, 3, 5, 7, 9))
    assert made == [3, 1, 1, 1]


def test_what_breaks_beside_is_raised_where_it_is_asked_for() -> None:
    for threads in (1, 2):
        landmarkers = Landmarkers(Network, threads)
        assert landmarkers.beside(lambda: 7).result() == 7
        with pytest.raises(ZeroDivisionError):
            landmarkers.beside(lambda: 1 // 0).result()


@pytest.mark.parametrize(("milliseconds", "expected"), [(2, "full"), (40, "lite")])
def test_a_fast_computer_gets_the_full_network(
    milliseconds: float, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(np.arange(0, 100) * milliseconds / 1000)
    monkeypatch.setattr(choice.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(choice, "has_model", lambda name, folder: True)
    monkeypatch.setattr(choice, "model_path", lambda name, folder: Path(name))
    monkeypatch.setattr(choice, "Landmarker", lambda path, threads: Network(threads))
    assert choice.suitable_network(1) == expected


@pytest.mark.parametrize("there", ["lite", "full"])
def test_the_only_network_there_is_serves(there: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "has_model", lambda name, folder: name == there)
    assert choice.suitable_network(1) == there


def test_a_core_is_left_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, threads in ((1, 1), (2, 1), (4, 3)):
        monkeypatch.setattr(choice.os, "sched_getaffinity", lambda pid, cores=cores: range(cores))
        assert choice.free_threads() == threads
