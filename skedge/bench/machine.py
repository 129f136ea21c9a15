"""What the figures were measured on."""

import hashlib
import json
import os
import platform
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

FINGERPRINT = ("cpu", "architecture", "board_revision", "max_mhz", "cores")
PACKAGES = ("numpy", "onnxruntime", "ai-edge-litert")


def describe() -> dict[str, Any]:
    """CPU, cores, memory, system and versions, without anything that names the machine (no serial
    number, no host name).

    `fingerprint` is the same for boards of one make: of the CPU, board revision, cores, memory and
    fastest frequency.
    """
    described = _describe()
    kept = {name: described[name] for name in FINGERPRINT} | {
        "gigabytes": round(described["memory_bytes"] / 1e9)
    }
    return described | {
        "fingerprint": hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]
    }


def saturates() -> bool:
    """Whether onnxruntime's products of int8 with uint8 lose what sums of two have above 16 bits:
    on x86 without VNNI, so that an int8 model answers otherwise there than on an Arm."""
    flags = _cpuinfo("flags") or ""
    return platform.machine() in ("x86_64", "AMD64") and "vnni" not in flags


def _describe() -> dict[str, Any]:
    return {
        "cpu": _cpu(),
        "architecture": platform.machine(),
        "board_revision": _cpuinfo("Revision"),
        "max_mhz": _max_mhz(),
        "cores": os.cpu_count(),
        "usable_cores": len(psutil.Process().cpu_affinity() or [])
        if hasattr(psutil.Process, "cpu_affinity")
        else os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": _system(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES if find_spec(name.replace("-", "_"))},
    }


def _cpu() -> str:
    board = Path("/proc/device-tree/model")
    if board.is_file():
        return board.read_text(errors="replace").strip("\0\n ")
    for key in ("model name", "Model", "Hardware"):
        if name := _cpuinfo(key):
            return name
    return platform.processor() or "unknown"


def _cpuinfo(key: str) -> str | None:
    """The first value of `key` in what the kernel tells of the processors."""
    info = Path("/proc/cpuinfo")
    for line in info.read_text(errors="replace").splitlines() if info.is_file() else []:
        name, _, value = line.partition(":")
        if name.strip() == key and value.strip():
            return value.strip()
    return None


def _max_mhz() -> int | None:
    path = Path("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")
    return int(path.read_text()) // 1000 if path.is_file() else None


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.system()
