"""Messages to the service manager: ready, how it is doing, still alive."""

import os
import socket
from collections.abc import Mapping

from skedge.edge_runtime.live.pipeline import Live


class Manager:
    """Speaks systemd's notification protocol (sd_notify) where `environment` names a socket for it,
    else not at all.

    With `WatchdogSec=` in the unit the manager restarts a service that says nothing for so long.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        usec = environment.get("WATCHDOG_USEC", "")
        # Twice as often as is asked for, as sd_watchdog_enabled(3) recommends.
        self.interval = int(usec) / 2e6 if usec.isdecimal() and int(usec) else 5.0

    @property
    def listens(self) -> bool:
        return bool(self._address)

    def follow(self, live: Live) -> None:
        """Report the live view's state until its crew stops. While a stage hangs the watchdog is
        told nothing, so that the manager restarts the service."""
        self.tell("READY=1", f"STATUS={_status(live)}")
        while not live.crew.stopping.wait(self.interval):
            self.tell(*([] if live.hanging() else ["WATCHDOG=1"]), f"STATUS={_status(live)}")
        self.tell("STOPPING=1")

    def tell(self, *lines: str) -> None:
        """Send lines to the manager; one that has gone is no reason to end."""
        address = self._address
        # A name that begins with @ is in Linux's abstract namespace.
        address = f"\0{address[1:]}" if address.startswith("@") else address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
                way.sendto("\n".join(lines).encode(), address)
        except OSError:
            return


def _status(live: Live) -> str:
    return "; ".join(live.problems()) or f"{live.name}: running"
