"""What a home hears: events and state through a real MQTT broker, in Home Assistant's format, and
metrics as Prometheus' own parser reads them."""

import json
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from prometheus_client.parser import text_string_to_metric_families

from skedge import __version__
from skedge.cli import main
from skedge.edge_runtime.interfaces import Person
from skedge.edge_runtime.live import Live, mqtt
from skedge.edge_runtime.live.actions import Outlook
from skedge.edge_runtime.live.metrics import Metrics
from skedge.edge_runtime.live.mqtt import Broker, Home
from skedge.edge_runtime.live.telling import Telling, tell
from skedge.skeleton import InputError
from tests.edge_runtime.live_fakes import Pictures, Pose, Skeletons, body, quick_model
from tests.edge_runtime.test_live_server import Served
from tests.edge_runtime.waiting import wait_until

PATIENCE = 60.0
LABELS = ("wave", "clap", "idle", "other")


def found(program: str) -> str:
    """Where a program of the broker's package is; skips a test where it is not installed."""
    place = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
    if place is None:
        pytest.skip("needs a broker: apt-get install mosquitto")
    return place


class Mosquitto:
    """Debian's broker on a port of this computer."""

    def __init__(self, room: Path, *more: str) -> None:
        program = found("mosquitto")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        lines = [f"listener {self.port} 127.0.0.1", *(more or ("allow_anonymous true",))]
        self._command = [program, "-c", str(room / "mosquitto.conf")]
        (room / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(PATIENCE)


class Listener:
    """Hears all that the broker is told."""

    def __init__(self, broker: Mosquitto) -> None:
        self._messages: queue.Queue[tuple[str, str, bool]] = queue.Queue()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_message = lambda client, data, one: self._messages.put(
            (one.topic, one.payload.decode(), bool(one.retain))
        )
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        # What is said before a listener is known to the broker, it never hears.
        known = threading.Event()
        self._client.on_subscribe = lambda *_: known.set()
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        assert known.wait(PATIENCE)

    def hear(self, topic: str, **wanted: Any) -> dict[str, Any]:
        """The next message of a topic with these values, as JSON or {"text": ...}."""
        deadline = time.monotonic() + PATIENCE
        while True:
            name, text, retained = self._messages.get(timeout=max(0.1, deadline - time.monotonic()))
            content = json.loads(text) if text.startswith("{") else {"text": text}
            content["retained"] = retained
            if name == topic and all(content[key] == value for key, value in wanted.items()):
                return dict(content)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Nothing:
    def update(self, observation: object) -> Outlook:
        return Outlook()

    def finish(self) -> Outlook:
        return Outlook()


def happening(number: int, label: str, phase: str) -> dict[str, Any]:
    return {"schema": "skedge.event/1", "id": number, "event": label, "phase": phase}


class House:
    """A live view that tells a broker."""

    def __init__(self, broker: Broker, name: str = "the hall", *, ended_only: bool = False) -> None:
        pose = Pose()
        self.live = Live(Pictures(rate=20), pose, pose.layout, Nothing(), name="camera 0")
        self.home = Home(broker, name, lambda: LABELS, self.live, ended_only=ended_only)
        self.live.tell("action", self.home.tell)
        self.live.crew.start("mqtt", self.home.run)
        self.live.start()

    def happens(self, number: int, label: str, phase: str) -> None:
        self.live.log.add("action", happening(number, label, phase))

    def close(self) -> None:
        self.live.close()


def unconnected() -> Home:
    live = Live(Pictures(), Pose(), Pose().layout, Nothing())
    return Home(Broker("mqtt://127.0.0.1:1"), "the hall", lambda: LABELS, live)


class Line:
    """What a broker that is not there does to a home, by a clock of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = unconnected()
        self.now = 0.0
        monkeypatch.setattr(mqtt, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(self.home._client, "is_connected", lambda: True)

    def comes(self) -> None:
        self.home._connected(self.home._client, None, None, SimpleNamespace(is_failure=False))

    def goes(self, after: float) -> None:
        self.now += after
        self.home._disconnected(self.home._client, None, None, "why")

    def lasts(self, seconds: float) -> None:
        self.now += seconds
        self.home._look_at_quarrel()

    @property
    def notes(self) -> list[str]:
        return [entry[2]["note"] for entry in self.home._live.log.since(0)]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    one = Mosquitto(tmp_path)
    yield one
    one.stop()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "STATE_SECONDS", 0.05)
    monkeypatch.setattr(mqtt, "LONGEST_WAIT", 1)


def test_a_home_hears_events_and_the_state(broker: Mosquitto) -> None:
    listener = Listener(broker)
    house = House(Broker(broker.url))
    try:
        assert listener.hear("skedge/the_hall/availability")["text"] == "online"
        house.happens(1, "wave", "begun")
        event = listener.hear("skedge/the_hall/event")
        assert (event["event_type"], event["id"], event["retained"]) == ("wave", 1, False)
        listener.hear("skedge/the_hall/state", action="wave", actions=1, problem="")
        house.happens(1, "wave", "ended")
        assert listener.hear("skedge/the_hall/event")["event_type"] == "wave ended"
        listener.hear("skedge/the_hall/state", action="none", actions=1)
        late = Listener(broker)  # such as Home Assistant after a restart
        assert late.hear("skedge/the_hall/availability", retained=True)["text"] == "online"
        late.close()
    finally:
        house.close()
    listener.hear("skedge/the_hall/availability", text="offline")
    listener.close()


def test_who_hears_of_ends_alone_still_sees_what_goes_on(broker: Mosquitto) -> None:
    """With --ended-only the state said `none` and counted nothing, whatever people did."""
    listener = Listener(broker)
    house = House(Broker(broker.url), ended_only=True)
    try:
        listener.hear("skedge/the_hall/availability", text="online")
        house.happens(1, "wave", "begun")
        house.happens(1, "wave", "ended")
        assert listener.hear("skedge/the_hall/event")["event_type"] == "wave ended"
        house.happens(2, "clap", "begun")
        listener.hear("skedge/the_hall/state", action="clap", actions=2)
        house.happens(2, "clap", "ended")
        listener.hear("skedge/the_hall/state", action="none", actions=2, people=0)
    finally:
        house.close()
        listener.close()


class Interrupted(dict[int, str]):
    """A dict with a function that runs in another thread while somebody looks through it."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self._meanwhile = meanwhile

    def values(self) -> Any:
        values = super().values()

        class View:
            def __reversed__(view) -> Iterator[str]:
                several = reversed(values)
                other = threading.Thread(target=self._meanwhile, daemon=True)
                other.start()
                other.join(0.2)
                return several

        return View()


def test_an_action_that_begins_while_the_state_is_told_ends_nothing() -> None:
    """Once in a while the live view ended with `mqtt: RuntimeError: dictionary changed size during
    iteration`."""
    house = House(Broker("mqtt://127.0.0.1:1"))
    began = threading.Event()

    def begin() -> None:
        house.home.tell(happening(2, "clap", "begun"))
        began.set()

    try:
        house.home.tell(happening(1, "wave", "begun"))
        house.home._doing = Interrupted(begin)
        house.home._doing[1] = "wave"
        house.home._tell_state()
        assert began.wait(PATIENCE)
    finally:
        house.close()


def test_events_wait_for_a_broker_that_is_away(broker: Mosquitto) -> None:
    house = House(Broker(broker.url))
    taken: list[int] = []
    house.home._client.on_publish = lambda client, data, number, *_: taken.append(number)
    try:
        wait_until(house.home._client.is_connected)
        broker.stop()
        wait_until(lambda: "broker" in str(house.live.log.since(0)))
        before = len(taken)
        for number in range(1, 31):
            house.happens(number, "clap", "begun")
        time.sleep(0.2)
        assert len(taken) == before
        broker.start()
        # The broker has confirmed each of them, the device and its state.
        wait_until(lambda: len(set(taken[before:])) >= 30 + 3)
        notes = [entry[2]["note"] for entry in house.live.log.since(0) if entry[1] == "note"]
        assert notes[-1] == "mqtt: the broker is back"
    finally:
        house.close()


def test_what_happens_just_before_the_end_is_heard(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "LAST_WORDS", PATIENCE)
    listener = Listener(broker)
    house = House(Broker(broker.url))
    try:
        wait_until(house.home._client.is_connected)
        for number in range(1, 201):  # more than are on their way at once
            house.happens(number, "clap", "begun")
    finally:
        house.close()
    listener.hear("skedge/the_hall/event", id=200)
    assert listener.hear("skedge/the_hall/availability", text="offline")
    assert house.home.left == 0
    assert house.home._early == set()
    listener.close()


def test_what_ends_at_the_end_is_heard(broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    """An action that went on ends after the camera has."""
    listener = Listener(broker)
    house = House(Broker(broker.url))
    asked: list[float] = []

    def wait(seconds: float) -> None:
        asked.append(seconds)
        house.happens(7, "clap", "ended")

    monkeypatch.setattr(house.live.followed, "wait", wait)
    wait_until(house.home._client.is_connected)
    house.close()
    assert asked == [5.0], "a busy Pi counts what went on for more than one"
    assert listener.hear("skedge/the_hall/event", id=7)["event_type"] == "clap ended"
    listener.close()


def test_an_event_may_be_confirmed_before_it_is_known_as_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was counted as not taken for ever."""
    home = unconnected()
    publish = home._client.publish

    def quick(*what: Any, **how: Any) -> Any:
        sent = publish(*what, **how)
        home._confirmed(home._client, None, sent.mid)
        return sent

    monkeypatch.setattr(home._client, "publish", quick)
    home.tell(happening(1, "clap", "begun"))
    assert home.left == 0
    assert home._early == set()


@pytest.mark.parametrize("found", [False, True])
def test_an_end_waits_for_no_broker_that_is_away(
    monkeypatch: pytest.MonkeyPatch, found: bool
) -> None:
    """A connection that was just being made, or looked for, kept a run whose film had ended."""
    house = House(Broker("mqtt://127.0.0.1:1"))
    client, looked = house.home._client, threading.Event()
    stop = client.loop_stop
    monkeypatch.setattr(client, "loop_stop", lambda: (looked.wait(), stop()))
    monkeypatch.setattr(client, "is_connected", lambda: found)
    failed: list[tuple[str, BaseException]] = []
    monkeypatch.setattr(house.live.crew, "fail", lambda *what: failed.append(what))
    try:
        house.live.crew.stop()
        assert house.home.ended.wait(PATIENCE)
    finally:
        looked.set()
        house.close()
    assert failed == []


def test_events_that_no_broker_took_are_counted_at_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were lost without a word; what a hook had not taken was counted."""
    monkeypatch.setattr(
        "skedge.edge_runtime.sources.open_source",
        lambda text, fast: Skeletons(lambda seconds: (Person(1, body(seconds)),), 200),
    )
    homes: list[Home] = []
    run = Home.run
    monkeypatch.setattr(Home, "run", lambda home: homes.append(home) or run(home))
    camera = ("--model", quick_model(tmp_path / "m.onnx"), "--no_page", "--every_frame")
    events = ("--threshold", 0, "--patience", 1, "--debounce", 0, "--ended-only")
    main(["live", *map(str, camera), *map(str, events), "--mqtt", "mqtt://127.0.0.1:1"])
    shown = capsys.readouterr()
    count = len(shown.out.splitlines())
    assert count > 2
    assert f"note: mqtt: {count} events were not taken before the end" in shown.err.splitlines()
    told = homes[0].discovery()["components"]["event"]["event_types"]
    assert {"wave", "wave ended"} <= set(told), "Home Assistant takes no others"


def test_the_state_takes_no_place_of_events_and_is_sent_where_it_has_changed(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One a second would fill all places in a quarter of an hour without the broker."""
    monkeypatch.setattr(mqtt, "STATE_SECONDS", 0.02)
    # On a busy machine no picture may come for seconds: then it changes.
    monkeypatch.setattr("skedge.edge_runtime.live.pipeline.STALE_SECONDS", PATIENCE)
    house = House(Broker(broker.url))
    try:
        wait_until(lambda: '"people": 0' in (house.home._told or "") and not house.home._waiting)
        sent: list[str] = []
        publish = house.home._client.publish
        monkeypatch.setattr(
            house.home._client,
            "publish",
            lambda topic, *more, **how: sent.append(topic) or publish(topic, *more, **how),
        )
        time.sleep(0.3)
        assert sent == []
        broker.stop()
        wait_until(lambda: not house.home._client.is_connected())
        house.happens(1, "clap", "begun")
        time.sleep(0.3)
        assert sent == ["skedge/the_hall/event"]
    finally:
        house.close()


def test_what_was_taught_meanwhile_is_known_before_it_happens(broker: Mosquitto) -> None:
    """Home Assistant takes no event whose type it has not been told."""
    topic = "homeassistant/device/skedge_the_hall/config"
    listener = Listener(broker)
    house = House(Broker(broker.url))
    try:
        assert "jump" not in listener.hear(topic)["components"]["event"]["event_types"]
        house.home._labels = lambda: (*LABELS, "jump")
        house.happens(1, "jump", "begun")
        assert "jump" in listener.hear(topic)["components"]["event"]["event_types"]
        assert listener.hear("skedge/the_hall/event")["event_type"] == "jump"
    finally:
        house.close()
        listener.close()


def test_a_broker_that_starts_anew_hears_the_state_again(broker: Mosquitto) -> None:
    """It remembers nothing of before, and Home Assistant shows what it hears."""
    house = House(Broker(broker.url))
    try:
        wait_until(house.home._client.is_connected)
        broker.stop()
        wait_until(lambda: not house.home._client.is_connected())
        broker.start()
        listener = Listener(broker)
        listener.hear("skedge/the_hall/state", action="none", actions=0)
        listener.close()
    finally:
        house.close()


def test_a_device_is_online_after_more_events_than_wait_for_the_broker(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Home Assistant showed it as unavailable from then on, and nothing said that events were
    lost."""
    monkeypatch.setattr(mqtt, "HELD", 20)
    house = House(Broker(broker.url))
    try:
        wait_until(house.home._client.is_connected)
        broker.stop()
        wait_until(lambda: not house.home._client.is_connected())
        for number in range(1, 31):
            house.happens(number, "clap", "begun")
        lost = house.live.lost["mqtt"]
        assert 10 <= lost <= 13, "twenty wait, of which three may say how the device is"
        notes = [entry[2]["note"] for entry in house.live.log.since(0) if entry[1] == "note"]
        (note,) = [one for one in notes if "are lost" in one]
        assert note == "mqtt: 20 messages wait for the broker, and later events are lost"
        assert notes[-1] == note
        broker.start()
        listener = Listener(broker)
        listener.hear("skedge/the_hall/availability", text="online")
        listener.hear("skedge/the_hall/state", actions=30)
        wait_until(lambda: not house.home._waiting)
        house.happens(31, "wave", "begun")
        assert listener.hear("skedge/the_hall/event", event="wave")["id"] == 31
        assert house.live.lost["mqtt"] == lost
        listener.close()
    finally:
        house.close()


def test_who_dies_is_away(broker: Mosquitto) -> None:
    """The broker says so in its place."""
    house = House(Broker(broker.url))
    listener = Listener(broker)
    listener.hear("skedge/the_hall/availability", text="online")
    house.home._client.socket().shutdown(socket.SHUT_RDWR)
    listener.hear("skedge/the_hall/availability", text="offline")
    listener.hear("skedge/the_hall/availability", text="online")
    house.close()
    listener.close()


def test_a_login_is_needed_and_never_said(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    passwords.touch(mode=0o600)
    subprocess.run(
        [found("mosquitto_passwd"), "-b", str(passwords), "pi", "secret word"], check=True
    )
    os.chmod(passwords, 0o644)  # the broker gives up its rights before it reads them
    os.chmod(tmp_path, 0o755)
    broker = Mosquitto(tmp_path, "allow_anonymous false", f"password_file {passwords}", "user root")
    login = tmp_path / "login"
    login.write_text("pi\nsecret word\n")
    with pytest.raises(InputError, match="chmod 600"):
        Broker(broker.url, login)
    login.chmod(0o600)
    refused, house = House(Broker(broker.url), "stranger"), House(Broker(broker.url, login))
    try:
        wait_until(house.home._client.is_connected)
        wait_until(lambda: refused.live.log.since(0) != [])
        note = refused.live.log.since(0)[0][2]["note"]
        assert note == "mqtt: the broker refuses: Not authorized, trying again"
        assert not refused.home._client.is_connected()
        assert "secret" not in str(house.live.log.since(0)) + repr(Broker(broker.url, login))
    finally:
        house.close()
        refused.close()
        broker.stop()


def test_the_way_to_the_broker_may_be_encrypted(tmp_path: Path) -> None:
    for command in (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem -days 2"
        " -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1",
    ):
        subprocess.run(["openssl", *command.split()], cwd=tmp_path, check=True, capture_output=True)
    files = (f"certfile {tmp_path}/cert.pem", f"keyfile {tmp_path}/key.pem")
    broker = Mosquitto(tmp_path, "allow_anonymous true", *files, "user root")
    url = f"mqtts://127.0.0.1:{broker.port}"
    trusting, doubting = House(Broker(url, ca=tmp_path / "cert.pem")), House(Broker(url), "other")
    try:
        wait_until(trusting.home._client.is_connected)
        wait_until(lambda: doubting.live.log.since(0) != [])
        assert not doubting.home._client.is_connected()
    finally:
        trusting.close()
        doubting.close()
        broker.stop()


# What Home Assistant takes (homeassistant/components/mqtt: schemas.py, sensor.py, event.py,
# binary_sensor.py): keys that each platform must have and may have.
COMMON = {"platform", "unique_id", "name", "state_topic", "value_template", "device_class", "entity_category", "icon"}  # fmt: skip
PLATFORMS = {
    "event": ({"state_topic", "event_types"}, COMMON | {"event_types"}),
    "sensor": ({"state_topic"}, COMMON | {"state_class", "unit_of_measurement"}),
    "binary_sensor": ({"state_topic"}, COMMON | {"payload_on", "payload_off"}),
}


def test_home_assistant_finds_the_device(broker: Mosquitto) -> None:
    listener = Listener(broker)
    house = House(Broker(broker.url), "küche/1 +#")
    try:
        topic = "homeassistant/device/skedge_k_che_1___/config"
        assert re.fullmatch(r"homeassistant/\w+/[a-zA-Z0-9_-]+/config", topic)
        found = listener.hear(topic)
        found.pop("retained")
        assert {"device", "origin", "components"} <= set(found)
        assert set(found) <= {"device", "origin", "components", "availability_topic"}
        assert found["device"]["identifiers"]
        assert found["device"]["name"] == "küche/1 +#"
        assert set(found["device"]) <= {
            "identifiers",
            "name",
            "manufacturer",
            "model",
            "sw_version",
        }
        assert found["origin"]["name"] == "skedge"
        unique = [part["unique_id"] for part in found["components"].values()]
        assert len(set(unique)) == len(unique)
        for part in found["components"].values():
            needed, may = PLATFORMS[part["platform"]]
            assert needed <= set(part) <= may
            assert not {"+", "#"} & set(part["state_topic"])
        types = found["components"]["event"]["event_types"]
        assert types == ["wave", "wave ended", "clap", "clap ended"]
        state = listener.hear("skedge/k_che_1___/state")
        for part in found["components"].values():
            keys = re.findall(r"value_json\.(\w+)", part.get("value_template", ""))
            assert set(keys) <= set(state)
    finally:
        house.close()
        listener.close()


def test_two_devices_with_names_in_another_script_are_two(broker: Mosquitto) -> None:
    """A kitchen and a bathroom in Cyrillic were both `_____`, and put each other out for ever."""
    names = ("кухня", "ванна", "кухня pi", "ванна pi", "зал pi", "сад pi")
    houses = [House(Broker(broker.url), name) for name in names]
    try:
        found = [house.home.discovery() for house in houses]
        assert len({one["availability_topic"] for one in found}) == len(names)
        for one in found:
            (name,) = one["device"]["identifiers"]
            assert re.fullmatch(r"skedge_[a-zA-Z0-9_-]+", name), "Home Assistant takes no other"
    finally:
        for house in houses:
            house.close()


def test_a_broker_that_is_not_there_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is noted once, and was not in the journal where it was found before notes were printed, as
    where the broker on the same computer starts later."""
    pose = Pose()
    live = Live(Pictures(1), pose, pose.layout, Nothing())
    start = live.crew.start

    def at_once(name: str, work: Callable[[], None], *ending: Callable[[], None]) -> None:
        if name == "mqtt":
            work()
        else:
            start(name, work, *ending)

    monkeypatch.setattr(live.crew, "start", at_once)
    monkeypatch.setattr(Home, "run", lambda home: home._say_lost("cannot be reached"))
    tell(live, Telling(mqtt="mqtt://nowhere.invalid"), None, lines=sys.stdout)
    live.followed.set()
    live.crew.stop()
    live.crew.join()
    assert capsys.readouterr().err == "note: mqtt: the broker cannot be reached, trying again\n"


def test_two_devices_of_one_name_are_told_what_is_wrong_once(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They take the connection from each other, and wrote two notes a second about it for ever."""
    monkeypatch.setattr(mqtt, "FIRST_WAIT", 0)
    monkeypatch.setattr(mqtt, "BRIEF", PATIENCE)
    houses = [House(Broker(broker.url)) for _ in range(2)]

    def notes(house: House) -> list[str]:
        return [entry[2]["note"] for entry in house.live.log.since(0)]

    def of_name(house: House) -> int:
        return sum("is another device called 'the hall' there" in note for note in notes(house))

    wait_until(lambda: all(of_name(house) for house in houses))
    wait_until(lambda: all(house.home._brief > 2 * mqtt.QUARREL for house in houses))
    for house in houses:
        assert of_name(house) == 1
        assert sum("the broker is gone" in note for note in notes(house)) < mqtt.QUARREL
    houses[0].close()
    monkeypatch.setattr(mqtt, "BRIEF", 0.5)
    wait_until(lambda: notes(houses[1])[-1] == "mqtt: the broker is back")
    assert houses[1].home._brief == 0
    houses[1].close()


def test_a_poor_network_is_no_second_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short connections count only in a row, and those that the broker refused not at all."""
    line = Line(monkeypatch)
    seconds = (1.0, 1.0, 60.0, 1.0, 1.0)
    for one in seconds:
        line.comes()
        line.goes(one)
    for _ in range(5):
        line.goes(0.1)
    lost, back = "mqtt: the broker is gone (why), trying again", "mqtt: the broker is back"
    assert line.notes == [lost, *[back, lost] * (len(seconds) - 1)]


def test_after_a_quarrel_a_broker_is_back_when_a_connection_lasts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = Line(monkeypatch)
    for _ in range(mqtt.QUARREL):
        line.comes()
        line.goes(1.0)
    before = line.notes
    assert "is another device called 'the hall' there?" in before[-1]
    line.home._say_lost("cannot be reached")
    line.comes()
    line.lasts(mqtt.BRIEF - 1)
    assert line.notes == [*before, "mqtt: the broker cannot be reached, trying again"]
    line.lasts(1)
    assert line.notes[len(before) + 1 :] == ["mqtt: the broker is back"]
    line.goes(1.0)
    assert "the broker is gone" in line.notes[-1]


@pytest.mark.parametrize(("url", "port"), [("mqtt://house", 1883), ("mqtts://house", 8883)])
def test_a_broker_is_at_the_usual_port_where_none_is_named(url: str, port: int) -> None:
    live = Live(Pictures(), Pose(), Pose().layout, Nothing())
    assert Home(Broker(url), "hall", lambda: LABELS, live)._client.port == port


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("localhost", "expected mqtt://host:port"),
        ("http://localhost", "expected mqtt://host:port"),
        ("mqtt://", "expected mqtt://host:port"),
        ("mqtt://host:port", "expected mqtt://host:port"),
        ("mqtt://host:0", "expected mqtt://host:port"),  # it was port 1883
        ("mqtt://me:secret@host", "expected no password in the address"),
        ("mqtt://host/house/", "expected mqtt://host:port"),
        ("mqtt://pi..local", "expected mqtt://host:port"),  # the way to it ended in a traceback
        ("mqt://me:secret@host", "expected mqtt://host:port"),
    ],
)
def test_a_wrong_address_is_one_line(url: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message) as caught:
        Telling(mqtt=url)
    assert "\n" not in str(caught.value)
    if "secret" in url:
        assert "secret" not in str(caught.value)


def test_wrong_files_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "login").write_text("me")
    (tmp_path / "login").chmod(0o600)
    for login, message in (("login", "two lines"), ("none", "a text file"), (".", "a text file")):
        with pytest.raises(InputError, match=message):
            Broker("mqtt://host", tmp_path / login)
    with pytest.raises(InputError, match="--mqtt-ca"):
        Broker("mqtts://host", ca=tmp_path / "none")
    with pytest.raises(InputError, match=r"--mqtt-ca .*login: expected a file of certificates"):
        Broker("mqtts://host", ca=tmp_path / "login")
    with pytest.raises(InputError, match="expected --mqtt with"):
        Telling(mqtt_ca=tmp_path / "login")


def test_a_login_that_windows_wrote_is_one(tmp_path: Path) -> None:
    """Its mark at the beginning was part of the user's name, which no broker knows."""
    login = tmp_path / "login"
    login.write_bytes(b"\xef\xbb\xbfpi\r\nsecret word\r\n")
    login.chmod(0o600)
    assert Broker("mqtt://host", login).user() == ("pi", "secret word")


def test_a_certificate_for_a_way_that_is_not_encrypted_is_refused(tmp_path: Path) -> None:
    """It was passed over, and all went to the broker in the clear."""
    with pytest.raises(InputError, match=r"expected an address with mqtts://, got mqtt://"):
        Broker("mqtt://host", ca=tmp_path / "ca.pem")


def test_prometheus_reads_the_metrics() -> None:
    pose = Pose()
    live = Live(Pictures(rate=50), pose, pose.layout, Nothing(), name="camera 0")
    metrics = Metrics(live)
    live.lost["hook"] = 7
    live.model = lambda: {"file": "student.onnx", "checksum": "0adf0ac43d2d"}
    live.start()
    try:
        for number, label in enumerate(('wave "twice"', "clap", "clap")):
            live.log.add("action", happening(number, label, "begun"))
            live.log.add("action", happening(number, label, "ended"))
        wait_until(lambda: live.state()["health"] and live.state()["rates"].get("pose"))
        families = {
            one.name: one for one in text_string_to_metric_families(metrics.text().decode())
        }
    finally:
        live.close()
    counts = {sample.labels["event"]: sample.value for sample in families["skedge_events"].samples}
    assert counts == {'wave "twice"': 1, "clap": 2}
    assert {
        sample.labels["outlet"]: sample.value for sample in families["skedge_lost_events"].samples
    } == {"hook": 7}
    assert families["skedge_info"].samples[0].labels == {
        "version": __version__,
        "model": "student.onnx",
        "checksum": "0adf0ac43d2d",
    }
    assert families["skedge_problems"].samples[0].value == 0
    assert families["skedge_people"].samples[0].value == 0
    assert families["skedge_memory_rss_bytes"].samples[0].value > 1e6
    rates = {one.labels["stage"]: one.value for one in families["skedge_rate_hertz"].samples}
    assert rates["pose"] > 0
    assert all(one.documentation and one.name.startswith("skedge_") for one in families.values())


def test_nobody_is_counted_while_no_picture_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost camera was an empty room, for a home that switches its lights by it."""
    live = Live(Pictures(), Pose(), Pose().layout, Nothing())
    families = text_string_to_metric_families(Metrics(live).text().decode())
    assert "skedge_people" not in {one.name for one in families}
    home = unconnected()
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(home._client, "is_connected", lambda: True)
    monkeypatch.setattr(home, "_retain", lambda topic, text: said.append(json.loads(text)))
    home._tell_state()
    assert [one["people"] for one in said] == [None]


def test_metrics_count_actions_as_they_begin_and_times_in_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live = Live(Pictures(), Pose(), Pose.layout, Nothing(), name="camera 0")
    metrics = Metrics(live)
    figures = {"rates": {}, "latencies": {"pose": {"p50": 250.0, "p95": 4000.0}}, "health": {}}
    monkeypatch.setattr(live, "_figures", figures)
    live.log.add("action", happening(1, "wave", "begun"))
    families = {one.name: one for one in text_string_to_metric_families(metrics.text().decode())}
    assert [one.value for one in families["skedge_events"].samples] == [1]
    times = families["skedge_latency_seconds"].samples
    assert {one.labels["quantile"]: one.value for one in times} == {"0.5": 0.25, "0.95": 4.0}


def test_metrics_are_for_those_with_the_token() -> None:
    served = Served("correct-horse")
    try:
        assert served.ask("/metrics").status == 401
        answer = served.ask("/metrics", Authorization="Bearer correct-horse")
        assert answer.status == 501, "nobody made any"
        assert b"extra `home`" in answer.read()
        server = served.page._server
        server.feeds = replace(server.feeds, metrics=lambda: b"skedge_people 2.0\n")
        answer = served.ask("/metrics", Authorization="Bearer correct-horse")
        assert (answer.status, answer.read()) == (200, b"skedge_people 2.0\n")
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    finally:
        served.close()
