"""The benchmark's document: its schema, its Markdown, and how both get to the disk."""

from pathlib import Path
from typing import Any

from skedge.bench import page
from skedge.bench.page import Table
from skedge.skeleton.files import remove_empty, write_json, write_text
from skedge.skeleton.markdown import table

SCHEMA = 2
MEGABYTE = 1e6

# ASMa's three-stream teacher and student, as its paper gives them; MB as the paper counts them.
PUBLISHED_ON = "published, Raspberry Pi 4B (2 GB)"
PUBLISHED = {
    "teacher": {"ms": 59.16, "fps": 16.9, "memory_mb": 314.47, "disk_mb": 25.5},
    "student": {"ms": 21.38, "fps": 46.5, "memory_mb": 173.28, "disk_mb": 2.22},
}

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
    """Give every model its `ratios`: its figure divided by the first model's; None where that is
    0."""
    for model in models:
        model["ratios"] = {
            name: model[part][key] / models[0][part][key] if models[0][part][key] else None
            for name, (part, key) in COMPARED.items()
        }


def markdown(document: dict[str, Any]) -> str:
    """The document as tables for people, with what is needed to measure it again."""
    parts = ["# Benchmark", *(f"**{line}**" for line in spoiled(document))]
    for title, head, cells in tables(document):
        parts += [title, table(head, cells)] if title else [table(head, cells)]
    return "\n\n".join([*parts, *notes(document)]) + "\n"


def tables(document: dict[str, Any]) -> list[Table]:
    """The table of all models, and those of ratios, threads and long runs where there are such."""
    models, settings = document["models"], document["settings"]
    found = [Table("", *rows(document))]
    ratios = [
        [model["name"], *(_ratio(model["ratios"][name]) for name in COMPARED)]
        for model in models[1:]
    ]
    if ratios:
        found.append(Table(f"Divided by {models[0]['name']}:", ["model", *COMPARED], ratios))
    threads = settings["all_threads"]
    if len(threads) > 1:
        each = [
            [m["name"], *(f"{m['threads'][str(count)]['p50_ms']:.3f}" for count in threads)]
            for m in models
        ]
        found.append(Table("Median ms by threads:", ["model", *map(str, threads)], each))
    if settings["sustain"]:
        held = [
            [
                model["name"],
                *(f"{model['sustained'][key]:.1f}" for key in ("fps", "first_fps", "last_fps")),
            ]
            for model in models
        ]
        head = ["model", "answers/s", "in the first tenth", "in the last tenth"]
        found.append(Table(f"Sustained for {settings['sustain']:g} s:", head, held))
    return found


def rows(document: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of all models, the published ones last."""
    head = [
        "model",
        "precision",
        "p50 ms",
        "95 % of p50",
        "p95 ms",
        "p99 ms",
        "jitter ms",
        "a second",
        "load ms",
        "first ms",
    ]
    head += ["memory MB", "peak RSS MB", "mJ", "file KB", "parameters", "M MAC", "accuracy"]
    found = [_row(model) for model in document["models"]]
    for name, figures in PUBLISHED.items():
        row = dict.fromkeys(head, "") | {
            "model": f"{name} ({PUBLISHED_ON})",
            "p50 ms": f"{figures['ms']:.2f}",
        }
        row |= {"a second": f"{figures['fps']:.1f}", "peak RSS MB": f"{figures['memory_mb']:.1f}"}
        found.append(list((row | {"file KB": f"{figures['disk_mb'] * 1e3:.0f}"}).values()))
    return head, found


def spoiled(document: dict[str, Any]) -> list[str]:
    """What spoils the figures, a line each."""
    lines = [f"Warning: {line}." for line in document["conditions"]["warnings"]]
    noisy = [model["name"] for model in document["models"] if model["latency"]["noisy"]]
    if noisy:
        lines.append(
            f"Noisy: {', '.join(noisy)}: the medians of the first and the second half differ by"
            " more than 5 %; measure again on a quiet machine."
        )
    return lines


def notes(document: dict[str, Any]) -> list[str]:
    """How and on what it was measured, a paragraph each."""
    machine, settings, clock = document["machine"], document["settings"], document["clock"]
    return [
        *_measured_on(document["models"]),
        (
            "Latency is of one inference on one clip, or on one frame where the model is"
            f" streaming: {settings['blocks']} blocks of at most {settings['calls']} calls a model,"
            f" the models' blocks in random order (seed {settings['seed']}), {settings['threads']}"
            f" thread(s); clock {clock['implementation']}, resolution {clock['resolution_ns']:g}"
            f" ns, smallest step {clock['smallest_step_ns']} ns. The interval of the median is a"
            " bootstrap's over blocks; jitter is the mean difference between a call and the next."
        ),
        (
            "Memory is what loading and predicting add to the resident memory of a fresh"
            " interpreter with numpy and the model's runtime imported; peak RSS is that process's"
            " highest (MB: a million bytes). Energy, where the board counts it, is all of the"
            " board's or package's while an answer is computed."
        ),
        (
            f"{machine['cpu']}, {machine['usable_cores']} of {machine['cores']} cores usable,"
            f" {machine['memory_bytes'] / 2**30:.1f} GiB, {machine['system']} ({machine['kernel']},"
            f" {machine['architecture']}), fingerprint {machine['fingerprint']}, governor"
            f" {document['conditions']['governor'] or 'unknown'}; Python {machine['python']},"
            f" {', '.join(f'{name} {at}' for name, at in machine['packages'].items())};"
            f" {document['created']}."
        ),
    ]


def _measured_on(models: list[dict[str, Any]]) -> list[str]:
    """What to know about the accuracies: a line for each thing, with the models it is true of."""
    found: dict[str, list[str]] = {}
    for model in models:
        accuracy = model["accuracy"]
        said = list(accuracy.get("notes", ()))
        if seen := accuracy.get("seen_in_training"):
            said.append(f"{seen} of the clips that it was measured on trained the model")
        for note in said:
            found.setdefault(note, []).append(model["name"])
    return [f"Accuracy of {', '.join(names)}: {note}." for note, names in found.items()]


def write(document: dict[str, Any], folder: Path) -> None:
    """Write bench.json, bench.md and bench.html into `folder`, each whole or not at all."""
    write_json(folder / "bench.json", document, indent=1)
    write_text(folder / "bench.md", markdown(document))
    write_text(
        folder / "bench.html",
        page.html(document, tables(document), warnings=spoiled(document), notes=notes(document)),
    )


def remove(folder: Path) -> None:
    """Remove what `write` has written into `folder`; whatever else is there stays."""
    for suffix in ("json", "md", "html"):
        (folder / f"bench.{suffix}").unlink(missing_ok=True)
    remove_empty([folder])


def _row(model: dict[str, Any]) -> list[str]:
    latency, process = model["latency"], model["process"]
    return [
        model["name"] + (" (a frame)" if model["model"]["streaming"] else ""),
        model["model"]["precision"],
        f"{latency['p50_ms']:.3f}" + (" (noisy)" if latency["noisy"] else ""),
        "{:.3f} to {:.3f}".format(*latency["p50_interval_ms"]),
        *(f"{latency[key]:.3f}" for key in ("p95_ms", "p99_ms", "jitter_ms")),
        f"{latency['clips_per_second']:.0f}",
        f"{process['load_ms']:.0f}",
        f"{process['first_ms']:.1f}",
        f"{process['rss_above_imported_bytes'] / MEGABYTE:.1f}",
        f"{process['peak_rss_bytes'] / MEGABYTE:.1f}",
        "" if model["millijoules"] is None else f"{model['millijoules']:.1f}",
        f"{model['file']['bytes'] / 1e3:.0f}",
        f"{model['model']['parameters']:,}",
        f"{model['model']['macs'] / 1e6:.1f}",
        _accuracy(model["accuracy"]),
    ]


def _accuracy(accuracy: dict[str, Any]) -> str:
    if "top1" not in accuracy:
        return "not measured"
    part = accuracy.get("part", "test")
    where = " ".join(accuracy[name] for name in ("store", "protocol") if name in accuracy)
    of = [where, "" if part == "test" else part]
    measured = ", ".join(word for word in of if word)
    return f"{accuracy['top1']:.1f} %" + (f" ({measured})" if measured else "")


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
