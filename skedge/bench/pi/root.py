"""The emulated board's disk and kernel, built from the system's own package sources and from a
wheel of this package."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from skedge.skeleton.errors import InputError, reason
from skedge.skeleton.files import check_folder

USER, SYSTEM = "qemu-aarch64-static", "qemu-system-aarch64"
TOOLS = {
    USER: "qemu-user-static",
    SYSTEM: "qemu-system-arm",
    "cpio": "cpio",
    "apt-get": "apt",
    "apt-cache": "apt",
    "dpkg": "dpkg",
}
PACKAGES = ("python3", "libstdc++6")
KERNEL = "linux-image-cloud-arm64"
EXTRA = "live"
# What a Pi 4 says of its four cores; without a file like this onnxruntime does not start in an
# emulated process.
CORE = """processor\t: {}
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3

"""
APT = """APT::Architecture "arm64";
APT::Architectures {{ "arm64"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Dir::State "{0}/state";
Dir::State::status "{0}/status";
Dir::Cache "{0}/cache";
"""
LEFT_OUT = shutil.ignore_patterns(
    ".*", "runs", "build", "dist", "tests", "docs", "*.egg-info", "__pycache__"
)


class Board(NamedTuple):
    """What qemu boots: a kernel, and the disk as an archive that the kernel unpacks into memory."""

    kernel: Path
    disk: Path


def build(wheel: Path, room: Path, say: Callable[[str], None]) -> Board:
    """The board with `wheel` installed by its own pip, with what that needs, as a Raspberry Pi OS
    would get it.

    What stands in the folder `room` is used again: system packages always, the installed wheel
    where it has not changed. Raises `InputError` for a missing tool, for what is no wheel, for a
    room that cannot be written into, and where a step fails, with the last it said.
    """
    missing = {package for tool, package in TOOLS.items() if shutil.which(tool) is None}
    if missing:
        raise InputError(
            f"the emulated board needs {', '.join(sorted(missing))}: apt-get install"
            f" {' '.join(sorted(missing))} (a Debian system, or one made from it)"
        )
    key = _key(wheel)
    check_folder(room)
    room.mkdir(parents=True, exist_ok=True)
    root, kernel = room / "root", room / "vmlinuz"
    if not (root.is_dir() and kernel.is_file()):
        say("fetching an arm64 system")
        _system(room, root, kernel)
    disk = room / f"disk-{key}.cpio"
    if not disk.is_file():
        say("installing the wheel with the arm64 pip")
        for old in room.glob("disk-*"):
            old.unlink()
        with _whole(room / "site") as site:
            _install(wheel, room, root, site=site)
        with _whole(disk) as draft:
            archive(root, draft)
            with tempfile.TemporaryDirectory(dir=room) as alone:
                (Path(alone) / "site").symlink_to(room / "site")
                archive(Path(alone), draft, follow=True)
    return Board(kernel, disk)


def make_wheel(folder: Path) -> Path:
    """A wheel of the checkout that this module stands in, written to `folder`; raises `InputError`
    where it is none."""
    checkout = Path(__file__).parents[3]
    if not (checkout / "pyproject.toml").is_file():
        raise InputError(
            f"{checkout}: expected a checkout to make a wheel from; name a wheel with --wheel"
        )
    # A copy: setuptools would find in a checkout's build folder what was deleted long ago.
    copy = folder / "checkout"
    shutil.copytree(checkout, copy, ignore=LEFT_OUT)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(folder),
        str(copy),
    ]
    _run("making the wheel", command)
    return next(folder.glob("*.whl"))


def archive(folder: Path, file: Path, follow: bool = False) -> None:
    """Append the folder's content to `file` in the form that a kernel unpacks; archives may follow
    each other."""
    names = []
    for place, folders, files in os.walk(folder, followlinks=follow):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        here = Path(place).relative_to(folder)
        names += [str(here / name) for name in [*folders, *sorted(files)]]
    told = "".join(f"{name}\n" for name in names if name != "proc/cpuinfo")
    command = [
        "cpio",
        "--create",
        "--format=newc",
        "--quiet",
        "--owner=0:0",
        *(["--dereference"] if follow else []),
    ]
    with open(file, "ab") as out:
        done = subprocess.run(
            command,
            cwd=folder,
            input=told.encode(),
            stdout=out,
            stderr=subprocess.PIPE,
            check=False,
        )
    _fine("packing the disk", done.returncode, done.stderr.decode(errors="replace"))


def _system(room: Path, root: Path, kernel: Path) -> None:
    with tempfile.TemporaryDirectory(dir=room) as place:
        for name in ("state/lists/partial", "cache/archives/partial", "kernel"):
            (Path(place) / name).mkdir(parents=True)
        (Path(place) / "status").touch()
        (Path(place) / "apt.conf").write_text(APT.format(place))
        environment = os.environ | {"APT_CONFIG": f"{place}/apt.conf"}
        fetching = "fetching the arm64 packages"
        _run(fetching, ["apt-get", "--quiet", "update"], environment)
        _run(
            fetching,
            ["apt-get", "--quiet", "--yes", "--download-only", "install", *PACKAGES],
            environment,
        )
        depends = _run(fetching, ["apt-cache", "depends", KERNEL], environment)
        image = next(
            line.split()[-1] for line in depends.splitlines() if "Depends: linux-image-" in line
        )
        _run(
            fetching,
            ["apt-get", "--quiet", "download", image],
            environment,
            cwd=Path(place) / "kernel",
        )
        (package,) = (Path(place) / "kernel").glob("*.deb")
        _run("unpacking", ["dpkg", "--extract", str(package), str(package.parent / "unpacked")])
        shutil.copyfile(next((package.parent / "unpacked" / "boot").glob("vmlinuz-*")), kernel)
        with _whole(root) as draft:
            for package in sorted((Path(place) / "cache" / "archives").glob("*.deb")):
                _run("unpacking", ["dpkg", "--extract", str(package), str(draft)])
            for name in ("proc", "sys", "dev", "tmp", "site", "models", "pose"):
                (draft / name).mkdir(exist_ok=True)
            for name in ("bin", "lib", "sbin"):
                if not (draft / name).exists():
                    (draft / name).symlink_to(f"usr/{name}")
            (draft / "proc" / "cpuinfo").write_text(
                "".join(CORE.format(number) for number in range(4))
            )


def _install(wheel: Path, room: Path, root: Path, site: Path) -> None:
    pip = find_spec("pip")
    if pip is None or pip.origin is None:
        raise InputError("the emulated board needs pip beside this Python: python -m ensurepip")
    # Pure Python, and so the board's as well as this machine's.
    tool = room / "pip"
    shutil.rmtree(tool, ignore_errors=True)
    shutil.copytree(
        Path(pip.origin).parent, tool / "pip", ignore=shutil.ignore_patterns("__pycache__")
    )
    python = [
        USER,
        "-cpu",
        "cortex-a72",
        "-L",
        str(root),
        "-E",
        f"PYTHONPATH={tool}",
        str(root / "usr/bin/python3"),
    ]
    options = [
        "--quiet",
        "--no-compile",
        "--only-binary=:all:",
        "--root-user-action=ignore",
        "--target",
        str(site),
    ]
    _run(
        "installing the wheel on the board",
        [*python, "-m", "pip", "install", *options, f"{wheel}[{EXTRA}]"],
    )


def _key(wheel: Path) -> str:
    """A key of the wheel's content, whatever its date; raises `InputError` for what is no wheel."""
    try:
        with zipfile.ZipFile(wheel) as file:
            content = sorted((entry.filename, entry.CRC) for entry in file.infolist())
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{wheel}: expected a wheel of this package ({reason(error)}); without --wheel one"
            " is made of this checkout"
        ) from None
    return hashlib.sha256(repr(content).encode()).hexdigest()[:16]


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A draft that becomes `path` when all of it is there."""
    draft = path.with_name(f"{path.name}.draft")
    for old in (draft, path):
        shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
    if not path.suffix:
        draft.mkdir()
    yield draft
    draft.replace(path)


def _run(
    doing: str,
    command: Sequence[str],
    environment: dict[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    done = subprocess.run(
        command,
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        check=False,
    )
    _fine(doing, done.returncode, done.stderr)
    return done.stdout


def _fine(doing: str, code: int, said: str) -> None:
    if code:
        last = (said.strip().splitlines() or ["nothing"])[-1][:300]
        raise InputError(f"{doing} failed with code {code}; the last it said: {last}")
