"""One check of exported models on emulated boards: do they run, give x86's numbers, and with how
many instructions."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from skedge.bench import machine
from skedge.bench.benchmark import describe, names
from skedge.bench.pi import guest, pose_report, root
from skedge.bench.pi.pose_report import PER_CYCLE
from skedge.edge_runtime.backends.backend import load_backend
from skedge.edge_runtime.pose.models import MODELS, model_path
from skedge.skeleton.errors import InputError
from skedge.skeleton.files import check_folder, user_folder, write_json, write_text
from skedge.skeleton.markdown import table

SCHEMA = 2
# What the pose stage's entry is called beside those of the models' files.
POSE = "pose"
MEMORY_MB, PATIENCE = 2048, 3000
COMMAND_LINE = (
    "console=ttyAMA0 quiet panic=-1 norandmaps rdinit=/usr/bin/python3 --"
    " /site/skedge/bench/pi/init.py"
)
ENDED = "SKEDGE-ENDED "
# Of the answers' largest number: what float arithmetic in another order may change, and one step of
# an int8 scale.
NEAR = {"fp32": 1e-5, "fp16": 1e-5, "dynamic": 1 / 255, "int8": 1 / 255}


class Core(NamedTuple):
    """A board's processor, and what the modelled latency takes for granted of it."""

    board: str
    hz: float
    cache_bytes: float
    bytes_per_second: float


CORES = {
    "cortex-a72": Core("Raspberry Pi 4", 1.5e9, 1e6, bytes_per_second=4e9),
    "cortex-a76": Core("Raspberry Pi 5", 2.4e9, 2e6, bytes_per_second=8e9),
}


def emulate(
    files: Sequence[Path],
    out: Path,
    wheel: Path | None = None,
    cores: Sequence[str] = tuple(CORES),
    most_a_frame: float | None = None,
    say: Callable[[str], None] = print,
    pose: Sequence[Path] | None = None,
) -> dict[str, Any]:
    """Run exported models on an emulated board for each core and write pi.json and pi.md into
    `out`; returns the document.

    Each board has 2 GB and one core, and this package as its own pip installed it from `wheel` (by
    default one made of this checkout). `complaints` of the document lists what is not as it must
    be: a model that does not load or predict there, numbers that are not x86's, counts of which no
    two of three blocks agree within 0.5 %, and streaming models of one person that take more than
    `most_a_frame` instructions a frame and stream in fp32 in the better runtime on the first core.

    With `pose` the pose stage is counted, too: the networks that `skedge pose fetch` stored, a
    picture with one person followed, and the networks in the files given, such as uncut ones.

    Raises `InputError` for what is no model or no folder, and where a board cannot be made or does
    not end.
    """
    unknown = set(cores) - set(CORES)
    if unknown or not cores:
        raise InputError(
            f"expected cores of {', '.join(CORES)}, got {', '.join(sorted(unknown)) or 'none'}"
        )
    if out.exists() and not out.is_dir():  # before all that takes minutes
        raise InputError(f"{out}: expected a folder for the report, got a file")
    check_folder(out)
    named = names(list(files))
    backends = {name: load_backend(path) for name, path in named.items()}
    room = user_folder("XDG_CACHE_HOME") / "pi"
    # A number for a name: what people call their files is not the board's business.
    copies = {
        name: f"m{number:03}{path.suffix.lower()}"
        for number, (name, path) in enumerate(named.items())
    }
    with tempfile.TemporaryDirectory() as place:
        board = root.build(wheel or root.make_wheel(Path(place)), room, say)
        on_disk = {Path("models", copies[name]): path for name, path in named.items()}
        if pose is not None:
            on_disk |= {Path("pose", name): path for name, path in _networks(pose).items()}
        added = Path(place) / "disk"
        for target, path in on_disk.items():
            (added / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, added / target)
        say(f"running {len(files)} models natively")
        native = _native(added / "models")
        disk = Path(place) / "disk.cpio"
        shutil.copyfile(board.disk, disk)
        root.archive(added, disk)
        say(f"running them on {' and '.join(cores)}")
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            boots = pool.map(lambda core: _boot(core, board.kernel, disk), cores)
            ran = dict(zip(cores, boots, strict=True))
    described = [describe(name, path, backends[name]) for name, path in named.items()]
    for entry, copy in zip(described, copies.values(), strict=True):
        entry["cores"] = {
            core: _entry(found[copy], native.get(copy), entry, core=CORES[core])
            for core, found in ran.items()
            if copy in found
        }
    document = _document(described, ran, pose=pose is not None)
    document["complaints"] = complaints(
        document, most_a_frame, [(core, ran[core]["ended"]) for core in cores]
    )
    write_json(out / "pi.json", document, indent=1)
    write_text(out / "pi.md", markdown(document))
    return document


def _document(
    models: list[dict[str, Any]], ran: dict[str, dict[str, Any]], *, pose: bool
) -> dict[str, Any]:
    """What pi.json holds of described models and of what each core's board said."""
    document = {
        "schema": SCHEMA,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.describe(),
        "saturates": machine.saturates(),
        "emulator": _first_line([root.SYSTEM, "--version"]),
        "cores": {core: CORES[core]._asdict() for core in ran},
        "models": models,
    }
    if pose:
        document["pose"] = {core: found.get(POSE) for core, found in ran.items()}
    return document


def _networks(given: Sequence[Path]) -> dict[str, Path]:
    """The networks to count by the board's names for them: those that `skedge pose fetch` stored,
    and those `given`, which may be called the same."""
    stored = {MODELS[name].name: model_path(name) for name in MODELS}
    more = {path.name if path.name not in stored else f"given_{path.name}": path for path in given}
    missing = [str(path) for path in given if not path.is_file()]
    if missing or len(more) < len(given):
        wrong = ", ".join(missing or map(str, given))
        raise InputError(f"--pose: expected files of different names, got {wrong}")
    return stored | more


def complaints(
    document: dict[str, Any], most_a_frame: float | None, ended: Sequence[tuple[str, Any]] = ()
) -> list[str]:
    """One line for each figure of a document that must not be so."""
    found = [f"{core}: the check ended with code {code}" for core, code in ended if code != 0]
    for model in document["models"]:
        near = NEAR[model["model"]["precision"]]
        for core in document["cores"]:
            got = model["cores"].get(core)
            if got is None:
                found.append(f"{core}: {model['name']} did not run")
                continue
            if document.get("saturates") and model["model"]["precision"] == "int8":
                # Without VNNI it is x86's int8 sums that are wrong, not the board's.
                near = 1.0
            if got["difference"] is None or not got["difference"] <= near:
                found.append(
                    f"{core}: {model['name']} differs from x86 by {got['difference']}, expected at"
                    f" most {near:.2g}"
                )
            if got["repeats_within"] > guest.REPEATS_WITHIN:
                found.append(
                    f"{core}: {model['name']}'s instructions differ by {got['repeats_within']:.2%}"
                    " between blocks"
                )
    first = next(iter(document["cores"]))
    streamed: dict[int, list[float]] = {}
    for model in document["models"]:
        one = model["model"]
        if (
            first in model["cores"]
            and one["streaming"]
            and (one["persons"], one["precision"]) == (1, "fp32")
        ):
            streamed.setdefault(len(one["streams"]), []).append(
                model["cores"][first]["instructions"]
            )
    for streams, counts in streamed.items():
        if most_a_frame and min(counts) > streams * most_a_frame:
            found.append(
                f"{first}: a frame of {streams} stream(s) takes {min(counts):,.0f} instructions,"
                f" expected at most {streams * most_a_frame:,.0f}"
            )
    return found


def modelled(instructions: float, weights: int, core: Core) -> list[float]:
    """Milliseconds at 2, 1 and 0.5 instructions a cycle, plus reading weights that no cache holds
    from memory each time."""
    reading = weights / core.bytes_per_second if weights > core.cache_bytes else 0.0
    return [1e3 * (instructions / (per_cycle * core.hz) + reading) for per_cycle in PER_CYCLE]


def markdown(document: dict[str, Any]) -> str:
    parts = [
        "# On an emulated board",
        "Counted and modelled, not measured: no figure here comes from a clock.",
    ]
    for core, assumed in document["cores"].items():
        head = [
            "model",
            "precision",
            "M instructions",
            "of",
            "modelled ms (2 to 0.5 instructions a cycle)",
        ]
        head += ["difference from x86", "load, M instructions", "peak RSS MB"]
        rows = []
        for model in document["models"]:
            got = model["cores"].get(core)
            if got is None:
                rows.append(
                    [
                        model["name"],
                        model["model"]["precision"],
                        "did not run",
                        *[""] * (len(head) - 3),
                    ]
                )
                continue
            fast, middle, slow = got["modelled_ms"]
            rows.append(
                [
                    model["name"],
                    model["model"]["precision"],
                    f"{got['instructions'] / 1e6:.3f}",
                    "a frame" if model["model"]["streaming"] else "a clip",
                    f"{middle:.2f} ({fast:.2f} to {slow:.2f})",
                    "no answer" if got["difference"] is None else f"{got['difference']:.1e}",
                    f"{got['load_instructions'] / 1e6:.0f}",
                    f"{got['peak_rss_bytes'] / 1e6:.0f}",
                ]
            )
        parts += [
            f"## {core}: {assumed['board']}",
            table(head, rows),
            (
                f"Modelled at {assumed['hz'] / 1e9:g} GHz on one core and one instruction a cycle,"
                " in parentheses at two and at a half; weights of more than"
                f" {assumed['cache_bytes'] / 1e6:g} MB are read at"
                f" {assumed['bytes_per_second'] / 1e9:g} GB/s for every answer."
            ),
        ]
    if "pose" in document:
        parts += pose_report.markdown(document["pose"], document["cores"])
    parts.append(
        f"{document['emulator']}, one core and {MEMORY_MB} MB each, a Linux kernel of the board's"
        " architecture; the package was installed by the arm64 pip. Instructions are the whole"
        " process's, interrupts and Python included, in a call from joints to answer; the"
        " difference is the largest one in probabilities, and in the embedding as a share of its"
        f" largest number. {document['created']}."
    )
    if document.get("saturates"):
        parts.append(
            "This x86 has no VNNI: its sums of int8 products saturate, so int8 models answer"
            " otherwise here than on the board, and their difference is not judged."
        )
    wrong = [f"- {line}" for line in document["complaints"]]
    parts.append(
        "\n".join(["Not as it must be:", "", *wrong])
        if wrong
        else "All models ran and gave x86's numbers."
    )
    return "\n\n".join(parts) + "\n"


def _entry(
    board: dict[str, Any], native: dict[str, Any] | None, model: dict[str, Any], core: Core
) -> dict[str, Any]:
    counts = board["frame" if model["model"]["streaming"] else "clip"]
    instructions = pose_report.middle(counts)
    return {
        "instructions": instructions,
        "repeats_within": float(np.sort(np.diff(np.sort(counts)))[0]) / instructions,
        "modelled_ms": modelled(instructions, model["file"]["bytes"], core),
        "import_instructions": board["import"],
        "load_instructions": board["load"],
        "rss_bytes": board["rss_bytes"],
        "peak_rss_bytes": board["peak_rss_bytes"],
        "difference": None if native is None else _difference(board, native),
    }


def _difference(board: dict[str, Any], native: dict[str, Any]) -> float | None:
    worst = 0.0
    for name in ("answer", "probabilities", "embedding"):
        got, expected = guest.array(board[name]), guest.array(native[name])
        if got.shape != expected.shape or not np.isfinite(got).all():
            return None
        size = float(np.abs(expected).max()) if name == "embedding" else 1.0
        worst = max(worst, float(np.abs(got - expected).max()) / (size or 1.0))
    return worst


def _native(models: Path) -> dict[str, dict[str, Any]]:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-m", "skedge.bench.pi.guest", str(models)]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    found = read(done.stdout)
    if done.returncode or not found:
        last = (done.stderr.strip().splitlines() or ["nothing"])[-1][:200]
        raise InputError(f"the models do not run on this machine either; the last it said: {last}")
    return found


def _boot(core: str, kernel: Path, disk: Path) -> dict[str, Any]:
    command = [
        root.SYSTEM,
        "-M",
        "virt",
        "-cpu",
        core,
        "-smp",
        "1",
        "-m",
        str(MEMORY_MB),
        "-nographic",
        "-nic",
        "none",
    ]
    command += ["-kernel", str(kernel), "-initrd", str(disk), "-append", COMMAND_LINE, "-no-reboot"]
    # A nanosecond of the board's clock is one instruction.
    command += ["-icount", "shift=0,sleep=off"]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InputError(
            f"the emulated {core} did not end within {PATIENCE} s; try fewer models"
        ) from None
    found: dict[str, Any] = read(done.stdout)
    endings = [line for line in done.stdout.splitlines() if line.startswith(ENDED)]
    if not endings:
        last = [
            line
            for line in (done.stdout + done.stderr).splitlines()
            if line.strip() and guest.LINE not in line
        ][-3:]
        raise InputError(
            f"the emulated {core} did not end as it should; the last it said:"
            f" {' / '.join(last)[:300]}"
        )
    return found | {"ended": int(endings[-1].removeprefix(ENDED))}


def read(said: str) -> dict[str, dict[str, Any]]:
    """The models' entries by file among the lines of a board's console."""
    lines = [
        line[line.index(guest.LINE) + len(guest.LINE) :]
        for line in said.splitlines()
        if guest.LINE in line
    ]
    entries = [json.loads(line) for line in lines]
    found = {entry["file"]: entry for entry in entries}
    mark = guest.POSE_LINE
    stages = [line.partition(mark)[2] for line in said.splitlines() if mark in line]
    if stages:
        found[POSE] = json.loads(stages[-1])
    return found


def _first_line(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.partition(
        "\n"
    )[0]
