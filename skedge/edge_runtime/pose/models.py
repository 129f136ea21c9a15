"""The two networks of BlazePose: where they lie, and how they get there once."""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from skedge.skeleton.errors import InputError
from skedge.skeleton.files import write_whole

# The package whose wheel holds the networks (Apache-2.0). It is only unpacked, so one wheel serves
# every platform.
PACKAGE = "mediapipe==0.10.14"
WHEEL = (
    "--platform",
    "manylinux2014_x86_64",
    "--python-version",
    "3.11",
    "--implementation",
    "cp",
    "--abi",
    "cp311",
)


@dataclass(frozen=True)
class Model:
    """A file called `name` in the cache, the `member` of the wheel, and the SHA-256 of its
    content."""

    name: str
    member: str
    sha256: str


MODELS = {
    "detector": Model(
        "pose_detection.tflite",
        "mediapipe/modules/pose_detection/pose_detection.tflite",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    ),
    "full": Model(
        "pose_landmark_full.tflite",
        "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    ),
}


def default_folder() -> Path:
    """The user's cache: `$XDG_CACHE_HOME/skedge/pose`, by default `~/.cache/skedge/pose`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "skedge" / "pose"


def model_path(model: str, folder: Path | None = None) -> Path:
    """Where the network "detector" or "full" lies; raises `InputError` where it does not."""
    path = (folder or default_folder()) / MODELS[model].name
    if not path.is_file():
        raise InputError(
            f"{path}: expected BlazePose's network there, got nothing; run `skedge pose fetch`"
            " once, or on a machine without network `skedge pose fetch --wheel FILE` (its --help"
            " says where that file comes from)"
        )
    return path


def fetch(wheel: Path | None = None, folder: Path | None = None) -> list[Path]:
    """Put the networks into `folder`, by default the user's cache, and return their paths.

    Those that are there are only compared with their checksums. The others come out of `wheel`, or
    of one that pip downloads. Raises `InputError` where that cannot be had, or holds other files.
    """
    folder = folder or default_folder()
    paths = {name: folder / model.name for name, model in MODELS.items()}
    missing = [model for name, model in MODELS.items() if not _is(paths[name], model)]
    if missing and wheel is not None:
        _unpack(wheel, missing, folder)
    elif missing:
        with tempfile.TemporaryDirectory() as room:
            _unpack(_download(Path(room)), missing, folder)
    return list(paths.values())


def _is(path: Path, model: Model) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == model.sha256


def _download(room: Path) -> Path:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        *WHEEL,
        PACKAGE,
    ]
    done = subprocess.run([*command, "--dest", str(room)], capture_output=True, text=True)
    found = list(room.glob("*.whl"))
    if done.returncode or not found:
        said = [
            line
            for line in done.stderr.splitlines()
            if line.startswith("ERROR") or "No module named" in line
        ]
        raise InputError(
            f"pose fetch: pip could not download {PACKAGE}"
            f" ({said[-1] if said else 'it says nothing'}); with a network elsewhere, run there"
            f" `{offline_command()}`, bring the .whl file here and run `skedge pose fetch --wheel"
            " FILE`"
        )
    return found[0]


def offline_command() -> str:
    """What to run on any machine with pip and a network to get the wheel."""
    return f"pip download --no-deps --only-binary=:all: {' '.join(WHEEL)} {PACKAGE}"


def _unpack(wheel: Path, models: list[Model], folder: Path) -> None:
    expected = f"the wheel of {PACKAGE}"
    try:
        with zipfile.ZipFile(wheel) as archive:
            contents = {model: archive.read(model.member) for model in models}
    except (
        OSError,
        zipfile.BadZipFile,
        zlib.error,
        KeyError,
        EOFError,
        RuntimeError,
        NotImplementedError,
    ) as error:
        raise InputError(
            f"{wheel}: expected {expected}, it cannot be read as that ({error}); download it again"
        ) from None
    for model, content in contents.items():
        if hashlib.sha256(content).hexdigest() != model.sha256:
            raise InputError(
                f"{wheel}: expected {expected}, but {model.member} has another checksum; download"
                " it again"
            )
    try:
        for model, content in contents.items():
            write_whole(folder / model.name, partial(Path.write_bytes, data=content))
    except OSError as error:
        raise InputError(
            f"{folder}: expected a folder that can be written to, got: {error.strerror}"
        ) from None
