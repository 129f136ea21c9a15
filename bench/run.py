"""One benchmark of several exported models, side by side."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import example, machine, report
from bench.latency import WARMUP, clock, measure, summarize
from bench.memory import fresh_process
from edge_runtime.backend import Backend, load_backend
from skeleton.errors import InputError


def benchmark(
    files: Sequence[Path | str], out: Path | str, threads: int = 1, blocks: int = 20, calls: int = 25, seed: int = 0
) -> dict[str, Any]:
    """Measure exported models and write `bench.json` and `bench.md` into the folder `out`; returns the document.

    Every figure is compared with the first model's. Raises `InputError` for a file that is no model, before anything is
    measured, and for `out` where no folder can be.
    """
    from rich.console import Console
    from rich.progress import Progress

    out = Path(out)
    if blocks < 1 or calls < 1:
        raise InputError(f"expected at least 1 block of 1 call, got {blocks} of {calls}")
    backends = {name: (path, load_backend(path, threads)) for name, path in names([Path(file) for file in files]).items()}
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: expected a folder for the report, or a place to make one: {error.strerror}") from None
    with Progress(console=Console(stderr=True), transient=True) as progress:
        # Processes of their own first: they share nothing with the models loaded here.
        processes = {
            name: fresh_process(path, threads) for name, (path, _) in progress.track(backends.items(), description="memory")
        }
        loops = {name: example.call(backend) for name, (_, backend) in backends.items()}
        taken = measure(loops, blocks, calls, seed, lambda order: progress.track(order, description="latency"))
    models = [
        {
            **describe(name, path, backend),
            "latency": {"calls": len(taken[name]), **summarize(taken[name])},
            "process": processes[name],
        }
        for name, (path, backend) in backends.items()
    ]
    report.add_ratios(models)
    document = {
        "schema": report.SCHEMA,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.describe(),
        "clock": clock(),
        "settings": {"threads": threads, "blocks": blocks, "calls": calls, "warmup": WARMUP, "seed": seed},
        "models": models,
    }
    report.write(document, out)
    return document


def names(paths: list[Path]) -> dict[str, Path]:
    """Every file by its stem, or by as much more of its path as tells it from the others."""
    if not paths:
        raise InputError("expected at least one exported model to measure, got none; make one with `skedge export`")
    shown = []
    for path in paths:
        folder = path.absolute().parent.name
        shown.append([path.stem, path.name, f"{folder}/{path.stem}", f"{folder}/{path.name}"])
    counts = [Counter(names) for names in zip(*shown, strict=True)]
    named = {}
    for names, path in zip(shown, paths, strict=True):
        alone = [name for name, count in zip(names, counts, strict=True) if count[name] == 1]
        named[[*alone, names[-1]][0]] = path
    if len(named) < len(paths):
        raise InputError(f"expected models of different names, got {', '.join(str(path) for path in paths)}; rename one")
    return named


def describe(name: str, path: Path, backend: Backend) -> dict[str, Any]:
    metadata, content = backend.metadata, path.read_bytes()
    return {
        "name": name,
        "file": {
            "name": path.name,
            "format": path.suffix[1:].lower(),
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        },
        "model": {
            "parameters": metadata.parameters,
            "macs": metadata.macs,
            "classes": len(metadata.labels),
            "layout": metadata.layout.name,
            "persons": metadata.persons,
            "frames": metadata.frames,
            "seconds": metadata.seconds,
            "streams": list(metadata.streams),
            "streaming": metadata.streaming is not None,
            "precision": metadata.precision,
            "weights_sha256": metadata.weights_sha256,
        },
        "accuracy": metadata.accuracy,
    }
