"""The live benchmark's document as tables: Markdown, and a page."""

from html import escape
from typing import Any

from skedge.bench import page
from skedge.bench.live_probe import STAGES
from skedge.skeleton.markdown import table

HEAD = ["landmarks", "people", "threads", "pictures/s", "picture to event ms, p50", "p95", "p99"]
STEPS = ("landmarks", "detector")
HEAD += ["dropped", "with a body", "CPU ms a picture", "peak RSS MB"]


def _rows(document: dict[str, Any]) -> list[list[str]]:
    rows = []
    for run in document["runs"]:
        counted, latency = run["pictures"], run["latency"]
        rows.append([
            *_who(run),
            f"{run['pictures_per_second']:.1f}",
            *(f"{latency[name]:.1f}" for name in ("p50", "p95", "p99")),
            f"{counted['pose'] + counted['action']} of {counted['given']}",
            f"{run['with_body']} of {counted['answered']}",
            f"{run['cpu_ms_per_picture']:.1f}",
            f"{run['peak_rss_bytes'] / 1e6:.0f}",
        ])  # fmt: skip
    return rows


def _stages(document: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    names = [*STAGES, "pose workers"]
    head = ["landmarks", "people", "threads", *(f"{name}, cores" for name in names)]
    head += ["landmarks of a body ms", "look of the detector ms"]
    rows = []
    for run in document["runs"]:
        took = run["milliseconds"]
        rows.append([
            *_who(run),
            *(f"{run['cores'].get(name, 0.0):.2f}" for name in names),
            *(f"{took[step]['p50']:.1f}" if step in took else "" for step in STEPS),
        ])  # fmt: skip
    return head, rows


def _who(run: dict[str, Any]) -> list[str]:
    settings = run["settings"]
    return [settings["network"], str(settings["people"]), str(settings["threads"])]


def _conditions(document: dict[str, Any]) -> str:
    settings = document["runs"][0]["settings"]
    rate = "at its own pace" if settings["film"] else f"{settings['rate']:g} a second"
    rate = rate if settings["rate"] else "as fast as they are taken"
    shown = "somebody looks at the page" if settings["viewer"] else "nobody looks on"
    size = "" if settings["film"] else f" of {settings['width']} x {settings['height']}"
    cpu = document["machine"].get("cpu", "")
    return (
        f"{settings['pictures']} pictures{size} ({document['source']}), {rate}; model"
        f" {settings['model']}; {shown}; {cpu}. {document['created']}."
    )


def markdown(document: dict[str, Any]) -> str:
    """The whole report."""
    parts = ["# Live benchmark", _conditions(document), table(HEAD, _rows(document))]
    parts += ["What each stage uses of a core:", table(*_stages(document))]
    return "\n\n".join(parts) + "\n"


def html(document: dict[str, Any]) -> str:
    """A page with the same tables."""
    parts = [f"<h1>Live benchmark</h1><p>{escape(_conditions(document))}</p>"]
    parts.append(page.table(HEAD, _rows(document)))
    parts += ["<h2>What each stage uses of a core</h2>", page.table(*_stages(document))]
    return page.page("Live benchmark", parts)
