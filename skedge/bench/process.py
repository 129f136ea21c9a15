"""A measurement in a process of its own, which shares nothing with this one."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from skedge.skeleton.errors import InputError


def run_apart(
    module: str, *arguments: str, named: str, patience: float, instead: str
) -> dict[str, Any]:
    """What `python -m` with that module prints in its last line, a JSON object.

    Raises `InputError` with the process's own `error` where that is in it. Where the process dies,
    or takes longer than `patience` seconds, the sentence begins with `named`, what is measured, and
    ends in what can be done `instead`.
    """
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    try:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InputError(
            f"{named}: expected the measuring process to end within {patience:g} s, it did not;"
            f" {instead}"
        ) from None
    try:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        last = (done.stderr.strip().splitlines() or ["no message; out of memory?"])[-1][:200]
        raise InputError(
            f"{named}: the measuring process ended with code {done.returncode} and without figures:"
            f" {last}"
        ) from None
    if "error" in found:
        raise InputError(str(found["error"]))
    return found
