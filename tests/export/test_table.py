"""Every format and precision with one command."""

import json
from pathlib import Path

import pytest

from skedge import steps
from skedge.datasets.store import Store
from skedge.export import exporter as exporting
from skedge.export import verify
from skedge.export.exporter import Exporter
from skedge.export.verify import ExportError
from skedge.skeleton import InputError


def test_all_files_and_their_table(
    exporter: Exporter, run: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is refused has a row that says why, and no file: not even an older model's, which
    stayed beside the new ones and could be taken for one of them. Nor do an earlier export's files
    stay that this one does not write; a file that skedge did not write there does, and is named."""
    asked: list[tuple[bool, str | None]] = []

    def make(run: Path, store: Store, streaming: bool, note: str | None) -> Exporter:
        asked.append((streaming, note))
        return exporter

    monkeypatch.setattr(exporting, "Exporter", make)
    monkeypatch.setattr(exporting, "PRECISIONS", ("fp32", "fp16"))
    monkeypatch.setitem(verify.TOLERANCE, "fp16", 1e-9)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "fp16.onnx").write_bytes(b"an older model")
    (tmp_path / "models" / "stream-fp16.onnx").write_bytes(b"an older export's")
    (tmp_path / "models" / "stream-fp32.onnx").write_bytes(b"somebody's own model")
    older = {name: {"bytes": len(b"an older export's")} for name in ("stream-fp16.onnx", "../a")}
    older["stream-fp32.onnx"] = {"bytes": 754594}
    (tmp_path / "models" / "formats.json").write_text(json.dumps({"exported": older}))
    report = steps.export_all(run, tmp_path / "models", store, note="of nobody")
    assert asked == [(False, "of nobody")]
    files = sorted(path.name for path in (tmp_path / "models").iterdir() if path.is_file())
    own = "stream-fp32.onnx"
    assert files == ["formats.json", "formats.md", "fp32.onnx", "fp32.tflite", own]
    told = (tmp_path / "models" / "formats.md").read_text()
    assert "Removed, of an earlier export: stream-fp16.onnx." in told
    assert f"Not of this export: {own}." in told
    assert json.loads((tmp_path / "models" / "formats.json").read_text()) == report
    rows = [
        line.split(" | ")
        for line in (tmp_path / "models" / "formats.md").read_text().splitlines()
        if line[0:1] == "|"
    ]
    assert [row[0] for row in rows[2:]] == [
        "| fp32.onnx",
        "| fp16.onnx",
        "| fp32.tflite",
        "| fp16.tflite",
    ]
    assert len({len(row) for row in rows}) == 1
    size = (tmp_path / "models" / "fp32.tflite").stat().st_size
    assert rows[4][1] == f"{size / 1e3:.0f}"
    assert rows[4][6:8] == ["100.00", "0.00"]
    assert "fp16: expected probabilities within 1e-09" in rows[3][1]


def test_why_no_file_at_all_could_be_written_is_said(
    run: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last line was "expected at least one exported model to measure, got none; make one with
    `skedge export`", of a network whose training had ended in no numbers."""

    def refuse(exporter: Exporter, file: Path, precision: str) -> None:
        raise ExportError(f"{precision} differs")

    monkeypatch.setattr(Exporter, "write", refuse)
    with pytest.raises(ExportError, match=r"^all 8 files were refused; fp32\.onnx: fp32 differs$"):
        steps.export_all(run, tmp_path, store)


def test_no_figures_of_earlier_files_stay_where_all_new_ones_are_refused(
    run: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table and the benchmark of an earlier export stayed, of files that had been removed."""
    (tmp_path / "bench").mkdir()
    for name in (
        "fp32.onnx",
        "formats.md",
        "bench/bench.json",
        "bench/bench.md",
        "bench/bench.html",
    ):
        (tmp_path / name).write_text("an older export's")
    (tmp_path / "bench" / "notes.txt").write_text("somebody's own")

    def refuse(exporter: Exporter, file: Path, precision: str) -> None:
        raise ExportError(f"{precision} differs")

    monkeypatch.setattr(Exporter, "write", refuse)
    with pytest.raises(ExportError, match="all 8 files were refused"):
        steps.export_all(run, tmp_path, store)
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"formats.json", "formats.md", "bench/notes.txt"}
    table = (tmp_path / "formats.md").read_text()
    assert table.count("differs") == 8
    assert "compared" not in table, "no file has been"


def test_an_interrupted_export_leaves_no_table_of_other_files(
    run: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table and the latencies of an earlier model stayed beside files of the new one."""
    (tmp_path / "bench").mkdir()
    for name in ("formats.json", "formats.md", "bench/bench.json", "bench/bench.html"):
        (tmp_path / name).write_text('{"exported": {}}')

    def interrupted(exporter: Exporter, file: Path, precision: str) -> dict[str, int]:
        if precision != "fp32":
            raise KeyboardInterrupt
        file.write_bytes(b"a new model")
        return {"bytes": 11}

    monkeypatch.setattr(Exporter, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        steps.export_all(run, tmp_path, store)
    assert [path.name for path in tmp_path.rglob("*")] == ["fp32.onnx"]


def test_two_exports_into_one_folder_do_not_mix(
    run: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files of one network were in the table of the other, or the first export failed at its
    end, as its files had changed."""

    def meanwhile(exporter: Exporter, file: Path, precision: str) -> None:
        with pytest.raises(InputError, match=r"models: expected one export at a time into a fold"):
            steps.export_all(run, tmp_path / "models", store)
        raise KeyboardInterrupt

    monkeypatch.setattr(Exporter, "write", meanwhile)
    with pytest.raises(KeyboardInterrupt):
        steps.export_all(run, tmp_path / "models", store)
    assert not any(tmp_path.iterdir()), "nor does the lock stay"
