"""The command line as a person types it: the whole path on a few clips, and one clear line for
wrong input."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest

from skedge.cli.main import COMMANDS, main
from skedge.cli.options import training_into
from skedge.datasets.progress import progress, track
from skedge.datasets.store import StoreWriter
from skedge.edge_runtime.backends.seal import seal
from skedge.skeleton import InputError, load_layout
from skedge.teacher.runs.asked import CHECKPOINT, METRICS
from tests.cli.conftest import Refused
from tests.cli.typed import TINY, skedge


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a room with spaces") / "my runs"


@pytest.fixture(scope="module")
def typed(store: Path, runs: Path) -> list[str]:
    """The whole path, as a person types it."""
    return ["run", "--data", str(store), "--recipe", "synthetic", "--out", str(runs), *TINY]


@pytest.fixture(scope="module")
def first_run(typed: list[str], one_registry: None) -> str:
    """What the whole path prints without a terminal."""
    shown = StringIO()
    with redirect_stdout(shown), pytest.MonkeyPatch.context() as changed:
        changed.delenv("COLUMNS", raising=False)
        main(typed)
    return shown.getvalue()


@pytest.fixture(scope="module")
def run(first_run: str, runs: Path) -> Path:
    return runs / "synthetic"


def test_wrong_input_ends_without_a_traceback() -> None:
    done = skedge("data", "info", "nowhere")
    assert done.returncode == 2
    assert done.stderr.startswith("skedge: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert not done.stdout


def test_a_checkout_that_nobody_installed_says_how() -> None:
    """`python -m skedge` in a new clone ended in a traceback."""
    checkout = Path(__file__).parents[2]
    command = [sys.executable, "-S", "-E", "-m", "skedge", "--help"]  # without what is installed
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("skedge: it needs ")
    assert line.endswith(f'-m pip install "{checkout}"')


@pytest.mark.parametrize(
    ("at", "raised"),
    [
        ("jsonargparse", "KeyboardInterrupt"),
        ("skedge.datasets.store", "KeyboardInterrupt"),
        ("skedge.datasets.store", "ImportError('initialization failed') from KeyboardInterrupt()"),
    ],
)
def test_ctrl_c_in_the_first_second_ends_in_one_line(at: str, raised: str) -> None:
    """While skedge or a library was still being imported, it ended in a traceback; ONNX Runtime
    makes an error of its own of it."""
    code = f"""
import sys
class Pressed:
    def find_spec(self, name, *_):
        if name == {at!r}:
            raise {raised}
sys.meta_path.insert(0, Pressed())
from skedge.cli import main
main(["data", "info", "nowhere"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "skedge: interrupted\n")


@pytest.mark.parametrize("asked", ["--help", "--version"])
def test_ctrl_c_ends_in_one_line_where_nobody_reads_on(asked: str) -> None:
    """Behind `| less` the texts that no command writes, and the last lines of one, ended in a
    traceback."""
    code = f"""
import os, signal, threading
from skedge.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
main([{asked!r}])
"""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(4096))
    os.set_blocking(writing, True)
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60
    )
    os.close(reading)
    os.close(writing)
    assert (done.returncode, done.stderr) == (130, "skedge: interrupted\n")


def test_a_run_ends_in_a_table_a_report_and_a_model(first_run: str, run: Path) -> None:
    shown = first_run
    for row in (
        "ridge on coordinates",
        "untrained, linear probe",
        "untrained, norms fitted",
        "teacher, linear probe",
        "teacher, finetuned",
        "student of finetuned",
    ):
        assert row in shown
        assert row in (run / "report.md").read_text()
    assert "report.md" in shown
    assert "…" not in shown  # without a terminal, where the table has 80 columns
    report = json.loads((run / "report.json").read_text())
    assert report["export"]["student"]["largest_difference"] < 1e-4
    assert [model["name"] for model in report["bench"]["models"]] == ["student", "teacher"]
    assert set(report["recognizer"]) == {
        "whole clips",
        "frame by frame",
        "frame by frame, mean of all answers",
    }
    # Training and the edge may not disagree: the same held-out clips, the same answers.
    assert (
        report["recognizer"]["whole clips"]["top1"]
        == report["accuracy"]["student of finetuned"]["top1"]
    )
    assert not list(run.rglob("last.ckpt"))


def test_a_second_run_trains_nothing_again(run: Path, typed: list[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.rglob("weights.safetensors")}
    assert len(before) == 4 + 4, "the untrained encoder in two forms, and its probes"
    main(typed)
    assert {path: path.stat().st_mtime_ns for path in run.rglob("weights.safetensors")} == before


def test_a_changed_setting_trains_what_depends_on_it(run: Path, typed: list[str]) -> None:
    before = {
        path.parent.name: path.stat().st_mtime_ns for path in run.rglob("weights.safetensors")
    }
    main([*typed, "--finetune.label_smoothing=0.2"])
    after = {path.parent.name: path.stat().st_mtime_ns for path in run.rglob("weights.safetensors")}
    assert {name for name in after if after[name] != before[name]} == {
        "finetune",
        "student-finetune",
    }


def test_flags_override_the_recipe_wherever_they_stand() -> None:
    for arguments in (
        ["--recipe", "utd_mhad", "--pretrain.optim.epochs", "3"],
        ["--pretrain.optim.epochs", "3", "--recipe", "utd_mhad"],
    ):
        shown = skedge("run", *arguments, "--print_config").stdout
        assert "epochs: 3\n" in shown
        assert "projector: 1024" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dance"], ["unknown command", "dance", "pretrain"]),
        (["run", "--recipe", "nothing"], ["nothing", "utd_mhad"]),
        (["run", "--pretrain.optim.epochs", "many"], ["epochs"]),
        (["pretrain", "--data", "nowhere", "--out", "x"], ["nowhere"]),
        (["data", "info", "nowhere"], ["nowhere"]),
        (["data", "import", "bvh", "x", "y"], ["bvh", "utd-mhad", "pyskl"]),
        (["predict", "missing.onnx", "nowhere"], ["missing.onnx"]),
        (["predict", "default", "stores/nowhere"], ["stores/nowhere", "store's folder"]),
        (["predict", "default", "nowhere.npy"], ["nowhere.npy", "clip's .npy"]),
        (["bench", "missing.onnx"], ["missing.onnx"]),
        (
            ["distill", "--data", "STORE", "--out", "x", "--teacher", "nowhere"],
            ["nowhere", "run folder"],
        ),
        (["evaluate", "linear", "--data", "STORE", "--out", "x"], ["--pretrained"]),
        (
            ["pretrain", "--data", "STORE", "--out", "x", "--input.protocol", "xview"],
            ["xview", "xsub"],
        ),
    ],
)
def test_wrong_arguments(
    arguments: list[str],
    words: list[str],
    store: Path,
    tmp_path: Path,
    refused: Refused,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(*[store if argument == "STORE" else argument for argument in arguments], words=words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["predict", "default", "STORE", "--rate", "15"], ["--rate", ".npy", "leave it out"]),
        (
            ["predict", "default", "STORE", "--rate", "15", "--layout", "ntu25"],
            ["--rate and --layout", "leave them out"],
        ),
        (
            ["predict", "default", "clip.npy", "--part", "train", "--label", "wave"],
            ["--part and --label", "store", "clip.npy"],
        ),
        (["predict", "default", "clip.npy", "--synonyms", "{a: b}"], ["--synonyms", "store"]),
        (["bench", "default", "--protocol", "xsub"], ["--protocol", "--data"]),
        (
            ["evaluate", "everyday", "--data", "STORE", "--protocol", "xsub"],
            ["--protocol", "--part"],
        ),
        (
            ["evaluate", "everyday", "--data", "STORE", "--synonyms", "{boxing: punsch}"],
            ["--synonyms", "boxing", "punch", "punsch"],
        ),
        (
            ["export", "run", "out", "--data", "STORE", "--all", "--precision", "int8"],
            ["--precision", "--all"],
        ),
        (["live", "--fast"], ["--fast", "film", "got a camera or stream"]),
        (["live", "--source", "a.mp4", "--wait"], ["expected a camera or stream", "--wait"]),
        (["live", "--source", "clip.npy", "--rotate", "90"], ["--rotate", "got skeletons"]),
        (["live", "--source", "STORE#clip", "--people", "2"], ["--people", "a clip of a store"]),
        (["live", "--no-page", "--host", "0.0.0.0"], ["--host", "--no-page"]),
        (
            ["live", "--no-page", "--record", "films", "--record-later"],
            ["--record-later", "--no-page"],
        ),
        (["live", "--pose", "a:b", "--pose-threads", "2"], ["--pose-threads", "your own"]),
        (["live", "--record", "a.mp4", "--segment", "9"], ["--record FOLDER", "--segment"]),
        (["live", "--record-limit", "2"], ["--record FOLDER", "--record-limit"]),
        (["live", "--mqtt-ca", "ca.pem"], ["--mqtt", "--mqtt-ca"]),
        (["record", "a", "--out", "x", "--source", "clip.npy", "--pose", "lite"], ["--pose"]),
        (["data", "import", "films", "films", "x", "--layout", "ntu25"], ["--layout", "--pose"]),
    ],
)
def test_flags_without_an_effect_are_refused(
    arguments: list[str],
    words: list[str],
    store: Path,
    tmp_path: Path,
    refused: Refused,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They were passed over: the rate of a store's clips stayed what it was, a file's clip was
    recognised whatever part and class were asked for."""
    monkeypatch.chdir(tmp_path)
    np.save("clip.npy", np.zeros((30, 25, 3), np.float32))
    (tmp_path / "films" / "wave").mkdir(parents=True)
    (tmp_path / "films" / "wave" / "a.mp4").touch()
    refused(*[store if argument == "STORE" else argument for argument in arguments], words=words)


@pytest.mark.parametrize(
    "arguments",
    [
        ["bench", "default"],
        ["bench", "live"],
        ["evaluate", "everyday", "--data", "STORE"],
        ["evaluate", "online", "--model", "default", "--data", "STORE"],
    ],
)
def test_where_no_report_can_be_written_nothing_is_measured(
    arguments: list[str], store: Path, tmp_path: Path, refused: Refused
) -> None:
    """The report of an hour was lost where the folder took none."""
    words = [store if argument == "STORE" else argument for argument in arguments]
    file = tmp_path / "file"
    file.touch()
    online = "online" in arguments
    for folder in (Path("/proc"), file):
        place = folder / "report.json" if online else folder
        refused(*words, "--out", place, words=[f"{folder}: expected a folder"])
    if online:
        refused(*words, "--out", tmp_path, words=["expected a .json file", "got a folder"])


def test_wrong_models(run: Path, store: Path, tmp_path: Path, refused: Refused) -> None:
    model = run / "student.onnx"
    (tmp_path / "truncated.onnx").write_bytes(model.read_bytes()[:5000])
    refused("predict", tmp_path / "truncated.onnx", store, words=["truncated.onnx"])

    plain = onnx.load(model)
    document = json.loads(plain.metadata_props[0].value)
    del plain.metadata_props[:]
    onnx.save(plain, tmp_path / "plain.onnx")
    refused("predict", tmp_path / "plain.onnx", store, words=["plain.onnx", "metadata"])

    plain.metadata_props.add(key="skedge", value=json.dumps(document | {"version": 99}))
    (tmp_path / "newer.onnx").write_bytes(seal(plain.SerializeToString()))
    refused("predict", tmp_path / "newer.onnx", store, words=["99", "upgrade"])


def test_wrong_clips(run: Path, store: Path, tmp_path: Path, refused: Refused) -> None:
    model = run / "student.onnx"
    np.save(tmp_path / "kinect.npy", np.zeros((30, 20, 3), np.float32))
    refused("predict", model, tmp_path / "kinect.npy", words=["25", "20", "kinect20", "utd-mhad20"])
    np.save(tmp_path / "nan.npy", np.full((30, 25, 3), np.nan, np.float32))
    refused("predict", model, tmp_path / "nan.npy", words=["NaN"])
    (tmp_path / "short.npy").write_bytes((tmp_path / "nan.npy").read_bytes()[:200])
    refused("predict", model, tmp_path / "short.npy", words=["short.npy"])
    refused("predict", model, store, "--label", "fly", words=["fly", "wave"])


def test_classes_of_other_names(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with StoreWriter(
        tmp_path / "store",
        name="x",
        layout=load_layout("kinect20"),
        labels=["boxing", "fly"],
        rate=30.0,
    ) as writer:
        for name, label in (("one", 0), ("two", 0), ("three", 1)):
            writer.add(name, np.random.default_rng(0).random((1, 40, 20, 3)), label=label)
        writer.protocol("xsub", lambda index: np.full(len(index), 3, np.int8))
    main(
        [
            "predict",
            str(run / "student.onnx"),
            str(tmp_path / "store"),
            "--synonyms",
            "{boxing: punch}",
        ]
    )
    shown = capsys.readouterr()
    assert "of 2 clips" in shown.out
    assert shown.out.count("\tpunch\t") >= 2
    assert "kinect20 to ntu25" in shown.err
    assert "1 of 3 clips left out" in shown.err


@pytest.mark.parametrize(
    "words",
    [
        ["predict", "default", "STORE"],
        ["evaluate", "everyday", "--data", "STORE", "--out", "OUT"],
        ["bench", "default", "--blocks", "1", "--calls", "2", "--out", "OUT"],
        ["teach", "default", "STORE", "--again", "wave", "--out", "OUT/taught.onnx"],
    ],
)
def test_a_log_has_no_empty_lines_of_progress_bars(
    words: list[str], store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where stderr is a file, as in a service's log, every bar left an empty line there."""
    main([word.replace("STORE", str(store)).replace("OUT", str(tmp_path)) for word in words])
    assert all(capsys.readouterr().err.splitlines())


@pytest.mark.parametrize("bar", [track, progress])
def test_what_an_error_leaves_waits_for_no_thread(bar: Any) -> None:
    """From Python 3.12 on `skedge data import --strict` named the damaged clip and never ended: its
    bar waited for a thread that Python had already stopped."""
    before = threading.active_count()
    rows = bar(range(3), "Reading")
    assert next(rows) == 0
    assert threading.active_count() == before
    assert list(rows) == [1, 2]


def test_what_an_error_leaves_ends_before_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars were cleared while Python itself ended, after the line that says what is wrong."""
    ended = []

    def rows() -> Iterator[int]:
        try:
            yield from range(3)
        finally:
            ended.append("rows")

    def command(_: Any) -> None:
        shown = rows()
        for row in shown:
            kept = [InputError(f"row {row} is damaged")]
            raise kept[0]

    monkeypatch.setitem(COMMANDS, "table", lambda parser: command)
    with pytest.raises(SystemExit) as stopped:
        main(["table"])
    assert (stopped.value.code, ended) == (2, ["rows"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["bench", "live", "--source", "no film.mp4"],
        ["bench", "default", "--data", "no store"],
        ["evaluate", "everyday", "--data", "no store"],
        ["evaluate", "online", "--model", "default", "--data", "no store"],
    ],
)
def test_a_benchmark_that_is_refused_leaves_no_folder(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing film, store or extra was named when an empty folder for the report was there."""
    monkeypatch.chdir(tmp_path)
    out = Path("new", "report", *(["report.json"] if "online" in arguments else []))
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--out", str(out)])
    assert ended.value.code == 2
    assert not Path("new").exists()


@pytest.mark.parametrize(
    ("left", "again", "resume", "said"),
    [
        (CHECKPOINT, False, False, True),
        (CHECKPOINT, True, False, True),
        (CHECKPOINT, False, True, False),
        (METRICS, True, False, False),
        (None, False, False, False),
    ],
)
def test_only_an_interrupted_training_begins_anew(
    left: str | None, again: bool, resume: bool, said: bool, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    out = tmp_path / "run"
    out.mkdir()
    if left is not None:
        (out / left).write_text("{}")
    with training_into(SimpleNamespace(out=out, again=again, resume=resume)):
        pass
    note = f"note: {out}: the interrupted training begins anew\n"
    assert capsys.readouterr().err == (note if said else "")
