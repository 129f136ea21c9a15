"""The process that `skedge.bench.memory` starts: loads one model, predicts, prints what that cost
as JSON, ends."""

import json
import sys
import time

PREDICTIONS = 20


def resident() -> tuple[int, int]:
    """Resident memory now and at its highest, in bytes."""
    # Not getrusage: its ru_maxrss starts from that of the process that started this one.
    with open("/proc/self/status") as status:
        values = dict(line.split(":", 1) for line in status if line.startswith(("VmRSS", "VmHWM")))
    return int(values["VmRSS"].split()[0]) * 1024, int(values["VmHWM"].split()[0]) * 1024


def probe(path: str, threads: int) -> dict[str, float]:
    begin = time.perf_counter()
    from skedge.bench.example import call
    from skedge.edge_runtime.backends.backend import import_runtime, load_backend

    import_runtime(path)
    imported = time.perf_counter()
    interpreter, _ = resident()
    start = time.perf_counter()
    backend = load_backend(path, threads)
    loaded = time.perf_counter()
    infer = call(backend)
    ready = time.perf_counter()
    infer()
    first = time.perf_counter()
    for _ in range(PREDICTIONS):
        infer()
    steady, peak = resident()
    return {
        "import_ms": (imported - begin) * 1e3,
        "load_ms": (loaded - start) * 1e3,
        "first_ms": (first - ready) * 1e3,
        "rss_imported_bytes": interpreter,
        "rss_bytes": steady,
        "rss_above_imported_bytes": steady - interpreter,
        "peak_rss_bytes": peak,
    }


if __name__ == "__main__":
    try:
        print(json.dumps(probe(sys.argv[1], int(sys.argv[2]))))
    except ValueError as error:  # an InputError: its line is for the reader
        print(json.dumps({"error": str(error)}))
