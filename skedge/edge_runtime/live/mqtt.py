"""Events and state for an MQTT broker, found by Home Assistant. Needs paho-mqtt (extra `home`)."""

import json
import re
import ssl
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import MQTT_ERR_SUCCESS, Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion

from skedge import __version__
from skedge.edge_runtime.events import QUIET
from skedge.edge_runtime.live.crew import LAST_WORDS
from skedge.edge_runtime.live.pipeline import Live
from skedge.edge_runtime.sources.cameras import without_password
from skedge.skeleton.errors import InputError, reason

PORTS = {"mqtt": 1883, "mqtts": 8883}
KEEPALIVE = 30
# Messages that wait for the broker before an event is left out, and seconds between tries to reach
# it.
HELD = 1000
FIRST_WAIT, LONGEST_WAIT = 1, 30
STATE_SECONDS = 1.0
# How many connections in a row end within how many seconds where two devices of one name take them
# from each other.
QUARREL, BRIEF = 3, 5.0


@dataclass(frozen=True)
class Broker:
    """Where the broker is: `mqtt://host:port`, or `mqtts://` for TLS.

    `login` is a file of two lines, user and password, that nobody else may read; `ca` is a file of
    certificates to trust in place of the system's. Raises `InputError` for what is none of that.
    """

    url: str
    login: Path | None = None
    ca: Path | None = None

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            known = parts.scheme in PORTS and parts.hostname and parts.port != 0
            known = known and parts.path in ("", "/") and not parts.query
            # As every connection does, where a name like a..b would end paho's thread for good.
            (parts.hostname or "").encode("idna")
        except ValueError:
            known = False
        if not known:
            shown = without_password(self.url)
            raise InputError(f"--mqtt: expected mqtt://host:port or mqtts://, got {shown!r}")
        if parts.username or parts.password:
            raise InputError(
                "--mqtt: expected no password in the address, where other programs see it; write"
                " user and password into a file, two lines, and name it with --mqtt-login"
            )
        if self.ca is not None:
            self._check_ca(self.ca, parts.scheme)
        self.user()

    @staticmethod
    def _check_ca(ca: Path, scheme: str) -> None:
        if scheme != "mqtts":
            raise InputError(
                f"--mqtt-ca: expected an address with mqtts://, got {scheme}://, which does not"
                " encrypt"
            )
        try:
            ssl.create_default_context(cafile=str(ca))
        except OSError as error:  # a damaged certificate is one, too
            raise InputError(
                f"--mqtt-ca {ca}: expected a file of certificates (PEM): {reason(error)}"
            ) from None

    def user(self) -> tuple[str, str] | None:
        """User and password, None without a login."""
        if self.login is None:
            return None
        try:
            lines = self.login.read_text(encoding="utf-8-sig").splitlines()
            mode = self.login.stat().st_mode
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"--mqtt-login {self.login}: expected a text file: {reason(error)}"
            ) from None
        if mode & 0o077:
            raise InputError(
                f"--mqtt-login {self.login}: expected a file that only its owner may read: chmod"
                " 600"
            )
        if len(lines) != 2:
            raise InputError(
                f"--mqtt-login {self.login}: expected two lines, user and password, got"
                f" {len(lines)}"
            )
        return lines[0], lines[1]

    def client(self, name: str) -> Client:
        """A client that is set up but not connected."""
        parts = urlsplit(self.url)
        client = Client(CallbackAPIVersion.VERSION2, client_id=f"skedge-{name}")
        user = self.user()
        if user is not None:
            client.username_pw_set(*user)
        if parts.scheme == "mqtts":
            client.tls_set(ca_certs=None if self.ca is None else str(self.ca))
        client.reconnect_delay_set(FIRST_WAIT, LONGEST_WAIT)
        return client


class Home:
    """Tells a broker what people do, under `skedge/DEVICE/`: `event` (each event, once), `state`
    and `availability` (retained), and Home Assistant how to show them (retained).

    A broker that is away is tried again for ever; up to a thousand messages wait for it, of which
    `left` are events, and events that come then are counted as lost. Where connections keep ending
    after seconds, it is said once that another device may have the same name. `labels` gives those
    of the model; where they have changed, Home Assistant is told before an event is. With
    `ended_only` an event is told once, when it has ended; the state knows of it before.
    """

    name = "mqtt"

    def __init__(
        self,
        broker: Broker,
        device: str,
        labels: Callable[[], tuple[str, ...]],
        live: Live,
        ended_only: bool = False,
    ) -> None:
        self._live = live
        self._ended_only = ended_only
        self._device = device
        self._labels = labels
        self._known: tuple[str, ...] = ()
        self._name = _plain(device)
        self._base = f"skedge/{self._name}"
        self._begun = 0
        self._doing: dict[int, str] = {}
        self._told: str | None = None
        self._lost = False
        # When the last connection came about; whether it has ended; how many in a row were brief.
        self._since = 0.0
        self._broken = True
        self._brief = 0
        self.ended = threading.Event()
        # By the number of each message that the broker has not confirmed, whether it is an event.
        # The broker may be quicker than `publish` comes back: such numbers are in `_early`.
        self._waiting: dict[int, bool] = {}
        self._early: set[int] = set()
        self._lock = threading.Lock()
        live.lost["mqtt"] = 0
        self._client = broker.client(self._name)
        self._client.will_set(f"{self._base}/availability", "offline", qos=1, retain=True)
        self._client.on_connect = self._connected
        self._client.on_publish = self._confirmed
        self._client.on_disconnect = self._disconnected
        self._client.on_connect_fail = lambda *_: self._say_lost("cannot be reached")
        parts = urlsplit(broker.url)
        self._client.connect_async(
            str(parts.hostname), parts.port or PORTS[parts.scheme], KEEPALIVE
        )

    def run(self) -> None:
        """Keep the connection and the state until the live view ends, then say that it is away."""
        self._client.loop_start()
        try:
            while not self._live.crew.stopping.wait(STATE_SECONDS):
                self._tell_state()
                self._look_at_quarrel()
            self._live.followed.wait(LAST_WORDS)
        finally:
            try:
                last = self._retain("availability", "offline")
                # One that found no connection raises an error where it is waited for.
                if last.rc == MQTT_ERR_SUCCESS and self._client.is_connected():
                    last.wait_for_publish(LAST_WORDS)
                self._client.disconnect()
            finally:
                self.ended.set()
            self._client.loop_stop()  # waits for as long as a broker that is away is looked for

    @property
    def left(self) -> int:
        with self._lock:
            return sum(self._waiting.values())

    def tell(self, document: dict[str, Any]) -> None:
        """An event that has begun or ended. Events arrive in the order in which they were sent."""
        if self._known and self._known != self._labels():
            self._tell_device()
        ended = document["phase"] == "ended"
        with self._lock:
            if ended:
                self._doing.pop(document["id"], None)
            else:
                self._begun += 1
                self._doing[document["id"]] = document["event"]
        if self._ended_only and not ended:
            return
        if len(self._waiting) >= HELD:
            self._lose()
            return
        kind = f"{document['event']} ended" if ended else document["event"]
        text = json.dumps({"event_type": kind, **document})
        self._send(f"{self._base}/event", text, event=True)

    def discovery(self) -> dict[str, Any]:
        """What Home Assistant needs to know (MQTT discovery of a device)."""
        labels = [label for label in self._labels() if label not in QUIET]
        state = f"{self._base}/state"

        def part(platform: str, key: str, name: str, **more: Any) -> dict[str, Any]:
            unique = f"skedge_{self._name}_{key}"
            return {"platform": platform, "unique_id": unique, "name": name, **more}

        def sensor(key: str, name: str, **more: Any) -> dict[str, Any]:
            template = f"{{{{ value_json.{key} }}}}"
            return part("sensor", key, name, state_topic=state, value_template=template, **more)

        return {
            "device": {
                "identifiers": [f"skedge_{self._name}"],
                "name": self._device,
                "manufacturer": "skedge",
                "model": "action recognition",
                "sw_version": __version__,
            },
            "origin": {"name": "skedge", "sw_version": __version__},
            "availability_topic": f"{self._base}/availability",
            "components": {
                "event": part(
                    "event",
                    "event",
                    "Action",
                    state_topic=f"{self._base}/event",
                    event_types=[one for label in labels for one in (label, f"{label} ended")],
                ),
                "action": sensor("action", "Current action"),
                "people": sensor("people", "People in view", state_class="measurement"),
                "actions": sensor("actions", "Actions so far", state_class="total_increasing"),
                "problem": part(
                    "binary_sensor",
                    "problem",
                    "Problem",
                    state_topic=state,
                    value_template="{{ 'ON' if value_json.problem else 'OFF' }}",
                    device_class="problem",
                    entity_category="diagnostic",
                ),
            },
        }

    def _connected(self, client: Client, data: Any, flags: Any, reason: Any, *_: Any) -> None:
        if reason.is_failure:
            self._say_lost(f"refuses: {reason}")
            return
        if self._lost and self._brief < QUARREL:
            self._live.note("mqtt: the broker is back")
        self._lost = False
        self._since, self._broken = time.monotonic(), False
        self._tell_device()
        self._retain("availability", "online")
        self._told = None
        self._tell_state()

    def _tell_device(self) -> None:
        self._known = self._labels()
        topic = f"homeassistant/device/skedge_{self._name}/config"
        self._send(topic, json.dumps(self.discovery()), event=False)

    def _disconnected(self, client: Client, data: Any, flags: Any, reason: Any, *_: Any) -> None:
        if self._live.crew.stopping.is_set():
            return
        before = self._brief
        if not self._broken:
            self._broken = True
            self._brief = before + 1 if time.monotonic() - self._since < BRIEF else 0
        if self._brief < QUARREL:
            self._say_lost(f"is gone ({reason})")
        elif before < QUARREL:
            self._live.note(
                "mqtt: the broker ends each connection within seconds; is another device called"
                f" {self._device!r} there? give each a --device of its own"
            )

    def _look_at_quarrel(self) -> None:
        lasts = self._client.is_connected() and time.monotonic() - self._since >= BRIEF
        if self._brief >= QUARREL and lasts:
            self._brief = 0
            self._live.note("mqtt: the broker is back")

    def _say_lost(self, why: str) -> None:
        if not self._lost:
            self._lost = True
            self._live.note(f"mqtt: the broker {why}, trying again")

    def _tell_state(self) -> None:
        """The state, where it has changed and somebody is there to hear it: it is retained."""
        with self._lock:
            action, begun = next(reversed(self._doing.values()), "none"), self._begun
        seen = self._live.state()
        state = json.dumps(
            {
                "action": action,
                "people": len(seen["people"]) if seen["looking"] else None,
                "actions": begun,
                "problem": "; ".join(self._live.problems()),
            }
        )
        if state != self._told and self._client.is_connected():
            self._told = state
            self._retain("state", state)

    def _retain(self, topic: str, payload: str) -> MQTTMessageInfo:
        return self._send(f"{self._base}/{topic}", payload, event=False)

    def _send(self, topic: str, payload: str, *, event: bool) -> MQTTMessageInfo:
        """Send an event, or what the broker is to keep for those who come later."""
        sent = self._client.publish(topic, payload, qos=1, retain=not event)
        with self._lock:
            if sent.mid in self._early:
                self._early.remove(sent.mid)
            else:
                self._waiting[sent.mid] = event
        return sent

    def _confirmed(self, client: Client, data: Any, number: int, *_: Any) -> None:
        with self._lock:
            if number in self._waiting:
                del self._waiting[number]
            else:
                self._early.add(number)

    def _lose(self) -> None:
        """Only events are left out: that the device is online must reach a broker that is back."""
        self._live.lost["mqtt"] += 1
        if self._live.lost["mqtt"] == 1:
            self._live.note(f"mqtt: {HELD} messages wait for the broker, and later events are lost")


def _plain(device: str) -> str:
    """A device's name in the letters that Home Assistant takes, with a checksum where most of its
    letters are others: else all such names of one length would take the broker from each other."""
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", device) or "_"
    letters = [one for one in device if one.isalpha()]
    if 2 * sum(one.isascii() for one in letters) >= len(letters):
        return name
    return f"{name}_{zlib.crc32(device.encode(errors='surrogatepass')):08x}"
