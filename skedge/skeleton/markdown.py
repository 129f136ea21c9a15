"""Markdown tables."""

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table without a last newline: the first column to the left, figures to the
    right."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (head, *rows)]
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    rule = "|" + "|".join([" --- ", *(" ---: " for _ in head[1:])]) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])
