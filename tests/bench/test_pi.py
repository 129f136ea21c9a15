"""The emulated board's bookkeeping; the board itself runs in `make pi` and in continuous
integration."""

import base64
import ctypes
import json
import runpy
import shutil
import subprocess
import zipfile
from dataclasses import dataclass, field
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


def parts(file: Path) -> dict[str, tuple[int, int, bytes]]:
    """Mode, owner and content by name of all archives in a file, read as the kernel reads them: a
    header of hexadecimal numbers, the name, the content, each padded to four bytes."""
    data, at, found = file.read_bytes(), 0, {}
    while at < len(data):
        if data[at] == 0:
            at += 1
            continue
        assert data[at : at + 6] == b"070701"
        numbers = [int(data[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        _, mode, owner, _, _, _, size, *_, length, _ = numbers
        name = data[at + 110 : at + 109 + length].decode()
        start = at + (110 + length + 3) // 4 * 4
        found[name] = (mode, owner, data[start : start + size])
        at = start + (size + 3) // 4 * 4
    return found


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A folder as of a small arm64 system."""
    folder = tmp_path / "system"
    for name in ("usr/bin", "usr/lib/__pycache__", "proc", "site"):
        (folder / name).mkdir(parents=True)
    (folder / "usr/bin/python3").write_text("a program")
    (folder / "usr/bin/python3").chmod(0o755)
    (folder / "usr/lib/__pycache__/a.pyc").write_text("compiled")
    (folder / "proc/cpuinfo").write_text("cores")
    (folder / "bin").symlink_to("usr/bin")
    return folder


@pytest.mark.skipif(shutil.which("cpio") is None, reason="needs cpio")
def test_a_disk_holds_the_system_and_behind_it_the_package(system: Path, tmp_path: Path) -> None:
    site = tmp_path / "kept" / "skedge"
    site.mkdir(parents=True)
    (site / "module.py").write_text("one = 1")
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "site").symlink_to(site.parent)
    root.archive(system, tmp_path / "disk")
    root.archive(alone, tmp_path / "disk", follow=True)
    found = parts(tmp_path / "disk")
    del found["TRAILER!!!"]
    assert set(found) == {
        *("usr", "usr/bin", "usr/bin/python3", "usr/lib", "proc", "bin"),
        *("site", "site/skedge", "site/skedge/module.py"),
    }
    assert found["usr/bin/python3"] == (0o100755, 0, b"a program")
    assert found["bin"][0] == 0o120777, "a link, not a second copy"
    assert found["bin"][2] == b"usr/bin"
    assert found["site"][0] == 0o40755, "what a link leads to, not the link"
    assert found["site/skedge/module.py"][2] == b"one = 1"
    (system / "usr/bin/python3").unlink()
    (system / "usr/bin/python3").symlink_to("nowhere")
    with pytest.raises(InputError, match="packing the disk failed with code"):
        root.archive(system, tmp_path / "broken", follow=True)


def wheel_of(path: Path, content: str) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("module.py", content)
    return path


@dataclass
class Kitchen:
    """Boards that are built in `room` without a download: `did` says what was done for them, and
    `fails` lets the next installation end halfway."""

    room: Path
    did: list[str] = field(default_factory=list)
    fails: bool = False

    def system(self, room: Path, folder: Path, kernel: Path) -> None:
        kernel.touch()
        folder.mkdir()

    def install(self, wheel: Path, room: Path, folder: Path, site: Path) -> None:
        (site / "half").touch()
        if self.fails:
            raise InputError("no network")
        (site / "half").rename(site / wheel.name)

    def archive(self, folder: Path, file: Path, follow: bool = False) -> None:
        with open(file, "a") as out:
            out.writelines(f"{one.name}\n" for one in sorted(folder.glob("site/*")))

    def build(self, wheel: Path) -> str:
        """What is on the disk."""
        self.did.clear()
        return root.build(wheel, self.room, self.did.append).disk.read_text()


@pytest.fixture
def kitchen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kitchen:
    made = Kitchen(tmp_path / "room")
    monkeypatch.setattr(root.shutil, "which", lambda tool: tool)
    for name in ("system", "install", "archive"):
        monkeypatch.setattr(root, name if name == "archive" else f"_{name}", getattr(made, name))
    return made


def test_a_changed_wheel_is_installed_again_and_only_such_a_one(
    kitchen: Kitchen, tmp_path: Path
) -> None:
    """Else the instructions of the last version are reported as those of this one."""
    old, new = wheel_of(tmp_path / "old.whl", "x = 1"), wheel_of(tmp_path / "new.whl", "x = 2")
    kitchen.room.mkdir()
    (kitchen.room / "vmlinuz").touch()  # of a system that was not fetched to the end
    assert kitchen.build(old) == "old.whl\n"
    assert kitchen.did == ["fetching an arm64 system", "installing the wheel with the arm64 pip"]
    assert kitchen.build(old) == "old.whl\n"
    assert kitchen.did == []
    (kitchen.room / "disk-1234.cpio.draft").touch()  # of a build that was stopped
    assert kitchen.build(new) == "new.whl\n"
    assert kitchen.did == ["installing the wheel with the arm64 pip"]
    assert len([*kitchen.room.glob("disk-*")]) == 1, "a disk takes half a gigabyte"


def test_a_half_installed_wheel_is_never_a_board(kitchen: Kitchen, tmp_path: Path) -> None:
    wheel = wheel_of(tmp_path / "a.whl", "x = 1")
    kitchen.fails = True
    with pytest.raises(InputError, match="no network"):
        kitchen.build(wheel)
    kitchen.fails = False
    assert kitchen.build(wheel) == "a.whl\n"
    assert sorted(one.name for one in (kitchen.room / "site").iterdir()) == ["a.whl"]


@pytest.mark.parametrize("content", [None, b"", b"<html>not found</html>"])
def test_what_is_no_wheel_is_said_before_anything_is_fetched(
    kitchen: Kitchen, tmp_path: Path, content: bytes | None
) -> None:
    """It was a traceback, after the minutes that a system takes."""
    wheel = tmp_path / "a.whl"
    if content is not None:
        wheel.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.whl: expected a wheel of this package") as caught:
        kitchen.build(wheel)
    assert "\n" not in str(caught.value)
    assert not kitchen.room.exists()


@pytest.mark.parametrize("place", ["/proc", "/dev/null"])
def test_a_cache_that_cannot_be_written_is_said(
    kitchen: Kitchen, tmp_path: Path, place: str
) -> None:
    """It was a traceback."""
    kitchen.room = Path(place) / "skedge" / "pi"
    with pytest.raises(InputError, match=f"{kitchen.room}: expected a folder that can be written"):
        kitchen.build(wheel_of(tmp_path / "a.whl", "x = 1"))
    assert kitchen.did == []


def test_a_wheel_is_made_of_what_is_in_the_checkout_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wheel made of a build folder would have modules that were deleted long ago."""
    checkout = tmp_path / "checkout"
    for name in ("skedge/bench/pi/root.py", "build/lib/deleted.py", "runs/large", ".git/config"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).touch()
    copied: list[str] = []

    def run(doing: str, command: list[str]) -> None:
        where = Path(command[command.index("--wheel-dir") + 1])
        copied.extend(str(one.relative_to(command[-1])) for one in Path(command[-1]).rglob("*.*"))
        (where / "skedge.whl").touch()

    monkeypatch.setattr(root, "_run", run)
    monkeypatch.setattr(root, "__file__", str(checkout / "skedge/bench/pi/root.py"))
    with pytest.raises(InputError, match="name a wheel with --wheel"):
        root.make_wheel(tmp_path)
    (checkout / "pyproject.toml").touch()
    (tmp_path / "out").mkdir()
    assert root.make_wheel(tmp_path / "out") == tmp_path / "out" / "skedge.whl"
    assert sorted(copied) == ["pyproject.toml", "skedge/bench/pi/root.py"]


def test_a_step_that_fails_says_what_it_said_last() -> None:
    assert root._run("saying", ["sh", "-c", "echo $WORD"], {"WORD": "hello"}) == "hello\n"
    with pytest.raises(InputError, match="unpacking failed with code 3; the last it said: broken"):
        root._run("unpacking", ["sh", "-c", "echo first >&2; echo broken >&2; exit 3"])
    with pytest.raises(InputError, match="the last it said: nothing"):
        root._run("unpacking", ["false"])


@pytest.mark.parametrize("code", [0, 3])
def test_the_boards_first_process_ends_with_the_checks_code(
    code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the last line a board counts as one that never ended, without a power-off it runs
    for fifty minutes."""
    done: list[Any] = []

    class Library:
        def mount(self, *given: Any) -> None:
            done.append((given[1], given[2]))
            assert given[3:] == (0, None), "to be written into"

        def reboot(self, how: int) -> None:
            done.append(how)

    def call(command: list[str], env: dict[str, str]) -> int:
        assert command[1:] == ["-m", guest.__name__, "/models", "/pose"]
        assert env["PYTHONPATH"] == "/site"
        done.append("checked")
        return code

    init = Path(board.__file__).with_name("init.py")
    assert init.read_text().count("CDLL") == init.read_text().count("ctypes.CDLL(None)") == 1, (
        "what is not replaced here would switch this computer off"
    )
    monkeypatch.setattr(ctypes, "CDLL", lambda _: Library())
    monkeypatch.setattr(subprocess, "call", call)
    runpy.run_path(str(init), run_name="__main__")
    mounted = {(b"/proc", b"proc"), (b"/sys", b"sysfs"), (b"/dev", b"devtmpfs")}
    assert set(done[:3]) == mounted
    assert done[3:] == ["checked", 0x4321FEDC]
    assert capsys.readouterr().out == f"{board.ENDED}{code}\n"


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
