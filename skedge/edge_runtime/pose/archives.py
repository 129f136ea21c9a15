"""The packages that hold BlazePose's networks (Apache-2.0): mediapipe's wheel for Python, and
@mediapipe/pose for browsers.

Both are only unpacked: nothing of them is installed or run, so one file of each serves every
platform.
"""

import base64
import hashlib
import os
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from skedge.skeleton.errors import InputError, reason
from skedge.skeleton.files import home

WHEEL = "mediapipe==0.10.14"
PLATFORM = (
    "--platform",
    "manylinux2014_x86_64",
    "--python-version",
    "3.11",
    "--implementation",
    "cp",
    "--abi",
    "cp311",
)
TARBALL, VERSION = "@mediapipe/pose", "0.5.1675469404"
# As npm itself publishes and checks it (Subresource Integrity).
INTEGRITY = (
    "sha512-DFZsNWTsSphRIZppnUCuunzBiHP2FdJXR9ehc7mMi4KG"
    "+oPaOH0Em3d6kr7Py+TSyTXC1doH88KcF28k2sBxsQ=="
)
NPM = "https://registry.npmjs.org/"
PATIENCE = 60
_UNREADABLE = (
    OSError,
    EOFError,
    KeyError,
    RuntimeError,
    NotImplementedError,
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
)


@dataclass(frozen=True)
class Archive:
    """A package's file at `path`, what it is `expected` to be, and its content by member."""

    path: Path
    expected: str
    content: Callable[[str], bytes]

    def read(self, member: str) -> bytes:
        """The content of a member; raises `InputError` where the file is damaged or has none."""
        try:
            return self.content(member)
        except _UNREADABLE as error:
            raise InputError(
                f"{self.path}: expected {self.expected}, it cannot be read as that"
                f" ({reason(error)}); download it again"
            ) from None


def open_wheel(path: Path) -> Archive:
    """The wheel in a file; what is wrong with it shows when it is read."""

    def content(member: str) -> bytes:
        with zipfile.ZipFile(path) as archive:
            return archive.read(member)

    return Archive(path, f"the wheel of {WHEEL}", content)


def open_tarball(path: Path) -> Archive:
    """The tarball in a file, whose integrity is compared before anything is unpacked."""

    def content(member: str) -> bytes:
        with open(path, "rb") as file:
            digest = base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode()
        if f"sha512-{digest}" != INTEGRITY:
            raise tarfile.TarError("it has another checksum")
        with tarfile.open(path) as archive:
            found = archive.extractfile(member)
            if found is None:
                raise KeyError(member)
            return found.read()

    return Archive(path, f"the tarball of {TARBALL} {VERSION}", content)


def download_wheel(room: Path) -> Path:
    """The wheel, which pip puts into `room`; raises `InputError` where it cannot."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        *PLATFORM,
        WHEEL,
    ]
    done = subprocess.run([*command, "--dest", str(room)], capture_output=True, text=True)
    found = list(room.glob("*.whl"))
    if done.returncode or not found:
        said = [
            line
            for line in done.stderr.splitlines()
            if line.startswith("ERROR") or "No module named" in line
        ]
        reason = said[-1] if said else "it says nothing"
        raise InputError(
            f"pose fetch: pip could not download {WHEEL} ({reason}); with a network elsewhere, run"
            f" there `{wheel_command()}`, bring the .whl file here and run `skedge pose fetch"
            " --wheel FILE`"
        )
    return found[0]


def download_tarball(room: Path) -> Path:
    """The tarball, from the npm registry into `room`, without npm; raises `InputError`, with what
    to do, where it cannot.
    """
    path = room / "pose.tgz"
    try:
        with (
            urllib.request.urlopen(tarball_address(), timeout=PATIENCE) as answer,
            open(path, "wb") as file,
        ):
            while part := answer.read(1 << 20):
                file.write(part)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise InputError(
            f"pose fetch: {TARBALL} {VERSION} could not be downloaded ({reason}); with a network "
            f"elsewhere, run there "
            f"`{tarball_command()}`, bring the .tgz file here and run `skedge pose fetch "
            f"--tarball FILE`"
        ) from None
    return path


def tarball_address() -> str:
    """Where the registry that npm is set to use (its environment variable, or ~/.npmrc) has the
    tarball.
    """
    # npm reads its variables in both spellings.
    set_to = {name.lower(): value for name, value in os.environ.items()}
    registry = set_to.get("npm_config_registry") or _npmrc() or NPM
    return f"{registry.rstrip('/')}/{TARBALL}/-/{TARBALL.rpartition('/')[2]}-{VERSION}.tgz"


def _npmrc() -> str | None:
    try:
        lines = (home() / ".npmrc").read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    pairs = [line.partition("=") for line in lines]
    return next(
        (value.strip().strip("\"'") for name, _, value in pairs if name.strip() == "registry"), None
    )


def wheel_command() -> str:
    """What to run on any computer with pip and a network to get the wheel."""
    return f"pip download --no-deps --only-binary=:all: {' '.join(PLATFORM)} {WHEEL}"


def tarball_command() -> str:
    """What to run on any computer with npm and a network to get the tarball."""
    return f"npm pack {TARBALL}@{VERSION}"
