"""Counting identity switches, and the figures of a few pictures."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")

from skedge.bench.studies.pose import read_truth, switches
from skedge.edge_runtime.interfaces import Person
from skedge.skeleton import InputError, load_layout

LAYOUT = load_layout("blazepose33")


def people(**places: tuple[float, float]) -> tuple[Person, ...]:
    """Bodies by their number (n0, n1, ...), each all in one place."""
    return tuple(
        Person(int(name[1:]), np.zeros((33, 3), np.float32), np.tile(np.float32(place), (33, 1)))
        for name, place in places.items()
    )


def test_switches_are_counted_by_whom_the_table_means() -> None:
    followed = [
        people(n0=(100, 100), n1=(200, 100)),
        people(n0=(120, 100)),
        people(n0=(125, 100), n1=(115, 100)),
        people(n0=(205, 100), n1=(95, 100)),
        people(n5=(205, 100), n1=(95, 160)),
    ]
    a = [(100.0, 100.0), (110.0, 100.0), (114.0, 100.0), (95.0, 100.0), (95.0, 100.0)]
    truth = {number: {"a": place} for number, place in enumerate(a)}
    assert switches(followed, truth, LAYOUT) == {"switches": 1, "found": 4, "places": 5}, (
        "n0 becomes n1; the last is too far"
    )
    truth[0]["b"], truth[4]["b"] = (200.0, 100.0), (200.0, 100.0)
    assert switches(followed, truth, LAYOUT) == {"switches": 2, "found": 6, "places": 7}, (
        "and n1 becomes n5"
    )


def test_one_body_serves_one_place() -> None:
    truth = {0: {"a": (100.0, 100.0), "b": (110.0, 100.0)}}
    assert switches([people(n0=(108, 100))], truth, LAYOUT) == {
        "switches": 0,
        "found": 1,
        "places": 2,
    }


@pytest.mark.parametrize(
    "text", ["", "frame,who\n1,a\n", "frame,who,x,y\n1,a,here,2\n", "frame,who,x,y\none,a,1,2\n"]
)
def test_what_is_no_table_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text(text)
    with pytest.raises(InputError, match=r"truth\.csv: expected lines frame,who,x,y"):
        read_truth(tmp_path / "truth.csv")


def test_a_table_of_another_film_is_refused() -> None:
    with pytest.raises(InputError, match="frames from 0 to 0, got 0 to 7"):
        switches([people(n0=(1, 1))], {0: {"a": (1.0, 1.0)}, 7: {"a": (1.0, 1.0)}}, LAYOUT)
