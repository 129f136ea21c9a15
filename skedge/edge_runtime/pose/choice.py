"""Which landmark network and how many threads suit this computer."""

import os
import time

import numpy as np

from skedge.edge_runtime.pose.landmarks import SIDE, Landmarker
from skedge.edge_runtime.pose.models import has_model, model_path
from skedge.edge_runtime.pose.region import Region

# The full network takes this many times as long as the lite one (both cut: 2.05 on x86, 2.26 in
# multiply-adds), and may take this many seconds a body: three quarters of the time from picture to
# picture at 30 a second.
DEARER = 2.0
MOST = 0.025
RUNS = 4


def free_threads() -> int:
    """The cores that this process may use, less one for camera, action and page; at least one."""
    return max(1, len(os.sched_getaffinity(0)) - 1)


def suitable_network(threads: int) -> str:
    """ "full" where this computer is fast enough for it, as a few runs of "lite" tell; else "lite".

    Where only one of them has been fetched it is that one.
    """
    if not has_model("lite") or not has_model("full"):
        return "lite" if has_model("lite") else "full"
    landmarker = Landmarker(model_path("lite"), threads)
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        landmarker.find(picture, Region(SIDE / 2, SIDE / 2, SIDE, angle=0.0))
        times.append(time.perf_counter() - start)
    return "full" if min(times) * DEARER <= MOST else "lite"
