"""The study of counts: what is compared with what."""

import json
from pathlib import Path

import numpy as np
import pytest

from skedge.bench.studies import counting
from skedge.datasets.poses import PoseWriter
from skedge.datasets.store import Store, StoreWriter
from skedge.edge_runtime.interfaces import Person
from skedge.skeleton import InputError
from tests.edge_runtime.test_guard import NTU
from tests.edge_runtime.test_repetitions import performed


def test_sets_are_counted_where_they_are_and_compared_with_what_was_done(tmp_path: Path) -> None:
    """Six squats and seven in one recording, one of which the file says were nine."""
    squats = np.concatenate([performed("squat", times, 2.0) for times in (6, 7)])
    with StoreWriter(
        tmp_path / "store", name="counts", layout=NTU, labels=("squat", "other"), rate=30.0
    ) as writer:
        true = {"one": [6, 9, 1]}
        writer.attach("repetitions.json", lambda: true)
        middle = 14 * 30
        spans = [(0, 30, 30 + 360), (0, middle + 30, middle + 30 + 420), (1, 0, 20)]
        writer.add("one", squats[None], label=1, intervals=spans)
    found = counting.count(Store(tmp_path / "store"))
    assert found["squat"].tolist() == [[6, 6], [9, 7]]
    text = counting.markdown(found)
    assert "| squat | 2 | 50 % | 50 % |" in text
    assert "| all | 2 |" in text


def test_a_store_that_does_not_say_how_often_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with StoreWriter(
        tmp_path / "store", name="x", layout=NTU, labels=("squat",), rate=30.0
    ) as writer:
        writer.add("one", performed("squat", 2, 2.0)[None], label=0)
    with pytest.raises(InputError, match="data synth --continuous"):
        counting.count(Store(tmp_path / "store"))
    (tmp_path / "store" / "repetitions.json").write_text(json.dumps({"one": 2}))
    monkeypatch.setattr("sys.argv", ["counting", str(tmp_path / "store")])
    with pytest.raises(SystemExit):
        counting.main()
    assert "sets of 5 to 20 repetitions, got none" in capsys.readouterr().err


def _poses(folder: Path, name: str, times: int, label: str = "squat") -> None:
    """A recording of somebody who squats so many times, and of a passer-by."""
    writer = PoseWriter(NTU)
    for number, joints in enumerate(performed("squat", times, 2.0)):
        bodies = [Person(1, joints)] + [Person(2, joints)] * (number < 5)
        writer.add(number / 30, bodies)
    writer.write(folder / f"{name}.npz", label=label)


def test_pose_recordings_are_counted_against_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "poses").mkdir()
    _poses(tmp_path / "poses", "one", times=5)
    _poses(tmp_path / "poses", "two", times=8)
    counts = tmp_path / "counts.csv"
    _poses(tmp_path / "poses", "four", times=5, label="curtsy")
    counts.write_text("one,5\ntwo,12\nfour,5\n")
    argv = ["counting", str(tmp_path / "poses"), "--counts", str(counts)]
    monkeypatch.setattr("sys.argv", argv)
    counting.main()
    printed = capsys.readouterr().out
    assert "| squat | 2 | 50 % | 50 % |" in printed
    assert "| curtsy | 1 | 100 % | 100 % |" in printed
    monkeypatch.setattr("sys.argv", [*argv, "--model", "default"])
    counting.main()  # in the model's own events: it knows squats, and nothing that is called curtsy
    printed = capsys.readouterr().out
    assert "| squat | 2 | 50 % | 50 % |" in printed
    assert "| curtsy | 1 | 0 % | 0 % |" in printed
    monkeypatch.setattr("sys.argv", argv)
    for text, reason in (("three,1\n", "got three"), ("one,many\n", "a number a line")):
        counts.write_text(text)
        with pytest.raises(SystemExit):
            counting.main()
        assert reason in capsys.readouterr().err


def test_sets_that_one_event_covers_are_counted_together() -> None:
    """A person who pauses for a second has done eight, not five and three."""
    sets = [
        counting.Set("clap", start, start + length, times=times)
        for start, length, times in ((1, 3, 5), (5, 2, 3), (20, 4, 7), (30, 4, 6), (40, 2, 1))
    ]
    events = [
        counting.Set(label, start, end, times=times)
        for label, start, end, times in (
            ("clap", 0.8, 7.5, 9),
            ("wave", 20, 24, 7),
            ("clap", 30, 31, 2),
            ("clap", 32, 34, 3),
            ("clap", 50, 52, 4),
        )
    ]
    found = counting._in_events(sets, events)
    assert [(one.times, one.largest, counted) for one, counted in found] == [
        (8, 5, 9),
        (7, 7, 0),
        (6, 6, 5),
        (1, 1, 0),
    ]
