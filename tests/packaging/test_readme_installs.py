"""Every line of the documents that installs something works, in a new environment."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT, Environment, copied

# What downloads gigabytes takes minutes: its wheel is built and its extra looked up, and what it
# needs is left out (`make setup` installs all of it).
HEAVY = re.compile(r"\[[^\]]*(?:train|convert|dev)[^\]]*\]|torch")
PAGES = ["README.md", *(str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md"))]


def lines(page: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    return [
        # On the board the environment is ~/skedge-env; here it is the one that is made.
        re.sub(r"\S*/bin/pip\b", "pip", line.partition("  #")[0].strip())
        for block in blocks
        for line in block.splitlines()
        if re.search(r"(?:^|/|&& )pip install", line)
    ]


INSTALLS = sorted({line for page in PAGES for line in lines(page)})


def test_the_readme_installs_something() -> None:
    assert lines("README.md")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the repository was cloned."""
    return copied(tmp_path_factory.mktemp("cloned"))


@pytest.mark.parametrize("line", INSTALLS)
def test_the_line_works(
    line: str,
    sdist_and_wheel: tuple[Path, Path],
    new_environment: Callable[[Path], Environment],
    clone: Path,
    tmp_path: Path,
) -> None:
    environment = new_environment(tmp_path)
    (environment.room / "skedge").symlink_to(clone)
    (environment.room / "dist").symlink_to(sdist_and_wheel[1].parent)
    if HEAVY.search(line):
        line = re.sub(r"\bpip install", "pip install --dry-run --no-deps", line)
    done = environment.run("bash", "-euc", line, HOME=str(environment.room))
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    assert "does not provide the extra" not in done.stdout + done.stderr
    if "skedge" in line and "--dry-run" not in line:
        assert environment.run("skedge", "--version").returncode == 0
