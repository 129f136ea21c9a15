"""What a model costs a process of its own: memory, and the time until its first answer."""

import statistics
from pathlib import Path

from skedge.bench.process import run_apart

REPEATS = 3
# Seconds after which the process hangs.
PATIENCE = 300.0


def fresh_process(path: Path, threads: int = 1, repeats: int = REPEATS) -> dict[str, float]:
    """Medians over `repeats` new processes that import the edge runtime, load the model and
    predict.

    `rss_imported_bytes` is the interpreter with numpy and the runtime, `rss_above_imported_bytes`
    what the model adds to it, `peak_rss_bytes` the highest of all; `import_ms`, `load_ms` and
    `first_ms` (the first inference) follow each other.

    Raises `InputError` with the process's own line if it refuses the model, or with how it ended if
    it dies.
    """
    runs = [
        run_apart(
            "skedge.bench.probe",
            str(path.absolute()),
            str(threads),
            named=str(path),
            patience=PATIENCE,
            instead="use a smaller model",
        )
        for _ in range(repeats)
    ]
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}
