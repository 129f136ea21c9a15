"""The everyday measure of a model over several sets, as the command gives it."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skedge.bench.everyday import HEAD, Set, html, markdown, rows_of, sets_of
from skedge.cli import main
from skedge.datasets.store import StoreWriter
from skedge.edge_runtime import Recognizer
from skedge.skeleton import InputError, load_layout
from tests.edge_runtime.edge_models import metadata, write_model
from tests.edge_runtime.test_guard import standing


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, a store of its first class and of another movement, and a pose recording."""
    folder = tmp_path_factory.mktemp("every day")
    made = metadata()
    write_model(folder / "m.onnx", made)
    rng = np.random.default_rng(0)
    labels = [made.labels[0], "walk"]
    with StoreWriter(
        folder / "clips", name="clips", layout=made.layout, labels=labels, rate=30.0
    ) as writer:
        for i in range(4):
            joints = rng.normal(size=(1, 90, len(made.layout), 3)).astype(np.float32)
            writer.add(f"clip {i}", joints, label=i % 2, subject=i)
        writer.protocol("xsub", lambda index: np.array([1, 1, 3, 3]))
    body = rng.normal(size=(90, len(load_layout("blazepose33")), 3))
    picture = np.arange(90)
    np.savez(
        folder / "film.npz",
        picture=picture,
        person=picture * 0,
        joints=body,
        rate=30.0,
        label="walk",
    )
    return folder


def test_one_row_per_set_and_a_page(
    room: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = [str(room / "clips"), str(room / "film.npz")]
    flags = ["--model", str(room / "m.onnx"), "--chose", "clips", "--out", str(tmp_path / "out")]
    main(["evaluate", "everyday", "--data", *sets, *flags])
    printed = capsys.readouterr().out
    clips, film = json.loads((tmp_path / "out" / "everyday.json").read_text())["sets"]
    assert "| clips (chose) | 2 |" in printed
    assert (clips["name"], clips["chose"], clips["performances"]) == ("clips", True, 2)
    assert clips["hours_of_other_movement"] == pytest.approx(2 * 3 / 3600, abs=1e-4)
    assert (film["name"], film["performances"], film["recall"]) == ("film", 0, None)
    assert film["hours"] == pytest.approx(3 / 3600, abs=1e-4)
    assert [point["threshold"] for point in clips["curve"]][:2] == [0.2, 0.25]
    assert "<table>" in (tmp_path / "out" / "everyday.html").read_text()


def test_the_list_of_events_has_as_many_as_the_figures(room: Path, tmp_path: Path) -> None:
    """It says in which recording, so that one can be played: `skedge live --source`."""
    sets = [str(room / "clips"), str(room / "film.npz")]
    flags = ["--model", str(room / "m.onnx"), "--threshold", "0.34", "--out", str(tmp_path)]
    main(["evaluate", "everyday", "--data", *sets, *flags])
    with (tmp_path / "everyday.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert {row["recording"] for row in rows} <= {*(f"clip {i}" for i in range(4)), "film"}
    document = json.loads((tmp_path / "everyday.json").read_text())
    assert "moments" not in document, "it would be most of the file"
    for one in document["sets"]:
        own = [row for row in rows if row["set"] == one["name"]]
        false = sum(each["number"] for each in one["false_events"])
        assert sum(row["outcome"] == "false" for row in own) == false
        right = sum(each["right"] for each in one["recall_per_class"].values())
        missed = sum(row["outcome"] == "missed" for row in own)
        assert missed == one["performances"] - right
        for row in own:
            assert 0 <= float(row["start"]) <= float(row["end"]) <= 3.1
            assert (row["confidence"] == "") is (row["outcome"] == "missed")


def test_recordings_that_make_no_sense_are_named(
    room: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their recall is no figure of the model."""
    monkeypatch.setattr(Recognizer, "checks_bodies", True)
    body = standing(90)
    with StoreWriter(
        tmp_path / "mixed", name="mixed", layout=metadata().layout, labels=["walk"], rate=30.0
    ) as writer:
        for name, joints in (("fine", body), ("mm", 1000 * body), ("down", body * [1, -1, 1])):
            writer.add(name, joints[None].astype(np.float32), label=0, subject=1)
        writer.protocol("xsub", lambda index: np.full(len(index), 3))
    flags = ["--model", str(room / "m.onnx"), "--out", str(tmp_path)]
    main(["evaluate", "everyday", "--data", str(tmp_path / "mixed"), *flags])
    (mixed,) = json.loads((tmp_path / "everyday.json").read_text())["sets"]
    (note,) = mixed["notes"]
    assert re.match(r"2 of 3 recordings .*, such as mm: a body is .* are these millimetres", note)
    for name in ("everyday.md", "everyday.html"):
        assert "are these millimetres" in (tmp_path / name).read_text()


def test_time_without_pictures_is_said(room: Path, tmp_path: Path) -> None:
    with np.load(room / "film.npz") as film:
        arrays = {name: film[name] for name in film.files}
    later = arrays["picture"] / 30 + np.where(arrays["picture"] < 45, 0, 7200)
    (tmp_path / "seen").mkdir()
    np.savez(tmp_path / "seen" / "a.npz", **arrays)
    np.savez(tmp_path / "seen" / "b.npz", **arrays, seconds=later)
    flags = ["--model", str(room / "m.onnx"), "--out", str(tmp_path)]
    main(["evaluate", "everyday", "--data", str(tmp_path / "seen"), *flags])
    (found,) = json.loads((tmp_path / "everyday.json").read_text())["sets"]
    assert found["hours"] == pytest.approx(6 / 3600, abs=1e-4)
    said = "1 recording with stretches without pictures, such as b: 2 hours in all, which are no"
    assert said in (tmp_path / "everyday.md").read_text()


def test_a_pace_that_nobody_knows_is_said(room: Path, tmp_path: Path) -> None:
    """A set of 15 frames a second was played at 30, and half of its events were lost, silently."""
    with StoreWriter(
        tmp_path / "some", name="some", layout=metadata().layout, labels=["walk"], rate=None
    ) as writer:
        writer.add("one", standing(90)[None].astype(np.float32), label=0)
    flags = ["--model", str(room / "m.onnx"), "--out", str(tmp_path)]
    main(["evaluate", "everyday", "--data", str(tmp_path / "some"), *flags])
    (some,) = json.loads((tmp_path / "everyday.json").read_text())["sets"]
    assert some["notes"][0].startswith("the store does not know its frame rate: 30 Hz assumed")


def test_a_part_of_the_split(room: Path, tmp_path: Path) -> None:
    flags = ["--model", str(room / "m.onnx"), "--part", "test", "--out", str(tmp_path)]
    main(["evaluate", "everyday", "--data", str(room / "clips"), *flags])
    (clips,) = json.loads((tmp_path / "everyday.json").read_text())["sets"]
    assert clips["performances"] == 1


def test_an_action_that_is_off_has_no_number_for_a_threshold(
    room: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that read the file met a probability of 2."""
    monkeypatch.setattr("skedge.edge_runtime.scoring.everyday.LEAST", 0.0)
    flags = ["--model", str(room / "m.onnx"), "--out", str(tmp_path)]
    given = ["--threshold", "wave=0.34,clap=off"]
    sets = [str(room / "clips"), str(room / "film.npz")]
    main(["evaluate", "everyday", "--data", *sets, *flags, *given])
    document = json.loads((tmp_path / "everyday.json").read_text())
    assert document["thresholds"]["clap"] is None
    assert document["thresholds"]["wave"] == 0.34
    assert document["quieter"]["thresholds"]["clap"] is None
    assert document["quieter"]["thresholds"]["wave"] >= 0.9


def test_names_of_sets() -> None:
    assert sets_of([Path("a/films"), Path("b/x.npz")], ["x"]) == [
        Set("films", Path("a/films")),
        Set("x", Path("b/x.npz"), chose=True),
    ]
    with pytest.raises(InputError, match="different names, got x, x"):
        sets_of([Path("a/x"), Path("b/x")], [])
    with pytest.raises(InputError, match="--chose: expected names of the sets"):
        sets_of([Path("a/x")], ["y"])


def test_events_in_recordings_without_a_label_are_said_to_count_as_false(
    room: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody who waved before `live --record-poses` read `false events: wave in nobody said`."""
    with np.load(room / "film.npz") as film:
        bare = {name: film[name] for name in film.files if name != "label"}
    np.savez(tmp_path / "walk.npz", **bare)
    flags = ["--model", str(room / "m.onnx"), "--out", str(tmp_path / "out")]
    flags += ["--threshold", "0.34"]
    main(["evaluate", "everyday", "--data", str(tmp_path / "walk.npz"), *flags])
    printed = capsys.readouterr().out
    assert (
        "recordings without a label: 1; whatever is done in them, their events count as false"
        in printed
    )
    assert "nobody said" not in printed
    assert "\nwalk,walk,,wave,false," in (tmp_path / "out" / "everyday.csv").read_text()


def test_it_says_which_thresholds_are_quieter_and_what_that_costs(
    room: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says can be typed, and does what it says."""
    monkeypatch.setattr("skedge.edge_runtime.scoring.everyday.LEAST", 0.0)
    flags = ["--model", str(room / "m.onnx"), "--out", str(tmp_path / "out")]
    every = ["evaluate", "everyday", "--data", str(room / "clips"), str(room / "film.npz"), *flags]
    main([*every, "--threshold", "0.34"])
    printed = capsys.readouterr().out
    found = re.search(
        r"Quieter: with --threshold '(.+)' each action's false events are at most 1 .*", printed
    )
    assert found is not None
    assert found[0] in (tmp_path / "out" / "everyday.md").read_text()
    first = json.loads((tmp_path / "out" / "everyday.json").read_text())["quieter"]
    assert set(first) == {"most", "thresholds", "before", "after"}
    name = "false_per_hour_of_other_movement"
    assert first["before"][name] > 2 >= first["after"][name]
    main([*every, "--threshold", found[1]])
    document = json.loads((tmp_path / "out" / "everyday.json").read_text())
    assert document["quieter"] is None
    assert "Quieter" not in capsys.readouterr().out
    main([*every, "--threshold", "0.34", "--most-false", "1e6"])
    assert "Quieter" not in capsys.readouterr().out
    main([*every, "--threshold", "wave=0.34,clap=off"])
    printed = capsys.readouterr().out
    assert re.search("--threshold 'wave=0[.]9[^,]*,clap=off'", printed), "clap was left out"
    with pytest.raises(SystemExit):
        main([*every, "--most-false", "-1"])
    assert "--most-false: expected events an hour from 0, got -1" in capsys.readouterr().err


def measured(**changes: Any) -> dict[str, Any]:
    """A document of one set, by hand."""
    one = {
        "name": "hall", "chose": False, "notes": ["a note"], "performances": 40, "recall": 75.0,
        "wrong_per_minute": 0.25, "hours_of_other_movement": 1.5,
        "false_per_hour_of_other_movement": 12.5, "precision": 62.5, "delay": 0.75,
        "last_answer": 87.5, "answered": 93.8,
        "recall_per_class": {"wave": {"right": 10, "performances": 12}},
        "false_events": [{"in": "walk", "event": "wave", "number": 7}],
        "curve": [
            {"threshold": 0.2, "recall": 90.0, "false_per_hour": 30.0},
            {"threshold": 0.9, "recall": 60.0, "false_per_hour": 2.0},
            {"threshold": 0.99, "recall": 10.0, "false_per_hour": 0.0},
        ],
    }  # fmt: skip
    return {"taught": [], "quieter": None, "sets": [one | changes], "moments": []}


def test_every_figure_is_below_its_own_title() -> None:
    """Two columns that changed places were seen by no test."""
    (row,) = rows_of(measured())
    assert dict(zip(HEAD, row, strict=True)) == {
        "set": "hall",
        "performances": "40",
        "recall %": "75.0",
        "wrong events / min": "0.25",
        "other movement, h": "1.50",
        "false events / h of it": "12.5",
        "precision %": "62.5",
        "delay s": "0.75",
        "last answer %": "87.5",
        "answered %": "93.8",
    }
    said = markdown(measured())
    assert "Recall: wave 10 of 12." in said
    assert "False events: wave in walk 7." in said
    assert "a note." in said
    nothing = markdown(measured(false_events=[], recall_per_class={}))
    assert "Recall: nothing known." in nothing
    assert "False events: none." in nothing


def test_false_events_that_are_not_named_are_counted() -> None:
    """The report named twelve kinds of false events, as if there were no others."""
    kinds = [{"in": f"room {i}", "event": "wave", "number": 20 - i} for i in range(14)]
    assert "wave in room 11 9, others 15." in markdown(measured(false_events=kinds))
    assert "wave in room 11 9." in markdown(measured(false_events=kinds[:12]))


def test_the_page_says_what_the_text_says_and_when_false_events_were() -> None:
    """It had the table and the curve alone."""
    row = ["hall", "day <3>", "walk", "wave", "false", "61.50", "63.00", "0.9876"]
    missed = ["hall", "other day", "wave", "wave", "missed", "0.00", "5.00", ""]
    shown = html(measured() | {"moments": [row, missed]}, "a title")
    for words in ("Recall: wave 10 of 12.", "False events: wave in walk 7.", "a note."):
        assert words in shown
    cells = "<td>hall</td><td>day &lt;3&gt;</td><td>walk</td><td>wave</td><td>false</td>"
    assert f"{cells}<td>61.50</td><td>63.00</td><td>0.9876</td>" in shown
    assert "other day" not in shown
    assert "<h2>False events</h2>" in shown
    many = html(measured() | {"moments": [row] * 60 + [missed] * 9}, "a title")
    assert "<h2>False events, the first 50 of 60</h2>" in many
    assert many.count("day &lt;3&gt;") == 50
    assert "<h2>False events" not in html(measured() | {"moments": [missed]}, "a title")


def test_the_curve_is_of_misses_against_false_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of recall; no false events have no place on its logarithmic axis."""
    drawn: list[Any] = []
    monkeypatch.setattr(
        "skedge.bench.everyday.page.plot", lambda *given, **_: str(drawn.append(given))
    )
    html(measured(), "a title")
    ((_, across, up, series),) = drawn
    assert (across, up) == ("false events per hour", "misses %")
    assert [(one.name, one.points) for one in series] == [("hall", [(30.0, 10.0), (2.0, 40.0)])]


@pytest.mark.parametrize(
    ("hours", "said"), [(0.25, "15 min"), (1.9, "114 min"), (2.0, "2.0 hours"), (12, "12.0 hours")]
)
def test_advice_says_on_how_much_it_rests(hours: float, said: str) -> None:
    name = "false_per_hour_of_other_movement"
    before = {"recall": 80.0, name: 30.0, "hours_of_other_movement": hours}
    quieter = {
        "most": 1.0,
        "thresholds": {"wave": 0.99, "kick": None},
        "before": before,
        "after": {"recall": 70.0, name: 1.5},
    }
    text = markdown(measured() | {"quieter": quieter})
    assert "--threshold 'wave=0.99,kick=off'" in text
    assert f"chosen on these {said}:" in text
    assert "30.0 false events an hour become 1.5, recall of 80.0 % becomes 70.0 %" in text
