"""TFLite files: what stands in them, damage, and the machine that has no runtime for them or only
the old one."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import ai_edge_litert.interpreter
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from hypothesis import strategies as st

from skedge.edge_runtime import Recognizer
from skedge.edge_runtime.backends.flatbuffer import read_text
from skedge.edge_runtime.models import find
from skedge.skeleton import InputError
from skedge.skeleton.metadata import KEY, ModelMetadata
from tests.edge_runtime.edge_models import METADATA, metadata, walk
from tests.edge_runtime.edge_tflite import write_tflite

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tflite(tmp_path_factory.mktemp("models") / "student.tflite")


def test_the_document_is_found_as_the_schema_says(model: Path) -> None:
    content = model.read_bytes()
    parsed = schema.ModelT.InitFromPackedBuf(content, 0)
    (entry,) = parsed.metadata
    text = read_text(content, KEY)
    assert text == bytes(parsed.buffers[entry.buffer].data).decode()
    read = ModelMetadata.from_json(text, "student.tflite")
    assert replace(read, file_sha256=None).to_json() == METADATA.to_json()
    assert read_text(content, "another") is None


@given(st.data())
def test_damage_gives_one_error(model: Path, data: st.DataObject) -> None:
    """Whatever stands in the file, it is read or refused, and read where nothing of the way to the
    document changed."""
    content = bytearray(model.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    try:
        found = read_text(bytes(content[:cut]), KEY)
    except ValueError:
        return
    assert found is None or len(found) <= len(content)


DAMAGE = """
import sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from skedge import Recognizer
from skedge.skeleton import InputError
model, room = map(Path, sys.argv[1:])
content, random = model.read_bytes(), np.random.default_rng(0)
for i in range(100):
    damaged = bytearray(content)
    for at in random.integers(0, len(content), 3):
        damaged[at] = random.integers(256)
    path = room / f"{i}.tflite"
    path.write_bytes(damaged if i % 3 else damaged[: random.integers(len(content))])
    try:
        Recognizer.load(path)
    except InputError as error:
        assert "\\n" not in str(error)
print("done")
"""


def test_a_damaged_file_does_not_end_the_process(tmp_path: Path) -> None:
    model = write_tflite(
        tmp_path / "model.tflite", metadata(frames=2)
    )  # hardly any weights: what is hit matters
    command = [sys.executable, "-c", DAMAGE, str(model), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_a_model_that_runs_stays_what_it_is_while_its_file_is_copied_over(tmp_path: Path) -> None:
    """LiteRT had the file itself for weights: with `cp new.tflite m.tflite` beside it, `skedge live`
    ended in "got NaN"."""
    file = tmp_path / "m.tflite"
    shutil.copy(find("default.tflite"), file)
    recognizer = Recognizer.load(file)
    clip = walk(60, 30)[:, 0]
    before = recognizer.predict(clip)
    with file.open("r+b") as there:  # in its place, as cp does
        there.write(b"\xff" * file.stat().st_size)
    np.testing.assert_array_equal(recognizer.predict(clip), before)


def test_a_file_that_opens_but_does_not_run_is_refused_at_once(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not with a traceback at the first frame."""

    def invoke(interpreter: object) -> None:
        raise RuntimeError("Node number 3 failed to invoke.")

    monkeypatch.setattr(ai_edge_litert.interpreter.Interpreter, "invoke", invoke)
    with pytest.raises(InputError, match=r"expected a TFLite model that runs.*Node number 3"):
        Recognizer.load(model)


def test_a_file_with_a_checksum_is_opened_in_this_process_alone(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process takes a second of every start."""
    monkeypatch.setattr("skedge.edge_runtime.backends.litert.probe", pytest.fail)
    assert Recognizer.load(model).labels == METADATA.labels


def hide(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """As if a package were not installed."""
    monkeypatch.setitem(sys.modules, name, None)


def test_without_a_runtime_the_extra_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "ai_edge_litert.interpreter")
    monkeypatch.setattr("skedge.edge_runtime.backends.litert.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'pip install .*\[tflite\]"') as caught:
        Recognizer.load(model)
    assert "\n" not in str(caught.value)


@pytest.fixture
def predecessor(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """tflite-runtime alone is installed: here ai-edge-litert's interpreter under its name. Lists
    the files opened by it."""
    opened: list[bytes] = []

    class Interpreter(ai_edge_litert.interpreter.Interpreter):
        def __init__(self, model_content: bytes, num_threads: int) -> None:
            opened.append(model_content)
            super().__init__(model_content=model_content, num_threads=num_threads)

    old: Any = ModuleType("tflite_runtime.interpreter")
    old.Interpreter = Interpreter
    monkeypatch.setitem(sys.modules, "tflite_runtime", ModuleType("tflite_runtime"))
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", old)
    monkeypatch.setattr(
        "skedge.edge_runtime.backends.litert.find_spec",
        lambda name: name == "tflite_runtime" or None,
    )
    hide(monkeypatch, "ai_edge_litert.interpreter")
    return opened


def test_the_predecessor_runs_fp32_under_numpy_1(
    model: Path, predecessor: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(np, "__version__", "1.26.4")
        recognizer = Recognizer.load(model)
    assert predecessor == [model.read_bytes()]
    assert recognizer.predict(walk(33, 30)).sum() == pytest.approx(1)


def test_the_predecessor_is_refused_where_it_is_wrong(
    model: Path, predecessor: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"needs NumPy 1, found 2.*\[tflite\]"):
        Recognizer.load(model)
    monkeypatch.setattr(np, "__version__", "1.26.4")
    with pytest.raises(InputError, match=r"fp32 models alone, this one is int8.*\[tflite\]"):
        Recognizer.load(write_tflite(tmp_path / "int8.tflite", metadata(precision="int8")))
    assert predecessor == []
