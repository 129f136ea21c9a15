"""The check that a model fits into the memory of a process, before it is loaded: an out-of-memory
kill says nothing."""

import resource
from pathlib import Path
from typing import NamedTuple

from skedge.skeleton.errors import InputError

MEGABYTE = 1_000_000


class Need(NamedTuple):
    """Megabytes of a runtime's code, of what any model takes, and how many copies of a model's file
    it holds; measured, rounded up."""

    runtime: float
    model: float
    copies: float


class Memory(NamedTuple):
    """The needs of a runtime: address space, and resident memory."""

    space: Need
    resident: Need


def check(path: Path, runtime: Memory, *, imported: bool, root: Path = Path("/")) -> None:
    """Raise `InputError` where loading and running the model at `path` would exceed a limit of this
    process.

    Limits are the address space (`ulimit -v`), those of the control groups above the process
    (versions 1 and 2), and the machine's free memory. `imported` says whether the runtime's code
    is in memory already; `root` is the folder of /proc and /sys.
    """
    size, resident = _own(root)
    content = path.stat().st_size / MEGABYTE
    space, memory = (
        need.model + need.copies * content + (0 if imported else need.runtime) for need in runtime
    )
    limits = [("address space (ulimit -v)", _address_space(), size, space)]
    limits += [("control group", limit, resident, memory) for limit in groups(root)]
    for what, limit, taken, needed in limits:
        if limit is not None and taken + needed > limit:
            raise InputError(
                f"{path}: expected room for about {needed:.0f} MB more memory, the limit of the"
                f" {what} is {limit:.0f} MB and {taken:.0f} MB are taken; raise the limit to"
                f" {taken + needed:.0f} MB, or use a smaller model or LiteRT"
            )
    available = _available(root)
    if available is not None and memory > available:
        raise InputError(
            f"{path}: expected room for about {memory:.0f} MB more memory, the machine has"
            f" {available:.0f} MB left; end other programs, or use a smaller model"
        )


def groups(root: Path = Path("/")) -> list[float]:
    """The memory limits in MB of the process's control groups and of those above them, of both
    versions."""
    limits = []
    for line in _lines(root / "proc/self/cgroup"):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers not in ("", "memory"):
            continue
        top, name = (
            (root / "sys/fs/cgroup", "memory.max")
            if not controllers
            else (root / "sys/fs/cgroup/memory", "memory.limit_in_bytes")
        )
        place = top / path.lstrip("/")
        # In a container the path is the host's, and what is mounted is the group itself.
        for folder in (place, *place.parents):
            limits += [int(text) / MEGABYTE for text in _lines(folder / name)[:1] if text.isdigit()]
            if folder == top:
                break
    return limits


def _own(root: Path) -> tuple[float, float]:
    """Address space and resident memory of this process in MB."""
    values = dict(line.split(":", 1) for line in _lines(root / "proc/self/status") if ":" in line)
    size, resident = (
        int(values.get(name, "0 kB").split()[0]) * 1024 / MEGABYTE for name in ("VmSize", "VmRSS")
    )
    return size, resident


def _address_space() -> float | None:
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else soft / MEGABYTE


def _available(root: Path) -> float | None:
    found = [
        line.split()[1]
        for line in _lines(root / "proc/meminfo")
        if line.startswith("MemAvailable:")
    ]
    return int(found[0]) * 1024 / MEGABYTE if found else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
