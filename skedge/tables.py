"""Tables for people: of one run of the whole path, and of all evaluations under some folders."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from skedge.skeleton import InputError
from skedge.skeleton.files import read_json, write_json, write_text
from skedge.skeleton.markdown import table
from skedge.skeleton.text import say

# The figures of the whole path, in its run's folder.
SUMMARY = "report.json"


def evaluations(folders: Sequence[Path]) -> str:
    """A Markdown table with a row for every evaluation under the folders.

    Members of three streams and seeds have their own rows, named by their folder. Raises
    `InputError` for paths where nothing is, and where there is no evaluation at all.
    """
    inside = {folder: dict(_evaluated(folder)) for folder in folders}
    # A run that two of the folders name is there once.
    once = {run.resolve(): (run, runs[run]) for runs in inside.values() for run in runs}
    found = dict(once.values())
    empty = [folder for folder, runs in inside.items() if not runs]
    if not found or not all(folder.exists() for folder in empty):
        raise InputError(
            f"{', '.join(map(str, empty))}: expected evaluated runs with metrics.json, found none"
        )
    for folder in empty:  # as `runs/*` names some
        say(f"{folder}: no evaluation in it")
    rows = [row for folder in sorted(found) for row in _rows(str(folder), found[folder])]
    columns = ["folder", "protocol", "fusion, or hidden", "stream", "seeds", "epochs"]
    columns += ["top-1", "top-5", "clips", "measured on"]
    return table(columns, rows) + "\n"


def _evaluated(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The folders of evaluations below one, with their figures."""
    for file in folder.rglob("metrics.json"):
        metrics = read_json(file)
        if metrics is None:
            raise InputError(
                f"{file}: expected an evaluation's figures, the file is damaged; evaluate again"
            )
        if "protocol" in metrics:
            yield file.parent, metrics


def _rows(folder: str, metrics: dict[str, Any]) -> list[list[str]]:
    def figure(name: str) -> str:
        return _figure(metrics[name], metrics.get(f"{name}_std")) if name in metrics else ""

    protocol = metrics["protocol"] + (
        f" {100 * metrics['share']:g} %" if "share" in metrics else ""
    )
    seeds = ", ".join(map(str, metrics.get("seeds", [metrics.get("seed", "")])))
    shared = [metrics.get("stream", ""), seeds, str(metrics.get("epochs", ""))]
    part = "" if metrics.get("part", "test") == "test" else f" ({metrics['part']})"
    if protocol == "partial-body":
        hidden = [
            (f"{n} {kind[:-1] if n == '1' else kind} hidden", found)
            for kind in ("joints", "parts")
            for n, found in metrics[kind].items()
        ]
        return [
            [
                folder,
                protocol + part,
                what,
                *shared,
                _figure(found["top1"], found["std"]),
                "",
                str(metrics["clips"]),
                _measured_on(metrics),
            ]
            for what, found in hidden
        ]
    of = metrics.get("fusion", "")
    return [
        [
            folder,
            protocol + part,
            of,
            *shared,
            figure("top1"),
            figure("top5"),
            str(metrics.get("clips", "")),
            _measured_on(metrics),
        ]
    ]


def _figure(mean: float, deviation: float | None) -> str:
    return f"{mean:.1f}" + ("" if deviation is None else f" ± {deviation:.1f}")


def _measured_on(metrics: dict[str, Any]) -> str:
    """Store and split of an evaluation, and how many of its clips are no new ones."""
    known = {"seen_in_training": "trained on", "seen_without_labels": "pretrained on"}
    where = " ".join(metrics[name] for name in ("store", "split") if name in metrics)
    seen = [f"{metrics[name]} clips {how}" for name, how in known.items() if name in metrics]
    return ", ".join([where, *seen] if where else seen)


def write_report(report: dict[str, Any], folder: Path, console: Console) -> None:
    """Print the report's one table and its events, and write it to `folder` as report.json and
    report.md."""
    columns, rows = _table(report)
    part = report["recipe"]["input"]["part"]
    measured = report["store"]["name"] + ("" if part == "test" else f", part {part}")
    shown = Table(
        box=SIMPLE,
        pad_edge=False,
        collapse_padding=True,
        title=f"{report['recipe']['name']} on {measured}",
    )
    # Names wrap where the terminal is narrow; a figure is never cut.
    shown.add_column(columns[0], overflow="fold")
    for column in columns[1:]:
        shown.add_column(column, no_wrap=True, justify="right")
    for row in rows:
        shown.add_row(*row)
    console.print(shown)
    events = [] if report["events"] is None else [_events(report["events"], part)]
    each = Path("everyday", "everyday.html")
    for sentence in events:
        console.print(f"{sentence}; see {folder / each}", soft_wrap=True)
    lines = [
        f"# {shown.title}",
        "",
        table(columns, rows),
    ]
    for name, edge in report["recognizer"].items():
        lines += [
            "",
            (
                f"The student through the edge runtime's `Recognizer`, {name}: {edge['top1']} % of"
                f" {edge['clips']} clips."
            ),
        ]
        lines += [f"- {note}" for note in edge["notes"]]
    lines += [line for sentence in events for line in ("", f"{sentence}; see {each}")]
    lines += [
        "",
        "Latency and memory are measured in onnxruntime on this machine's CPU, see bench/bench.md.",
        "",
        "## Recipe",
        "",
    ]
    lines += ["```yaml", yaml.safe_dump(report["recipe"], sort_keys=False).rstrip(), "```", ""]
    write_json(folder / SUMMARY, report)
    write_text(folder / "report.md", "\n".join(lines))
    console.print(f"Report: {folder / 'report.md'}", soft_wrap=True)


def _events(found: dict[str, Any], part: str) -> str:
    """What the student's events on a part's clips come to, as before a camera."""
    right = sum(one["right"] for one in found["recall_per_class"].values())
    said = [f"{right} of {found['performances']} actions are found"]
    if found["wrong_per_minute"] is not None:
        said.append(f"{found['wrong_per_minute']:.1f} wrong ones a minute")
    if found["false_per_hour_of_other_movement"] is None:
        said.append("no clip of anything else (other) says how quiet it is")
    else:
        rate, hours = found["false_per_hour_of_other_movement"], found["hours_of_other_movement"]
        said.append(
            f"{rate * hours:.0f} false in {60 * hours:.1f} min of anything else"
            f" ({rate:.0f} an hour)"
        )
    return f"Events on the {part} clips: {', '.join(said)}"


def _millions(number: float) -> str:
    """A number in millions, below ten with one decimal: one frame of a live model takes less than
    one million."""
    return f"{number / 1e6:.{0 if number >= 1e7 else 1}f}"


def _table(report: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """One row a network: accuracy, and for the two exported ones what they cost."""
    columns = ["", "top-1", "top-5", "ms", "MB", "KB", "params", "MMAC"]
    rows = [
        [name, f"{row['top1']:.1f}", f"{row['top5']:.1f}", *[""] * 5]
        for name, row in report["accuracy"].items()
    ]
    rows += [
        [
            f"{model['name']}.onnx, 1 thread",
            f"{model['accuracy']['top1']:.1f}",
            f"{model['accuracy']['top5']:.1f}",
            f"{model['latency']['p50_ms']:.3f}",
            f"{model['process']['rss_above_imported_bytes'] / 1e6:.1f}",
            f"{model['file']['bytes'] / 1e3:.0f}",
            f"{model['model']['parameters'] / 1e3:.0f} k",
            _millions(model["model"]["macs"]),
        ]
        for model in report["bench"]["models"]
    ]
    rows += [
        [f"Recognizer, {name}", f"{edge['top1']:.1f}", *[""] * 6]
        for name, edge in report["recognizer"].items()
    ]
    return columns, rows


def formats(report: dict[str, Any]) -> str:
    """One row a file: what it costs, and how its answers differ from torch's."""
    columns = [
        "",
        "KB",
        "p50 ms",
        "fastest ms",
        "peak RSS MB",
        "largest difference",
        "agreement %",
        "points lost",
        "in float",
    ]
    measured = {model["file"]["name"]: model for model in report["bench"]["models"]}
    rows = []
    for name, found in report["exported"].items():
        if "refused" in found:
            rows.append([name, found["refused"], *[""] * (len(columns) - 2)])
            continue
        model = measured[name]
        rows.append(
            [
                name,
                f"{found['bytes'] / 1e3:.0f}",
                f"{model['latency']['p50_ms']:.3f}",
                f"{model['latency']['min_ms']:.3f}",
                f"{model['process']['peak_rss_bytes'] / 1e6:.1f}",
                f"{found['largest_difference']:.2g}",
                f"{100 * found['agreement']:.2f}",
                f"{found['accuracy_lost']:.2f}",
                str(len(found["left_in_float"])) if "left_in_float" in found else "",
            ]
        )
    clips = max((found.get("clips", 0) for found in report["exported"].values()), default=0)
    lines = [
        table(columns, rows),
        "",
    ]
    if measured:
        lines += [
            (
                f"Answers are compared with torch's on {clips} held-out clips; the last column"
                " counts the parts of the network that were left in float where others are int8."
                " How latency and memory are measured: bench/bench.md."
            ),
            "",
        ]
    for title, names in (
        ("Removed, of an earlier export", report["removed"]),
        ("Not of this export", report["others"]),
    ):
        lines += [f"{title}: {', '.join(names)}.", ""] if names else []
    return "\n".join(lines)
