"""The distributions that this tree makes, and a new environment with the wheel in it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Environment:
    """A virtual environment, a folder beside it to work in, and where pip keeps downloads."""

    folder: Path
    room: Path
    cache: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def run(self, *command: object, **changes: str) -> subprocess.CompletedProcess[str]:
        """What `command` gives with this environment activated, in a home without files."""
        home = self.room / "home"
        home.mkdir(exist_ok=True)
        variables = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "COV_", "VIRTUAL_ENV"))
        }
        variables |= {
            "HOME": str(home),
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
            # What one environment has downloaded, the next one need not; nor is much compiled that
            # nobody will run.
            "PIP_CACHE_DIR": str(self.cache),
            "PIP_NO_COMPILE": "no",  # as pip reads it: not to compile
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        return subprocess.run(
            list(map(str, command)),
            capture_output=True,
            text=True,
            cwd=self.room,
            env=variables | changes,
        )


@pytest.fixture(scope="session")
def new_environment(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[Path], Environment]:
    """Makes an environment in a folder, as `python -m venv` does, pip included.

    pip is unpacked and compiled once: the others have a copy of its files.
    """
    first = tmp_path_factory.mktemp("first") / "venv"
    cache = tmp_path_factory.mktemp("downloads")
    subprocess.run([sys.executable, "-m", "venv", first], check=True)

    def make(folder: Path) -> Environment:
        shutil.copytree(first, folder / "venv", symlinks=True)
        for script in (folder / "venv" / "bin").glob("pip*"):
            script.write_text(script.read_text().replace(str(first), str(folder / "venv")))
        room = folder / "room"
        room.mkdir()
        return Environment(folder / "venv", room, cache)

    return make


def copied(folder: Path) -> Path:
    """A copy of what a clone of this tree would hold: `folder`/skedge."""
    unwanted = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__")
    made = {"runs", "build", "dist"}

    def ignored(folder: str, names: list[str]) -> set[str]:
        return unwanted(folder, names) | (made if Path(folder) == ROOT else set())

    return shutil.copytree(ROOT, folder / "skedge", ignore=ignored, symlinks=True)


@pytest.fixture(scope="session")
def sdist_and_wheel(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """As `make wheel` makes them: the wheel out of the sdist."""
    folder = tmp_path_factory.mktemp("made")
    tree = copied(folder)
    command = [sys.executable, "-m", "build", "--outdir", str(folder / "dist"), str(tree)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (sdist,) = (folder / "dist").glob("skedge-*.tar.gz")
    (wheel,) = (folder / "dist").glob("skedge-*-py3-none-any.whl")
    return sdist, wheel


@pytest.fixture(scope="session")
def installed(
    sdist_and_wheel: tuple[Path, Path],
    new_environment: Callable[[Path], Environment],
    tmp_path_factory: pytest.TempPathFactory,
) -> Environment:
    """A new environment in which the wheel alone was installed: the base installation."""
    environment = new_environment(tmp_path_factory.mktemp("installed"))
    done = environment.run("pip", "install", "--quiet", sdist_and_wheel[1])
    assert done.returncode == 0, done.stderr
    return environment
