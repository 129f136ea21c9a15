"""What runs on the emulated board for the pose stage: the networks, and the whole stage, counted.

Prints one line of JSON behind `POSE_LINE`. Where the board's clock counts instructions (qemu's
icount with a shift of 0), a nanosecond is one instruction.
"""

import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from skedge.bench.pi.guest import POSE_LINE, count
from skedge.bench.probe import resident
from skedge.edge_runtime.interfaces import Frame, PoseEstimator
from skedge.edge_runtime.pose.models import NETWORKS

# Few pictures a second: an emulated one takes seconds, and costs the same at any rate.
WIDTH, HEIGHT, RATE = 640, 480, 10.0
# Pictures until somebody is followed and known to be whole, and what one takes at the least.
WARM, ABOUT = 10, 1e8


def check(folder: Path) -> dict[str, Any]:
    """Counts in this process.

    `networks` holds instructions for each .tflite file in `folder` (from picture to outputs),
    `stages` for a picture of 640 x 480 with one person followed, everything included, by landmark
    network. Both are what `count` finds.
    """
    import cv2

    from skedge.bench.rehearsal import RehearsedPose, Scene

    cv2.setNumThreads(1)
    networks = {path.stem: _network(path) for path in sorted(folder.glob("*.tflite"))}
    stages = {}
    for network in NETWORKS:
        scene = Scene(1, WIDTH, HEIGHT)
        pose = RehearsedPose(scene, 1, 1, network=network, folder=folder)
        frames = scene.frames(10_000, RATE)
        for _ in range(WARM):
            people = pose.estimate(next(frames))
        assert people[0].whole
        # The pictures are made before they are counted: a camera brings its own.
        made = iter([next(frames) for _ in range(10)])
        stages[network] = count(partial(_step, pose, made), ABOUT)
    rss, peak = resident()
    return {
        "networks": networks,
        "stages": stages,
        "rss_bytes": rss,
        "peak_rss_bytes": peak,
    }


def _step(pose: PoseEstimator, frames: Iterator[Frame]) -> None:
    pose.estimate(next(frames))


def _network(path: Path) -> list[float]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    (entry,) = interpreter.get_input_details()
    picture = np.random.default_rng(0).random(entry["shape"], np.float32)

    def call() -> None:
        interpreter.set_tensor(entry["index"], picture)
        interpreter.invoke()

    before = time.perf_counter_ns()
    call()
    return count(call, time.perf_counter_ns() - before)


def tell(folder: Path) -> int:
    """Prints what `check` found."""
    print(POSE_LINE + json.dumps(check(folder)), flush=True)
    return 0
