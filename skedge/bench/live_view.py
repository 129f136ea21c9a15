"""`skedge bench live`: the whole way from camera to event, as the live view goes it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

from skedge.bench import machine
from skedge.bench.live_probe import Settings
from skedge.bench.live_report import html, markdown
from skedge.bench.process import run_apart
from skedge.skeleton.errors import InputError
from skedge.skeleton.files import check_folder, write_json, write_text

SCHEMA = 1
PATIENCE = 1800.0


def benchmark_live(
    settings: Settings,
    out: Path,
    *,
    networks: Sequence[str],
    people: Sequence[int],
    threads: Sequence[int],
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Measure the live view with every choice of landmark network, people and threads in place of
    the `settings`' own, and write `live.json`, `live.md` and `live.html` into the folder `out`;
    returns the document.

    Each choice runs in a process of its own, one after the other. Raises `InputError` for a film or
    model that cannot be used, where networks are missing, where nothing can be written into `out`,
    and for a run of more than half an hour; `ModuleNotFoundError` where OpenCV or LiteRT is
    missing.
    """
    width = settings.width
    height = settings.height
    rate = settings.rate
    if min(*people, *threads, width, height) < 1 or rate < 0:
        raise InputError(
            "expected at least 1 person, thread and pixel, and no negative rate, got people"
            f" {list(people)}, threads {list(threads)}, {width} x {height}, {rate:g} a second"
        )
    check_folder(out)
    runs = []
    for network, count, number in product(networks, people, threads):
        say(f"{network}: people {count}, threads {number}")
        runs.append(_run(replace(settings, network=network, people=count, threads=number)))
    document = {
        "schema": SCHEMA,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.describe(),
        "source": "invented people" if settings.film is None else Path(settings.film).name,
        "runs": runs,
    }
    write_json(out / "live.json", document, indent=1)
    write_text(out / "live.md", markdown(document))
    write_text(out / "live.html", html(document))
    return document


def _run(settings: Settings) -> dict[str, Any]:
    found = run_apart(
        "skedge.bench.live_probe",
        json.dumps(asdict(settings)),
        named="bench live",
        patience=PATIENCE,
        instead="use fewer --pictures or a shorter film",
    )
    if "missing" in found:
        raise ModuleNotFoundError(f"No module named {found['missing']!r}", name=found["missing"])
    # A path says where somebody keeps films, and that is nobody's business.
    found["settings"] |= {
        name: found["settings"][name] and Path(found["settings"][name]).name
        for name in ("model", "film")
    }
    return found
