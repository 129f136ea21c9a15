"""How often wrong tokens may be tried: a few at once, then one every few seconds, by address."""

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

# Wrong tokens in a row that an address has free, and seconds until it has one more.
FREE, RECOVERY = 5, 5.0
# The same for all addresses together: many computers may guess side by side.
FREE_OF_ALL, RECOVERY_OF_ALL = 50, 0.2
REMEMBERED = 1024
NOTE_EVERY = 60.0


class Guesses:
    """Counts wrong tokens and says how long an address must wait before it may try again.

    Every wrong token costs one of `FREE` tries; they come back one by one. Any number of addresses
    takes bounded memory. Wrong tokens are reported to `note`, at most once a minute, with their
    number and the last address. Addresses of IPv6 count by their network (/64).
    """

    def __init__(
        self, note: Callable[[str], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._note = note
        self._clock = clock
        # When all tries of an address will have come back.
        self._whole: OrderedDict[str, float] = OrderedDict()
        self._all = 0.0
        self._untold, self._told = 0, -NOTE_EVERY
        self._lock = threading.Lock()

    def tried(self, address: str, right: bool) -> float:
        """Seconds until this address may try a token; 0 where this try counts.

        One step, so that many tries side by side are no more than one after the other.
        """
        name = network(address)
        with self._lock:
            now = self._clock()
            own = self._whole.get(name, now) - now - (FREE - 1) * RECOVERY
            everybody = self._all - now - (FREE_OF_ALL - 1) * RECOVERY_OF_ALL
            wait = max(0.0, own, everybody)
            if wait or right:
                return wait
            self._whole[name] = max(self._whole.pop(name, now), now) + RECOVERY
            self._all = max(self._all, now) + RECOVERY_OF_ALL
            if len(self._whole) > REMEMBERED:
                self._whole.popitem(last=False)
            self._untold += 1
            if now - self._told < NOTE_EVERY:
                return 0.0
            count = self._untold
            self._untold = 0
            self._told = now
        tokens = "a wrong token" if count == 1 else f"{count} wrong tokens, the last"
        self._note(f"page: {tokens} from {address}")
        return 0.0


def network(address: str) -> str:
    """The name by which a computer is counted: its IPv4 address, or its IPv6 network (/64), in
    which it can use any number of addresses."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(found) >> 64 << 64, 64)))
