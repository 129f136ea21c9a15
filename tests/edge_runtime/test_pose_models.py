"""`skedge pose fetch`: the networks come whole and right, or not at all, and only when somebody
asks."""

import base64
import hashlib
import io
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("ai_edge_litert", reason="needs LiteRT: pip install 'skedge[live]'")

from skedge.cli import main
from skedge.edge_runtime.pose import archives
from skedge.edge_runtime.pose.cut import cut
from skedge.edge_runtime.pose.fetch import fetch
from skedge.edge_runtime.pose.models import MODELS, model_path
from skedge.skeleton import InputError
from tests.edge_runtime.small_network import UNREAD, WANTED, small_network

# As published, and as stored.
PUBLISHED = {
    "detector": b"finds people" * 100,
    "full": small_network(0),
    "lite": small_network(1),
}
STORED = {
    "detector": PUBLISHED["detector"],
    "full": cut(PUBLISHED["full"], [WANTED]),
    "lite": cut(PUBLISHED["lite"], [WANTED]),
}
NAMES = sorted(model.name for model in MODELS.values())
OF_WHEEL = sorted(model.name for model in MODELS.values() if model.package == "wheel")


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, and small networks of other checksums in place of the real ones."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in MODELS:
        published, stored = digest(PUBLISHED[name]), digest(STORED[name])
        wanted = () if name == "detector" else (WANTED,)
        changed = replace(
            MODELS[name], published=published, sha256=stored, wanted=wanted, opened=()
        )
        monkeypatch.setitem(MODELS, name, changed)
    return tmp_path / "cache" / "skedge" / "pose"


def make_wheel(path: Path, contents: dict[str, bytes] = PUBLISHED) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            if MODELS[name].package == "wheel":
                archive.writestr(MODELS[name].member, content)
    return path


def make_tarball(path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> Path:
    """A tarball as the registry has it, whose integrity is the one that is expected."""
    with tarfile.open(path, "w:gz") as archive:
        entry = tarfile.TarInfo(MODELS["lite"].member)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    hashed = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    monkeypatch.setattr(archives, "INTEGRITY", f"sha512-{hashed}")
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

    monkeypatch.setattr(archives.subprocess, "run", run)
    return fake


@pytest.fixture
def npm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """Stands in for the npm registry: gives `tarball`, or fails as `fails` says; keeps `calls`."""
    tarball = make_tarball(tmp_path / "their.tgz", monkeypatch, PUBLISHED["lite"])
    fake = SimpleNamespace(tarball=tarball, fails=None, calls=[])

    def urlopen(address: str, timeout: float) -> io.BytesIO:
        fake.calls.append(address)
        if fake.fails:
            raise fake.fails
        return io.BytesIO(fake.tarball.read_bytes())

    monkeypatch.setattr(archives.urllib.request, "urlopen", urlopen)
    return fake


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line that `skedge` says, having ended with code 2."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    (line,) = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2
    return line


def test_they_are_fetched_once_and_cut(
    pip: SimpleNamespace, npm: SimpleNamespace, cache: Path, capsys: pytest.CaptureFixture[str]
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
    (address,) = npm.calls
    assert address.endswith("/@mediapipe/pose/-/pose-0.5.1675469404.tgz")
    assert sorted(path.name for path in cache.iterdir()) == NAMES
    assert {name: model_path(name).read_bytes() for name in MODELS} == STORED


def test_the_registry_is_the_one_that_npm_is_set_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    usual = archives.tarball_address()
    (tmp_path / ".npmrc").write_text("other=1\nregistry = https://packages.example/npm/\n")
    assert usual != archives.tarball_address()
    assert archives.tarball_address().startswith("https://packages.example/npm/@mediapipe/pose/-/")
    with monkeypatch.context() as nobody:  # a user without a home, as in a container
        nobody.delenv("HOME")
        nobody.setattr("pwd.getpwuid", {}.__getitem__)
        assert archives.tarball_address() == usual
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "https://first.example")
    assert archives.tarball_address().startswith("https://first.example/@mediapipe/pose/-/")


def test_a_damaged_one_is_fetched_again(
    pip: SimpleNamespace, npm: SimpleNamespace, cache: Path
) -> None:
    fetch()
    (cache / MODELS["full"].name).write_bytes(STORED["full"][:-1])
    fetch()
    assert (len(pip.calls), len(npm.calls)) == (2, 1)
    assert model_path("full").read_bytes() == STORED["full"]


def test_an_altered_one_is_refused_at_every_start(
    pip: SimpleNamespace, npm: SimpleNamespace, cache: Path
) -> None:
    fetch()
    altered = bytearray(STORED["lite"])
    altered[-9] ^= 1
    (cache / MODELS["lite"].name).write_bytes(altered)
    with pytest.raises(InputError, match=r"lite\.tflite: .*another checksum; .*skedge pose fetch"):
        model_path("lite")
    model_path("full")


def test_one_that_an_earlier_version_left_whole_is_cut_where_it_is(
    pip: SimpleNamespace, npm: SimpleNamespace, cache: Path
) -> None:
    cache.mkdir(parents=True)
    for name in MODELS:
        (cache / MODELS[name].name).write_bytes(PUBLISHED[name])
    fetch()
    assert pip.calls == npm.calls == []
    assert {name: model_path(name).read_bytes() for name in MODELS} == STORED


def test_what_another_computer_computes_otherwise_is_not_stored(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cut gives other bytes than those known to give the same landmarks."""
    other = digest(cut(PUBLISHED["full"], [UNREAD]))
    monkeypatch.setitem(MODELS, "full", replace(MODELS["full"], sha256=other))
    line = refused(capsys, "pose", "fetch", "--wheel", make_wheel(tmp_path / "a.whl"))
    assert "nothing was stored" in line
    assert not cache.exists()


def test_files_from_elsewhere_need_no_network(
    pip: SimpleNamespace,
    npm: SimpleNamespace,
    cache: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["pose", "fetch", "--wheel", str(make_wheel(tmp_path / "brought along.whl"))])
    assert sorted(path.name for path in cache.iterdir()) == OF_WHEEL
    assert len(capsys.readouterr().out.splitlines()) == len(OF_WHEEL), "and says what is there"
    main(["pose", "fetch", "--tarball", str(npm.tarball)])
    assert sorted(path.name for path in cache.iterdir()) == NAMES
    assert pip.calls == npm.calls == []


def test_without_the_registry_the_rest_is_stored_and_it_says_how_else(
    pip: SimpleNamespace, npm: SimpleNamespace, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    npm.fails = OSError("Name or service not known")
    line = refused(capsys, "pose", "fetch")
    assert "Name or service not known" in line
    assert "npm pack @mediapipe/pose@0.5.1675469404" in line
    assert "skedge pose fetch --tarball FILE" in line
    assert sorted(path.name for path in cache.iterdir()) == OF_WHEEL


@pytest.mark.parametrize("what", ["half", "other", "text", "missing"])
def test_a_wrong_tarball_leaves_nothing_behind(
    what: str, npm: SimpleNamespace, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = npm.tarball.read_bytes()
    damage: dict[str, Callable[[], object]] = {
        "half": lambda: npm.tarball.write_bytes(content[: len(content) // 2]),
        "other": lambda: npm.tarball.write_bytes(content + b"0"),
        "text": lambda: npm.tarball.write_text("no tarball"),
        "missing": lambda: npm.tarball.unlink(),
    }
    damage[what]()
    line = refused(capsys, "pose", "fetch", "--tarball", npm.tarball)
    assert str(npm.tarball) in line
    assert "the tarball of @mediapipe/pose" in line
    assert not cache.exists()


def test_a_tarball_with_another_network_in_it_is_refused(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tarball = make_tarball(tmp_path / "a.tgz", monkeypatch, PUBLISHED["full"])
    assert "another checksum" in refused(capsys, "pose", "fetch", "--tarball", tarball)
    assert not cache.exists()


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


def test_without_the_extra_nothing_is_downloaded(
    pip: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """36 MB were downloaded first, and then lost."""
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    assert '[live]"' in refused(capsys, "pose", "fetch")
    assert pip.calls == []


@pytest.mark.parametrize("what", ["other", "half", "empty", "text", "missing", "without"])
def test_a_wrong_wheel_leaves_nothing_behind(
    what: str, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wheel = make_wheel(
        tmp_path / "a.whl",
        PUBLISHED | {"full": b"something else"} if what == "other" else PUBLISHED,
    )
    damage: dict[str, Callable[[], object]] = {
        "other": lambda: None,
        "half": lambda: wheel.write_bytes(wheel.read_bytes()[: wheel.stat().st_size // 2]),
        "empty": lambda: wheel.write_bytes(b""),
        "text": lambda: wheel.write_text("no wheel"),
        "missing": lambda: wheel.unlink(),
        "without": lambda: make_wheel(wheel, {"detector": PUBLISHED["detector"]}),
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
    for place in range(0, len(content), 5):
        content[place] ^= 1 << place % 8
        wheel.write_bytes(content)
        content[place] ^= 1 << place % 8
        try:
            fetch(wheel)
        except InputError as error:
            refusals.append(str(error))
            assert not cache.exists()
        else:
            for name in ("detector", "full"):
                assert model_path(name).read_bytes() == STORED[name]
            shutil.rmtree(cache)
    assert len(refusals) > len(content) / 20
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
        ["record", "wave", "--out", tmp_path / "mine"],
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
    with pytest.raises(InputError, match=r"pose_detection\.tflite: .*run `skedge pose fetch`"):
        BlazePose(folder=tmp_path)
