"""The live view in a terminal, drawn by rich."""

from datetime import datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live as Screen
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from skedge.edge_runtime.live.crew import LAST_WORDS
from skedge.edge_runtime.live.pipeline import Live

REFRESH = 0.25
EVENTS = 8
PEOPLE = 4
WAITING = Text("waiting for pictures", style="dim")


class Terminal:
    """Draws the state four times a second until the crew stops, then what came last; `address` is
    the page's, if there is one."""

    def __init__(self, live: Live, console: Console, address: str | None = None) -> None:
        self._live = live
        self._console = console
        self._address = address

    def run(self) -> None:
        with Screen(console=self._console, auto_refresh=False) as screen:
            while True:
                screen.update(self.render(), refresh=True)
                if self._live.crew.stopping.wait(REFRESH):
                    break
            self._live.followed.wait(LAST_WORDS)
            screen.update(self.render(over=True), refresh=True)

    def render(self, over: bool = False) -> RenderableType:
        """What the terminal shows; where it is `over`, nothing of what goes on."""
        state = self._live.state()
        parts: list[RenderableType] = []
        if over:
            parts.append(Text.assemble((state["source"], "bold"), " has ended"))
        else:
            parts.append(_head(state, self._address))
            if state["banner"]:
                parts.append(Text(state["banner"], style="bold yellow"))
            parts.append(_people(state["people"]) if state["looking"] else WAITING)
        parts.append(_log(self._live.log.since(0)))
        parts.append(_figures(state))
        return Group(*parts)


def _head(state: dict[str, Any], address: str | None) -> Text:
    line = Text.assemble(
        (f"{state['source']} ", "bold"),
        (state["status"] or "running", "red" if state["status"] else "green"),
    )
    return line + Text(f"   {address}   Ctrl-C ends" if address else "   Ctrl-C ends", style="dim")


def _people(people: list[dict[str, Any]]) -> RenderableType:
    if not people:
        return Text("nobody in view", style="dim")
    grid = Table.grid(padding=(0, 1))
    for person in people[:PEOPLE]:
        name = "scene" if person["id"] is None else f"person {person['id']}"
        name += " (upper body)" if person["upper"] else ""
        for event in person["doing"]:
            grid.add_row(name, Text(_going(event), style="bold green"))
            name = ""
        if not person["top"]:
            grid.add_row(
                name,
                Text(
                    person["problem"]
                    or ("in view" if person["whole"] else "no whole body in view"),
                    style="yellow",
                ),
            )
        for place, answer in enumerate(person["top"]):
            bar = ProgressBar(total=1.0, completed=answer["probability"], width=30)
            grid.add_row(
                name if place == 0 else "",
                Text(answer["label"]),
                bar,
                f"{100 * answer['probability']:3.0f} %",
            )
    if len(people) > PEOPLE:
        grid.add_row(f"and {len(people) - PEOPLE} more")
    return grid


def _log(entries: list[tuple[int, str, dict[str, Any]]]) -> Text:
    """The last events and notes, a line each; the end of an action takes the place of its
    beginning."""
    lines = Text()
    ended = {document["id"] for _, _, document in entries if document.get("phase") == "ended"}
    shown = [
        (kind, document)
        for _, kind, document in entries
        if document.get("phase") != "begun" or document["id"] not in ended
    ]
    for kind, document in shown[-EVENTS:]:
        clock = datetime.fromisoformat(document["time"]).astimezone().strftime("%H:%M:%S")
        if kind == "action":
            whose = "" if document["person"] is None else f"  person {document['person']}"
            lines.append(f"{clock}  {document['event']}", "bold").append(
                f"  {document['confidence']:.2f}{_length(document)}{whose}\n", "dim"
            )
        else:
            lines.append(f"{clock}  {document['note']}\n", "yellow")
    return lines


def _length(document: dict[str, Any]) -> str:
    """How long an action lasted and how often it was done, as far as that is known."""
    seconds, times = document["length"], document["repetitions"]
    return ("" if seconds is None else f"  {seconds:.1f} s") + (
        f"  {times} times" if times and times > 1 else ""
    )


def _going(event: dict[str, Any]) -> str:
    return f"{event['event']} goes on:{_length(event)}"


def _figures(state: dict[str, Any]) -> Text:
    rates = ", ".join(f"{name} {rate:g}" for name, rate in state["rates"].items())
    times = ", ".join(
        f"{name} {one['p50']:g}/{one['p95']:g}" for name, one in state["latencies"].items()
    )
    health = state["health"]
    parts = [f"Hz: {rates}", f"ms p50/p95: {times}"]
    if health:
        memory = f"{health['rss'] / 2**20:.0f} MB of {health['total'] / 2**20:.0f}"
        warm = "" if health["temperature"] is None else f"   {health['temperature']:g} °C"
        slow = f"   {', '.join(health['throttled'])}" if health["throttled"] else ""
        parts.append(f"memory {memory}   CPU {health['cpu']:.0f} %{warm}{slow}")
    return Text("\n".join(parts), style="dim")
