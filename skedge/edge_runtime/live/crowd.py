"""The connections that a server holds: bounded, with room for viewers while others only wait."""

import socket
import threading
from collections import Counter
from dataclasses import dataclass

CONNECTIONS = 64
PER_ADDRESS = 48


@dataclass
class _Guest:
    address: str
    admitted: bool = False


class Crowd:
    """Open connections, at most `CONNECTIONS` and `PER_ADDRESS` from one address.

    Who has asked for something that it may have is `admitted` and stays. Where there is no room
    for a new connection, the oldest that was not admitted is closed in its place: of the new one's
    own address where that has too many, else of the address that has most of them.
    """

    def __init__(self) -> None:
        self._guests: dict[socket.socket, _Guest] = {}  # oldest first
        self._closed = False
        self._lock = threading.Lock()

    def enter(self, connection: socket.socket, address: str) -> bool:
        """Whether a new connection is taken in."""
        with self._lock:
            own = [guest for guest in self._guests.values() if guest.address == address]
            full = len(self._guests) >= CONNECTIONS
            if self._closed:
                return False
            if full or len(own) >= PER_ADDRESS:
                loser = self._loser(address if len(own) >= PER_ADDRESS else None)
                if loser is None:
                    return False
                del self._guests[loser]
                hang_up(loser)
            self._guests[connection] = _Guest(address)
            return True

    def admit(self, connection: socket.socket) -> None:
        with self._lock:
            if connection in self._guests:
                self._guests[connection].admitted = True

    def leave(self, connection: socket.socket) -> None:
        with self._lock:
            self._guests.pop(connection, None)

    def close(self) -> None:
        """Refuse new connections and end the open ones."""
        with self._lock:
            self._closed = True
            for connection in self._guests:
                hang_up(connection)

    def _loser(self, address: str | None) -> socket.socket | None:
        waiting = {one: guest for one, guest in self._guests.items() if not guest.admitted}
        if address is None and waiting:
            address = Counter(guest.address for guest in waiting.values()).most_common(1)[0][0]
        return next((one for one, guest in waiting.items() if guest.address == address), None)


def hang_up(connection: socket.socket) -> None:
    """End a connection that another thread may be waiting for."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
