"""Bars of one column of a table in a Markdown page, as SVG on a logarithmic axis.

`python -m skedge.bench.studies.bars docs/results/edge.md "All models in one run" "p50 ms" all.svg`
"""

import re
from html import escape
from math import log10
from pathlib import Path

from skedge.bench.studies.command import one_line, parser_of
from skedge.skeleton.errors import InputError
from skedge.skeleton.files import write_text

NAMES, LENGTH, NUMBERS, ROW, TOP = 390, 380, 80, 26, 34
STYLE = (
    "<style>text { font: 13px system-ui, 'DejaVu Sans', sans-serif; fill: #1b222b }"
    " .quiet { fill: #5c6877 } rect.bar { fill: #3b78cc }</style>"
)


def read_column(page: str, heading: str, column: str) -> list[tuple[str, float]]:
    """The rows of the first table under a heading: their first cell and the number in `column`.

    Rows without a number are left out. Raises `InputError` where there is no such table or column.
    """
    _, found, section = page.partition(f"# {heading}\n")
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in row] for row in rows]
    if not found or not cells or column not in cells[0]:
        raise InputError(f"expected a table with a column {column!r} under {heading!r}, found none")
    place = cells[0].index(column)
    width = len(cells[0])
    read = []
    for row in cells[2:]:
        if len(row) != width or set(row[0]) <= set("-"):
            break
        number = re.match(r"\**([\d.]+)", row[place])
        if number:
            read.append((row[0], float(number[1])))
    return read


def draw_bars(rows: list[tuple[str, float]], unit: str) -> str:
    """An SVG of one bar per row, its length by the logarithm of its number."""
    low = 10 ** (int(log10(min(value for _, value in rows)) - 1))
    span = log10(max(value for _, value in rows) / low)
    width, height = NAMES + LENGTH + NUMBERS, TOP + ROW * len(rows) + 8
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        STYLE,
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text class="quiet" x="{NAMES}" y="20">{escape(unit)}, logarithmic</text>',
    ]
    for row, (name, value) in enumerate(rows):
        y = TOP + ROW * row
        length = LENGTH * log10(value / low) / span
        drawn += [
            f'<text x="{NAMES - 10}" y="{y + 14}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="bar" x="{NAMES}" y="{y + 2}" width="{length:.1f}" height="16" rx="3"/>',
            f'<text x="{NAMES + length + 8:.1f}" y="{y + 14}">{value:g}</text>',
        ]
    return "\n".join([*drawn, "</svg>", ""])


def main() -> None:
    """Draw the column that the arguments name."""
    parser = parser_of("bars", __doc__)
    parser.add_argument("page", type=Path, help="Markdown file")
    parser.add_argument("heading", help="heading above the table")
    parser.add_argument("column", help="column of the numbers")
    parser.add_argument("out", type=Path, help="SVG file to write")
    args = parser.parse_args()
    with one_line(parser):
        rows = read_column(args.page.read_text("utf-8"), args.heading, args.column)
        write_text(args.out, draw_bars(rows, args.column))


if __name__ == "__main__":
    main()
