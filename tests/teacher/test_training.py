import csv
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import AugmentSettings, ComputeSettings, MaskSettings, PretrainSettings
from skedge.skeleton import InputError, load_layout
from skedge.teacher import training
from skedge.teacher.clips import Clips
from skedge.teacher.methods.pstl import PSTL
from skedge.teacher.methods.registry import method_named
from skedge.teacher.networks.encoders import STGCN
from skedge.teacher.runs.folder import Run
from skedge.teacher.training import (
    CHECKPOINT,
    OwnRandomness,
    ProgressBar,
    StopBetweenSteps,
    Trained,
    fit,
    precision_of,
    rate_share,
    seeded,
    warmup_cosine,
)
from tests.full import no_room_for
from tests.teacher.tiny import COMPUTE, INPUT, PLAN, equal, motion, optim, state

NTU = load_layout("ntu25")


@pytest.mark.parametrize(
    ("warmup", "steps"), [(0, 10), (10, 150), (2.5, 7), (30, 30), (50, 30), (0, 1)]
)
def test_warmup_then_cosine(warmup: float, steps: int) -> None:
    shares = [warmup_cosine(step, warmup, steps) for step in range(steps)]
    assert shares[0] > 0
    assert all(0 < share <= 1 for share in shares)
    peak = min(steps - 1, -int(-warmup // 1))
    assert shares[: peak + 1] == sorted(shares[: peak + 1])
    assert shares[peak:] == sorted(shares[peak:], reverse=True)
    if warmup < steps:
        assert warmup_cosine(steps, warmup, steps) == pytest.approx(0, abs=1e-9)
    if warmup == int(warmup) and warmup < steps:
        assert shares[int(warmup)] == 1
        assert warmup_cosine(steps + 5, warmup, steps) == pytest.approx(0, abs=1e-9), "past the end"


def test_the_rate_falls_at_milestones_in_place_of_the_cosine() -> None:
    """CSCLR: a tenth at epoch 250 of 500; in steps of whatever number an epoch has."""
    settings = optim(epochs=500, warmup_epochs=10, milestones=(250, 400))
    shares = [rate_share(settings, step, 1500) for step in range(1500)]
    assert shares[:30] == [warmup_cosine(step, 30, 1500) for step in range(30)]
    assert shares[30:750] == [1.0] * 720
    assert shares[750:1200] == pytest.approx([0.1] * 450)
    assert shares[1200:] == pytest.approx([0.01] * 300)


def test_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    assert precision_of(ComputeSettings(precision="16-mixed")) == "16-mixed"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    for supported, expected in ((True, "bf16-mixed"), (False, "16-mixed")):
        monkeypatch.setattr(
            torch.cuda, "is_bf16_supported", lambda including_emulation, own=supported: own
        )
        assert precision_of(ComputeSettings()) == expected
        assert precision_of(ComputeSettings(accelerator="cpu")) == "32-true", (
            "the CPU is asked for in spite of the GPU"
        )
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert precision_of(ComputeSettings()) == "32-true"
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert precision_of(ComputeSettings()) == "bf16-mixed"


def test_a_gpu_that_emulates_bfloat16_trains_in_float16(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch supports it there, too, and a training of many hours took several times as long."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "_check_bf16_tensor_supported", lambda device: True)
    for major, expected in ((7, "16-mixed"), (8, "bf16-mixed")):
        device = SimpleNamespace(major=major)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _, device=device: device)
        assert precision_of(ComputeSettings()) == expected


class Line(Trained):
    """Linear regression that notes the clips of every step, and stops as Ctrl-C does at the step
    `interrupt`."""

    def __init__(self, optim_settings: Any, interrupt: int | None = None) -> None:
        super().__init__(optim_settings)
        torch.manual_seed(0)
        self.layer = nn.Linear(3, 2)
        self.interrupt = interrupt
        self.seen: list[list[float]] = []

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        if self.interrupt == self.trainer.global_step:
            raise KeyboardInterrupt
        self.seen.append(batch[0][:, 0].tolist())
        loss = functional.cross_entropy(self.layer(batch[0]), batch[1])
        self.log("loss", loss)
        return loss


def _points(count: int = 12) -> Clips:
    x = torch.randn(count, 3, generator=torch.Generator().manual_seed(5))
    return Clips(x, (x[:, 0] > 0).long())


def train(module: Line, folder: Path, *, resume: bool = False, shuffle: bool = True) -> L.Trainer:
    """Trains on the points, four at a time."""
    run = Run(folder, Recipe(compute=COMPUTE), resume=resume)
    return fit(module, _points().loader(4, shuffle=shuffle), run, title="Line")


def test_too_few_clips_for_a_step_are_refused(tmp_path: Path) -> None:
    nothing = DataLoader(_points(3), 4, drop_last=True, collate_fn=lambda batch: batch)
    with pytest.raises(InputError, match="too few clips"):
        fit(Line(optim(epochs=2)), nothing, Run(tmp_path, Recipe(compute=COMPUTE)), title="Line")


def test_a_training_whose_checkpoint_has_no_room_names_the_checkpoint(tmp_path: Path) -> None:
    """It was `pretrain: No space left on device`."""
    with pytest.raises(OSError, match="File too large") as refused, no_room_for(1000):
        train(Line(optim(epochs=2)), tmp_path / "run")
    assert refused.value.filename == str(tmp_path / "run" / CHECKPOINT)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_every_optimizer_follows_the_schedule(optimizer: str, tmp_path: Path) -> None:
    rates: list[float] = []

    class Watched(Line):
        def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
            rates.append(self.trainer.optimizers[0].param_groups[0]["lr"])

    module = Watched(
        optim(
            epochs=4, learning_rate=0.2, warmup_epochs=1, weight_decay=1e-3, optimizer=optimizer,
            betas=(0.8, 0.95),
        )
    )  # fmt: skip
    before = state(module)
    trainer = train(module, tmp_path)
    assert trainer.global_step == 12
    assert rates == pytest.approx([0.2 * warmup_cosine(step, 3, 12) for step in range(12)])
    (group,) = trainer.optimizers[0].param_groups
    assert group["weight_decay"] == 1e-3
    assert group.get("momentum", 0.9) == 0.9
    assert group.get("betas", (0.8, 0.95)) == (0.8, 0.95)
    assert ("momentum" if optimizer == "sgd" else "betas") in group
    assert type(trainer.optimizers[0]).__name__.lower() == optimizer
    assert not equal(before, state(module))
    assert (tmp_path / "log" / "metrics.csv").is_file()


def test_a_training_of_a_few_steps_ends_with_them(tmp_path: Path) -> None:
    module = Line(optim(epochs=5))
    run = Run(tmp_path, Recipe(compute=COMPUTE))
    trainer = fit(module, _points().loader(4), run, title="Line", steps=4)
    assert trainer.global_step == len(module.seen) == 4


def test_a_checkpoint_is_written_ten_times_in_a_run(tmp_path: Path) -> None:
    """Everything was lost where the process was killed."""
    file = tmp_path / CHECKPOINT
    held: list[int] = []

    class Watched(Line):
        def on_train_epoch_start(self) -> None:
            held.append(torch.load(file)["global_step"] if file.is_file() else 0)

    train(Watched(optim(epochs=20)), tmp_path)
    assert held == [6 * (epoch // 2) for epoch in range(20)]


def test_an_interrupted_training_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Without shuffling and augmentation: what is drawn after an interruption is drawn anew."""
    settings = optim(epochs=5, learning_rate=0.1, warmup_epochs=1)
    whole = Line(settings)
    fit(
        whole,
        _points().loader(4, shuffle=False),
        Run(tmp_path / "whole", Recipe(compute=COMPUTE)),
        title="Line",
    )

    folder = tmp_path / "a folder"
    first = Line(settings, interrupt=6)
    with pytest.raises(KeyboardInterrupt):
        train(first, folder, shuffle=False)
    assert (folder / CHECKPOINT).is_file()

    second = Line(settings)
    trainer = train(second, folder, resume=True, shuffle=False)
    assert trainer.global_step == 15
    assert first.seen + second.seen == whole.seen, "every clip in every epoch, once"
    for name, value in state(whole).items():
        torch.testing.assert_close(state(second)[name], value, atol=1e-6, rtol=1e-6)

    third = Line(settings)
    train(third, folder, resume=True, shuffle=False)
    assert third.seen == [], "what was trained but not yet written is not trained again"
    assert equal(state(third), state(second))


@pytest.mark.parametrize("interrupt", [6, 7])
def test_the_log_of_a_resumed_training_holds_all_of_it(interrupt: int, tmp_path: Path) -> None:
    """The rows of before the interruption were deleted from `log/metrics.csv`. What was logged
    behind the checkpoint is trained, and logged, again."""
    settings = optim(epochs=5)
    with pytest.raises(KeyboardInterrupt):
        train(Line(settings, interrupt=interrupt), tmp_path)
    file = tmp_path / "log" / "metrics.csv"
    with file.open("a") as log:
        log.write("4,0.5,12\n")
    train(Line(settings), tmp_path, resume=True)
    rows = list(csv.DictReader(file.open()))
    assert [int(row["step"]) for row in rows] == list(range(15))
    assert all(float(row["loss"]) > 0 for row in rows)
    train(Line(settings), tmp_path)
    assert len(file.read_text().splitlines()) == 16, "without --resume it is a new log"


def test_the_log_is_whole_from_the_first_step_on(tmp_path: Path) -> None:
    """Rows that are written with the next ones are lost to who ends the process before."""

    class Watched(Line):
        def training_step(self, batch: Any, batch_index: int) -> Tensor:
            if not self.seen:
                steps.extend(row["step"] for row in csv.DictReader(file.open()))
            return super().training_step(batch, batch_index)

    file = tmp_path / "log" / "metrics.csv"
    steps: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        train(Line(optim(epochs=5), interrupt=6), tmp_path)
    train(Watched(optim(epochs=5)), tmp_path, resume=True)
    assert steps == ["0", "1", "2", "3", "4", "5"]


def test_within_an_epoch_it_draws_the_rest_anew(tmp_path: Path) -> None:
    """The epoch's remaining steps come from a new pass over the clips: as many steps, perhaps some
    clips twice."""
    settings = optim(epochs=5, learning_rate=0.1, warmup_epochs=1)
    first, second = Line(settings, interrupt=7), Line(settings)
    with pytest.raises(KeyboardInterrupt):
        train(first, tmp_path, shuffle=False)
    left = state(first)
    started: list[dict[str, Tensor]] = []
    second.on_train_start = lambda: started.append(state(second))
    assert train(second, tmp_path, resume=True, shuffle=False).global_step == 15
    assert equal(started[0], left), "no step is lost"
    assert (len(first.seen), len(second.seen)) == (7, 8)


def test_a_resumed_training_does_not_draw_what_it_began_with() -> None:
    """Nor do two processes draw the same."""

    def drawn(rank: int, step: int) -> float:
        trainer: Any = SimpleNamespace(global_rank=rank, global_step=step)
        OwnRandomness(3).on_train_start(trainer, Line(optim()))
        return torch.rand(1).item()

    assert drawn(0, 0) == drawn(0, 0)
    assert len({drawn(rank, step) for rank in (0, 1) for step in (0, 7)}) == 4


def test_shuffled_training_resumes_with_the_same_number_of_steps(tmp_path: Path) -> None:
    settings = optim(epochs=4)
    with pytest.raises(KeyboardInterrupt):
        train(Line(settings, interrupt=7), tmp_path)
    module = Line(settings)
    assert train(module, tmp_path, resume=True).global_step == 12
    assert len(module.seen) == 5


def test_a_checkpoint_is_used_only_if_asked(tmp_path: Path) -> None:
    settings = optim(epochs=3)
    with pytest.raises(KeyboardInterrupt):
        train(Line(settings, interrupt=4), tmp_path)
    module = Line(settings)
    assert train(module, tmp_path).global_step == 9
    assert len(module.seen) == 9
    (tmp_path / CHECKPOINT).unlink()
    nothing = Line(settings)
    assert train(nothing, tmp_path, resume=True).global_step == 9, "nothing to go on from"


def test_training_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    seen = []
    for seed in (1, 1, 2):
        module = Line(optim())
        fit(
            module,
            _points().loader(4),
            Run(tmp_path, Recipe(compute=ComputeSettings(seed, "cpu", precision="32-true"))),
            title="Line",
        )
        seen.append(module.seen)
    assert seen[0] == seen[1]
    assert seen[0] != seen[2]


@pytest.mark.parametrize(
    ("devices", "gpu", "expected"), [(1, True, False), (2, True, True), (2, False, False)]
)
def test_batch_norms_of_several_gpus_see_the_whole_batch(
    devices: int, gpu: bool, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Asked(Exception):
        pass

    def trainer(*, sync_batchnorm: bool, **_: Any) -> None:
        assert sync_batchnorm == expected
        raise Asked

    monkeypatch.setattr(training.L, "Trainer", trainer)
    monkeypatch.setattr(training, "on_gpu", lambda compute: gpu)
    monkeypatch.setattr(training, "train_in_all", lambda train, compute: train())
    compute = ComputeSettings(devices=devices, precision="32-true")
    with pytest.raises(Asked):
        fit(Line(optim()), [], Run(tmp_path, Recipe(compute=compute)), title="Line")


def test_weights_are_drawn_from_the_seed() -> None:
    def drawn(seed: int) -> Tensor:
        seeded(ComputeSettings(seed))
        return nn.Linear(3, 2).weight

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))


def test_the_bar_shows_how_far_it_is_and_the_loss() -> None:
    trainer: Any = SimpleNamespace(
        is_global_zero=True, estimated_stepping_batches=10, global_step=3, callback_metrics={}
    )
    module = Line(optim())
    bar = ProgressBar("Line")
    bar.on_train_start(trainer, module)
    (task,) = bar.progress.tasks
    assert (task.description, task.total, task.completed) == ("Line", 10, 3), "of a resumed one"
    for step, metrics, shown in ((4, {}, ""), (5, {"loss": torch.tensor(1.23456)}, "loss 1.235")):
        trainer.global_step, trainer.callback_metrics = step, metrics
        bar.on_train_batch_end(trainer, module)
        assert (task.completed, task.fields["loss"]) == (step, shown)
    assert bar.progress.live.is_started
    bar.on_train_end(trainer, module)
    assert not bar.progress.live.is_started
    bar.on_train_start(trainer, module)
    bar.on_exception(trainer, module, KeyboardInterrupt())
    assert not bar.progress.live.is_started, "which would hide the cursor"


def _clips(count: int = 16) -> Clips:
    joints = torch.stack(
        [torch.from_numpy(motion(NTU, i % 4, i, INPUT.frames))[None] for i in range(count)]
    )
    return Clips(joints, torch.arange(count) % 4)


@pytest.mark.parametrize("method", ["pstl", "skeleton-bt"])
def test_the_loss_falls_on_sixteen_clips(method: str, tmp_path: Path) -> None:
    losses: list[float] = []
    seeded(COMPUTE)
    settings = PretrainSettings(
        projector=16, pstl=MaskSettings("high-degree", "high-motion", 5, 2, 1, "squared"),
        augment=AugmentSettings(rotation=10.0), optim=optim(epochs=30, batch_size=16, learning_rate=1e-2),
    )  # fmt: skip
    module = method_named(method)(STGCN(NTU, PLAN), NTU, Recipe(input=INPUT, pretrain=settings))
    loss: Callable[[Tensor], Tensor] = module.loss

    def noted(joints: Tensor) -> Tensor:
        value = loss(joints)
        losses.append(value.item())
        return value

    module.loss = noted
    fit(module, _clips().loader(16), Run(tmp_path, Recipe(compute=COMPUTE)), title=method)
    assert len(losses) == 30
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])


@pytest.mark.parametrize("per", ["sample", "batch"])
def test_pstl_compares_the_anchor_with_both_masked_views(
    per: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Joints and frames leave in the view they were chosen for, and the loss is the sum of both
    terms (eq. 7)."""
    torch.manual_seed(0)
    settings = PretrainSettings(
        projector=8,
        pstl=MaskSettings("high-degree", "high-motion", 9, 3, 2, "squared", per),
        augment=AugmentSettings(),
    )
    module = PSTL(STGCN(NTU, PLAN), NTU, Recipe(input=INPUT, pretrain=settings))
    calls: list[tuple[Tensor | None, Tensor | None]] = []
    encoder = module.encoder.forward

    def noted(clip: Tensor, joints: Tensor | None = None, frames: Tensor | None = None) -> Tensor:
        calls.append((joints, frames))
        return encoder(clip, joints, frames)

    monkeypatch.setattr(module.encoder, "forward", noted)
    terms: list[Tensor] = []
    barlow = module.barlow.forward
    monkeypatch.setattr(
        module.barlow, "forward", lambda a, b: terms.append(barlow(a, b)) or terms[-1]
    )
    total = module.loss(_clips().joints)
    shapes = {
        (None if j is None else tuple(j.shape), None if f is None else tuple(f.shape))
        for j, f in calls
    }
    assert shapes == {(None, None), ((16, 16), None), (None, (16, 7))}
    joints = next(j for j, _ in calls if j is not None)
    assert bool((joints == joints[0]).all()) == (per == "batch")
    assert len(terms) == 2
    assert torch.equal(total, terms[0] + terms[1])


@pytest.mark.parametrize("damage", ["truncated", "pickle", "another network", "fewer epochs"])
def test_a_useless_checkpoint_is_refused_in_one_line(damage: str, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, (f"touch '{tmp_path}/ran'",)

    settings, checkpoint = optim(epochs=5), tmp_path / CHECKPOINT
    with pytest.raises(KeyboardInterrupt):
        train(Line(settings, interrupt=10), tmp_path)
    if damage == "fewer epochs":
        settings = optim(epochs=1)
    elif damage == "truncated":
        checkpoint.write_bytes(checkpoint.read_bytes()[:-200])
    else:
        torch.save(
            (
                Evil()
                if damage == "pickle"
                else {"epoch": 1, "state_dict": {"weight": torch.zeros(3)}}
            ),
            checkpoint,
        )
    with pytest.raises(InputError, match="checkpoint") as refused:
        train(Line(settings), tmp_path, resume=True)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "ran").exists()


def test_ctrl_c_is_taken_between_two_steps(tmp_path: Path) -> None:
    class Interrupted(Line):
        """Gets its signal inside a step."""

        def training_step(self, batch: Any, batch_index: int) -> Tensor:
            if self.global_step == 4:
                os.kill(os.getpid(), signal.SIGINT)
            return super().training_step(batch, batch_index)

    before = signal.getsignal(signal.SIGINT)
    module = Interrupted(optim(epochs=5))
    with pytest.raises(KeyboardInterrupt):
        train(module, tmp_path)
    assert len(module.seen) == 5, "the step was finished, the next one not begun"
    assert signal.getsignal(signal.SIGINT) is before
    assert train(Line(optim(epochs=5)), tmp_path, resume=True).global_step == 15


def test_a_second_ctrl_c_ends_the_step_and_keeps_what_was_trained(tmp_path: Path) -> None:
    class Impatient(Line):
        def training_step(self, batch: Any, batch_index: int) -> Tensor:
            if self.global_step == 4:
                os.kill(os.getpid(), signal.SIGINT)
                assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
                os.kill(os.getpid(), signal.SIGINT)
            return super().training_step(batch, batch_index)

    module = Impatient(optim(epochs=5))
    with pytest.raises(KeyboardInterrupt):
        train(module, tmp_path)
    assert len(module.seen) == 4, "the step was not finished"
    assert train(Line(optim(epochs=5)), tmp_path, resume=True).global_step == 15


def test_several_processes_end_at_a_second_ctrl_c() -> None:
    """They wait for each other within a step, where nothing else would end them."""
    before = signal.getsignal(signal.SIGINT)
    several: Any = SimpleNamespace(world_size=2)
    stop = StopBetweenSteps()
    try:
        stop.on_train_start(several, Line(optim()))
        signal.raise_signal(signal.SIGINT)
        assert stop.asked
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_training_that_is_lost_leaves_no_checkpoint_to_go_on_from(tmp_path: Path) -> None:
    class Lost(Line):
        def training_step(self, batch: Any, batch_index: int) -> Tensor:
            factor = float("nan") if self.global_step == 7 else 1.0
            return factor * super().training_step(batch, batch_index)

        def log(self, name: str, value: Any, *_: Any, **__: Any) -> None:
            super().log(name, value * (float("nan") if self.global_step == 7 else 1.0))

    with pytest.raises(InputError) as lost:
        train(Lost(optim(epochs=5, learning_rate=0.25)), tmp_path)
    assert str(lost.value) == (
        "the loss is not a number since epoch 3, step 8; train with a learning_rate below 0.25"
    )
    assert not (tmp_path / CHECKPOINT).exists()
