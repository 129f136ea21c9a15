"""One benchmark of several exported models, side by side."""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from skedge.bench import example, machine, report
from skedge.bench.conditions import Conditions
from skedge.bench.latency import WARMUP, clock, measure, summarize
from skedge.bench.memory import fresh_process
from skedge.datasets.progress import bar, through
from skedge.datasets.store import Store
from skedge.edge_runtime.backends.backend import Backend, load_backend
from skedge.edge_runtime.recognizer import Recognizer
from skedge.edge_runtime.scoring.predict import own_protocol, predict_store
from skedge.skeleton.errors import InputError
from skedge.skeleton.files import check_folder, stamp


@dataclass(frozen=True)
class Plan:
    """How much is measured: `blocks` of at most so many `calls`, in an order that `seed` decides.

    Of several numbers of `threads` the first is that of all figures, and the others' latencies
    stand beside it. `sustain` is for how many seconds each model then runs without a pause. Raises
    `InputError` for a plan that measures nothing.
    """

    threads: tuple[int, ...] = (1,)
    blocks: int = 20
    calls: int = 25
    seed: int = 0
    sustain: float = 0.0

    def __post_init__(self) -> None:
        counts = self.threads
        twice = not counts or len(set(counts)) < len(counts)
        if self.blocks < 1 or self.calls < 1 or self.sustain < 0 or twice:
            raise InputError(
                "expected at least 1 block of 1 call, different numbers of threads, no negative"
                f" time, got {self.blocks} of {self.calls}, threads {list(counts)},"
                f" {self.sustain:g} s"
            )


def benchmark(
    files: Sequence[Path | str],
    out: Path | str,
    plan: Plan = Plan(),
    *,
    data: Path | str | None = None,
    protocol: str | None = None,
) -> dict[str, Any]:
    """Measure exported models and write `bench.json`, `bench.md` and `bench.html` into the folder
    `out`; returns the document.

    Every figure is compared with the first model's. `data` is a store on whose test clips of
    `protocol` accuracy is measured, instead of repeating what the file says of itself.

    Raises `InputError` for a file that is no model, a store that does not fit and `out` where
    nothing can be written, all before latency is measured, and for a file that changes meanwhile.
    """
    out = Path(out)
    counts = plan.threads
    named = names([Path(file) for file in files])
    stamps = {path: stamp(path) for path in named.values()}
    backends = {
        (name, count): load_backend(path, count) for name, path in named.items() for count in counts
    }
    store = None if data is None else Store(data)
    check_folder(out)
    with bar() as progress:
        # Processes of their own first: they share nothing with the models loaded here.
        processes = {
            name: fresh_process(path, counts[0])
            for name, path in through(progress, named.items(), "memory")
        }
        accuracy = {}
        if store is not None:
            # Before what takes long: here a store or a protocol that does not fit shows.
            for name, path in through(progress, named.items(), "accuracy"):
                accuracy[name] = _accuracy(path, store, protocol)
        loops = {_key(*key): example.call(backend) for key, backend in backends.items()}
        conditions = Conditions()

        def track(order: list[str]) -> Iterator[str]:
            for name in through(progress, order, "latency"):
                conditions.sample()["model"] = name
                yield name
            conditions.sample()

        taken = measure(loops, plan.blocks, plan.calls, seed=plan.seed, track=track)
        watts = conditions.watts()
        sustained = {}
        if plan.sustain:
            for name in through(progress, list(named), "sustained"):
                sustained[name] = run_on(loops[_key(name, counts[0])], plan.sustain, conditions)
    for path, before in stamps.items():
        if stamp(path) != before:
            raise InputError(
                f"{path}: expected the same file throughout, it has changed while it was measured;"
                " measure it again"
            )
    models = []
    for name, path in named.items():
        latencies = {
            count: summarize(taken[_key(name, count)], plan.blocks, plan.seed) for count in counts
        }
        entry = describe(name, path, backends[name, counts[0]])
        entry["latency"] = {"calls": len(taken[_key(name, counts[0])]), **latencies[counts[0]]}
        entry["threads"] = {str(count): latency for count, latency in latencies.items()}
        entry["process"] = processes[name]
        entry["sustained"] = sustained.get(name)
        entry["millijoules"] = None if watts is None else watts * latencies[counts[0]]["mean_ms"]
        entry["accuracy"] = accuracy.get(name, entry["accuracy"])
        models.append(entry)
    report.add_ratios(models)
    document = {
        "schema": report.SCHEMA,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.describe(),
        "clock": clock(),
        "settings": {
            "threads": counts[0],
            "all_threads": list(counts),
            "blocks": plan.blocks,
            "calls": plan.calls,
            "warmup": WARMUP,
            "seed": plan.seed,
            "sustain": plan.sustain,
        },
        "conditions": conditions.summary(),
        "models": models,
    }
    report.write(document, out)
    return document


def run_on(call: Callable[[], object], seconds: float, conditions: Conditions) -> dict[str, Any]:
    """Call the model without a pause for so long; `series` holds the second, the calls a second in
    it, and the temperature."""
    begin = time.perf_counter()
    series = []
    total, now = 0, 0.0
    # At least one call, however short the time.
    while not total or now < seconds:
        start = now = time.perf_counter() - begin
        until = min(start + 1, seconds)
        calls = 0
        while not calls or now < until:
            call()
            calls += 1
            now = time.perf_counter() - begin
        series.append([round(now, 3), calls / (now - start), conditions.sample()["temperature"]])
        total += calls
    rates = [rate for _, rate, _ in series]
    tenth = max(1, len(rates) // 10)
    return {
        "seconds": now,
        "fps": total / now,
        "first_fps": sum(rates[:tenth]) / tenth,
        "last_fps": sum(rates[-tenth:]) / tenth,
        "series": series,
    }


def _key(name: str, threads: int) -> str:
    return f"{name} @{threads}"


def _accuracy(path: Path, store: Store, protocol: str | None) -> dict[str, Any]:
    protocol = protocol or own_protocol(Recognizer.load(path), store)
    found = predict_store(path, store, protocol)
    return {
        "top1": 100 * found.accuracy,
        "clips": len(found.predictions),
        "protocol": protocol,
        "store": store.name,
        "notes": list(found.notes),
    }


def names(paths: list[Path]) -> dict[str, Path]:
    """The name of every file: its stem, with as much of its path as makes it unique."""
    if not paths:
        raise InputError(
            "expected at least one exported model to measure, got none; make one with `skedge"
            " export`"
        )
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
        raise InputError(
            f"expected models of different names, got {', '.join(str(path) for path in paths)};"
            " rename one"
        )
    return named


def describe(name: str, path: Path, backend: Backend) -> dict[str, Any]:
    metadata = backend.metadata
    content = path.read_bytes()
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
