"""The table of evaluations, and the one that a run ends with."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from skedge.skeleton import InputError
from skedge.tables import evaluations, formats, write_report


def put(folder: Path, **metrics: object) -> None:
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps(metrics))


def test_every_evaluation_has_a_row(tmp_path: Path) -> None:
    put(
        tmp_path / "a",
        protocol="linear",
        fusion="alignment",
        stream="three",
        seed=0,
        epochs=9,
        top1=61.25,
        top5=90,
        clips=430,
    )
    put(
        tmp_path / "b",
        protocol="semi",
        share=0.1,
        stream="joint",
        seeds=[0, 1],
        top1=50,
        top1_std=2.54,
        top5=80,
        top5_std=0,
    )
    hidden = {
        "joints": {"0": {"top1": 60, "std": 0}, "4": {"top1": 50.06, "std": 1.5}},
        "parts": {},
    }
    put(
        tmp_path / "c",
        protocol="partial-body",
        stream="joint",
        seed=0,
        clips=430,
        part="val",
        **hidden,
    )
    put(tmp_path / "pretrain", method="pstl", loss=3.0)
    put(tmp_path / "v", protocol="finetune", part="val", top1=1.0)
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in evaluations([tmp_path]).splitlines()
    ]
    assert rows[2] == [
        str(tmp_path / "a"),
        "linear",
        "alignment",
        "three",
        "0",
        "9",
        "61.2",
        "90.0",
        "430",
        "",
    ]
    assert rows[3][1:] == ["semi 10 %", "", "joint", "0, 1", "", "50.0 ± 2.5", "80.0 ± 0.0", "", ""]
    assert [row[2] for row in rows[4:6]] == ["0 joints hidden", "4 joints hidden"]
    assert [row[1] for row in rows[4:6]] == ["partial-body (val)"] * 2, "figures of no test part"
    assert rows[5][6] == "50.1 ± 1.5"
    assert rows[6][1] == "finetune (val)"
    assert len(rows) == 7


def test_a_row_says_what_it_was_measured_on(tmp_path: Path) -> None:
    """Rows of other sets and splits, and of clips that had trained the network, were beside each
    other as if of one column; a fused result was between its streams."""
    usual = {"protocol": "linear", "top1": 1.0, "store": "ntu60"}
    put(tmp_path / "a", **usual, split="xsub")
    put(tmp_path / "a" / "bone", **usual, split="xsub")
    put(tmp_path / "b", **usual, split="xview", seen_in_training=3, seen_without_labels=12)
    rows = [line.strip("| ").split(" | ") for line in evaluations([tmp_path]).splitlines()]
    assert [(row[0], row[-1]) for row in rows[2:]] == [
        (str(tmp_path / "a"), "ntu60 xsub"),
        (str(tmp_path / "a" / "bone"), "ntu60 xsub"),
        (str(tmp_path / "b"), "ntu60 xview, 3 clips trained on, 12 clips pretrained on"),
    ]


def test_nothing_to_show(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found none"):
        evaluations([tmp_path])
    (tmp_path / "metrics.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        evaluations([tmp_path])


def test_folders_that_add_nothing_to_the_table_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped one was missing from the table without a word; `runs/*` names others, too."""
    run, other, mistyped = (tmp_path / name for name in ("a", "pretrained", "mistyped"))
    put(run, protocol="linear", top1=1.0)
    put(other, loss=1.0)
    with pytest.raises(InputError, match=rf"^{mistyped}: expected .* found none"):
        evaluations([run, mistyped])
    assert evaluations([run, other]) == evaluations([run])
    assert capsys.readouterr().err == f"note: {other}: no evaluation in it\n"


def test_a_run_that_is_named_twice_has_one_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "runs" / "a", protocol="linear", top1=1.0)
    put(tmp_path / "runs" / "b", protocol="linear", top1=2.0)
    monkeypatch.chdir(tmp_path)
    rows = evaluations([Path("runs"), tmp_path / "runs" / "a", Path("runs/../runs/b")])
    assert [rows.count(f"| {figure} |") for figure in ("1.0", "2.0")] == [1, 1]


def model(name: str) -> dict[str, object]:
    return {
        "name": name,
        "accuracy": {"top1": 100.0, "top5": 99.9},
        "latency": {"p50_ms": 123.456},
        "process": {"rss_above_imported_bytes": 123.4e6},
        "file": {"bytes": 12_345e3},
        "model": {"parameters": 1234e3, "macs": 5678e6},
    }


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_figure_of_a_run_is_cut(
    width: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["student of linear probe", "teacher, finetuned"]
    edge = "frame by frame, mean of all answers"
    report = {
        "recipe": {"name": "utd_mhad_skeleton2vec", "input": {"part": "test"}},
        "store": {"name": "synthetic"},
        "accuracy": {name: {"top1": 100.0, "top5": 98.7} for name in names},
        "events": None,
        "bench": {"models": [model("student"), model("teacher")]},
        "recognizer": {edge: {"top1": 76.54, "clips": 9, "notes": []}},
    }
    write_report(report, tmp_path, Console(width=width))
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert not [
        line for line in shown.splitlines() if len(line) > width and str(tmp_path) not in line
    ]
    for figure in ("100.0", "98.7", "99.9", "123.456", "123.4", "12345", "1234 k", "5678", "76.5"):
        assert figure in shown
    for column in ("top-1", "top-5", "ms", "MB", "KB", "params", "MMAC"):
        assert column in shown


def cells(text: str) -> dict[str, dict[str, str]]:
    """The rows of a Markdown table by their first cell, each with its cells by their column."""
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip() for cell in line] for line in lines]
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


def test_the_work_of_one_frame_is_not_nothing(tmp_path: Path) -> None:
    """A live model of 0.4 million operations a frame was one of 0."""
    live = model("student") | {"model": {"parameters": 352e3, "macs": 0.42e6}}
    report = {
        "recipe": {"name": "own", "input": {"part": "test"}},
        "store": {"name": "films"},
        "accuracy": {},
        "events": None,
        "bench": {"models": [live]},
        "recognizer": {},
    }
    write_report(report, tmp_path, Console(quiet=True))
    text = (tmp_path / "report.md").read_text()
    assert cells(text)["student.onnx, 1 thread"]["MMAC"] == "0.4"


@pytest.mark.parametrize(
    ("wrong", "other", "said"),
    [
        (1.04, (90.0, 0.0333), "1.0 wrong ones a minute, 3 false in 2.0 min of anything else (90"),
        (0.0, (None, 0.0), "0.0 wrong ones a minute, no clip of anything else"),
        (None, (0.0, 0.5), "are found, 0 false in 30.0 min of anything else (0 an hour)"),
    ],
)
def test_what_the_events_come_to_is_one_sentence(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    wrong: float | None,
    other: tuple[float | None, float],
    said: str,
) -> None:
    found = {"right": 3, "performances": 4}, {"right": 0, "performances": 5}
    events = {
        "performances": 9,
        "recall_per_class": dict(zip(("wave", "clap"), found, strict=True)),
        "wrong_per_minute": wrong,
        "false_per_hour_of_other_movement": other[0],
        "hours_of_other_movement": other[1],
    }
    report = {
        "recipe": {"name": "own", "input": {"part": "val"}},
        "store": {"name": "films"},
        "accuracy": {},
        "recognizer": {},
        "events": events,
        "bench": {"models": []},
    }
    write_report(report, tmp_path, Console(width=80))
    text = (tmp_path / "report.md").read_text()
    assert "\n\nEvents on the val clips: 3 of 9 actions are found, " in text
    assert said in text
    assert "; see everyday/everyday.html\n" in text
    assert f"; see {tmp_path / 'everyday' / 'everyday.html'}\n" in capsys.readouterr().out


def test_every_figure_of_a_run_is_below_its_own_title(tmp_path: Path) -> None:
    edge = {"top1": 76.54, "clips": 9, "notes": ["joints retargeted"]}
    report = {
        "recipe": {"name": "utd", "input": {"part": "val"}},
        "store": {"name": "synthetic"},
        "accuracy": {"probe": {"top1": 61.25, "top5": 98.7}},
        "events": None,
        "bench": {"models": [model("student")]},
        "recognizer": {"whole clips": edge},
    }
    write_report(report, tmp_path, Console(quiet=True))
    text = (tmp_path / "report.md").read_text()
    none = dict.fromkeys(["ms", "MB", "KB", "params", "MMAC"], "")
    costs = {"ms": "123.456", "MB": "123.4", "KB": "12345", "params": "1234 k", "MMAC": "5678"}
    assert cells(text) == {
        "probe": {"top-1": "61.2", "top-5": "98.7"} | none,
        "student.onnx, 1 thread": {"top-1": "100.0", "top-5": "99.9"} | costs,
        "Recognizer, whole clips": {"top-1": "76.5", "top-5": ""} | none,
    }
    assert text.startswith("# utd on synthetic, part val\n")
    assert "`Recognizer`, whole clips: 76.54 % of 9 clips.\n- joints retargeted\n" in text
    assert text.endswith("## Recipe\n\n```yaml\nname: utd\ninput:\n  part: val\n```\n")
    assert json.loads((tmp_path / "report.json").read_text()) == report


def test_every_figure_of_an_exported_file_is_below_its_own_title() -> None:
    found = {"bytes": 61_344, "largest_difference": 0.0123, "agreement": 0.9875, "clips": 80}
    found |= {"accuracy_lost": 0.25}
    costs = {
        "file": {"name": "int8.onnx"},
        "latency": {"p50_ms": 1.5, "min_ms": 1.25},
        "process": {"peak_rss_bytes": 62e6, "rss_above_imported_bytes": 9e6},
    }
    exported = {
        "int8.onnx": found | {"left_in_float": ["a", "b"]},
        "fp32.onnx": found,
        "fp16.onnx": {"refused": "differs"},
    }
    models = [costs, costs | {"file": {"name": "fp32.onnx"}, "latency": {"p50_ms": 9, "min_ms": 8}}]
    report = {"exported": exported, "bench": {"models": models}, "removed": [], "others": []}
    text = formats(report)
    shown = cells(text)
    assert shown["int8.onnx"] == {
        "KB": "61", "p50 ms": "1.500", "fastest ms": "1.250", "peak RSS MB": "62.0",
        "largest difference": "0.012", "agreement %": "98.75", "points lost": "0.25",
        "in float": "2",
    }  # fmt: skip
    other = {"p50 ms": "9.000", "fastest ms": "8.000", "in float": ""}
    assert shown["fp32.onnx"] == shown["int8.onnx"] | other
    assert [cell for cell in shown["fp16.onnx"].values() if cell] == ["differs"]
    assert "on 80 held-out clips" in text
