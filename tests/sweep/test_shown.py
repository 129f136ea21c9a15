"""A sweep's table in terminals of several widths."""

import re
from io import StringIO

import pytest
from rich.console import Console

from skedge.sweep.shown import Shown

FIGURE = "91.2 ± 0.4"
RATE, SCALE, WEIGHT = (
    "distill.optim.learning_rate",
    "distill.scale_by_temperature",
    "distill.feature_weight",
)
HIDDEN = [f"evaluate partial-body joints {number}" for number in (1, 5, 10, 15, 20)]


def lines(shown: Shown, width: int = 80) -> list[str]:
    console = Console(width=width, file=StringIO(), record=True, markup=False)
    console.print(shown)
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_names_are_folded_behind_dots_where_that_is_enough() -> None:
    shown = Shown("a sweep", [RATE, "distill"], [["0.1", FIGURE], ["0.01", FIGURE]], axes=1)
    assert lines(shown)[2:] == [
        " distill.",
        " optim.",
        " learning_rate      distill",
        " ──────────────────────────",
        " 0.1             91.2 ± 0.4",
        " 0.01            91.2 ± 0.4",
        "",
    ]


def test_numbers_and_a_legend_are_for_names_wider_than_what_is_below_them() -> None:
    """`learning_ra` and `te` were one below the other."""
    columns = [RATE, SCALE, WEIGHT, "student.widths", "evaluate linear", "distill"]
    row = ["0.1", "true", "3", "[16, 16, 16, 16, 128]", FIGURE, FIGURE]
    assert lines(Shown("a sweep", columns, [row], axes=4))[2:] == [
        "                    student.",
        " (1)   (2)    (3)   widths                  evaluate linear      distill",
        " ───────────────────────────────────────────────────────────────────────",
        " 0.1   true   3     [16, 16, 16, 16, 128]        91.2 ± 0.4   91.2 ± 0.4",
        "",
        f"(1) {RATE}",
        f"(2) {SCALE}",
        f"(3) {WEIGHT}",
    ]


@pytest.mark.parametrize("width", [80, 60, 40])
@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ([RATE, "distill"], ["0.1"]),
        ([RATE, SCALE, "distill", "evaluate linear"], ["0.1", "[16, 16, 16, 16, 128]"]),
        (["losses", "distill"], ["features, logits and labels of three teachers in both ways"]),
        (["(plan)", "distill", "evaluate finetune"], ["動作" * 5]),
    ],
)
def test_no_word_is_cut(columns: list[str], values: list[str], width: int) -> None:
    row = [*values, *[FIGURE] * (len(columns) - len(values))]
    found = lines(Shown("a sweep", columns, [row], axes=len(values)), width)
    text = " ".join(found)
    assert max(map(len, found)) <= width
    for name in columns:
        uncut = all(part in text for part in re.findall(r"[^. ]+[.]?", name))
        assert uncut or re.search(rf"[(][0-9][)] {re.escape(name)}$", text)
    for cell in row:
        assert set(cell.split()) <= set(text.split())
    assert text.count("(plan)") == columns.count("(plan)")


def test_figures_are_folded_last_of_all() -> None:
    columns = ["distill.temperature", "distill", *HIDDEN]
    found = lines(Shown("a sweep", columns, [["3", *[FIGURE] * 6]], axes=1))
    assert max(map(len, found)) <= 80
    assert found[2].split() == [f"({number})" for number in range(1, 8)]
    assert sorted(" ".join(found[4:6]).split()) == sorted(["3", *FIGURE.split() * 6])
    assert found[-7:] == [f"({i}) {name}" for i, name in enumerate(columns, 1)]
