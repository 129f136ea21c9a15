"""What runs on the emulated board, and natively for comparison: every model of a folder, loaded,
asked, and counted.

Prints one line of JSON for every model behind `LINE`. Where the board's clock counts instructions
(qemu's icount with a shift of 0), a nanosecond is one instruction.
"""

import base64
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from skedge.bench import example
from skedge.bench.probe import resident
from skedge.edge_runtime.backends.backend import import_runtime, load_backend
from skedge.edge_runtime.recognizer import Recognizer

LINE, POSE_LINE = "SKEDGE-MODEL ", "SKEDGE-POSE "
# How far apart blocks of calls may be: an interrupt costs some thousand instructions, and a frame
# 0.3 million.
REPEATS_WITHIN = 5e-3
# About how many nanoseconds, which are instructions there, a block takes, and the most calls in it.
ENOUGH = 20e6
MOST_CALLS = 40
CLIP = 80


def check(path: Path) -> dict[str, Any]:
    """Loads, predicts and counts one model in this process.

    `answer` is the Recognizer's on a made-up walk, `probabilities` and `embedding` are the model's
    on random joints. `frame` or `clip` holds what `count` finds.
    """
    before = time.perf_counter_ns()
    backend = load_backend(path)
    loaded = time.perf_counter_ns()
    metadata = backend.metadata
    rng = np.random.default_rng(0)
    persons = metadata.persons
    joints = len(metadata.layout)
    start = rng.normal(0, 0.4, (1, persons, joints, 3))
    walk = (start + rng.normal(0, 0.02, (CLIP, persons, joints, 3)).cumsum(0)).astype(np.float32)
    asked = time.perf_counter_ns()
    recognizer = Recognizer(backend)
    recognizer.checks_bodies = False
    answer = recognizer.predict(walk, rate=metadata.hz or 30.0)
    first = time.perf_counter_ns()
    call = example.call(backend)
    called = time.perf_counter_ns()
    probabilities, embedding = (part.copy() for part in call())
    counts = count(call, time.perf_counter_ns() - called)
    rss, peak = resident()
    return {
        "file": path.name,
        "load": loaded - before,
        "predict": first - asked,
        "frame" if metadata.streaming else "clip": counts,
        "rss_bytes": rss,
        "peak_rss_bytes": peak,
        "answer": _text(answer),
        "probabilities": _text(probabilities),
        "embedding": _text(embedding),
    }


def count(call: Callable[[], object], about: float) -> list[float]:
    """Nanoseconds per call, the mean of every block, without the cost of an empty call; `about` is
    a first estimate. A third block only where two do not agree: one of a large model takes long."""
    calls = int(np.clip(ENOUGH / max(about, 1), 1, MOST_CALLS))
    empty = _block(lambda: None, MOST_CALLS)
    blocks = [_block(call, calls) - empty for _ in range(2)]
    if max(blocks) - min(blocks) > REPEATS_WITHIN * min(blocks):
        blocks.append(_block(call, calls) - empty)
    return blocks


def _block(call: Callable[[], object], calls: int) -> float:
    before = time.perf_counter_ns()
    for _ in range(calls):
        call()
    return (time.perf_counter_ns() - before) / calls


def _text(values: np.ndarray) -> str:
    return base64.b64encode(np.asarray(values, "<f4").tobytes()).decode()


def array(text: str) -> np.ndarray:
    """The array that `check` wrote as text."""
    return np.frombuffer(base64.b64decode(text), "<f4")


def main(folder: Path) -> int:
    """Each runtime in a process of its own, and for each model a copy of it, so that memory is that
    of one model."""
    failed = 0
    for suffix in (".onnx", ".tflite"):
        files = sorted(file for file in folder.iterdir() if file.suffix == suffix)
        if files:
            failed |= _apart(partial(_each, files))
    return failed


def _each(files: list[Path]) -> int:
    before = time.perf_counter_ns()
    import_runtime(files[0])
    imported = time.perf_counter_ns() - before
    # The first one compiles what it imports, in 10 MB that no later one takes.
    _apart(partial(_try, files[0]))
    return max(_apart(partial(_tell, file, imported)) for file in files)


def _try(file: Path) -> int:
    check(file)
    return 0


def _tell(file: Path, imported: int) -> int:
    print(LINE + json.dumps(check(file) | {"import": imported}), flush=True)
    return 0


def _apart(work: Callable[[], int]) -> int:
    """The exit code of `work` in a copy of this process; 1 where it dies, and then it said why on
    stderr."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = work()
        except Exception as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(code)
    return 0 if os.waitpid(child, 0)[1] == 0 else 1


def main_pose(folder: Path) -> int:
    """The pose stage in a process of its own, where the board has its networks in `folder`."""
    if not any(folder.glob("*.tflite")):
        return 0
    from skedge.bench.pi import pose

    return _apart(lambda: pose.tell(folder))


if __name__ == "__main__":
    ended = main(Path(sys.argv[1]))
    sys.exit(ended | (main_pose(Path(sys.argv[2])) if sys.argv[2:] else 0))
