"""A TFLite file opened and run in a process of its own first: LiteRT ends the process over some
damaged files."""

import os
import subprocess
import sys
from pathlib import Path

from skedge.skeleton.errors import InputError

SECONDS = 30.0
COMMAND = """
import sys
from skedge.edge_runtime.backends.litert import TfliteBackend
from skedge.skeleton.errors import InputError
try:
    TfliteBackend(sys.argv[1], probed=True)
except InputError as error:
    sys.exit(str(error))
"""


def probe(path: Path) -> None:
    """Raise `InputError` for a file that cannot be opened and run in half a minute.

    Needed for files without a checksum alone: what is in the others is what was exported.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, str(path.absolute())],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
    except subprocess.TimeoutExpired:
        raise InputError(
            f"{path}: expected a model that answers, got none within {SECONDS:g} s; export it again"
        ) from None
    if done.returncode < 0:
        raise InputError(
            f"{path}: expected a TFLite model, got a damaged file that ends its runtime (signal"
            f" {-done.returncode}); export it again"
        )
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it cannot be opened"]
        raise InputError(said[-1])
