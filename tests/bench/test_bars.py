"""The drawing of a results table says what the table says."""

import re
from pathlib import Path

import pytest

from skedge.bench.studies.bars import draw_bars, read_column
from skedge.skeleton.errors import InputError

ROOT = Path(__file__).parents[2]
PAGE = """## Other

| | ms |
|---|---|
| no | 9 |

## Mine

| | ms | MB |
|---|---|---|
| a & b | **10** | 1 |
| not measured | | 2 |
| c | 100 (noisy) | 3 |

| | MB |
|---|---|
| later | 4 |
"""


def test_the_numbers_of_the_named_column_become_bars() -> None:
    rows = read_column(PAGE, "Mine", "ms")
    assert rows == [("a & b", 10.0), ("c", 100.0)]
    drawn = draw_bars(rows, "ms")
    short, long = map(float, re.findall(r'class="bar" [^>]*width="([\d.]+)"', drawn))
    assert 0 < short < long
    assert ">a &amp; b</text>" in drawn


@pytest.mark.parametrize(("heading", "column"), [("Mine", "seconds"), ("Nothing", "ms")])
def test_a_table_that_is_not_there_is_named(heading: str, column: str) -> None:
    with pytest.raises(InputError, match=f"{column}.*{heading}"):
        read_column(PAGE, heading, column)


def test_the_latency_plot_is_that_of_the_page() -> None:
    page = (ROOT / "docs/results/edge.md").read_text()
    rows = read_column(page, "The same models on a quiet machine", "p50 ms")
    assert (ROOT / "docs/pictures/latency.svg").read_text() == draw_bars(rows, "p50 ms")
