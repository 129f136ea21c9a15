"""The container file, as far as that can be looked at without a builder: what it copies is there and
enough to install from, and it runs as somebody without rights. `make lint` runs hadolint on it, and
`.ci/run` builds and runs it where it can."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from urllib.error import HTTPError

import psutil
import pytest

from skedge.cli.main import parse
from skedge.edge_runtime.live.mailbox import Newest
from skedge.edge_runtime.live.pipeline import Log
from skedge.edge_runtime.live.server import Feeds, Page
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
    assert "/healthz" in command[2]
    assert json.loads(arguments(lines, "ENTRYPOINT")[0]) == ["skedge"]
    started, *words = json.loads(arguments(lines, "CMD")[0])
    args = parse(started, words)
    assert (args.port, args.host, args.wait) == (8080, "0.0.0.0", True)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1"])
def test_the_health_check_asks_whatever_port_there_is(
    lines: list[tuple[str, str]], host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asked 8080: with another --port a container that was well was called unhealthy. So was one
    for which Docker names a proxy."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    (check,) = arguments(lines, "HEALTHCHECK")
    code = json.loads(check.partition(" CMD ")[2])[2]
    found = psutil.net_connections
    # As in a container, whose other programs it cannot see.
    monkeypatch.setattr(
        psutil, "net_connections", lambda kind: [c for c in found(kind) if c.pid == os.getpid()]
    )
    problems: list[str] = []
    feeds = Feeds(None, Newest(), Log(), problems=lambda: problems)
    with pytest.raises(SystemExit, match="no page"):
        exec(code, {})
    page = Page(feeds, host=host, port=0, token="eight-to")
    thread = threading.Thread(target=page.run)
    thread.start()
    try:
        exec(code, {})
        problems.append("the camera is lost")
        with pytest.raises(HTTPError, match="503"):
            exec(code, {})
    finally:
        page.stop()
        thread.join()
