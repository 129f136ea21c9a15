"""The emulated board's bookkeeping; the board itself runs in `make pi` and in continuous
integration."""

import base64
import json
import shutil
import subprocess
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skedge.bench.pi import __main__ as command
from skedge.bench.pi import guest, pose, pose_report, root
from skedge.bench.pi import run as board
from skedge.edge_runtime.pose.models import MODELS
from skedge.skeleton.errors import InputError
from tests.edge_runtime.edge_models import write_model, write_streaming_model


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, Any]]]:
    """What the check says of a clip model and a streaming one on this machine."""
    folder = tmp_path_factory.mktemp("models")
    write_model(folder / "m0.onnx")
    write_streaming_model(folder / "m1.onnx")
    return folder, board._native(folder)


@pytest.fixture
def packed(
    native: tuple[Path, dict[str, dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[list[str]]:
    """What is packed onto boards that answer as this machine does, and count 81 M and 1.74 M
    instructions."""
    _, found = native
    kernel, disk = tmp_path / "vmlinuz", tmp_path / "disk"
    disk.touch()
    counted = {
        name: entry | {"clip": [81e6, 90e6, 81.01e6], "frame": [1.74e6] * 3}
        for name, entry in found.items()
    }
    ran = {f"m00{name[1:]}": entry for name, entry in counted.items()}
    monkeypatch.setattr(root, "build", lambda *_: root.Board(kernel, disk))
    packed: list[list[str]] = []

    def archive(packing: Path, file: Path) -> None:
        assert file.is_file(), "behind the system"
        packed.append(sorted(str(one.relative_to(packing)) for one in packing.rglob("*.*")))

    monkeypatch.setattr(root, "archive", archive)
    monkeypatch.setattr(board, "_native", lambda _: ran)
    monkeypatch.setattr(board, "_boot", lambda *_: ran | {"ended": 0})
    monkeypatch.setattr(board, "_first_line", lambda _: "QEMU")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "pi.md").write_text("of an earlier run")
    return packed


def emulated(models: Path, folder: Path, **asked: Any) -> dict[str, Any]:
    """The whole check of the two models."""
    files = [models / "m0.onnx", models / "m1.onnx"]
    return board.emulate(files, folder / "out", folder / "no.whl", say=lambda _: None, **asked)


@pytest.fixture
def document(
    native: tuple[Path, dict[str, dict[str, Any]]], packed: list[list[str]], tmp_path: Path
) -> dict[str, Any]:
    """The whole check without a pose stage."""
    document = emulated(native[0], tmp_path, most_a_frame=2.1e6)
    assert packed == [["models/m000.onnx", "models/m001.onnx"]]
    return document


def test_the_check_asks_and_counts_every_model(
    native: tuple[Path, dict[str, dict[str, Any]]],
) -> None:
    _, found = native
    assert set(found) == {"m0.onnx", "m1.onnx"}
    assert {len(found["m0.onnx"]["clip"]), len(found["m1.onnx"]["frame"])} <= {2, 3}
    for entry in found.values():
        assert guest.array(entry["answer"]).sum() == pytest.approx(1, abs=1e-5)
        assert 0 < entry["load"] < 60e9
        assert entry["peak_rss_bytes"] >= entry["rss_bytes"] > 20e6


@pytest.mark.parametrize("about", [0, 1e6, 1e12])
def test_what_an_empty_call_takes_is_not_counted(
    about: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0]

    def tick() -> int:
        now[0] += 500  # reading the clock takes instructions too
        return now[0]

    monkeypatch.setattr(guest.time, "perf_counter_ns", tick)

    def call() -> None:
        now[0] += 1_000_000

    assert guest.count(call, about) == [pytest.approx(1e6, rel=1e-3)] * 2


def test_blocks_that_differ_are_settled_by_a_third(monkeypatch: pytest.MonkeyPatch) -> None:
    now, calls = [0], [0]
    monkeypatch.setattr(guest.time, "perf_counter_ns", lambda: now[0])

    def call() -> None:
        calls[0] += 1
        now[0] += 102 if calls[0] == 2 else 100  # an interrupt, in the second of blocks of one

    found = guest.count(call, guest.ENOUGH)
    assert found == [100, 102, 100]
    assert pose_report.middle(found) == 100


def test_a_model_that_dies_takes_nobody_with_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_model(tmp_path / "a.onnx", document=None)
    write_model(tmp_path / "b.onnx")
    assert guest.main(tmp_path) == 1
    said = capfd.readouterr()
    assert list(board.read(said.out)) == ["b.onnx"]
    assert "InputError" in said.err


def test_the_report_models_a_range_and_no_clock(document: dict[str, Any], tmp_path: Path) -> None:
    assert document["complaints"] == []
    clip, frame = document["models"]
    assert clip["cores"]["cortex-a72"]["modelled_ms"] == pytest.approx(
        [27.0, 54.0, 108.0], rel=1e-3
    )
    assert frame["cores"]["cortex-a76"]["instructions"] == 1.74e6
    text = (tmp_path / "out" / "pi.md").read_text()
    assert "54.01 (27.00 to 108.01)" in text
    assert "modelled, not measured" in text
    assert json.loads((tmp_path / "out" / "pi.json").read_text()) == json.loads(
        json.dumps(document)
    )


def test_every_figure_is_below_its_own_title(document: dict[str, Any]) -> None:
    """Millions of instructions that were off by a factor were seen by no test."""
    clip, frame = (model["cores"]["cortex-a76"] for model in document["models"])
    clip |= {"difference": 3.2e-6, "load_instructions": 456e6, "peak_rss_bytes": 78.4e6}
    frame |= {"difference": None, "load_instructions": 12e6, "peak_rss_bytes": 65e6}
    part = board.markdown(document).split("## cortex-a76: Raspberry Pi 5")[1]
    head, _, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in part.splitlines()
        if line.startswith("|")
    )
    found = [dict(zip(head, row, strict=True)) for row in rows]
    modelled = "modelled ms (2 to 0.5 instructions a cycle)"
    assert found == [
        {
            "model": "m0", "precision": "fp32", "M instructions": "81.010", "of": "a clip",
            modelled: "33.75 (16.88 to 67.51)", "difference from x86": "3.2e-06",
            "load, M instructions": "456", "peak RSS MB": "78",
        },
        {
            "model": "m1", "precision": "fp32", "M instructions": "1.740", "of": "a frame",
            modelled: "0.72 (0.36 to 1.45)", "difference from x86": "no answer",
            "load, M instructions": "12", "peak RSS MB": "65",
        },
    ]  # fmt: skip
    assert "Modelled at 2.4 GHz" in part
    assert "weights of more than 2 MB are read at 8 GB/s" in part


def test_the_pose_stage_is_reported_in_pictures_a_second(
    document: dict[str, Any],
) -> None:
    counted = {"networks": {"lite": [50e6] * 3}, "stages": {"lite": [75e6, 60e6, 61e6]}}
    document["pose"] = {"cortex-a72": counted, "cortex-a76": None}
    text = board.markdown(document)
    assert "| lite | 50.0 |" in text
    # 61 M instructions at 1.5 GHz.
    assert "| Raspberry Pi 4 | lite | 61.0 | 41 (20 to 81) | 25 (12 to 49) |" in text
    assert "Raspberry Pi 5 | lite" not in text
    document["pose"] = {"cortex-a72": None, "cortex-a76": None}
    assert "did not run" in board.markdown(document)


def test_the_pose_stages_networks_are_packed_beside_the_models(
    native: tuple[Path, dict[str, dict[str, Any]]],
    packed: list[list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored = {one.name: tmp_path / one.name for one in MODELS.values()}
    for file in stored.values():
        file.write_text(file.name)
    monkeypatch.setattr(board, "model_path", lambda name: stored[MODELS[name].name])
    counted = {"networks": {"lite": [50e6] * 3}, "stages": {"lite": [75e6, 60e6, 61e6]}}
    boot = board._boot
    monkeypatch.setattr(
        board,
        "_boot",
        lambda core, *rest: (
            boot(core, *rest) | ({} if core == "cortex-a76" else {board.POSE: counted})
        ),
    )
    found = emulated(native[0], tmp_path, pose=[])
    assert packed == [
        ["models/m000.onnx", "models/m001.onnx", *(f"pose/{name}" for name in sorted(stored))]
    ]
    assert found["pose"] == {"cortex-a72": counted, "cortex-a76": None}
    assert "| Raspberry Pi 4 | lite | 61.0 |" in (tmp_path / "out" / "pi.md").read_text()


@pytest.mark.parametrize(
    ("precision", "near"),
    [("fp32", 1e-5), ("fp16", 1e-5), ("dynamic", 1 / 255), ("int8", 1 / 255)],
)
def test_an_answer_may_differ_from_x86s_by_its_precision(
    precision: str, near: float, document: dict[str, Any]
) -> None:
    model = document["models"][0]
    model["model"]["precision"] = precision
    document["saturates"] = False
    for share, wrong in ((0.99, 0), (1.01, 1)):
        model["cores"]["cortex-a72"]["difference"] = share * near
        assert len(board.complaints(document, None)) == wrong


def test_the_pose_stages_line_is_found_among_the_boards(tmp_path: Path) -> None:
    said = f'[ 0.1] noise {guest.POSE_LINE}{{"stages": {{"lite": [1, 2, 3]}}}}\nend\n'
    assert board.read(said) == {board.POSE: {"stages": {"lite": [1, 2, 3]}}}
    assert guest.main_pose(tmp_path / "no networks") == 0


def test_weights_that_no_cache_holds_cost_bandwidth() -> None:
    core = board.CORES["cortex-a72"]
    assert board.modelled(1.5e9, 4_000_000, core) == pytest.approx([501, 1001, 2001])
    assert board.modelled(1.5e9, 900_000, core) == pytest.approx([500, 1000, 2000])


def test_what_is_not_as_it_must_be_is_told(document: dict[str, Any]) -> None:
    clip, frame = (model["cores"]["cortex-a72"] for model in document["models"])
    clip["difference"], clip["repeats_within"], frame["instructions"] = 2e-5, 0.007, 2.2e6
    del document["models"][1]["cores"]["cortex-a76"]
    found = board.complaints(document, 2.1e6, [("cortex-a76", 1)])
    assert len(found) == 5
    for line, words in zip(
        found, ("code 1", "2e-05", "0.70%", "did not run", "2,200,000"), strict=True
    ):
        assert words in line
    lines = board.markdown(document).splitlines()
    missing = next(line for line in lines if "did not run" in line)
    assert missing.count("|") == lines[lines.index(missing) - 1].count("|")
    document["models"][0]["model"]["precision"] = "int8"
    clip["difference"] = 0.2
    for saturates, expected in ((False, True), (True, False)):
        document["saturates"] = saturates
        assert any("0.2" in line for line in board.complaints(document, None)) is expected
        assert ("no VNNI" in board.markdown(document)) is saturates
    clip["difference"] = float("nan")
    assert any("nan" in line for line in board.complaints(document, None))


def test_numbers_of_another_shape_or_none_are_no_answer() -> None:
    def entry(*values: float) -> dict[str, str]:
        text = base64.b64encode(np.array(values, "<f4").tobytes()).decode()
        return dict.fromkeys(("answer", "probabilities", "embedding"), text)

    assert board._difference(entry(0.5, 8.0), entry(0.5, 8.0)) == 0
    assert board._difference(entry(0.5, 8.5), entry(0.5, 8.0)) == 0.5
    assert board._difference(entry(0.5), entry(0.5, 8.0)) is None
    assert board._difference(entry(float("nan"), 8.0), entry(0.5, 8.0)) is None


def test_missing_tools_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    model = write_model(tmp_path / "m.onnx")
    monkeypatch.setattr(
        "sys.argv", ["skedge.bench.pi", str(model), "--wheel", str(tmp_path / "x.whl")]
    )
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert "qemu-system-arm" in capsys.readouterr().err
    with pytest.raises(InputError, match="expected cores of"):
        board.emulate([model], tmp_path, cores=["pentium"])


def test_a_report_that_cannot_be_written_is_said_first(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.onnx")
    file = tmp_path / "taken"
    file.touch()
    with pytest.raises(InputError, match="taken: expected a folder for the report, got a file"):
        board.emulate([model], file, cores=["cortex-a72"])
    with pytest.raises(InputError, match="/proc/pi: expected a folder that can be written into"):
        board.emulate([model], Path("/proc/pi"), cores=["cortex-a72"])


def test_a_wheel_is_known_by_what_it_holds(tmp_path: Path) -> None:
    keys = []
    for name, content, year in (("a", "x", 2020), ("b", "x", 2021), ("c", "y", 2020)):
        with zipfile.ZipFile(tmp_path / f"{name}.whl", "w") as file:
            file.writestr(zipfile.ZipInfo("module.py", (year, 1, 1, 0, 0, 0)), content)
        keys.append(root._key(tmp_path / f"{name}.whl"))
    assert keys[0] == keys[1] != keys[2]


def test_a_boards_clock_counts_instructions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it the figures were this computer's nanoseconds, called a board's instructions."""
    asked: list[str] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.extend(command)
        line = guest.LINE + json.dumps({"file": "m000.onnx", "load": 7})
        return subprocess.CompletedProcess(command, 0, f"noise {line}\n{board.ENDED}3\n", "")

    monkeypatch.setattr(board.subprocess, "run", run)
    found = board._boot("cortex-a76", tmp_path / "kernel", tmp_path / "disk")
    assert found == {"m000.onnx": {"file": "m000.onnx", "load": 7}, "ended": 3}
    given = dict(pairwise(asked))
    assert given["-icount"].startswith("shift=0,")
    assert (given["-cpu"], given["-smp"], given["-m"]) == ("cortex-a76", "1", "2048")
    assert (given["-kernel"], given["-initrd"]) == (
        str(tmp_path / "kernel"),
        str(tmp_path / "disk"),
    )


def test_a_board_that_does_not_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = subprocess.CompletedProcess([], 0, "Booting\nKernel panic: no init\n", "")
    monkeypatch.setattr(board.subprocess, "run", lambda *_, **__: said)
    with pytest.raises(InputError, match="no init"):
        board._boot("cortex-a72", tmp_path, tmp_path)


def test_given_networks_lie_beside_those_of_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An uncut network is called as the cut one is, and must not take its place."""
    monkeypatch.setattr(board, "model_path", lambda name: Path("cache") / name)
    given = tmp_path / "pose_landmark_lite.tflite"
    with pytest.raises(InputError, match=r"files of different names, got .*lite"):
        board._networks([given])
    given.touch()
    found = board._networks([given])
    assert found["pose_landmark_lite.tflite"] == Path("cache") / "lite"
    assert found["given_pose_landmark_lite.tflite"] == given
    with pytest.raises(InputError, match="expected files of different names"):
        board._networks([given, given])


def test_the_pose_stage_is_counted_as_it_runs_here(networks: Path) -> None:
    """What the board does, natively: somebody is followed before anything is counted."""
    found = pose.check(networks)
    assert set(found["networks"]) >= {Path(one.name).stem for one in MODELS.values()}
    assert all(min(blocks) > 0 for blocks in [*found["networks"].values()])
    assert set(found["stages"]) == {"lite", "full"}
