"""The report of a sweep: sweep.json with everything, sweep.md with a table, sweep.png with a
plot."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from skedge.datasets.store import Store
from skedge.skeleton.files import write_json, write_text, write_whole
from skedge.skeleton.markdown import table
from skedge.sweep.grid import Given, Sweep
from skedge.sweep.point import Point
from skedge.sweep.rows import FIGURES, Cell, Row, plot
from skedge.sweep.shown import Shown

# Metrics whose keys are the labels of classes; a class may have the name of a figure.
BY_LABEL = ("classes", "per_class", "thresholds", "patience", "lasting")


@dataclass(frozen=True)
class Outcome:
    """The result of a point: the metrics of its steps if all are complete, the error if it was
    tried and they are not."""

    point: Point
    metrics: dict[str, dict[str, Any]] | None
    error: str | None = None
    log: Path | None = None

    @classmethod
    def of(cls, point: Point, log: Path | None = None, said: str = "") -> "Outcome":
        """`log` and `said` are of a point that has just ended."""
        metrics = point.result()
        if metrics is not None or log is None:
            return cls(point, metrics, log=log)
        lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
        last = [line.strip() for line in lines if line.strip() and not line.startswith("srun:")][
            -1:
        ]
        return cls(point, None, error=" ".join([*last, f"({said})"]), log=log)

    def figures(self, figure: str) -> dict[str, float]:
        """That figure of every step that has it, also of the parts of its metrics, such as
        partial-body's numbers of hidden joints."""
        return dict(_figures(figure, (), self.metrics or {}))


def _figures(
    figure: str, at: tuple[str, ...], metrics: dict[str, Any]
) -> Iterator[tuple[str, float]]:
    for name, value in metrics.items():
        if isinstance(value, dict):
            if name not in BY_LABEL:
                yield from _figures(figure, (*at, name), value)
        elif name == figure and value is not None:
            yield " ".join(at), float(value)


@dataclass(frozen=True)
class Report:
    """A sweep's outcome; `figure` is the metric that the rows hold."""

    name: str
    sweep: Sweep
    store: Store
    outcomes: list[Outcome]
    given: Given

    @property
    def failed(self) -> list[str]:
        """A line for every point that was tried and is not complete: its error and its log."""
        return [
            f"{one.point.title}: {one.error}, see {one.log}" for one in self.outcomes if one.error
        ]

    @property
    def reasons(self) -> list[str]:
        """A line for every reason why points failed: the first of them, how many more, its log."""
        points: dict[str, list[Outcome]] = {}
        for one in self.outcomes:
            if one.error:
                points.setdefault(one.error, []).append(one)
        return [
            f"{first.point.title}{f', and {len(more)} more' if more else ''}: {error}, see"
            f" {first.log}"
            for error, (first, *more) in points.items()
        ]

    @property
    def figure(self) -> str:
        """The first of `FIGURES` that any step has, else top-1."""
        return next(
            (figure for figure in FIGURES if any(one.figures(figure) for one in self.outcomes)),
            "top1",
        )

    @property
    def rows(self) -> list[Row]:
        groups: dict[tuple[str, ...], list[Outcome]] = {}
        for outcome in self.outcomes:
            groups.setdefault(tuple(outcome.point.settings.values()), []).append(outcome)
        figures = {id(one): one.figures(self.figure) for one in self.outcomes}
        shown = dict.fromkeys(name for found in figures.values() for name in found)
        rows = []
        for group in groups.values():
            found = [figures[id(one)] for one in group]
            cells = {name: Cell(tuple(one[name] for one in found if name in one)) for name in shown}
            rows.append(Row(group[0].point.settings, cells))
        return rows

    @property
    def notes(self) -> list[str]:
        """Notes on the figures: what they are, what they may be used for, and what is missing."""
        inputs = [one.point.recipe.input for one in self.outcomes if self.figure != "loss"]
        measured = sorted({(data.part, data.protocol) for data in inputs})
        where = " and ".join(f"the {part} part of {protocol}" for part, protocol in measured)
        figure = FIGURES[self.figure] + (f", measured on {where}" if measured else "")
        seeds = self.sweep.seeds
        spread = (
            f", mean ± standard deviation (n - 1) over the seeds {', '.join(map(str, seeds))}"
            if len(seeds) > 1
            else ""
        )
        notes = [f"{figure}{spread or f', seed {seeds[0]}'}."]
        if any(part == "test" for part, _ in measured):
            notes.append(
                "These are test figures: a setting may be reported by them, not chosen; choose with"
                " input.part: val."
            )
        for what, folder in (("encoder", self.given.pretrained), ("teacher", self.given.teacher)):
            if folder is not None:
                notes.append(
                    f"All points start from the same {what}, {folder}; the seeds do not vary it."
                )
        notes += self.no_difference
        missing = [one for one in self.outcomes if one.metrics is None]
        if missing:
            notes.append(
                f"{len(missing)} of {len(self.outcomes)} points are not complete; their seeds are"
                " not in the means:"
            )
        others = [f"{one.point.title}: not run to its end" for one in missing if not one.error]
        return [*notes, *(f"- {line}" for line in self.failed + others)]

    @property
    def no_difference(self) -> list[str]:
        """A note on every axis whose values have all given the same."""
        return [
            f"{axis} made no difference: points that differ by it alone gave the same figures to"
            " the last digit; see whether a step reads it under the other settings."
            for axis in self.sweep.grid
            if self._without_effect(axis)
        ]

    def _without_effect(self, axis: str) -> bool:
        """Whether all complete points that differ by this axis alone have the same metrics."""
        groups: dict[tuple[Any, ...], list[Any]] = {}
        for one in self.outcomes:
            others = [label for name, label in one.point.settings.items() if name != axis]
            if one.metrics is not None:
                groups.setdefault((*others, one.point.seed), []).append(one.metrics)
        alike = [all(one == found[0] for one in found) for found in groups.values()]
        return all(alike) and any(len(found) > 1 for found in groups.values())

    def write(self, out: Path) -> None:
        """Write sweep.json, sweep.md and sweep.png, each whole or not at all."""
        write_json(out / "sweep.json", self.document(out))
        write_text(out / "sweep.md", self.markdown())
        write_whole(
            out / "sweep.png",
            lambda path: plot(
                self.rows, path, title=f"{self.name} on {self.store.name}", figure=self.figure
            ),
        )

    def document(self, out: Path) -> dict[str, Any]:
        return {
            "name": self.name,
            "sweep": asdict(self.sweep),
            "store": {
                "name": self.store.name,
                "fingerprint": self.store.fingerprint,
                "clips": len(self.store),
            },
            "pretrained": self.given.pretrained and str(self.given.pretrained),
            "teacher": self.given.teacher and str(self.given.teacher),
            "figure": self.figure,
            "rows": [
                {
                    "settings": row.settings,
                    "steps": {
                        command: {
                            "mean": cell.mean,
                            "deviation": cell.deviation,
                            "values": cell.values,
                        }
                        for command, cell in row.cells.items()
                    },
                }
                for row in self.rows
            ],
            "points": [
                {
                    "settings": one.point.settings,
                    "seed": one.point.seed,
                    "protocol": one.point.recipe.input.protocol,
                    "part": one.point.recipe.input.part,
                    "folder": str(one.point.folder.relative_to(out)),
                    "metrics": one.metrics,
                    "error": one.error,
                    "log": one.log and str(one.log),
                }
                for one in self.outcomes
            ],
        }

    def table(self) -> tuple[list[str], list[list[str]]]:
        rows = self.rows
        columns = [*rows[0].settings, *rows[0].cells]
        return columns, [
            [*row.settings.values(), *(cell.text(self.figure) for cell in row.cells.values())]
            for row in rows
        ]

    def markdown(self) -> str:
        columns, rows = self.table()
        shown = asdict(replace(self.sweep, base=Path(self.sweep.base).stem))
        lines = [
            f"# {self.name} on {self.store.name}",
            "",
            table(columns, rows),
        ]
        for note in self.notes:
            lines += [note] if note.startswith("- ") else ["", note]
        document = yaml.safe_dump(shown, sort_keys=False, default_flow_style=None, width=120)
        return "\n".join([*lines, "", "```yaml", document.rstrip(), "```", ""])

    def printed(self) -> Shown:
        columns, rows = self.table()
        title = f"{self.name} on {self.store.name}"
        return Shown(title, columns, rows, axes=len(self.sweep.grid))
