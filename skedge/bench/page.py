"""The benchmark as one page that needs nothing else: tables and plots, drawn as SVG."""

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10
from typing import Any, NamedTuple

# For more models than colours: dashed lines, hollow marks.
DASHES = ("none", "5 3", "2 3")
COLOURS = (
    "#0b6e99",
    "#c4441c",
    "#2e7d32",
    "#7b3fa0",
    "#b8860b",
    "#00897b",
    "#ad1457",
    "#5d4037",
    "#455a64",
    "#827717",
)
# To the left the longest number beside a tick, to the right half of the longest below the last one.
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 560, 340, 76, 32, 16, 48
STYLE = """
:root { color-scheme: light dark; --line: #8886; --text: #222; --back: #fff; --warn: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e4e4; --back: #16181b; --warn: #ff8a80; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back);
  margin: 0 auto; padding: 1.5rem;
  max-width: 1240px; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; } h2 { font-size: 1.05rem; margin: 0 0 .3rem; }
.table { overflow-x: auto; } table { border-collapse: collapse;
  font-variant-numeric: tabular-nums; font-size: .82rem; }
th, td { padding: .25rem .4rem; text-align: right; border-bottom: 1px solid var(--line); }
td { white-space: nowrap; } th { vertical-align: bottom; }
td:first-child, td:last-child { white-space: normal; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0;
  background: var(--back); min-width: 9rem; }
@media (max-width: 40rem) { th:first-child, td:first-child { min-width: 7rem; } }
.warning { color: var(--warn); font-weight: 600; margin: .2rem 0; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 520px), 1fr));
  gap: 1.5rem; margin: 1.5rem 0; }
figure { margin: 0; } svg { width: 100%; height: auto; } svg text { fill: var(--text);
  font-size: 12px; }
.legend i { box-sizing: border-box; } circle:not([fill]) { fill: none; stroke-width: 1.5; }
.axis { stroke: var(--text); } .grid { stroke: var(--line); stroke-width: .5; }
  polyline { fill: none; stroke-width: 1.8; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1rem; font-size: .8rem; }
.legend i { display: inline-block; width: .9rem; height: .25rem; margin-right: .35rem;
  vertical-align: middle; }
.note { font-size: .85rem; max-width: 80ch; }
"""


class Series(NamedTuple):
    """Points (x, y) of one name: a line, or marks."""

    name: str
    points: Sequence[tuple[float, float]]
    marks: bool = False


class Table(NamedTuple):
    """A table of plain text below its title."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def html(
    document: dict[str, Any],
    tables: Sequence[Table],
    warnings: Sequence[str],
    notes: Sequence[str],
) -> str:
    """The page of a benchmark's document, with its tables, the first of them above the plots, what
    spoils it and how it was measured."""
    body = ["<h1>Benchmark</h1>", *(f'<p class="warning">{escape(line)}</p>' for line in warnings)]
    shown = [f"<p>{escape(one.title)}</p>{table(one.head, one.rows)}" for one in tables]
    body += [*shown[:1], '<div class="plots">', *plots(document), "</div>", *shown[1:]]
    body += [f'<p class="note">{escape(note)}</p>' for note in notes]
    title = f"Benchmark, {document['machine']['cpu']}"
    return page(title, body)


def page(title: str, body: Sequence[str]) -> str:
    """A page of its own with the parts `body`, in HTML."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport"'
        ' content="width=device-width, initial-scale=1"><link rel="icon"'
        f' href="data:,"><title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n'
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of plain text."""
    cells = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    return (
        '<div class="table"><table><thead><tr>'
        + "".join(f"<th>{escape(cell)}</th>" for cell in head)
        + "</tr></thead><tbody>"
        + "".join(f"<tr>{row}</tr>" for row in cells)
        + "</tbody></table></div>"
    )


def plots(document: dict[str, Any]) -> list[str]:
    """One figure for each plot that the document has figures for."""
    from skedge.bench.latency import PERCENTILES

    models = document["models"]
    shares = [
        Series(m["name"], list(zip(m["latency"]["percentiles_ms"], PERCENTILES, strict=True)))
        for m in models
    ]
    start = "seconds since the start"
    found = [
        plot("Latency distribution", "ms", "% of calls", series=shares, log_x=True),
        plot("Median latency of every block", start, "ms", series=_blocks(document), log_y=True),
    ]
    samples = document["conditions"]["samples"]
    warm = Series(
        "temperature",
        [(one["at"], one["temperature"]) for one in samples if one["temperature"] is not None],
    )
    fast = Series(
        "frequency", [(one["at"], one["mhz"]) for one in samples if one["mhz"] is not None]
    )
    for series, unit in ((warm, "°C"), (fast, "MHz")):
        if series.points:
            found.append(plot(f"CPU {series.name}", start, unit, series=[series]))
    held = [
        Series(m["name"], [(at, rate) for at, rate, _ in m["sustained"]["series"]])
        for m in models
        if m["sustained"]
    ]
    if held:
        found.append(
            plot(
                "Answers a second, without a pause", "seconds", "answers/s", series=held, log_y=True
            )
        )
    known = [m for m in models if "top1" in m["accuracy"]]
    for what, unit, cost in (
        ("latency", "median ms", [m["latency"]["p50_ms"] for m in known]),
        ("size", "file KB", [m["file"]["bytes"] / 1e3 for m in known]),
    ):
        against = [
            Series(m["name"], [(x, m["accuracy"]["top1"])], marks=True)
            for m, x in zip(known, cost, strict=True)
        ]
        if against:
            name = f"Accuracy against {what}"
            found.append(plot(name, unit, "top-1 %", series=against, log_x=True))
    return found


def plot(
    title: str,
    x_label: str,
    y_label: str,
    series: Sequence[Series],
    log_x: bool = False,
    log_y: bool = False,
) -> str:
    """A figure with axes, the series in colours of their own, and a legend."""
    across = _Axis([x for one in series for x, _ in one.points], LEFT, WIDTH - RIGHT, log=log_x)
    up = _Axis([y for one in series for _, y in one.points], HEIGHT - BOTTOM, TOP, log=log_y)
    marks = []
    for tick in across.ticks:
        at = across.place(tick)
        marks.append(
            f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        )
        marks.append(
            f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{tick:g}</text>'
        )
    for tick in up.ticks:
        at = up.place(tick)
        marks.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
        )
        marks.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{tick:g}</text>')
    marks.append(
        f'<path class="axis" fill="none" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/><text'
        f' x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}"'
        f' text-anchor="middle">{escape(x_label)}</text><text transform="translate(14'
        f' {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)"'
        f' text-anchor="middle">{escape(y_label)}</text>'
    )
    legend = []
    for number, one in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        again = number // len(COLOURS)
        dashes = f' stroke-dasharray="{DASHES[min(again, 2)]}"'
        places = [(across.place(x), up.place(y)) for x, y in one.points]
        if one.marks or len(places) == 1:
            style = f'r="{5 - again}" {"stroke" if again else "fill"}="{colour}"'
            marks += [f'<circle cx="{x:.1f}" cy="{y:.1f}" {style}/>' for x, y in places]
        else:
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            marks.append(f'<polyline points="{points}" stroke="{colour}"{dashes}/>')
        swatch = f"border: 1px solid {colour}" + ("" if again else f"; background: {colour}")
        legend.append(f'<span><i style="{swatch}"></i>{escape(one.name)}</span>')
    return (
        f'<figure><h2>{escape(title)}</h2><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">'
        + "".join(marks)
        + f'</svg><div class="legend">{"".join(legend)}</div></figure>'
    )


def _blocks(document: dict[str, Any]) -> list[Series]:
    starts: dict[str, list[float]] = {}
    for one in document["conditions"]["samples"]:
        if "model" in one:
            starts.setdefault(one["model"], []).append(one["at"])
    threads = document["settings"]["threads"]
    return [
        Series(
            m["name"],
            list(
                zip(starts[f"{m['name']} @{threads}"], m["latency"]["blocks_p50_ms"], strict=True)
            ),
        )
        for m in document["models"]
    ]


class _Axis:
    """Numbers to places between `start` and `end`, with round ticks."""

    def __init__(self, values: Sequence[float], start: float, end: float, log: bool) -> None:
        self._start = start
        self._end = end
        self._log = log and min(values) > 0
        low, high = self._scale(min(values)), self._scale(max(values))
        # Ticks have a few digits: values that lie closer together than these can tell still get 4
        # or 5 % to either side.
        room = 0.05 * (high - low)
        if self._log:
            room = max(room, log10(1.04))
        elif high - low < 1e-3 * abs(high) or not room:
            room = 0.05 * abs(high) or 0.5
        self._low, self._high = low - room, high + room
        self.ticks = self._powers() if self._log else self._steps()

    def place(self, value: float) -> float:
        return self._start + (self._scale(value) - self._low) / (self._high - self._low) * (
            self._end - self._start
        )

    def _scale(self, value: float) -> float:
        return log10(value) if self._log else value

    def _powers(self) -> list[float]:
        decades = range(floor(self._low), ceil(self._high) + 1)
        for steps in ((1,), (1, 2, 5), (1, 2, 3, 5, 7)):
            ticks = [float(f"{step}e{decade}") for decade in decades for step in steps]
            ticks = [tick for tick in ticks if self._low <= log10(tick) <= self._high]
            if len(ticks) >= 3:
                return ticks
        return [
            float(f"{10 ** (self._low + share * (self._high - self._low)):.4g}")
            for share in (0.1, 0.5, 0.9)
        ]

    def _steps(self) -> list[float]:
        raw = (self._high - self._low) / 5
        unit = 10.0 ** floor(log10(raw))
        step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw)
        first = ceil(self._low / step)
        return [
            float(f"{number * step:.10g}") for number in range(first, floor(self._high / step) + 1)
        ]
