"""The emulated board's first and only process: mounts what a system has, runs the check, switches
the board off."""

import ctypes
import subprocess
import sys

POWER_OFF = 0x4321FEDC
MOUNTS = {"/proc": "proc", "/sys": "sysfs", "/dev": "devtmpfs"}
ENVIRONMENT = {
    "PATH": "/usr/bin",
    "PYTHONPATH": "/site",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",
}

if __name__ == "__main__":
    system = ctypes.CDLL(None)
    for place, kind in MOUNTS.items():
        system.mount(kind.encode(), place.encode(), kind.encode(), 0, None)
    code = subprocess.call(
        [sys.executable, "-m", "skedge.bench.pi.guest", "/models", "/pose"], env=ENVIRONMENT
    )
    print(f"SKEDGE-ENDED {code}", flush=True)
    system.reboot(POWER_OFF)
