"""A table of results that no terminal is too narrow for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

# Spaces between two columns, and at both ends of a row.
BETWEEN, ENDS = 3, 2


@dataclass(frozen=True)
class Shown:
    """A table for rich; the first `axes` of its columns are settings, the others figures.

    Where the terminal is narrow, names of settings are folded behind their dots, and other texts
    between their words. Where a word would be cut, numbers with a legend replace names that are
    wider than what is below them.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    axes: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = options.max_width - ENDS - BETWEEN * (len(self.columns) - 1)
        heads, widths = next(
            (way for way in self._ways(room) if sum(way[1]) <= room), [*self._ways(room)][-1]
        )
        table = Table(box=SIMPLE, pad_edge=False, title=self.title)
        for i, (head, width) in enumerate(zip(heads, widths, strict=True)):
            table.add_column(
                head,
                justify="left" if i < self.axes else "right",
                overflow="fold",
                width=width,
            )
        for row in self.rows:
            table.add_row(*row)
        yield table
        numbered = zip(heads, self.columns, strict=True)
        for head, name in numbered:
            if head.replace("\n", "") != name:
                yield Text(f"{head} {name}")

    def _ways(self, room: int) -> Iterator[tuple[list[str], list[int]]]:
        """The columns' heads and widths, from the plainest to the narrowest."""
        heads = [
            name.replace(".", ".\n") if i < self.axes else name
            for i, name in enumerate(self.columns)
        ]
        cells = [[row[i] for row in self.rows] for i in range(len(heads))]
        words = [[word for cell in column for word in cell.split()] for column in cells]
        whole = [*words[: self.axes], *cells[self.axes :]]
        by_number = _numbered(heads, cells)
        for shown, least in (
            (heads, whole),
            ([*by_number[: self.axes], *heads[self.axes :]], whole),
            (by_number, whole),
            (_numbered(heads, words), words),
        ):
            yield shown, _widths(shown, cells, least, room=room)


def _longest(texts: Sequence[str]) -> int:
    return max(map(cell_len, texts), default=0)


def _numbered(heads: Sequence[str], below: Sequence[Sequence[str]]) -> list[str]:
    """The heads, with numbers for those that are wider than all texts below them."""
    wide = [
        _longest(head.split("\n")) > _longest(texts)
        for head, texts in zip(heads, below, strict=True)
    ]
    return [f"({sum(wide[: i + 1])})" if wide[i] else head for i, head in enumerate(heads)]


def _widths(
    heads: Sequence[str],
    cells: Sequence[Sequence[str]],
    least: Sequence[Sequence[str]],
    room: int,
) -> list[int]:
    """Widths of columns that together have that room if they can, the widest made narrower first,
    and none narrower than a word of its head or than the texts `least` of it."""
    widths = [
        _longest([*head.split("\n"), *column]) for head, column in zip(heads, cells, strict=True)
    ]
    narrowest = [
        _longest([*head.split(), *texts]) for head, texts in zip(heads, least, strict=True)
    ]
    while sum(widths) > room and widths != narrowest:
        widest = max(
            (i for i in range(len(widths)) if widths[i] > narrowest[i]), key=lambda i: widths[i]
        )
        widths[widest] -= 1
    return widths
