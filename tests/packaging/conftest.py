"""The distributions that this tree makes, and a new environment with the wheel in it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import MadeOnce

ROOT = Path(__file__).parents[2]
# What this person's pip has downloaded once, an environment need not download again.
CACHE = os.environ.get("PIP_CACHE_DIR") or str(
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pip"
)
PIP = """#!{python}
import sys
from pip._internal.cli.main import main
sys.exit(main())
"""


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
        variables |= {
            "HOME": str(home),
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
            "PIP_CACHE_DIR": CACHE,
            "PIP_NO_COMPILE": "no",  # as pip reads it: not to compile what nobody will run
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
def new_environment(made_once: MadeOnce) -> Callable[[Path], Environment]:
    """Makes an environment in a folder, as `python -m venv` does, pip included.

    pip is unpacked and compiled once: the others have links to its files.
    """
    python = [sys.executable, "-m", "venv"]
    first = made_once("pip", lambda room: subprocess.run([*python, room / "venv"], check=True))
    (packages,) = (first / "venv").glob("lib/python*/site-packages")

    def make(folder: Path) -> Environment:
        made = folder / "venv"
        subprocess.run([*python, "--without-pip", made], check=True)
        (own,) = made.glob("lib/python*/site-packages")
        for part in packages.glob("pip*"):
            (own / part.name).symlink_to(part)
        script = made / "bin" / "pip"
        script.write_text(PIP.format(python=made / "bin" / "python"))
        script.chmod(0o755)
        room = folder / "room"
        room.mkdir()
        return Environment(made, room)

    return make


def copied(folder: Path) -> Path:
    """A copy of what a clone of this tree would hold: `folder`/skedge."""
    unwanted = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__")
    made = {"runs", "build", "dist"}

    def ignored(folder: str, names: list[str]) -> set[str]:
        return unwanted(folder, names) | (made if Path(folder) == ROOT else set())

    return shutil.copytree(ROOT, folder / "skedge", ignore=ignored, symlinks=True)


@pytest.fixture(scope="session")
def sdist_and_wheel(made_once: MadeOnce) -> tuple[Path, Path]:
    """As `make wheel` makes them: the wheel out of the sdist."""

    def build(room: Path) -> None:
        tree = copied(room)
        command = [sys.executable, "-m", "build", "--outdir", str(room / "dist"), str(tree)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    folder = made_once("distributions", build) / "dist"
    (sdist,) = folder.glob("skedge-*.tar.gz")
    (wheel,) = folder.glob("skedge-*-py3-none-any.whl")
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
