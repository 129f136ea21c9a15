"""The benchmark's document: its schema, its Markdown, and how both get to the disk."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

SCHEMA = 1
MEGABYTE = 1e6

# What the ratios compare, and where in a model's entry it stands.
COMPARED = {
    "p50": ("latency", "p50_ms"),
    "p95": ("latency", "p95_ms"),
    "load": ("process", "load_ms"),
    "memory": ("process", "rss_above_imported_bytes"),
    "size": ("file", "bytes"),
    "parameters": ("model", "parameters"),
    "macs": ("model", "macs"),
}


def add_ratios(models: list[dict[str, Any]]) -> None:
    """Give every model its `ratios`: its figure divided by the first model's; None where that is 0."""
    for model in models:
        model["ratios"] = {
            name: model[part][key] / models[0][part][key] if models[0][part][key] else None
            for name, (part, key) in COMPARED.items()
        }


def markdown(document: dict[str, Any]) -> str:
    """The document as a table for people, with what is needed to measure it again."""
    machine, settings, clock = document["machine"], document["settings"], document["clock"]
    head = ["model", "precision", "p50 ms", "p95 ms", "p99 ms", "clips/s", "load ms", "first ms"]
    head += ["memory MB", "peak RSS MB", "file KB", "parameters", "M MAC", "accuracy"]
    rows = [_row(model) for model in document["models"]]
    first = document["models"][0]["name"]
    ratios = [[model["name"], *(_ratio(model["ratios"][name]) for name in COMPARED)] for model in document["models"][1:]]
    parts = ["# Benchmark", table(head, rows)]
    if ratios:
        parts += [f"Divided by {first}:", table(["model", *COMPARED], ratios)]
    parts += [
        "Latency is of one inference on one clip, or on one frame where the model is streaming: "
        f"{settings['blocks']} blocks of {settings['calls']} calls a model, the models' blocks in random order (seed "
        f"{settings['seed']}), {settings['threads']} thread(s); clock "
        f"{clock['implementation']}, resolution {clock['resolution_ns']:g} ns.",
        "Memory is what loading and predicting add to the resident memory of a fresh interpreter with numpy and the model's "
        "runtime imported; peak RSS is that process's highest (MB: a million bytes).",
        f"{machine['cpu']}, {machine['usable_cores']} of {machine['cores']} cores usable, "
        f"{machine['memory_bytes'] / 2**30:.1f} GiB, {machine['system']} ({machine['kernel']}, {machine['architecture']}); "
        f"Python {machine['python']}, {', '.join(f'{name} {at}' for name, at in machine['packages'].items())}; "
        f"{document['created']}.",
    ]
    return "\n\n".join(parts) + "\n"


def write(document: dict[str, Any], folder: Path) -> None:
    """Write bench.json and bench.md into `folder`, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "bench.json", json.dumps(document, indent=1) + "\n")
    write_whole(folder / "bench.md", markdown(document))


def _row(model: dict[str, Any]) -> list[str]:
    latency, process = model["latency"], model["process"]
    return [
        model["name"] + (" (a frame)" if model["model"]["streaming"] else ""),
        model["model"]["precision"],
        *(f"{latency[key]:.3f}" for key in ("p50_ms", "p95_ms", "p99_ms")),
        f"{latency['clips_per_second']:.0f}",
        f"{process['load_ms']:.0f}",
        f"{process['first_ms']:.1f}",
        f"{process['rss_above_imported_bytes'] / MEGABYTE:.1f}",
        f"{process['peak_rss_bytes'] / MEGABYTE:.1f}",
        f"{model['file']['bytes'] / 1e3:.0f}",
        f"{model['model']['parameters']:,}",
        f"{model['model']['macs'] / 1e6:.1f}",
        _accuracy(model["accuracy"]),
    ]


def _accuracy(accuracy: dict[str, Any]) -> str:
    if "top1" not in accuracy:
        return "not measured"
    protocol = f" ({accuracy['protocol']})" if "protocol" in accuracy else ""
    return f"{accuracy['top1']:.1f} %{protocol}"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def table(head: list[str], rows: list[list[str]]) -> str:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in [head, *rows]]
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    rule = "|" + "|".join([" --- ", *(" ---: " for _ in head[1:])]) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def write_whole(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        partial.write_text(text)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
