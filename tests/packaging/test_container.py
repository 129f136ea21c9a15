"""The container file, as far as that can be looked at without a builder: what it copies is there and
enough to install from, and it runs as somebody without rights. `make lint` runs hadolint on it, and
`.ci/run` builds and runs it where it can."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from skedge.cli.main import parse
from tests.packaging.conftest import ROOT

# Instructions that builders know (docs.docker.com/reference/dockerfile).
KNOWN = {
    "FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD",
}  # fmt: skip


@pytest.fixture(scope="module")
def lines() -> list[tuple[str, str]]:
    """Its instructions, each with its arguments."""
    text = (ROOT / "Containerfile").read_text()
    whole = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    return [
        (line.split()[0], line.partition(" ")[2].strip())
        for line in whole.splitlines()
        if line.strip()
    ]


def arguments(lines: list[tuple[str, str]], name: str) -> list[str]:
    return [words for instruction, words in lines if instruction == name]


def test_it_copies_what_is_there_and_that_is_enough(
    lines: list[tuple[str, str]], tmp_path: Path
) -> None:
    assert {name for name, _ in lines} <= KNOWN
    let_in = (ROOT / ".dockerignore").read_text().splitlines()
    for words in arguments(lines, "COPY"):
        if words.startswith("--from="):
            continue
        *sources, target = words.split()
        for source in sources:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in let_in, f"{source} is kept out"
            if (ROOT / source).is_dir():
                assert target == f"./{source}", "a folder's content would be copied, not the folder"
                shutil.copytree(ROOT / source, tmp_path / source)
            else:
                shutil.copy(ROOT / source, tmp_path)
    assert any(
        'pip install --no-cache-dir ".[live,home]"' in one for one in arguments(lines, "RUN")
    )
    code = "from setuptools.build_meta import prepare_metadata_for_build_wheel as made; made('.')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_it_runs_without_rights_and_says_how_it_is(lines: list[tuple[str, str]]) -> None:
    names = [name for name, _ in lines]
    (user,) = arguments(lines, "USER")
    assert user not in ("root", "0")
    assert names.index("USER") < names.index("ENTRYPOINT")
    last_stage = len(names) - names[::-1].index("FROM")
    assert names.index("USER") > last_stage
    (check,) = arguments(lines, "HEALTHCHECK")
    command = json.loads(check.partition(" CMD ")[2])
    compile(command[2], "healthcheck", "exec")
    assert "127.0.0.1:8080/healthz" in command[2]
    assert json.loads(arguments(lines, "ENTRYPOINT")[0]) == ["skedge"]
    started, *words = json.loads(arguments(lines, "CMD")[0])
    args = parse(started, words)
    assert (args.port, args.host, args.wait) == (8080, "0.0.0.0", True)
