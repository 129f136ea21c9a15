"""The commands and programs of README and docs work as they are there."""

import json
import re
import shlex
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from skedge.cli.main import parse
from skedge.datasets.store import Store, StoreWriter
from skedge.datasets.synthetic.synthesize import clip
from skedge.edge_runtime.interfaces import Frame
from skedge.edge_runtime.live.outlets import load_hook
from skedge.edge_runtime.live.run import open_camera
from skedge.edge_runtime.pose.archives import tarball_command, wheel_command
from skedge.edge_runtime.sources import Played
from skedge.recipes import RECIPES
from skedge.skeleton import InputError, load_layout
from skedge.skeleton.layout import Layout
from skedge.sweep.grid import points_of, read_sweep
from tests.commands import settings

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    str(page.relative_to(ROOT))
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    if page.name != "reproduce.md"  # tests/test_reproduce.py runs that one in a shell
)


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def test_a_store_of_own_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    recordings = [(f"clip {i}", rng.normal(size=(20 + i, 20, 3)), i % 2, i) for i in range(4)]
    (example,) = blocks("docs/own-data.md", "python")
    exec(example, {"recordings": recordings})
    store = Store("stores/mine")
    assert len(store) == 4
    assert list(store.split("xsub", "train")) == [1, 3]
    np.testing.assert_allclose(store.clip(2)[0], recordings[2][1].astype(np.float32))


def test_a_layout_of_ones_own() -> None:
    (example,) = blocks("docs/own-data.md", "json")
    assert Layout.from_dict(json.loads(example)).name == "upper-body"


def test_a_sweep_of_ones_own(tmp_path: Path) -> None:
    (example,) = blocks("docs/sweeps.md", "yaml")
    (tmp_path / "mine.yaml").write_text(example)
    with StoreWriter(
        tmp_path / "store", name="x", layout=load_layout("kinect20"), labels=["a"], rate=30.0
    ) as writer:
        for name in ("one", "two"):
            writer.add(name, np.zeros((1, 9, 20, 3), np.float32), label=0)
        writer.protocol("xsub", lambda index: np.array([1, 3], np.int8))
    sweep, _ = read_sweep(str(tmp_path / "mine.yaml"), RECIPES)
    assert len(points_of(sweep, Store(tmp_path / "store"), tmp_path)) == 4 * 2 * 3


def commands(page: str) -> list[str]:
    """The commands of skedge on a page, each on one line, without comments and redirections."""
    text = "\n".join(blocks(page, "sh") + blocks(page, "ini")).replace("\\\n", " ")
    text = re.sub(r"\n {2,}(?=[\w.]+: )", " ", text)  # a setting that goes on over lines
    found = re.findall(r"(?:^\s*|[;&] |/bin/)skedge ((?:[a-z-]+ )[^#>\n]*)", text, re.MULTILINE)
    return [command for command in found if "..." not in command]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_on_the_page_is_understood(page: str) -> None:
    for command in commands(page):
        # What a loop of the shell would put there.
        told = re.sub(r"\$\(\(.*?\)\)|\$epochs", "3", command).replace("$method", "pstl")
        settings(tuple(shlex.split(told)))


def test_commands_are_found_on_pages() -> None:
    assert sum(len(commands(page)) for page in PAGES) > 100


@pytest.mark.parametrize("page", PAGES)
def test_every_target_of_make_on_the_page_is_there(page: str) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", (ROOT / page).read_text(), re.MULTILINE):
        assert target in targets


@pytest.mark.parametrize("page", PAGES)
def test_every_module_that_a_page_runs_is_there(page: str) -> None:
    for module in re.findall(r"python -m ([\w.]+)", (ROOT / page).read_text()):
        assert find_spec(module) is not None, module


def test_the_hook_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hook, _ = blocks("docs/on-the-pi.md", "python")
    (event,) = blocks("docs/on-the-pi.md", "json")
    (tmp_path / "lights.py").write_text(hook)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    load_hook("lights:on_event")(json.loads(event))
    assert capsys.readouterr().out == "light on\n"


def test_the_pose_estimator_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, estimator = blocks("docs/on-the-pi.md", "python")
    network = (
        "def my_network(image, people):\n    return np.ones((people, 17, 3)), np.ones((people, 17,"
        " 2))\n"
    )
    (tmp_path / "mine.py").write_text(f"import numpy as np\n{estimator}\n\n{network}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    source = Played(iter([Frame(np.zeros((4, 4, 3), np.uint8), 0.0)]))
    monkeypatch.setattr("skedge.edge_runtime.sources.open_source", lambda text, fast: source)
    camera = open_camera("film.mp4", people=2, estimator="mine:Mine")
    assert camera.layout.name == "coco17"
    assert camera.pose is not None
    assert [person.id for person in camera.pose.estimate(next(iter(source)))] == [0, 1]
    (tmp_path / "other.py").write_text("def build(people):\n    return people\n")
    with pytest.raises(
        InputError, match=r"--pose other:build: expected it to give a pose estimator.*got int"
    ):
        open_camera("film.mp4", estimator="other:build")


@pytest.mark.parametrize("command", [wheel_command, tarball_command])
def test_what_the_page_fetches_by_hand_is_what_is_fetched(command: Callable[[], str]) -> None:
    shown = "\n".join(blocks("docs/on-the-pi.md", "sh"))
    assert command() in re.sub(r"\s*\\\n\s*", " ", shown)


@pytest.mark.parametrize(
    ("page", "said"), [("README.md", "label='wave'"), ("docs/events.md", "ended wave")]
)
def test_the_recognizer_on_the_page(
    page: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = blocks(page, "python")
    joints = clip(0, 0, seed=0).joints
    timed = [(frame, number / 30) for number, frame in enumerate(joints)]
    exec(example, {"skeletons": timed, "clip": joints})
    assert said in capsys.readouterr().out


def test_the_flat_estimator_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (estimator,) = blocks("docs/two-dimensional.md", "python")
    network = "def my_network(people):\n    return lambda image: np.ones((people, 17, 3))\n"
    (tmp_path / "flat.py").write_text(f"{estimator}\n\n{network}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    source = Played(iter([Frame(np.zeros((4, 4, 3), np.uint8), 0.0)]))
    monkeypatch.setattr("skedge.edge_runtime.sources.open_source", lambda text, fast: source)
    camera = open_camera("film.mp4", people=2, estimator="flat.py:Flat")
    assert camera.pose is not None
    assert len(camera.pose.estimate(next(iter(source)))) == 2


def test_the_file_of_flags_on_the_page(tmp_path: Path) -> None:
    (example,) = blocks("docs/at-home.md", "toml")
    (tmp_path / "skedge.toml").write_text(example)
    assert parse("live", ["--config", str(tmp_path / "skedge.toml")]).device == "the hall"
