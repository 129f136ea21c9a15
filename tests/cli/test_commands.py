"""The command line as a person types it: the whole path on a few clips, and one clear line for
wrong input."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from skedge.cli.main import main
from skedge.datasets.store import Store, StoreWriter
from skedge.skeleton import load_layout
from skedge.teacher.runs.folder import only_training

NTU = load_layout("ntu25")
TINY = [
    "--pretrain.projector=16", "--pretrain.optim.epochs=1", "--pretrain.optim.batch_size=13", "--linear.optim.epochs=2",
    "--finetune.optim.epochs=1", "--distill.optim.epochs=1", "--compute.precision=32-true", "--compute.accelerator=cpu",
]  # fmt: skip


def skedge(
    *arguments: object, cwd: Path | None = None, **kwargs: Any
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "skedge", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, **kwargs)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a room with spaces")


@pytest.fixture(scope="module")
def store(room: Path) -> Path:
    path = room / "my store"
    done = skedge("data", "synth", path, "--subjects", 3, "--clips", 1)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="module")
def first_run(room: Path, store: Path) -> subprocess.CompletedProcess[str]:
    return skedge("run", "--data", store, "--recipe", "synthetic", "--out", room / "my runs", *TINY)


@pytest.fixture(scope="module")
def run(first_run: subprocess.CompletedProcess[str], room: Path) -> Path:
    assert first_run.returncode == 0, first_run.stdout + first_run.stderr
    return room / "my runs" / "synthetic"


def ctrl_c_works() -> None:
    """In a new process: what a shell runs in the background, such as a test suite, starts with
    SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


Refused = Callable[..., None]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """Runs a command that must end with exit code 2 and one line on stderr that holds all of
    `words`."""

    def refused(*arguments: object, words: Sequence[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        shown = capsys.readouterr().err
        assert ended.value.code == 2, shown
        assert len(shown.strip().splitlines()) == 1, shown
        for word in words:
            assert word in shown

    return refused


def test_wrong_input_ends_without_a_traceback() -> None:
    done = skedge("data", "info", "nowhere")
    assert done.returncode == 2
    assert done.stderr.startswith("skedge: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert not done.stdout


def test_a_run_ends_in_a_table_a_report_and_a_model(
    first_run: subprocess.CompletedProcess[str], run: Path
) -> None:
    shown = first_run.stdout
    for row in (
        "ridge on coordinates",
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


def test_a_second_run_trains_nothing_again(run: Path, room: Path, store: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.rglob("weights.safetensors")}
    assert len(before) == 4
    again = skedge(
        "run", "--data", store, "--recipe", "synthetic", "--out", room / "my runs", *TINY
    )
    assert again.returncode == 0, again.stderr
    assert {path: path.stat().st_mtime_ns for path in run.rglob("weights.safetensors")} == before


def test_a_changed_setting_trains_what_depends_on_it(run: Path, room: Path, store: Path) -> None:
    before = {
        path.parent.name: path.stat().st_mtime_ns for path in run.rglob("weights.safetensors")
    }
    done = skedge(
        "run",
        "--data",
        store,
        "--recipe",
        "synthetic",
        "--out",
        room / "my runs",
        *TINY,
        "--finetune.label_smoothing=0.2",
    )
    assert done.returncode == 0, done.stderr
    after = {path.parent.name: path.stat().st_mtime_ns for path in run.rglob("weights.safetensors")}
    assert {name for name in after if after[name] != before[name]} == {
        "finetune",
        "student-finetune",
    }


def test_another_backbone_teaches_and_only_the_student_is_exported(
    store: Path, tmp_path: Path, refused: Refused
) -> None:
    small = [
        "--encoder.widths=[4,8]",
        "--encoder.strides=[1,2]",
        "--student.widths=[4,8]",
        "--student.strides=[1,1]",
    ]
    run = ["run", "--data", store, "--recipe", "synthetic", "--out", tmp_path, *TINY, *small]
    main([str(argument) for argument in [*run, "--encoder.backbone=gin"]])
    report = json.loads((tmp_path / "synthetic" / "report.json").read_text())
    assert report["recipe"]["encoder"]["backbone"] == "gin"
    assert list(report["export"]) == ["student"]
    assert [model["name"] for model in report["bench"]["models"]] == ["student"]

    refused(
        "export",
        tmp_path / "synthetic" / "finetune",
        tmp_path / "gin.onnx",
        "--data",
        store,
        words=["ST-GCN", "GIN"],
    )
    assert not (tmp_path / "gin.onnx").exists()
    refused(*run, "--student.backbone=dgcnn", words=["student.backbone", "dgcnn"])


def test_each_step_alone(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "step by step"
    training = ["--data", store, "--recipe", "synthetic", *TINY, "--out"]
    steps = [
        ["pretrain", *training, out / "pretrain"],
        ["evaluate", "linear", "--pretrained", out / "pretrain", *training, out / "linear"],
        ["evaluate", "supervised", *training, out / "supervised"],
        ["distill", "--teacher", out / "linear", *training, out / "student"],
        ["export", out / "student", out / "a student.onnx", "--data", store],
        ["export", out / "student", out / "half.onnx", "--data", store, "--precision", "fp16"],
        ["predict", out / "a student.onnx", store, "--frame-by-frame"],
        ["bench", out / "a student.onnx", "--out", out / "bench", "--blocks", 2, "--calls", 2],
        ["data", "show", store, "a01_s01_t01", out / "wave.png"],
    ]
    for step in steps:
        main([str(argument) for argument in step])
    assert "top-1" in capsys.readouterr().out
    assert (out / "bench" / "bench.json").is_file()
    assert (out / "wave.png").stat().st_size > 1000


def test_an_interrupted_training_goes_on(store: Path, tmp_path: Path) -> None:
    training = [
        "pretrain",
        "--data",
        store,
        "--recipe",
        "synthetic",
        "--out",
        tmp_path / "run",
        *TINY,
        "--pretrain.optim.epochs=24",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "skedge", *map(str, training)],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=ctrl_c_works,
    )
    while process.poll() is None and not (tmp_path / "run" / "last.ckpt").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "--resume" in stderr
    assert "Traceback" not in stderr
    assert (tmp_path / "run" / "last.ckpt").is_file()
    assert not (tmp_path / "run" / "metrics.json").exists()
    done = skedge(*training, "--resume")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "metrics.json").is_file()
    assert not (tmp_path / "run" / "last.ckpt").exists()


def test_a_finished_run_is_trained_again_only_where_asked(
    store: Path, tmp_path: Path, refused: Refused
) -> None:
    """The same command once overwrote a finished run, and two at a time wrote into one folder."""
    out = tmp_path / "ridge"
    command = ["evaluate", "ridge", "--data", store, "--recipe", "synthetic", "--out", out]
    main([str(word) for word in command])
    before = (out / "metrics.json").stat().st_mtime_ns
    refused(*command, words=["ridge", "finished", "--again"])
    refused(*command, "--resume", words=["finished", "--again"])
    assert (out / "metrics.json").stat().st_mtime_ns == before
    with only_training(out):
        refused(*command, "--again", words=["one training at a time", "wait for it"])
    main([str(word) for word in [*command, "--again"]])
    assert (out / "metrics.json").stat().st_mtime_ns > before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ridge"]


def test_what_a_terminal_cannot_write_ends_nothing(tmp_path: Path) -> None:
    """A class called grüßen, on a terminal without UTF-8."""
    with StoreWriter(tmp_path / "s", name="s", layout=NTU, labels=["grüßen"], rate=30) as writer:
        writer.add("a", np.ones((1, 4, 25, 3), np.float32), label=0)
    shown = subprocess.run(
        [sys.executable, "-m", "skedge", "data", "info", str(tmp_path / "s")],
        env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"},
        capture_output=True,
        text=True,
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    assert '"gr??en": 1' in shown.stdout


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
    onnx.save(plain, tmp_path / "newer.onnx")
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


def test_an_empty_split(tmp_path: Path, refused: Refused) -> None:
    with StoreWriter(
        tmp_path / "store", name="x", layout=load_layout("ntu25"), labels=["a", "b"], rate=30.0
    ) as writer:
        for label in (0, 1):
            writer.add(f"clip {label}", np.zeros((1, 9, 25, 3), np.float32), label=label)
        writer.protocol("xsub", lambda index: np.ones(len(index), np.int8))
    refused(
        "evaluate",
        "ridge",
        "--data",
        tmp_path / "store",
        "--out",
        tmp_path / "x",
        words=["xsub", "test"],
    )


def test_a_pickle_that_runs_code_runs_nothing(tmp_path: Path, refused: Refused) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, (f"touch '{tmp_path}/ran'",)

    (tmp_path / "evil.pkl").write_bytes(pickle.dumps({"split": {}, "annotations": [Evil()]}))
    refused(
        "data", "import", "pyskl", tmp_path / "evil.pkl", tmp_path / "store", words=["evil.pkl"]
    )
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "store").exists()


def test_a_truncated_store(store: Path, tmp_path: Path, refused: Refused) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in store.iterdir():
        content = file.read_bytes()
        (copy / file.name).write_bytes(
            content[: len(content) // 2] if file.name == "joints.npy" else content
        )
    refused("data", "info", copy, words=["joints.npy"])
    assert len(Store(store)) == 42


def test_an_import_with_damage_a_check_and_a_split(tmp_path: Path) -> None:
    (tmp_path / "my clips").mkdir()
    names = [f"clip {i}" for i in range(6)]
    for i, name in enumerate(names):
        np.savez(
            tmp_path / "my clips" / f"{name}.npz", np.random.default_rng(i).normal(size=(9, 20, 3))
        )
    (tmp_path / "my clips" / "clip 5.npz").write_bytes(b"PK")
    lines = [
        "file,label,subject",
        *(f"{name}.npz,{'ab'[i % 2]},{i}" for i, name in enumerate(names)),
    ]
    (tmp_path / "my clips" / "clips.csv").write_text("\n".join(lines))
    store = tmp_path / "a store"
    command = ["data", "import", "arrays", tmp_path / "my clips", store, "--layout", "kinect20"]
    strict = skedge(*command, "--strict")
    assert (strict.returncode, len(strict.stderr.splitlines())) == (2, 1)
    assert "clip 5.npz" in strict.stderr
    assert not store.exists()

    done = skedge(*command)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["clips"] == 5
    assert "1 of 6 files damaged and left out" in done.stderr
    assert (
        json.loads((store / "import-report.json").read_text())["damaged"][0]["file"] == "clip 5.npz"
    )

    split = skedge("data", "split", store, "half", "--share", "0.5")
    assert json.loads(split.stdout)["protocols"]["half"] == {"train": 2, "test": 2}
    assert skedge("data", "split", store, "x").returncode == 2
    assert "5 clips are as they were written" in skedge("data", "check", store).stdout
    joints = bytearray((store / "joints.npy").read_bytes())
    joints[-3] ^= 1
    (store / "joints.npy").write_bytes(joints)
    checked = skedge("data", "check", store)
    assert (checked.returncode, "clip 4" in checked.stderr) == (2, True)


def test_ctrl_c_in_an_import_leaves_no_store_and_it_goes_on(tmp_path: Path) -> None:
    source = tmp_path / "raw"
    source.mkdir()
    line = "0.1 0.2 3.0 " + " ".join("1" * 9) + "\n"
    frame = "1\n7 " + " ".join("0" * 9) + "\n25\n" + line * 25
    for i in range(3000):
        (source / f"S001C001P{i // 60 + 1:03}R001A{i % 60 + 1:03}.skeleton").write_text(
            "30\n" + frame * 30
        )
    command = [
        sys.executable,
        "-m",
        "skedge",
        "data",
        "import",
        "ntu60",
        source,
        tmp_path / "store",
        "--processes",
        "2",
    ]
    process = subprocess.Popen(
        list(map(str, command)),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=ctrl_c_works,
    )
    partial = tmp_path / ".store.import.partial" / "joints.npy"
    until = time.monotonic() + 60
    while time.monotonic() < until and not (partial.exists() and partial.stat().st_size > 100_000):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the processes that read get it too
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert (len(stderr.splitlines()), "goes on" in stderr) == (1, True), stderr
    assert not (tmp_path / "store").exists()
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["clips"] == 3000
