"""The table's rows, and their plot."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FIGURES = {
    "top1": "Top-1 in percent",
    "recall": "Right events in percent",
    "loss": "Training loss of the last step",
}


@dataclass(frozen=True)
class Cell:
    """A step's figure at one combination: over the seeds that are complete, the standard deviation
    with n - 1."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float | None:
        return statistics.fmean(self.values) if self.values else None

    @property
    def deviation(self) -> float | None:
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    def text(self, figure: str) -> str:
        digits = ".4g" if figure == "loss" else ".1f"
        return (
            " ± ".join(
                f"{value:{digits}}" for value in (self.mean, self.deviation) if value is not None
            )
            or "-"
        )


@dataclass(frozen=True)
class Row:
    """One combination of the grid's values, with a cell for every step that has the figure."""

    settings: dict[str, str]
    cells: dict[str, Cell]


def plot(rows: Sequence[Row], path: Path, *, title: str, figure: str) -> None:
    """Draw a panel for every step: against the first numeric axis, a line for each combination of
    the others; else bars."""
    from matplotlib.figure import Figure

    commands = list(rows[0].cells)
    axis = numeric_axis(rows)
    across = max(1, min(3, len(commands)))
    down = max(1, math.ceil(len(commands) / 3))
    combinations = len({_title(row, axis) for row in rows}) if axis else 0
    below = 0.25 * combinations if combinations > 1 else 0.0  # inches, of a legend
    page = Figure(
        figsize=(5.5 * across, down * (4.0 if axis else 1.5 + 0.3 * len(rows)) + below),
        layout="constrained",
    )
    page.suptitle(title)
    for command, panel in zip(
        commands, page.subplots(down, across, squeeze=False).flat, strict=False
    ):
        panel.set_title(command)
        panel.grid(alpha=0.3)
        if axis is None:
            _bars(panel, [(_title(row), row.cells[command]) for row in rows], FIGURES[figure])
        else:
            lines: dict[str, list[tuple[float, Cell]]] = {}
            for row in rows:
                lines.setdefault(_title(row, axis), []).append(
                    (float(row.settings[axis]), row.cells[command])
                )
            _lines(panel, lines, axis=axis, unit=FIGURES[figure])
            handles, labels = panel.get_legend_handles_labels()
            if len(labels) > 1 and command == commands[0]:
                page.legend(handles, labels, loc="outside lower center")
    page.savefig(path, dpi=150)


def numeric_axis(rows: Sequence[Row]) -> str | None:
    """The first axis with more than one value, all of them numbers."""
    for axis in rows[0].settings:
        labels = {row.settings[axis] for row in rows}
        if len(labels) > 1 and all(map(_is_number, labels)):
            return axis
    return None


def _bars(panel: Any, bars: Sequence[tuple[str, Cell]], unit: str) -> None:
    complete = [
        (title, cell.mean, cell.deviation or 0.0) for title, cell in bars if cell.mean is not None
    ]
    for title, mean, deviation in complete:
        panel.barh(title, mean, xerr=deviation, color="tab:blue", capsize=3)
    panel.invert_yaxis()
    panel.set_xlabel(unit)


def _lines(panel: Any, lines: dict[str, list[tuple[float, Cell]]], *, axis: str, unit: str) -> None:
    from matplotlib import colormaps

    colors = colormaps["viridis"].resampled(len(lines)) if len(lines) > 10 else colormaps["tab10"]
    for i, (title, members) in enumerate(lines.items()):
        places = sorted(
            (x, cell.mean, cell.deviation or 0.0) for x, cell in members if cell.mean is not None
        )
        x, means, deviations = ([place[part] for place in places] for part in range(3))
        panel.errorbar(x, means, deviations, label=title, color=colors(i), marker="o", capsize=3)
    numbers = [x for members in lines.values() for x, _ in members]
    if min(numbers) > 0 and max(numbers) >= 100 * min(numbers):
        panel.set_xscale("log")
    panel.set_xlabel(axis)
    panel.set_ylabel(unit)


def _title(row: Row, axis: str | None = None) -> str:
    return (
        ", ".join(f"{name} {label}" for name, label in row.settings.items() if name != axis)
        or "all"
    )


def _is_number(label: str) -> bool:
    try:
        return math.isfinite(float(label))
    except ValueError:
        return False
