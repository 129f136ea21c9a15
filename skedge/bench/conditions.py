"""State of the machine during a measurement: temperature, frequency, throttling, power, and their
effect on the figures."""

import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

from skedge.edge_runtime.live.machine import temperature, throttled

# Degrees Celsius, the share of the fastest frequency, and cores of other processes from which on
# figures are spoiled.
HOT = 80.0
SLOWER = 0.95
OTHERS = 0.15
# Seconds of other processes that may be rounding: the kernel counts in hundredths.
ROUNDING = 0.05


@dataclass
class Conditions:
    """Samples of the machine's state, one per call of `sample()`; `root` is the folder that holds
    /sys."""

    root: Path = Path("/")
    samples: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._begin = time.perf_counter()
        self._cpu = _others_seconds()

    def sample(self) -> dict[str, Any]:
        """Note the machine's present state: `at` in seconds since the first, `others` the cores
        that other processes used since."""
        now = time.perf_counter() - self._begin
        past = now - (self.samples[-1]["at"] if self.samples else 0.0)
        # A hundredth that counts as others' until it is this process's own is not counted twice:
        # blocks of quick models are shorter than it.
        before, self._cpu = self._cpu, max(self._cpu, _others_seconds())
        found = {
            "at": round(now, 6),
            "temperature": temperature(self.root),
            "mhz": frequency(self.root),
            "throttled": throttled(self.root),
            "joules": energy(self.root),
            "others": round((self._cpu - before) / past, 4) if past > 0 else 0.0,
        }
        self.samples.append(found)
        return found

    def summary(self) -> dict[str, Any]:
        """The samples with the governor and with `warnings`, what spoils the figures."""
        return {
            "governor": governor(self.root),
            "samples": self.samples,
            "warnings": warnings(self.samples),
        }

    def watts(self) -> float | None:
        """The mean power of the whole board or package over all samples; None where nothing counts
        energy."""
        counted = [(one["at"], one["joules"]) for one in self.samples if one["joules"] is not None]
        if len(counted) < 2 or counted[-1][0] <= counted[0][0] or counted[-1][1] < counted[0][1]:
            return None
        return float((counted[-1][1] - counted[0][1]) / (counted[-1][0] - counted[0][0]))


def warnings(samples: list[dict[str, Any]]) -> list[str]:
    """One line for each thing in the samples that spoils latencies measured meanwhile."""
    found = []
    reasons = sorted(
        {
            reason
            for one in samples
            for reason in one["throttled"] or ()
            if not reason.endswith(" earlier")
        }
    )
    if reasons:
        found.append(f"the board was slowed down: {', '.join(reasons)}")
    degrees = [one["temperature"] for one in samples if one["temperature"] is not None]
    if degrees and max(degrees) >= HOT:
        found.append(
            f"the CPU reached {max(degrees):.0f} °C, and boards slow down from {HOT:.0f} °C on"
        )
    mhz = [one["mhz"] for one in samples if one["mhz"] is not None]
    if mhz and min(mhz) < SLOWER * max(mhz):
        found.append(
            f"the frequency changed between {min(mhz):.0f} and {max(mhz):.0f} MHz; set the governor"
            " to performance"
        )
    others = sum(one["others"] * (one["at"] - before["at"]) for before, one in pairwise(samples))
    if others > max(OTHERS * (samples[-1]["at"] - samples[0]["at"]), ROUNDING):
        cores = others / (samples[-1]["at"] - samples[0]["at"])
        found.append(f"other processes used {cores:.1f} cores meanwhile; end them")
    return found


def frequency(root: Path) -> float | None:
    """The fastest core's frequency now, in MHz."""
    found = [
        _number(path)
        for path in (root / "sys/devices/system/cpu/cpufreq").glob("policy*/scaling_cur_freq")
    ]
    return max((value / 1000 for value in found if value is not None), default=None)


def governor(root: Path) -> str | None:
    """The kernel's frequency governor."""
    for path in sorted((root / "sys/devices/system/cpu/cpufreq").glob("policy*/scaling_governor")):
        return path.read_text().strip()
    return None


def energy(root: Path) -> float | None:
    """Joules that the board's or package's counters have counted; None where there are none (a
    Raspberry Pi 4 has none)."""
    # A package's parts, the same package by memory (intel-rapl-mmio) and the whole platform (psys)
    # are counted by zones of their own, which would count a joule twice.
    packages = [
        zone
        for zone in (root / "sys/class/powercap").glob("intel-rapl:?")
        if _read(zone / "name") != "psys"
    ]
    # A PC's hwmon counters are its graphics card's; boards without zones have their meter there.
    counters = [zone / "energy_uj" for zone in packages] or (root / "sys/class/hwmon").glob(
        "hwmon*/energy1_input"
    )
    found = [value for value in map(_number, counters) if value is not None]
    return sum(found) / 1e6 if found else None


def _others_seconds() -> float:
    """Processor time that was spent so far by all processes but this one and those it started and
    waited for."""
    times = psutil.cpu_times()
    own = psutil.Process().cpu_times()
    busy = (
        times.user
        + times.nice
        + times.system
        + getattr(times, "softirq", 0.0)
        + getattr(times, "irq", 0.0)
    )
    return busy - (own.user + own.system + own.children_user + own.children_system)


def _number(path: Path) -> float | None:
    try:
        return float(_read(path))
    except ValueError:
        return None


def _read(path: Path) -> str:
    """A small file's text; nothing where it cannot be read."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
