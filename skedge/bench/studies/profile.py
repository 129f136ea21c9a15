"""Where the time of a streaming model goes, against a clip model:
`python -m skedge.bench.studies.profile clip.onnx stream.onnx`.

All times are this thread's processor time, so that other work on the machine lengthens them little;
the calls of all ways take turns in blocks (`skedge.bench.latency.block_order`), and medians are
shown.
"""

import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from skedge.bench import example
from skedge.bench.latency import block_order
from skedge.bench.studies.command import one_line, parser_of
from skedge.edge_runtime.backends.backend import load_backend
from skedge.edge_runtime.backends.onnx_runtime import session_options
from skedge.edge_runtime.recognizer import Recognizer
from skedge.skeleton.errors import InputError

BLOCKS, SHARE = 40, 0.01
RUNS = 500


def ways(clip: Path, stream: Path) -> dict[str, Callable[[], object]]:
    """What is timed: the clip model, and a frame of the streaming one with more and more around
    it. Raises `InputError` where the other model is no streaming one in an ONNX file."""
    import onnxruntime

    whole, backend = load_backend(clip), load_backend(stream)
    metadata = backend.metadata
    hz = metadata.hz
    if metadata.streaming is None or hz is None or stream.suffix.lower() != ".onnx":
        raise InputError(
            f"{stream}: expected an ONNX file that takes frames, got another model; `skedge export"
            " --streaming` makes one"
        )
    session = onnxruntime.InferenceSession(str(stream), session_options(1))
    feed = {port.name: np.zeros(port.shape, np.float32) for port in session.get_inputs()}
    recognizer = Recognizer(backend)
    recognizer.checks_bodies = False
    frame = np.random.default_rng(0).normal(0, 0.5, (metadata.persons, len(metadata.layout), 3))
    moments = iter(range(1 << 60))
    return {
        "clip": example.call(whole),
        "frame": example.call(backend),
        "frame, state copied by run()": lambda: session.run(None, feed),
        "frame, Recognizer.update": lambda: recognizer.update(frame, next(moments) / hz),
    }


def medians(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Microseconds of processor time of one call of each."""
    taken: dict[str, list[int]] = {name: [] for name in calls}
    repeats = {}
    for name, call in calls.items():
        call()
        before = time.thread_time()
        call()
        repeats[name] = max(5, min(100, int(SHARE / max(time.thread_time() - before, 1e-6))))
    for name in block_order(list(calls), BLOCKS, seed=0):
        call = calls[name]
        call()
        for _ in range(repeats[name]):
            before = time.thread_time_ns()
            call()
            taken[name].append(time.thread_time_ns() - before)
    return {name: float(np.median(values)) / 1e3 for name, values in taken.items()}


def nodes(stream: Path) -> dict[str, tuple[int, float]]:
    """The nodes of each operator and their microseconds together; what recording a node costs is
    subtracted.

    That is the time of the fastest node, which only gives its input another shape.
    """
    import onnxruntime

    with tempfile.TemporaryDirectory() as room:
        options = session_options(1)
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(room) / "profile")
        session = onnxruntime.InferenceSession(str(stream), options)
        feed = {port.name: np.zeros(port.shape, np.float32) for port in session.get_inputs()}
        for _ in range(RUNS):
            session.run(None, feed)
        events = json.loads(Path(session.end_profiling()).read_text("utf-8"))
    taken = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            taken[event["name"], event["args"]["op_name"]].append(event["dur"])
    # The mean of the faster half: durations are whole microseconds.
    means = {
        key: float(np.mean(np.sort(values)[: len(values) // 2])) for key, values in taken.items()
    }
    recording = min(means.values())
    found: dict[str, tuple[int, float]] = {}
    for (_, operator), mean in means.items():
        count, total = found.get(operator, (0, 0.0))
        found[operator] = count + 1, total + mean - recording
    return dict(sorted(found.items(), key=lambda item: -item[1][1]))


def main() -> None:
    """Profile the models that the arguments name and print the times."""
    parser = parser_of("profile", __doc__)
    parser.add_argument("clip", type=Path, help="exported model that takes whole clips")
    parser.add_argument("stream", type=Path, help="ONNX file of the streaming model")
    args = parser.parse_args()
    with one_line(parser):
        taken = medians(ways(args.clip, args.stream))
        found = nodes(args.stream)
    for name, microseconds in taken.items():
        print(
            f"{name:<30}{microseconds:9.1f} us {taken['clip'] / microseconds:6.1f} times cheaper"
            " than the clip"
        )
    for operator, (count, microseconds) in found.items():
        print(f"{count:4d} {operator:<25}{microseconds:9.1f} us")
    count, total = (
        sum(count for count, _ in found.values()),
        sum(microseconds for _, microseconds in found.values()),
    )
    print(f"{count:4d} {'nodes, beside their work':<25}{taken['frame'] - total:9.1f} us")


if __name__ == "__main__":
    main()
