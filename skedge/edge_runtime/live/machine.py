"""Health of the computer: temperature, throttling, memory. Needs no rights; a figure that the
system does not tell is None."""

import ctypes
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import psutil

# Bits of the Raspberry Pi firmware's get_throttled: what is so now; the same 16 bits higher, what
# was so since it started.
THROTTLED = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "temperature limit"}
# glibc's malloc.h: M_ARENA_MAX.
ARENA_MAX = -8


def health(root: Path = Path("/")) -> dict[str, Any]:
    """What the board tells: `temperature` in degrees Celsius or None; `throttled` a list of
    reasons, or None; memory in bytes.

    `root` is where /sys is found. `cpu` is the share of all cores in use since the last call, in
    percent.
    """
    memory = psutil.virtual_memory()
    return {
        "temperature": temperature(root),
        "throttled": throttled(root),
        "rss": psutil.Process().memory_info().rss,
        "available": memory.available,
        "total": memory.total,
        "cpu": psutil.cpu_percent(),
    }


def share_heaps() -> None:
    """Lets all threads of this process take their memory from two heaps, where the system's C
    library is glibc: by default each has one of its own, and what one has freed no other may use.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(ARENA_MAX, 2)


def temperature(root: Path = Path("/")) -> float | None:
    """The CPU's temperature in degrees Celsius: of the thermal zone that calls itself so, else of
    the first one."""
    zones = sorted((root / "sys/class/thermal").glob("thermal_zone*"))
    named = [
        zone
        for zone in zones
        if "cpu" in (_read(zone / "type") or "") or "x86_pkg" in (_read(zone / "type") or "")
    ]
    for zone in named or zones:
        text = _read(zone / "temp")
        if text is not None and text.lstrip("-").isdigit():
            return round(int(text) / 1000, 1)
    return None


def throttled(root: Path = Path("/")) -> list[str] | None:
    """Why the firmware slows the board down, now or (marked so) since it started; None where there
    is none to ask."""
    text = next(
        (
            _read(path)
            for path in (root / "sys/devices/platform").glob("soc*/*firmware/get_throttled")
        ),
        None,
    )
    if text is None:
        text = _ask_firmware()
    try:
        bits = int(text, 16) if text is not None else None
    except ValueError:
        bits = None
    if bits is None:
        return None
    now = [reason for bit, reason in THROTTLED.items() if bits >> bit & 1]
    before = [
        f"{reason} earlier"
        for bit, reason in THROTTLED.items()
        if bits >> bit + 16 & 1 and reason not in now
    ]
    return now + before


@cache
def _vcgencmd() -> str | None:
    return shutil.which("vcgencmd") if os.path.exists("/dev/vcio") else None


def _ask_firmware() -> str | None:
    command = _vcgencmd()
    if command is None:
        return None
    try:
        done = subprocess.run(
            [command, "get_throttled"], capture_output=True, text=True, timeout=2, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip().rpartition("=")[2] or None


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
