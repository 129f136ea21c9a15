"""One run of the live view's whole way, in a process of its own: what it took, and how long.

`python -m skedge.bench.live_probe '{"network": "lite", ...}'` prints one line of JSON; the settings
are `Settings`'.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import psutil

from skedge.bench.probe import resident
from skedge.edge_runtime.interfaces import Frame, Person, PoseEstimator, Source
from skedge.edge_runtime.live.actions import Actions, Observation, Outlook
from skedge.edge_runtime.live.machine import share_heaps
from skedge.edge_runtime.live.mailbox import Newest
from skedge.edge_runtime.live.pipeline import Consumer, Live
from skedge.edge_runtime.models import find_beside_pose
from skedge.edge_runtime.recognizer import Recognizer
from skedge.edge_runtime.sources import open_source
from skedge.edge_runtime.sources.played import Played
from skedge.skeleton.errors import InputError

# Pictures until networks are warm and people are followed.
WARM = 20
STAGES = ("camera", "pose", "action", "picture", "state")


@dataclass(frozen=True)
class Settings:
    """What is measured: a `model` behind a pose estimator.

    Its landmark `network` follows `people` on so many `threads`. It sees a `film`, or invented
    people (None) in pictures of `width` x `height`, `rate` pictures per second. A film has its own
    size and pace; a `rate` of 0 is as many as can be worked through, of a film too. `viewer` is for
    somebody who looks at the page.
    """

    model: str
    network: str = "lite"
    people: int = 1
    threads: int = 1
    film: str | None = None
    pictures: int = 300
    rate: float = 30.0
    width: int = 640
    height: int = 480
    viewer: bool = False


class _Camera:
    """A source, until so many pictures have been given."""

    def __init__(self, source: Source, pictures: int) -> None:
        self._source = source
        self._pictures = pictures
        self.given = 0

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._source:
            self.given += 1
            yield frame
            if self.given == self._pictures:
                return

    def close(self) -> None:
        self._source.close()


class _Watched:
    """A consumer whose delays are kept: seconds from each picture to its answer and events."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self.delays: list[float] = []
        self.moments: list[float] = []
        self.bodies = self.events = 0

    def update(self, observation: Observation) -> Outlook:
        outlook = self._consumer.update(observation)
        now = time.monotonic()
        self.delays.append(now - observation.taken)
        self.moments.append(now)
        self.bodies += bool(observation.people)
        self.events += len(outlook.happenings)
        return outlook

    def finish(self) -> Outlook:
        return self._consumer.finish()


class _Timed:
    """A pose estimator whose seconds a picture are kept."""

    def __init__(self, pose: PoseEstimator) -> None:
        self._pose = pose
        self.layout = pose.layout
        self.seconds: list[float] = []

    def estimate(self, frame: Frame) -> tuple[Person, ...]:
        start = time.perf_counter()
        people = self._pose.estimate(frame)
        self.seconds.append(time.perf_counter() - start)
        return people


def probe(settings: Settings) -> dict[str, Any]:
    """Runs it once.

    `latency` is milliseconds from a picture to its answer, events included, `cores` what each stage
    uses of a core ("pose workers" are the threads of networks and libraries), `dropped` the
    pictures that no stage had time for.
    """
    share_heaps()
    steps: dict[str, list[float]] = {"detector": [], "landmarks": []}
    source, pose = _open(settings, lambda step, seconds: steps[step].append(seconds))
    # Networks are slow the first time, and no camera waits for them.
    pose.estimate(Frame(np.zeros((settings.height, settings.width, 3), np.uint8), -1.0))
    for found in steps.values():
        found.clear()
    camera = _Camera(source, settings.pictures)
    timed = _Timed(pose)
    watched = _Watched(Actions(Recognizer.load(find_beside_pose(settings.model))))
    viewers: Newest[bytes] = Newest()
    painter = None
    if settings.viewer:
        from skedge.edge_runtime.live.picture import Studio

        painter = Studio(viewers)
        viewers.watch(1)
    live = Live(
        camera, timed, pose.layout, consumer=watched, painter=painter, every_frame=not settings.rate
    )
    began = time.monotonic()
    spent = _spent()
    used: dict[str, float] = {}
    live.start()
    going = True
    while going:
        going = not live.crew.stopping.wait(0.2)
        # What a thread used is known while it is there.
        used = {**used, **_used()} if going else used
    ended = time.monotonic()
    total = _spent() - spent
    live.close()
    if len(watched.delays) <= 2 * WARM:
        raise InputError(
            f"expected more than {2 * WARM} pictures that reach the actions, got"
            f" {len(watched.delays)}; use a longer film or more --pictures"
        )
    _, peak = resident()
    dropped = live.state()["dropped"]
    span = watched.moments[-1] - watched.moments[WARM]
    milliseconds = {name: _summary(took) for name, took in steps.items() if took}
    return {
        "settings": asdict(settings),
        "pictures": {"given": camera.given, "answered": len(watched.delays), **dropped},
        "pictures_per_second": (len(watched.moments) - 1 - WARM) / span,
        "with_body": watched.bodies,
        "events": watched.events,
        "latency": _summary(watched.delays[WARM:]),
        "milliseconds": milliseconds | {"pose": _summary(timed.seconds[WARM:])},
        "cores": {name: seconds / (ended - began) for name, seconds in used.items()},
        "cpu_ms_per_picture": 1e3 * total / len(watched.delays),
        "peak_rss_bytes": peak,
    }


def _open(settings: Settings, took: Any) -> tuple[Source, PoseEstimator]:
    if settings.film is not None:
        from skedge.edge_runtime.pose.blazepose import BlazePose

        source = open_source(settings.film, fast=not settings.rate)
        if getattr(source, "layout", None) is not None:
            raise InputError(f"{settings.film}: expected a film, got recorded skeletons")
        return source, BlazePose(settings.people, settings.threads, settings.network, took=took)
    from skedge.bench.rehearsal import RehearsedPose, Scene

    scene = Scene(settings.people, settings.width, settings.height)
    frames = scene.frames(settings.pictures, settings.rate or 30.0)
    pose = RehearsedPose(
        scene, settings.people, settings.threads, network=settings.network, took=took
    )
    return Played(frames, fast=not settings.rate), pose


def _spent() -> float:
    times = psutil.Process().cpu_times()
    return float(times.user + times.system)


def _used() -> dict[str, float]:
    """Processor seconds by stage up to now."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    used = dict.fromkeys((*STAGES, "pose workers"), 0.0)
    for thread in psutil.Process().threads():
        name = names.get(thread.id, "pose workers")
        if name != "MainThread":
            used[name if name in STAGES else "pose workers"] += (
                thread.user_time + thread.system_time
            )
    return used


def _summary(seconds: list[float]) -> dict[str, float]:
    """Milliseconds."""
    low, high, highest = np.percentile(seconds, (50, 95, 99)) * 1000
    return {"p50": float(low), "p95": float(high), "p99": float(highest), "n": len(seconds)}


if __name__ == "__main__":
    try:
        print(json.dumps(probe(Settings(**json.loads(sys.argv[1])))))
    except ModuleNotFoundError as error:
        print(json.dumps({"missing": error.name}))
    except (InputError, OSError) as error:
        print(json.dumps({"error": str(error)}))
