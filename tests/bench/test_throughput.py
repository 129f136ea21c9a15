"""What the bench of the pretraining step says about a tiny network, against what can be known
without it."""

import copy
import json
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from skedge.bench.studies import training
from skedge.recipes.methods import METHODS
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import (
    AsmaSettings,
    AugmentSettings,
    ComputeSettings,
    EncoderSettings,
    InputSettings,
    MaskSettings,
    OptimSettings,
    PretrainSettings,
    SttformerSettings,
    TransformerSettings,
)
from skedge.skeleton import InputError, load_layout
from skedge.teacher.methods import pstl
from skedge.teacher.methods.method import OneEncoder
from skedge.teacher.methods.pstl import SkeletonBT
from skedge.teacher.methods.registry import make_method, method_named
from skedge.teacher.networks.encoders import build_encoder
from skedge.teacher.training import Trained

NTU, FRAMES, BATCH, WIDTH, STEPS = load_layout("ntu25"), 12, 4, 10, 3
PLAN = EncoderSettings(
    widths=(4, 6, 6),
    strides=(1, 2, 1),
    transformer=TransformerSettings(8, 2, 2),
    sttformer=SttformerSettings(16, 2),
)
MASK = MaskSettings(masked_joints=9, masked_frames=3)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "MATRIX", {"cpu": 128, "gpu": 1024})


def measure(
    device: str = "cpu",
    method: Any = "skeleton-bt",
    persons: int = 1,
    batch: int = BATCH,
    **changes: Any,
) -> Any:
    optim = OptimSettings(epochs=150, batch_size=batch)
    settings = PretrainSettings(
        method,
        WIDTH,
        pstl=MASK,
        asma=AsmaSettings(theta=MASK, phi=MASK),
        augment=AugmentSettings(),
        optim=optim,
        **changes,
    )
    plan = replace(PLAN, backbone=method_named(method).backbone or "st-gcn")
    stream: Any = "three" if method_named(method).together else "joint"
    data = InputSettings(frames=FRAMES, persons=persons, stream=stream)
    compute = ComputeSettings(accelerator=device, precision="32-true")
    recipe = Recipe(input=data, encoder=plan, pretrain=settings, compute=compute)
    return training.measure(NTU, recipe, clips=3 * BATCH, steps=STEPS)


@pytest.mark.parametrize("device", ["cpu", pytest.param("gpu", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("method", list(METHODS))
def test_the_figures_are_plausible(method: str, device: str) -> None:
    found = measure(device, method)
    assert 0 < found["wait_share"] < 1
    assert 0 < found["share_of_ceiling"] < 1
    assert (
        found["share_of_ceiling_by_cpu_time"] is None
        if device == "gpu"
        else 0 < found["share_of_ceiling_by_cpu_time"] < 1
    )
    assert 0 < found["fastest_step_ms"] <= found["step_ms"] <= found["slowest_step_ms"]
    assert 0 < found["clips_per_second"] < BATCH / found["fastest_step_ms"] * 1e3, (
        "a cycle holds a step and the waiting"
    )
    assert found["flops_per_second"] == pytest.approx(
        found["flops_per_step"] / found["step_ms"] * 1e3
    )
    assert found["data_bytes"] == 3 * BATCH * FRAMES * 25 * 3 * 4
    assert found["peak_bytes"] > found["data_bytes"]
    assert found["activation_bytes"] > BATCH * FRAMES * 25 * 3 * 4
    assert found["steps"] == STEPS


def by_hand(persons: int) -> int:
    """Multiply-accumulates of one view forward: augmentation's matrix, the blocks, the
    projector."""
    rows, frames, inside = BATCH * persons, FRAMES, 3
    moved = rows * frames * 25 * 9
    total = 0
    for i, (out, stride) in enumerate(zip(PLAN.widths, PLAN.strides, strict=True)):
        total += rows * frames * inside * 25 * 75  # with the three adjacencies side by side
        total += rows * frames * 25 * 3 * inside * out
        total += 3 * out * 25  # what the graph makes of the bias
        frames_after = -(-frames // stride)
        total += rows * frames_after * 25 * 9 * out * out
        total += (
            rows * frames_after * 25 * inside * out if i and (inside, stride) != (out, 1) else 0
        )
        inside, frames = out, frames_after
    total += BATCH * (inside * WIDTH + 2 * WIDTH * WIDTH)
    # Backward there are two products to each one forward; what the data alone goes into has none.
    return 2 * (moved + 3 * total)


def test_activations_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network keeps what its products and its rectifier need backward, each once, and no
    weights."""

    class Two(Trained):
        def __init__(self, *_: Any) -> None:
            super().__init__(OptimSettings(batch_size=BATCH))
            self.first, self.second = (
                torch.nn.Linear(25 * 3, 7, bias=False),
                torch.nn.Linear(7, 5, bias=False),
            )

        def training_step(self, batch: Any, _: int) -> torch.Tensor:
            return self.second(self.first(batch[0].flatten(-2)).relu()).sum()

    monkeypatch.setattr(training, "make_method", Two)
    kept = (
        BATCH * FRAMES * (25 * 3 + 7)
    )  # the input, and what the rectifier gives, which is the second layer's input too
    assert measure()["activation_bytes"] == pytest.approx(4 * kept, rel=0.01)


@pytest.mark.parametrize("persons", [1, 2])
def test_operations_by_hand(persons: int) -> None:
    barlow = 2 * 3 * BATCH * WIDTH * WIDTH
    assert measure(persons=persons)["flops_per_step"] == 2 * by_hand(persons) + barlow


def test_the_steps_are_those_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as asked and the warm-up, each of a whole batch from the shuffled set, and every one
    learns."""
    seen: list[torch.Tensor] = []
    weights: list[torch.Tensor] = []

    class Spied(SkeletonBT):
        def loss(self, joints: torch.Tensor) -> torch.Tensor:
            seen.append(joints.clone())
            weights.append(self.encoder.blocks[0].time.weight.detach().clone())
            return super().loss(joints)

    monkeypatch.setattr(pstl, "SkeletonBT", Spied)
    measure()
    assert [len(joints) for joints in seen] == [BATCH] * (training.WARMUP + STEPS)
    epoch = torch.cat(seen[:3]).flatten(1)
    assert len(epoch.unique(dim=0)) == 3 * BATCH
    assert all((after - before).abs().max() > 0 for before, after in pairwise(weights))


def test_waiting_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loader that takes a tenth of a second is most of such a short step's cycle."""
    batches = training.Clips.__getitems__

    def slow(clips: training.Clips, indices: list[int]) -> Any:
        time.sleep(0.1)
        return batches(clips, indices)

    monkeypatch.setattr(training.Clips, "__getitems__", slow)
    found = measure()
    assert found["wait_ms"] >= 100
    assert found["wait_share"] * STEPS * BATCH / found["clips_per_second"] >= 0.1


def test_the_command_writes_json_and_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = (
        "--batch 2 --persons 1 --projector 8 --steps 1 --clips 4 --device cpu --precision 32-true"
        " --method skeleton-bt"
    )
    training.main([*flags.split(), "--threads", "1", "--out", str(tmp_path / "a room")])
    document = json.loads((tmp_path / "a room" / "training.json").read_text())
    (run,) = document["runs"]
    assert run["precision"] == "32-true"
    assert run["threads"] == 1
    assert document["settings"]["batch"] == 2
    table = (tmp_path / "a room" / "training.md").read_text()
    assert table in capsys.readouterr().out
    assert f"{run['clips_per_second']:.1f}" in table
    assert "projector 8 (" in table


@pytest.mark.parametrize("changes", [{"batch": 13}, {"batch": 0}, {"device": "gpu"}])
def test_what_cannot_be_measured_is_refused(
    changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="expected"):
        measure(**changes)


@pytest.mark.parametrize("flags", ["--batch 8 --clips 4", "--batch 0", "--frames -1"])
def test_the_command_refuses_in_one_line(flags: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A setting out of range ended in a traceback."""
    with pytest.raises(SystemExit) as ended:
        training.main([*flags.split(), "--device", "cpu"])
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A traceback, after all had been measured."""
    monkeypatch.setattr(training, "measure", lambda *_, **__: pytest.fail("it was measured"))
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(SystemExit) as ended:
        training.main(["--device", "cpu", "--out", str(tmp_path / "runs")])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path / "runs") in line


def test_the_usual_order_of_the_graph_product_is_the_same_step() -> None:
    """The baseline of the step's speed learns what the step learns, or its time says nothing.

    Without dropout, whose draws differ.
    """
    torch.manual_seed(0)
    recipe = Recipe(
        input=InputSettings(frames=FRAMES),
        encoder=replace(PLAN, dropout=0.0),
        pretrain=PretrainSettings("pstl", WIDTH, pstl=MASK, augment=AugmentSettings()),
    )
    module = make_method(NTU, recipe)
    other = copy.deepcopy(module)
    training.in_usual_order(other)
    joints = training.made_up(NTU, recipe.input, BATCH).joints
    found = []
    for one in (module, other):
        torch.manual_seed(1)
        assert isinstance(one, OneEncoder)
        loss = one.loss(joints)
        loss.backward()
        grads = {name: p.grad for name, p in one.named_parameters() if p.grad is not None}
        found.append((float(loss.detach()), grads))
    (loss, grads), (usual_loss, usual_grads) = found
    assert usual_loss == pytest.approx(loss, rel=1e-4)
    assert grads.keys() == usual_grads.keys()
    for name, grad in grads.items():
        torch.testing.assert_close(usual_grads[name], grad, rtol=1e-2, atol=1e-3, msg=name)


def test_the_baseline_drops_as_torch_does() -> None:
    encoder = build_encoder(NTU, replace(PLAN, dropout=0.25), FRAMES)
    expected = [part.p for part in encoder.modules() if isinstance(part, nn.Dropout)]
    assert 0.25 in expected
    training.in_usual_order(encoder)
    found = [part for part in encoder.modules() if isinstance(part, nn.Dropout)]
    assert [part.p for part in found] == expected
    assert {type(part) for part in found} == {nn.Dropout}


def test_no_usual_order_without_a_graph() -> None:
    with pytest.raises(InputError, match="expected --backbone st-gcn or tcn"):
        training.in_usual_order(torch.nn.Linear(2, 2))
