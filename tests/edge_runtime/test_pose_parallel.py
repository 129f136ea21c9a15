"""Work beside the landmarks, and which network and how many threads suit a computer."""

import threading
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")

from skedge.edge_runtime.pose import choice
from skedge.edge_runtime.pose.landmarks import Body
from skedge.edge_runtime.pose.parallel import Beside
from skedge.edge_runtime.pose.region import Region
from tests.edge_runtime.pose_bodies import body


def test_where_two_threads_are_free_work_goes_on_beside() -> None:
    # It ends only when this thread has come by.
    met = threading.Event()
    beside = Beside(2).start(lambda: met.wait(30))
    met.set()
    assert beside.result(30)


def test_one_thread_has_the_result_at_once() -> None:
    assert Beside(1).start(threading.get_ident).result(0) == threading.get_ident()


@pytest.mark.parametrize("threads", [1, 2])
def test_what_breaks_beside_is_raised_where_it_is_asked_for(threads: int) -> None:
    broken = Beside(threads).start(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        broken.result(30)


class Network:
    """Sees somebody everywhere."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def find(self, image: np.ndarray, region: Region) -> Body:
        return body(x=region.x)


@pytest.mark.parametrize(("milliseconds", "expected"), [(2, "full"), (40, "lite")])
def test_a_fast_computer_gets_the_full_network(
    milliseconds: float, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(np.arange(0, 100) * milliseconds / 1000)
    monkeypatch.setattr(choice.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(choice, "has_model", lambda name: True)
    monkeypatch.setattr(choice, "model_path", lambda name: Path(name))
    monkeypatch.setattr(choice, "Landmarker", lambda path, threads: Network(threads))
    assert choice.suitable_network(1) == expected


@pytest.mark.parametrize("there", ["lite", "full"])
def test_the_only_network_there_is_serves(there: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "has_model", lambda name: name == there)
    assert choice.suitable_network(1) == there


def test_a_core_is_left_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, threads in ((1, 1), (2, 1), (4, 3)):
        monkeypatch.setattr(choice.os, "sched_getaffinity", lambda pid, cores=cores: range(cores))
        assert choice.free_threads() == threads
