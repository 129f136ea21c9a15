"""The examples run as they are, and are short enough to be read."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from skedge.datasets.store import StoreWriter
from skedge.datasets.synthetic.synthesize import clip
from skedge.edge_runtime.interfaces import Frame
from skedge.edge_runtime.live.outlets import load_hook
from skedge.edge_runtime.live.run import open_camera
from skedge.edge_runtime.sources import Played
from skedge.recipes.methods import METHODS
from skedge.skeleton import load_layout

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def _as_a_user_would(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())


def test_each_is_short_and_named_in_the_list() -> None:
    named = (EXAMPLES / "README.md").read_text()
    for example in EXAMPLES.glob("*.py"):
        assert len(example.read_text().splitlines()) < 40, example.name
        assert f"({example.name})" in named


def test_an_array_is_recognised(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save("clip.npy", clip(4, 0, seed=1).joints)
    monkeypatch.setattr(sys, "argv", ["recognise_array.py", "clip.npy"])
    runpy.run_path(str(EXAMPLES / "recognise_array.py"), run_name="__main__")
    *events, first, _, _ = capsys.readouterr().out.splitlines()
    begun = sum(event.endswith("begins") for event in events)
    assert 2 * begun == len(events) > 0, "what goes on at the clip's end has ended with it"
    assert first.endswith(" %")
    assert "squat" in first


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["recognise_array.py", "--help"], 0, "metres, y up"),
        (["recognise_array.py"], 2, "CLIP.npy"),
        (["recognise_array.py", "none.npy"], 2, "none.npy"),
        (["recognise_array.py", "empty.npy"], 2, "error: No data left in file"),
        (["recognise_array.py", "picture.npy"], 2, "expected joints of shape (25, 3), got (25,)"),
        (["new_method.py", "--help"], 0, "--data"),
        (["new_method.py"], 2, "missing --data, --out"),
        (["new_method.py", "--data", "none", "--out", "run"], 2, "none: expected a store's folder"),
    ],
)
def test_wrong_arguments_end_without_a_traceback(words: list[str], code: int, said: str) -> None:
    """`--help` was taken for a file, and everything else ended in a traceback, too."""
    Path("empty.npy").touch()
    np.save("picture.npy", np.zeros((30, 25)))
    done = subprocess.run(
        [sys.executable, EXAMPLES / words[0], *words[1:]], capture_output=True, text=True
    )
    assert done.returncode == code
    assert said in (done.stderr if code else done.stdout)
    assert "Traceback" not in done.stderr


def test_a_wave_switches_the_light(capsys: pytest.CaptureFixture[str]) -> None:
    hook = load_hook(f"{EXAMPLES / 'light'}:on_event")
    begun = {"event": "wave", "phase": "begun", "confidence": 0.9, "start": 3.2, "end": None}
    for event in (begun, begun | {"phase": "ended", "end": 5.4}, begun | {"event": "clap"}, begun):
        hook(event)
    hook(begun | {"confidence": 0.3})
    assert capsys.readouterr().out == "light on\nlight off\n"


def test_a_method_of_ones_own_pretrains(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(METHODS, "direction", "the example's row goes here, and goes again")
    with StoreWriter(
        "tiny", name="tiny", layout=load_layout("ntu25"), labels=["a", "b"], rate=30.0
    ) as store:
        for subject in range(4):
            joints = clip(subject, subject, seed=1).joints[:30]
            store.add(f"clip {subject}", joints[None], label=subject % 2, subject=subject)
        store.protocol("xsub", lambda index: np.where(index["subject"] % 4 == 3, 3, 1))
    typed = ["--data", "tiny", "--out", "run", "--pretrain.optim.epochs", "1"]
    monkeypatch.setattr(sys, "argv", ["new_method.py", *typed])
    runpy.run_path(str(EXAMPLES / "new_method.py"), run_name="__main__")
    assert '"method": "direction"' in capsys.readouterr().out
    assert Path("run/weights.safetensors").is_file()


def test_a_silhouette_is_a_body(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = np.zeros((60, 80, 3), np.uint8)
    with_somebody = empty.copy()
    with_somebody[10:50, 30:50] = 200
    source = Played(iter([Frame(empty, 0.0), Frame(with_somebody, 0.1)]))
    monkeypatch.setattr("skedge.edge_runtime.sources.open_source", lambda text, fast: source)
    camera = open_camera("film.mp4", estimator=f"{EXAMPLES / 'silhouette'}:Silhouette")
    assert camera.pose is not None
    nobody, somebody = (camera.pose.estimate(frame) for frame in source)
    assert nobody == ()
    (person,) = somebody
    assert person.pixels is not None
    left, right = (camera.layout.index(f"{side}_wrist") for side in ("left", "right"))
    ankle = camera.layout.index("left_ankle")
    assert 30 <= person.pixels[:, 0].min() < person.pixels[:, 0].max() <= 50
    assert person.pixels[ankle, 1] == pytest.approx(50)
    assert person.pixels[left, 0] > person.pixels[right, 0], "a person who faces the camera"
    assert np.ptp(person.joints[:, 1]) == pytest.approx(1.7, rel=0.06)
