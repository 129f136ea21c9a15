"""A week of a live view as `test_week` lets it pass: a camera that is lost and comes back, a wall
clock that is stepped, a network that goes, events for a broker. As a program it takes the broker's
address, a model file and how often the camera is lost, and prints what came of it as JSON. It reads
a line whenever the broker has been started again: the week does not end before the last of them."""

import json
import random
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
from paho.mqtt.client import MQTT_ERR_NO_CONN, MQTT_ERR_SUCCESS

from skedge.edge_runtime.live import Live, actions, mqtt
from skedge.edge_runtime.live.actions import Actions
from skedge.edge_runtime.live.metrics import Metrics
from skedge.edge_runtime.live.mqtt import Broker, Home
from skedge.edge_runtime.recognizer import Recognizer
from skedge.edge_runtime.sources.live import Live as Camera
from tests.edge_runtime.live_fakes import Pose

WEEK = 7 * 86400.0
PICTURES = 20
LAST_WORDS = 60.0
# The broker restarts once for so many losses of the camera, and lags behind by so many restarts.
RESTARTS, LAG = 10, 5


class Clock:
    """Seconds of a week that passes in minutes: `skip` goes on by what nobody waits for."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1 / 30
        return self.now


class Capture:
    """Gives some pictures and is lost then."""

    picture = np.zeros((48, 64, 3), np.uint8)

    def __init__(self) -> None:
        self.left = PICTURES

    def read(self) -> np.ndarray | None:
        time.sleep(0.002)
        self.left -= 1
        return self.picture if self.left >= 0 else None

    def release(self) -> None: ...


class Ledger(Home):
    """Keeps which events the broker has not confirmed yet."""

    events = 0

    def __init__(self, *args: Any, **named: Any) -> None:
        self._pending: list[Any] = []
        super().__init__(*args, **named)

    def _send(self, topic: str, payload: str, *, event: bool) -> Any:
        told = super()._send(topic, payload, event=event)
        if event:
            assert told.rc in (MQTT_ERR_SUCCESS, MQTT_ERR_NO_CONN), "the queue is full"
            told.rc = MQTT_ERR_SUCCESS  # it waits: whether it is published may be asked
            self.events += 1
            self._pending = [*self.pending, told]
        return told

    @property
    def pending(self) -> list[Any]:
        """Events that the broker has not confirmed."""
        return [one for one in self._pending if not one.is_published()]

    def cut(self) -> None:
        """The network is gone."""
        connection = self._client.socket()
        if connection is not None:
            connection.close()


def main() -> None:
    url, model, losses = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    mqtt.STATE_SECONDS, mqtt.FIRST_WAIT, mqtt.LONGEST_WAIT = 0.05, 0.1, 0.3
    step = [0.0]
    actions.time = SimpleNamespace(monotonic=time.monotonic, time=lambda: time.time() + step[0])
    chance, clock = random.Random(0), Clock()
    opened = [0]
    memory: list[int] = []
    process = psutil.Process()
    restarted = [0]
    heard = threading.Condition()

    def hear() -> None:
        for _ in sys.stdin:
            with heard:
                restarted[0] += 1
                heard.notify()

    threading.Thread(target=hear, daemon=True).start()

    def sleep(seconds: float) -> None:
        """A loss: minutes pass at once, and sometimes the clock is set or the network goes."""
        opened[0] += 1
        clock.now += WEEK / losses
        if opened[0] % 20 == 7:
            step[0] += chance.choice((-3600.0, 3600.0, 0.5))
        if opened[0] % 20 == 13:
            home.cut()
        if opened[0] % max(1, losses // 100) == 0:
            memory.append(process.memory_info().rss)
        wanted = opened[0] // RESTARTS - (0 if opened[0] >= losses else LAG)
        with heard:
            heard.wait_for(lambda: restarted[0] >= wanted, LAST_WORDS)
        if opened[0] >= losses:
            camera.close()

    pose = Pose()
    camera = Camera("camera 0", Capture, clock=clock, sleep=sleep)
    recognizer = Recognizer.load(model, threshold=0.0, patience=1, debounce=0.1)
    live = Live(camera, pose, pose.layout, Actions(recognizer, "the hall"), name="camera 0", every_frame=True)  # fmt: skip
    metrics = Metrics(live)
    home = Ledger(Broker(url), "the hall", lambda: recognizer.labels, live=live)
    live.tell("action", home.tell)
    done = threading.Event()

    def tell() -> None:
        home._client.loop_start()
        while not done.wait(mqtt.STATE_SECONDS):
            home._tell_state()
            metrics.text()

    telling = threading.Thread(target=tell)
    telling.start()
    print("running", flush=True)
    live.start()
    live.wait()
    live.close()
    deadline = time.monotonic() + LAST_WORDS
    while home.pending and time.monotonic() < deadline:
        time.sleep(0.05)
    done.set()
    telling.join()
    home._client.disconnect()
    home._client.loop_stop()
    fifth = max(1, len(memory) // 5)
    found = {
        "losses": camera.losses,
        "days": clock.now / 86400,
        "restarts": restarted[0],
        "events": home.events,
        "unconfirmed": len(home.pending),
        "growth_bytes": min(memory[-fifth:]) - min(memory[fifth : 2 * fifth]),
        "rss_bytes": memory[-1],
    }
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
