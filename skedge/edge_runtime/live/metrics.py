"""The state of the live view in Prometheus' text format. Needs prometheus-client (extra `home`)
when it is asked for."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from skedge import __version__
from skedge.edge_runtime.live.pipeline import Live


class Metrics:
    """Counts events as they begin, and reads the rest from `live` whenever it is asked."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._events: Counter[str] = Counter()
        self._lock = threading.Lock()
        live.tell("action", self._count)

    def text(self) -> bytes:
        """All metrics now, as a scraper reads them; raises `ModuleNotFoundError` without
        prometheus-client."""
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Any]:
        """The families of metrics, as prometheus-client asks a collector for them."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        def gauge(name: str, text: str, value: float) -> Any:
            return GaugeMetricFamily(f"skedge_{name}", text, value=value)

        def by(kind: Any, name: str, text: str, label: str, values: Mapping[str, float]) -> Any:
            family = kind(f"skedge_{name}", text, labels=[label])
            for key, value in values.items():
                family.add_metric([key], value)
            return family

        state = self._live.state()
        with self._lock:
            events = dict(self._events)
        model = state["model"] or {"file": "", "checksum": ""}
        info = GaugeMetricFamily(
            "skedge_info", "Version and model", labels=["version", "model", "checksum"]
        )
        info.add_metric([__version__, model["file"], model["checksum"]], 1)
        yield info
        problems = len(self._live.problems())
        yield gauge(
            "problems", "What keeps events or films from coming; 0 while all is well", problems
        )
        yield gauge("uptime_seconds", "Time since the start", state["uptime"])
        if state["looking"]:
            yield gauge("people", "People in view", len(state["people"]))
        yield by(CounterMetricFamily, "events", text="Actions begun", label="event", values=events)
        yield by(
            CounterMetricFamily,
            "lost_events",
            text="Events left out before a hook, stdout or broker that takes no more",
            label="outlet",
            values=dict(self._live.lost),
        )
        yield by(
            GaugeMetricFamily,
            "rate_hertz",
            text="Frames per second",
            label="stage",
            values=state["rates"],
        )
        left_out = "Frames left out before a stage"
        yield by(
            CounterMetricFamily,
            "dropped_frames",
            text=left_out,
            label="stage",
            values=state["dropped"],
        )
        latency = GaugeMetricFamily(
            "skedge_latency_seconds", "Duration of a stage", labels=["stage", "quantile"]
        )
        for stage, times in state["latencies"].items():
            for name, quantile in (("p50", "0.5"), ("p95", "0.95")):
                latency.add_metric([stage, quantile], times[name] / 1000)
        yield latency
        health = state["health"]
        if health:
            yield gauge("memory_rss_bytes", "Memory of the process", health["rss"])
            yield gauge("memory_available_bytes", "Free memory", health["available"])
            if health["temperature"] is not None:
                yield gauge("temperature_celsius", "Temperature of the CPU", health["temperature"])
            if health["throttled"] is not None:
                yield gauge("throttled", "Reasons of a slow CPU", len(health["throttled"]))

    def _count(self, document: dict[str, Any]) -> None:
        if document["phase"] == "begun":
            with self._lock:
                self._events[document["event"]] += 1
