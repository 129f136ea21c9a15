"""The table's cells and the plot."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skedge.sweep.rows import Cell, Row, numeric_axis, plot


def rows(**axes: list[str]) -> list[Row]:
    """Every combination; the k-th one's step `a` has 10 k and 10 k + 2, its step `b` nothing at the
    first."""
    found: list[dict[str, str]] = [{}]
    for axis, labels in axes.items():
        found = [settings | {axis: label} for settings in found for label in labels]
    return [
        Row(settings, {"a": Cell((10.0 * k, 10.0 * k + 2)), "b": Cell((1.0,) if k else ())})
        for k, settings in enumerate(found)
    ]


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    pages: list[Figure] = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure,
        "savefig",
        lambda page, *given, **more: (pages.append(page), save(page, *given, **more)),
    )

    def drawn(given: list[Row]) -> list[Axes]:
        plot(given, tmp_path / "plot.png", title="a title", figure="top1")
        assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
        return pages[-1].axes

    return drawn


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ({"way": ["a", "b"], "tau": ["1", "1e1"], "depth": ["2", "3"]}, "tau"),
        ({"tau": ["4"], "depth": ["2", "3"]}, "depth"),
        ({"way": ["1", "x"], "size": ["nan", "2"]}, None),
        ({}, None),
    ],
)
def test_the_first_axis_of_numbers(axes: dict[str, list[str]], expected: str | None) -> None:
    assert numeric_axis(rows(**axes)) == expected


def test_a_line_for_every_other_combination_with_its_deviations(drawn: Any) -> None:
    panels = drawn(rows(tau=["10", "2"], way=["x", "y"]))
    assert [panel.get_title() for panel in panels] == ["a", "b"]
    assert [panel.get_xlabel() for panel in panels] == ["tau", "tau"]
    x, y = panels[0].containers
    assert (x.get_label(), y.get_label()) == ("way x", "way y")
    np.testing.assert_array_equal(x.lines[0].get_xydata(), [[2, 21], [10, 1]])
    np.testing.assert_array_equal(y.lines[0].get_xydata(), [[2, 31], [10, 11]])
    (bars,) = x.lines[2]
    ends = [[21 - 2**0.5, 21 + 2**0.5], [1 - 2**0.5, 1 + 2**0.5]]
    np.testing.assert_allclose([segment[:, 1] for segment in bars.get_segments()], ends)
    np.testing.assert_array_equal(panels[1].containers[0].lines[0].get_xydata(), [[2, 1]])


def test_bars_where_no_axis_is_of_numbers(drawn: Any) -> None:
    panel, other = drawn(rows(way=["x", "y"], place=["p"]))
    assert [label.get_text() for label in panel.get_yticklabels()] == [
        "way x, place p",
        "way y, place p",
    ]
    assert [bar.get_width() for bar in panel.patches] == [1, 11]
    assert [bar.get_width() for bar in other.patches] == [1]


@pytest.mark.parametrize(
    "given",
    [rows(), [Row({"way": "x"}, {})], rows(tau=[str(i) for i in range(12)], depth=["1", "2"])],
)
def test_other_shapes_are_drawn_too(given: list[Row], drawn: Any) -> None:
    drawn(given)


@pytest.mark.parametrize("many", [2, 10, 12])
def test_every_line_has_a_colour_of_its_own(many: int, drawn: Any) -> None:
    panel = drawn(rows(tau=["1", "2"], way=[f"w{i}" for i in range(many)]))[0]
    assert len({str(line.lines[0].get_color()) for line in panel.containers}) == many


@pytest.mark.parametrize(
    ("values", "scale"),
    [(["0.01", "1"], "log"), (["0.02", "1"], "linear"), (["0", "100"], "linear")],
)
def test_numbers_far_apart_are_on_a_logarithmic_axis(
    values: list[str], scale: str, drawn: Any
) -> None:
    assert drawn(rows(tau=values))[0].get_xscale() == scale


def test_a_legend_of_many_long_lines_covers_neither_title_nor_panels(drawn: Any) -> None:
    ways = [f"pretrain.optim.learning_rate 0.001, widths and strides {i}" for i in range(30)]
    page = drawn(rows(tau=["1", "2"], way=ways))[0].figure
    (legend,) = page.legends
    box = legend.get_window_extent()
    assert not box.overlaps(page._suptitle.get_window_extent())
    assert 0 <= box.x0 < box.x1 <= page.bbox.x1
    assert 0 <= box.y0 < box.y1 <= page.bbox.y1
    for panel in page.axes:
        assert not box.overlaps(panel.get_window_extent())
        assert panel.get_window_extent().width > page.bbox.width / 3
        assert panel.get_window_extent().height > 250, "pixels: the legend takes room of its own"


def test_a_cell() -> None:
    assert Cell((1.0, 2.0, 4.5)).text("top1") == "2.5 ± 1.8"
    assert Cell((1.0,)).text("top1") == "1.0"
    assert Cell((0.012345, 0.012345)).text("loss") == "0.01235 ± 0"
    assert Cell(()).text("top1") == "-"
