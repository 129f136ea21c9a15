"""What a model costs a process of its own: memory, and the time until its first answer."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from skedge.skeleton.errors import InputError

REPEATS = 3
PATIENCE = 300


def fresh_process(path: Path, threads: int = 1, repeats: int = REPEATS) -> dict[str, float]:
    """Medians over `repeats` new processes that import the edge runtime, load the model and
    predict.

    `rss_imported_bytes` is the interpreter with numpy and the runtime, `rss_above_imported_bytes`
    what the model adds to it, `peak_rss_bytes` the highest of all; `import_ms`, `load_ms` and
    `first_ms` (the first inference) follow each other.

    Raises `InputError` with the process's own line if it refuses the model, or with how it ended if
    it dies.
    """
    runs = [_probe(path, threads) for _ in range(repeats)]
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def _probe(path: Path, threads: int) -> dict[str, float]:
    root = str(Path(__file__).parents[2])
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    }
    command = [sys.executable, "-m", "skedge.bench.probe", str(path.absolute()), str(threads)]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise InputError(
            f"{path}: expected the measuring process to end within {PATIENCE} s, it did not; use a"
            " smaller model"
        ) from None
    try:
        document: dict[str, float] = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["no message; out of memory?"])[-1][:200]
        raise InputError(
            f"{path}: the measuring process ended with code {done.returncode} and without figures:"
            f" {last}"
        ) from None
    if "error" in document:
        raise InputError(str(document["error"]))
    return document
