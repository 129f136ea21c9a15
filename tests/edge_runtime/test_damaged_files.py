"""Model files that are damaged or made to do harm: refused in one line, in no time, and no answer
comes from any of them. `SKEDGE_FUZZ` says how many damaged files of each kind are tried."""

import os
import signal
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from skedge.edge_runtime import Recognizer
from skedge.edge_runtime.backends import outline, probe, protobuf
from skedge.edge_runtime.backends.backend import load_backend
from skedge.edge_runtime.backends.seal import OPEN, seal
from skedge.edge_runtime.models import find
from skedge.skeleton import InputError
from skedge.skeleton.metadata import KEY
from tests.edge_runtime.edge_models import METADATA, metadata, walk, write_model
from tests.edge_runtime.edge_tflite import write_tflite

FILES = int(os.environ.get("SKEDGE_FUZZ", "300"))
WRITE: dict[str, Callable[..., Path]] = {"onnx": write_model, "tflite": write_tflite}
# No file may take longer, in seconds.
HANGS = 2.0


@pytest.fixture(params=WRITE)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def refused(path: Path) -> str:
    for _ in range(3):  # what hangs, hangs again; a machine that others keep busy does not
        begin = time.monotonic()
        with pytest.raises(InputError) as caught:
            load_backend(path)
        if time.monotonic() - begin < HANGS:
            break
    else:
        pytest.fail(f"{path} keeps its reader for {HANGS:g} s")
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def damage(content: bytes, random: np.random.Generator) -> bytes:
    """Some bytes altered, or a piece cut out, doubled or filled with zeros."""
    changed = bytearray(content)
    at, size = int(random.integers(len(content))), int(random.integers(1, 400))
    how = random.integers(6)
    if how < 3:
        for place in random.integers(0, len(content), random.integers(1, 4)):
            changed[place] ^= int(random.integers(1, 256))
    elif how == 3:
        del changed[at:]
    elif how == 4:
        changed[at : at + size] = bytes(len(changed[at : at + size]))
    else:
        changed[at:at] = content[at : at + size]
    return bytes(changed)


@pytest.mark.parametrize("shipped", [False, True], ids=["small", "default"])
def test_no_damaged_file_is_opened(kind: str, shipped: bool, tmp_path: Path) -> None:
    """Neither a small one, where most damage meets the structure, nor the model that comes with
    skedge."""
    whole = WRITE[kind](tmp_path / f"whole.{kind}", metadata(frames=2))
    content = (find(f"default.{kind}") if shipped else whole).read_bytes()
    random, path = np.random.default_rng(0), tmp_path / f"damaged.{kind}"
    for _ in range(FILES):
        changed = damage(content, random)
        if changed != content:
            path.write_bytes(changed)
            refused(path)


def test_a_hostile_file_is_refused_or_runs(kind: str, tmp_path: Path) -> None:
    """One that was damaged on purpose and got a right checksum afterwards. It runs in a process of
    its own here: what it may do to that is told by how that ends."""
    content = WRITE[kind](tmp_path / f"whole.{kind}", metadata(frames=2)).read_bytes()
    random, path = np.random.default_rng(1), tmp_path / f"hostile.{kind}"
    load_backend(tmp_path / f"whole.{kind}")  # what is imported is not imported again
    for _ in range(FILES // 10):
        with suppress(ValueError):
            path.write_bytes(seal(damage(content, random)))
            assert ends(path) == 0


def ends(path: Path) -> int:
    """How a process ends that opens the file and runs it."""
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # who hangs ends by that
        try:
            backend = load_backend(path)
            backend.run(np.zeros((1, backend.metadata.frames, 25, 3), np.float32))
        except InputError:
            pass
        except BaseException as error:
            print(type(error).__name__, error, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_every_byte_of_the_metadata_counts(kind: str, tmp_path: Path) -> None:
    """Also those of the checksum's own name and digits."""
    content = WRITE[kind](tmp_path / f"whole.{kind}", metadata(frames=2)).read_bytes()
    at = content.index(b'"file_sha256"')
    path = tmp_path / f"damaged.{kind}"
    for place in range(at - 5, min(at + 85, len(content))):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        refused(path)


def test_a_file_without_a_checksum_is_opened(kind: str, tmp_path: Path) -> None:
    """As an older skedge has written it."""
    whole = WRITE[kind](tmp_path / f"new.{kind}")
    old = WRITE[kind](tmp_path / f"old.{kind}", document=METADATA.to_json())
    assert load_backend(old).metadata.file_sha256 is None
    clip = walk(33, 30)
    np.testing.assert_array_equal(
        Recognizer.load(old).predict(clip), Recognizer.load(whole).predict(clip)
    )


def test_the_models_that_come_with_skedge_are_plain_networks(kind: str) -> None:
    content = find(f"default.{kind}").read_bytes()
    if kind == "onnx":
        assert protobuf.read_document(content, KEY)
    else:
        outline.check_outline(content)


@pytest.mark.parametrize(
    ("happens", "message"),
    [
        ("os.kill(os.getpid(), 11)", "ends its runtime .signal 11."),
        ("time.sleep(60)", "got none within 3 s"),
        ("sys.exit('it answers nonsense')", "it answers nonsense"),
    ],
)
def test_a_tflite_file_without_a_checksum_harms_another_process_alone(
    happens: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LiteRT crashes over some files: what opens them first is made to."""
    old = write_tflite(tmp_path / "old.tflite", document=METADATA.to_json())
    monkeypatch.setattr(probe, "COMMAND", f"import os, sys, time\n{happens}")
    monkeypatch.setattr(probe, "SECONDS", 3.0)
    with pytest.raises(InputError, match=message):
        load_backend(old)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with suppress(ValueError):
        protobuf.read_document(content, KEY)
    with suppress(ValueError):
        outline.check_outline(content)


@given(st.integers(0, 2**64 - 1))
def test_numbers_are_read_as_protobuf_writes_them(number: int) -> None:
    entry = onnx.ModelProto(ir_version=number >> 1).SerializeToString()
    assert dict(protobuf._fields(memoryview(entry))) == {1: number >> 1}


def sealed(path: Path, model: onnx.ModelProto) -> Path:
    helper.set_model_props(model, {KEY: replace(METADATA, file_sha256=OPEN).to_json()})
    path.write_bytes(seal(model.SerializeToString()))
    return path


def with_node(node: onnx.NodeProto, tmp_path: Path) -> Path:
    model = onnx.load(write_model(tmp_path / "m.onnx"))
    model.graph.node.insert(0, node)
    return sealed(tmp_path / "m.onnx", model)


def test_what_is_no_plain_network_is_refused_before_the_runtime(tmp_path: Path) -> None:
    body = helper.make_graph([], "body", [], [])
    hostile = {
        "'Loop'": helper.make_node("Loop", ["joints"], ["x"]),
        "'ConstantOfShape'": helper.make_node("ConstantOfShape", ["joints"], ["x"]),
        "graph inside": helper.make_node("Relu", ["joints"], ["x"], hidden=body),
        "'other Relu'": helper.make_node("Relu", ["joints"], ["x"], domain="other"),
    }
    for words, node in hostile.items():
        assert words in refused(with_node(node, tmp_path))


def test_weights_in_other_files_are_refused(tmp_path: Path) -> None:
    model = onnx.load(write_model(tmp_path / "m.onnx"))
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    assert "another file" in refused(sealed(tmp_path / "m.onnx", model))


def test_tensors_that_no_memory_holds_are_refused(tmp_path: Path) -> None:
    path = write_tflite(tmp_path / "m.tflite")
    shapes = struct.pack("<4i", 1, 20, 25, 3), struct.pack("<4i", 1, 20_000, 20_000, 3)
    path.write_bytes(seal(path.read_bytes().replace(*shapes)))
    assert "at most are run" in refused(path)


def test_tflite_operators_are_those_that_networks_have(tmp_path: Path) -> None:
    numbers = {
        name: number for name, number in vars(schema.BuiltinOperator).items() if name.isupper()
    }
    for name in ("WHILE", "IF", "CALL_ONCE", "CUSTOM", "FILL", "RANGE", "TILE", "VAR_HANDLE"):
        assert numbers[name] not in outline.OPERATORS
    for name in ("FULLY_CONNECTED", "CONV_2D", "SOFTMAX", "BATCH_MATMUL", "QUANTIZE"):
        assert numbers[name] in outline.OPERATORS


def test_answers_that_are_no_numbers_are_an_error(tmp_path: Path) -> None:
    matrix = np.full((3, 20 * 25 * 3), np.nan, np.float32)
    recognizer = Recognizer.load(write_model(tmp_path / "nan.onnx", matrix=matrix))
    with pytest.raises(InputError, match=r"NaN or infinity .* export it again"):
        recognizer.predict(walk(33, 30))
    frames = iter(walk(60, 30))

    def follow() -> None:
        for number, frame in enumerate(frames):
            recognizer.update(frame[0], number / 30)

    with pytest.raises(InputError, match="NaN or infinity"):
        follow()


def test_a_file_that_is_too_large_is_refused_unread(kind: str, tmp_path: Path) -> None:
    with (tmp_path / f"huge.{kind}").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(InputError):
        load_backend(tmp_path / f"huge.{kind}")
