"""`skedge bench live`: the whole way from camera to event, as the live view goes it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

from skedge.bench import machine
from skedge.bench.live_probe import Settings
from skedge.bench.live_report import html, markdown
from skedge.skeleton.errors import InputError
from skedge.skeleton.files import check_folder, write_json, write_text

SCHEMA = 1
PATIENCE = 1800


def benchmark_live(
    settings: Settings,
    out: Path,
    *,
    networks: Sequence[str] = ("lite", "full"),
    people: Sequence[int] = (1,),
    threads: Sequence[int] = (1,),
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Measure the live view with every choice of landmark network, people and threads in place of
    the `settings`' own, and write `live.json`, `live.md` and `live.html` into the folder `out`;
    returns the document.

    Each choice runs in a process of its own, one after the other. Raises `InputError` for a film or
    model that cannot be used, where networks are missing, and where nothing can be written into
    `out`; `ModuleNotFoundError` where OpenCV or LiteRT is.
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
        say(f"{network}, {count} people, {number} threads")
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
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "skedge.bench.live_probe", json.dumps(asdict(settings))]
    done = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    try:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        last = (done.stderr.strip().splitlines() or ["no message; out of memory?"])[-1][:200]
        raise InputError(f"bench live: the run ended with code {done.returncode}: {last}") from None
    if "missing" in found:
        raise ModuleNotFoundError(f"No module named {found['missing']!r}", name=found["missing"])
    if "error" in found:
        raise InputError(str(found["error"]))
    # A path says where somebody keeps films, and that is nobody's business.
    found["settings"] |= {
        name: found["settings"][name] and Path(found["settings"][name]).name
        for name in ("model", "film")
    }
    return found
