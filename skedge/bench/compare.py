"""Comparison of two benchmarks, to see whether a model was faster before."""

from pathlib import Path
from typing import Any

import numpy as np

from skedge.bench.latency import DRAWS
from skedge.bench.report import COMPARED, SCHEMA, spoiled, table
from skedge.skeleton.errors import InputError
from skedge.skeleton.files import parse_json


def compare(first: Path, second: Path, across: bool = False) -> str:
    """A Markdown table of every model in both documents (bench.json): the second's figures divided
    by the first's.

    The ratio of medians has a 95 % interval, by drawing both runs' blocks anew. Raises `InputError`
    for a file that is no benchmark, for runs of different machines or threads unless `across` says
    that this is meant, and for no model in common.
    """
    before, after = read(first), read(second)
    if not across:
        _check_machines(before, after)
    new = {model["name"]: model for model in after["models"]}
    shared = [(model, new[model["name"]]) for model in before["models"] if model["name"] in new]
    names = [[model["name"] for model in document["models"]] for document in (before, after)]
    if not shared:
        raise InputError(
            f"{first}, {second}: expected a model in both, got {', '.join(names[0])} and"
            f" {', '.join(names[1])}; measure files of the same names"
        )
    rows = [_row(old, model) for old, model in shared]
    parts = [
        f"# {second} divided by {first}",
        *(
            f"**{path}: {line}**"
            for path, document in ((first, before), (second, after))
            for line in spoiled(document)
        ),
        table(["model", "95 % of the median's ratio", "", *COMPARED], rows),
        *(_unlike(old, model) for old, model in shared),
    ]
    for path, own, others in ((first, names[0], names[1]), (second, names[1], names[0])):
        if alone := [name for name in own if name not in others]:
            parts.append(f"In {path} only: {', '.join(alone)}.")
    if before["machine"]["fingerprint"] != after["machine"]["fingerprint"]:
        parts.append(
            f"Different machines: {before['machine']['cpu']} and {after['machine']['cpu']}."
        )
    return "\n\n".join(filter(None, parts)) + "\n"


def _check_machines(before: dict[str, Any], after: dict[str, Any]) -> None:
    for what, name in (("machine", "fingerprint"), ("settings", "threads")):
        if before[what][name] != after[what][name]:
            raise InputError(
                f"expected two runs of one machine with as many threads, got {what} {name}"
                f" {before[what][name]} and {after[what][name]} ({before['machine']['cpu']};"
                f" {after['machine']['cpu']}); --across compares them too"
            )


def _row(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """The cells of a model that is in both."""
    low, high = interval(old["latency"]["blocks_p50_ms"], new["latency"]["blocks_p50_ms"])
    verdict = "faster" if high < 1 else "slower" if low > 1 else "no difference shown"
    if old["latency"]["noisy"] or new["latency"]["noisy"]:
        verdict += " (noisy)"
    ratios = [_ratio(new[part][key], old[part][key]) for part, key in COMPARED.values()]
    return [new["name"], f"{low:.3f} to {high:.3f}", verdict, *ratios]


def interval(before: list[float], after: list[float]) -> tuple[float, float]:
    """Where the ratio of medians lies with 95 % confidence, from both runs' blocks' medians."""
    rng = np.random.default_rng(0)
    drawn = [
        np.median(rng.choice(values, (DRAWS, len(values))), axis=1) for values in (after, before)
    ]
    low, high = np.percentile(drawn[0] / drawn[1], [2.5, 97.5])
    return float(low), float(high)


def read(path: Path) -> dict[str, Any]:
    """A benchmark's document; raises `InputError` where there is none of this version."""
    if path.is_dir():
        path = path / "bench.json"
    try:
        document = parse_json(path.read_text("utf-8"))
        version, _ = document["schema"], document["models"]
    except FileNotFoundError:
        raise InputError(
            f"{path}: expected a benchmark's bench.json, found none; make one with `skedge bench`"
        ) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"{path}: expected a benchmark's bench.json, got another file; make one with `skedge"
            " bench`"
        ) from None
    if version != SCHEMA:
        raise InputError(
            f"{path}: expected a benchmark of version {SCHEMA}, got {version}; measure again with"
            " this skedge"
        )
    return dict(document)


def _unlike(old: dict[str, Any], new: dict[str, Any]) -> str:
    """In what two models of one name differ beside their weights, in a line; empty where in
    nothing."""
    before, after = (
        {"format": one["file"]["format"]}
        | {name: value for name, value in one["model"].items() if name != "weights_sha256"}
        for one in (old, new)
    )
    others = [
        f"{name} {before[name]} and {value}"
        for name, value in after.items()
        if before.get(name, value) != value
    ]
    return f"Different models called {old['name']}: {', '.join(others)}." if others else ""


def _ratio(after: float, before: float) -> str:
    return f"{after / before:.2f}" if before else ""
