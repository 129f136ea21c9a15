"""The distributions that this tree makes, and a new environment with the wheel in it."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Environment:
    """A virtual environment, and a folder beside it to work in."""

    folder: Path
    room: Path

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
        variables |= {"HOME": str(home), "PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        return subprocess.run(
            list(map(str, command)),
            capture_output=True,
            text=True,
            cwd=self.room,
            env=variables | changes,
        )


def new_environment(folder: Path) -> Environment:
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    room = folder / "room"
    room.mkdir()
    return Environment(folder / "venv", room)


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
    sdist_and_wheel: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """A new environment in which the wheel alone was installed: the base installation."""
    environment = new_environment(tmp_path_factory.mktemp("installed"))
    done = environment.run("pip", "install", "--quiet", sdist_and_wheel[1])
    assert done.returncode == 0, done.stderr
    return environment
