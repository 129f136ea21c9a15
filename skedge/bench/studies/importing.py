"""How fast NTU RGB+D's files are imported, with how much memory, and how fast a large store opens.

`python -m skedge.bench.studies.importing FOLDER --copies 20000` imports that many copies of the
`.skeleton` files in FOLDER; `python -m skedge.bench.studies.importing --clips 100000` opens a
simulated store of that many clips.
"""

import json
import os
import re
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from skedge.bench.studies.command import one_line, parser_of
from skedge.datasets.importer import Importing
from skedge.datasets.readers import import_dataset
from skedge.datasets.store import Store, StoreWriter
from skedge.skeleton import load_layout
from skedge.skeleton.errors import InputError


def plain(path: Path) -> list[list[tuple[int, list[list[float]]]]]:
    """A `.skeleton` file line by line, each body's number and x, y, z of its joints: what the
    reader is compared with.

    It converts what a store needs and no more, and neither chooses bodies nor writes anything, as
    an import does.
    """
    frames = []
    with open(path) as file:
        for _ in range(int(file.readline())):
            bodies = []
            for _ in range(int(file.readline())):
                body = int(file.readline().split()[0])
                joints = int(file.readline())
                bodies.append(
                    (
                        body,
                        [
                            [float(word) for word in file.readline().split()[:3]]
                            for _ in range(joints)
                        ],
                    )
                )
            frames.append(bodies)
    return frames


def measure_import(folder: Path, copies: int, processes: int | None) -> dict[str, Any]:
    """Files a second of the plain parser on one core and of a whole import, and the peak memory of
    the import in MB.

    `copies` hard links of copies of the `.skeleton` files in `folder` are imported, each under a
    name of its own. The plain parser runs before and after the import, so that a machine that grows
    busy slows both down. Raises `InputError` for a folder without such files.
    """
    files = sorted(folder.glob("*.skeleton"))
    if not files:
        raise InputError(f"{folder}: expected a folder with .skeleton files, found none")
    sample = [files[i % len(files)] for i in range(min(copies, 300))]
    before = _measure_plain(sample)
    with tempfile.TemporaryDirectory(dir=".") as scratch:
        many = Path(scratch) / "files"
        many.mkdir()
        contents = [file.read_bytes() for file in files]
        masters = []
        for i, content in enumerate(contents):
            master = Path(scratch) / f"{i}.skeleton"
            master.write_bytes(content)
            masters.append(master)
        for i in range(copies):
            action = int(re.findall(r"A(\d{3})", files[i % len(files)].name)[0])
            setup, camera = 1 + i // 30_000 % 17, 1 + i % 3
            person, repetition = 1 + i // 3 % 100, 1 + i // 300 % 100
            name = f"S{setup:03}C{camera:03}P{person:03}R{repetition:03}A{action:03}.skeleton"
            os.link(masters[i % len(files)], many / name)
        start = time.perf_counter()
        cpu = _cpu_seconds()
        how = Importing(processes=processes)
        report = import_dataset("ntu60", many, Path(scratch) / "store", how=how)
        rate = report["clips"] / (time.perf_counter() - start)
        import_cpu = (_cpu_seconds() - cpu) / report["clips"]
    plain_seconds, plain_cpu = np.mean([before, _measure_plain(sample)], axis=0).tolist()
    processes = processes or os.cpu_count() or 1
    peaks = [
        resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return {
        "files": report["clips"],
        "plain parser, files/s": round(1 / plain_seconds, 1),
        "import, files/s": round(rate, 1),
        "times": round(rate * plain_seconds, 2),
        "times by CPU time, each process with a core of its own": round(
            processes * plain_cpu / import_cpu, 2
        ),
        "plain parser, CPU ms a file": round(1000 * plain_cpu, 2),
        "import, CPU ms a file": round(1000 * import_cpu, 2),
        "processes": processes,
        "peak MB of the main process": round(peaks[0]),
        "peak MB of the largest other process": round(peaks[1]),
    }


def _measure_plain(files: list[Path]) -> tuple[float, float]:
    """Seconds a file, by the clock and of the processor."""
    start = time.perf_counter()
    cpu = _cpu_seconds()
    for path in files:
        plain(path)
    return (time.perf_counter() - start) / len(files), (_cpu_seconds() - cpu) / len(files)


def _cpu_seconds() -> float:
    """Of this process and of those it started and that have ended: what a busy machine disturbs
    less than the clock."""
    return sum(os.times()[:4])


def measure_store(clips: int, reads: int = 2000) -> dict[str, Any]:
    """Milliseconds to open a store of so many short clips, and to read one at random (median and
    99th percentile)."""
    with tempfile.TemporaryDirectory(dir=".") as scratch:
        path = Path(scratch) / "store"
        joints = np.random.default_rng(0).normal(size=(1, 16, 25, 3)).astype(np.float32)
        with StoreWriter(
            path, name="simulated", layout=load_layout("ntu25"), labels=["a"], rate=30.0
        ) as writer:
            for i in range(clips):
                writer.add(f"S001C001P001R001A{i:06}", joints, label=0, subject=i % 40)
            writer.protocol("xsub", lambda index: np.where(index["subject"] < 20, 1, 3))
        opened = []
        for _ in range(20):
            start = time.perf_counter()
            store = Store(path)
            opened.append(time.perf_counter() - start)
        spent = []
        for i in np.random.default_rng(1).integers(0, clips, reads):
            start = time.perf_counter()
            np.array(store.clip(int(i)))
            spent.append(time.perf_counter() - start)
    return {
        "clips": clips,
        "open, ms": round(1000 * float(np.median(opened)), 2),
        "open, worst ms": round(1000 * max(opened), 2),
        "clip, median ms": round(1000 * float(np.median(spent)), 4),
        "clip, p99 ms": round(1000 * float(np.percentile(spent, 99)), 4),
    }


def main() -> None:
    """Measure what the arguments ask for and print it as JSON."""
    parser = parser_of("importing", __doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="with .skeleton files")
    parser.add_argument("--copies", type=int, default=1000, help="of them")
    parser.add_argument("--processes", type=int, help="of the import; by default one a CPU core")
    parser.add_argument(
        "--clips", type=int, default=100_000, help="of the simulated store, without a folder"
    )
    args = parser.parse_args()
    with one_line(parser):
        found = (
            measure_import(args.folder, args.copies, args.processes)
            if args.folder
            else measure_store(args.clips)
        )
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
