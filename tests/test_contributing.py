"""What CONTRIBUTING.md adds in one file and one row works as it is there."""

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
import torch

from skedge.datasets import readers
from skedge.datasets.importer import Clip, Dataset
from skedge.datasets.store import Store
from skedge.edge_runtime.backends import backend, onnx_runtime
from skedge.edge_runtime.backends.backend import Runtime, load_backend
from skedge.edge_runtime.backends.onnx_runtime import OnnxBackend
from skedge.recipes.methods import METHODS
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import (
    EncoderSettings,
    MaskSettings,
    PretrainSettings,
    TokenMaskSettings,
)
from skedge.skeleton import InputError, load_layout
from skedge.steps import evaluate
from skedge.teacher.masks import joints, tokens
from skedge.teacher.masks.joints import Mask
from skedge.teacher.methods.method import Method
from skedge.teacher.methods.registry import method_named
from skedge.teacher.networks import encoders
from skedge.teacher.pretrain import pretrain
from skedge.teacher.runs.load import load_encoder
from tests.edge_runtime.edge_models import metadata, write_model
from tests.teacher.tiny import COMPUTE, INPUT, PLAN, PRETRAINED, make_store, optim, pose

PAGE = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
# What the formats' and runtimes' own modules import.
NAMES = {
    "np": np,
    "Path": Path,
    "partial": partial,
    "load_layout": load_layout,
    "Clip": Clip,
    "Dataset": Dataset,
    "OnnxBackend": OnnxBackend,
    "Runtime": Runtime,
    "onnx_runtime": onnx_runtime,
}


def blocks(title: str) -> tuple[str, str]:
    """The code of the file and of the row below a heading."""
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (own,) = (part for part in section if part.startswith(title))
    file, row = re.findall(r"```python\n(.*?)```", own, re.DOTALL)
    return file, row


def row(text: str, names: dict[str, Any]) -> dict[str, Any]:
    """The entry of a table that a row is."""
    found: dict[str, Any] = eval(f"{{{text}}}", names)
    return found


@pytest.mark.parametrize(
    "title", ["A method", "A backbone", "A mask", "A dataset format", "A runtime"]
)
def test_each_is_eight_lines(title: str) -> None:
    file, entry = blocks(title)
    code = [line for line in file.splitlines() if line.strip() and not line.startswith("#")]
    plain = [line for line in code if not line.startswith(("from ", "import "))]
    assert len(plain) <= 8
    assert len(entry.splitlines()) <= 8


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts a module where Python finds it."""
    monkeypatch.syspath_prepend(tmp_path)

    def put(name: str, code: str) -> None:
        (tmp_path / f"{name}.py").write_text(code)
        monkeypatch.delitem(sys.modules, name, raising=False)

    return put


def test_a_method_trains_and_its_encoder_is_opened(
    package: Callable[[str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, entry = blocks("A method")
    package("agreement", file)
    ((name, place),) = row(entry, {}).items()
    assert place.startswith("skedge.teacher.methods.agreement:")
    with pytest.raises(InputError, match=r"pretrain.method: expected one of .*, got agreement"):
        PretrainSettings(name)
    monkeypatch.setitem(METHODS, name, place.removeprefix("skedge.teacher.methods."))
    settings = PretrainSettings(name, optim=optim())
    store = make_store(tmp_path / "store", subjects=4)
    recipe = Recipe("toy", input=INPUT, encoder=PLAN, pretrain=settings, compute=COMPUTE)
    metrics = pretrain(store, tmp_path / "run", recipe)
    assert metrics["method"] == "agreement"
    assert np.isfinite(metrics["loss"])
    assert load_encoder(tmp_path / "run")[1].kind == "encoder"


def test_a_backbone_is_pretrained_and_probed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, entry = blocks("A backbone")
    names: dict[str, Any] = {"partial": partial, "GraphEncoder": encoders.GraphEncoder}
    exec(file, names)
    for name, backbone in row(entry, names).items():
        plan = replace(PLAN, backbone=name)
        with pytest.raises(InputError, match=r"backbone: expected one of st-gcn, .*got 'mixing'"):
            encoders.build_encoder(load_layout("ntu25"), plan)
        for table in (encoders.GRAPHS, encoders.BACKBONES):
            monkeypatch.setitem(table, name, backbone)
        store = make_store(tmp_path / "store", subjects=4)
        recipe = replace(PRETRAINED, encoder=plan)
        pretrain(store, tmp_path / "run", recipe)
        assert load_encoder(tmp_path / "run")[1].encoder.backbone == name
        metrics = evaluate(
            store, tmp_path / "probe", recipe, protocol="linear", pretrained=tmp_path / "run"
        )
        assert metrics["clips"] > 0


def test_every_backbone_that_a_recipe_names_has_a_row() -> None:
    assert {*encoders.BACKBONES} == {*get_args(get_type_hints(EncoderSettings)["backbone"])}


@pytest.mark.parametrize("name", METHODS)
def test_every_row_is_a_method(name: str) -> None:
    method = method_named(name)
    assert issubclass(method, Method)
    assert (method.backbone, method.together) == {
        "csclr": (None, True),
        "crossclr": (None, True),
        "skeleton2vec": ("transformer", False),
        "mamp": ("transformer", False),
        "skeletonmae": ("sttformer", False),
    }.get(name, (None, False))


def test_a_mask_hides_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    file, entry = blocks("A mask")
    names: dict[str, Any] = {}
    exec(file, names)
    for name, draw in row(entry, names).items():
        monkeypatch.setitem(joints.FRAMES, name, draw)
        settings = replace(MaskSettings(masked_frames=4), frames=name)
        mask = Mask(settings, load_layout("ntu25"), INPUT)
        kept = mask.frames(torch.zeros(2, 3, 12, 25, 1))
        assert kept is not None
        assert kept.tolist() == [list(range(2, 10))] * 2


def test_every_mask_that_a_recipe_names_has_a_row() -> None:
    hints = get_type_hints(MaskSettings)
    assert {*joints.JOINTS, "none"} == set(get_args(hints["joints"]))
    assert {*joints.FRAMES, "none"} == set(get_args(hints["frames"]))
    assert set(tokens.STRATEGIES) == set(get_args(get_type_hints(TokenMaskSettings)["strategy"]))


def test_a_format_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, entry = blocks("A dataset format")
    names = dict(NAMES)
    exec(file, names)
    for name, read in row(entry, names).items():
        monkeypatch.setitem(readers.FORMATS, name, read)
    source = tmp_path / "source"
    source.mkdir()
    body = np.repeat(pose(load_layout("ntu25"))[None], 20, axis=0).astype(np.float32)
    for name in ("clap-1", "wave-1", "wave-2"):
        np.save(source / f"{name}.npy", body)
    readers.import_dataset("npy", source, tmp_path / "store", rate=30.0)
    store = Store(tmp_path / "store")
    assert store.labels == ("clap", "wave")
    assert store.index["label"].tolist() == [0, 1, 1]
    assert "--rate" in dict(readers.described())["npy"]
    with pytest.raises(InputError, match="npy has no option layout; it has rate"):
        readers.import_dataset("npy", source, tmp_path / "other", layout="ntu25")


def test_a_runtime_runs_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, entry = blocks("A runtime")
    names = dict(NAMES)
    exec(file, names)
    (added,) = eval(f"[{entry}]", names)
    model = write_model(tmp_path / "model.onnx", metadata())
    other = model.rename(tmp_path / "model.reversed")
    with pytest.raises(InputError, match=r"suffix .onnx or .tflite, got '.reversed'"):
        load_backend(other)
    monkeypatch.setattr(backend, "RUNTIMES", (*backend.RUNTIMES, added))
    shape = (metadata().persons, metadata().frames, len(metadata().layout), 3)
    clip = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    expected = OnnxBackend(other).run(np.ascontiguousarray(clip[:, ::-1]))
    np.testing.assert_array_equal(load_backend(other).run(clip)[0], expected[0])
