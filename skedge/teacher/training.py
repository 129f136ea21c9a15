"""Training: one trainer, one schedule, one progress bar."""

import csv
import io
import logging
import math
import signal
import threading
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from torch import Tensor, nn

from skedge.datasets.store import Store
from skedge.recipes.settings import ComputeSettings, OptimSettings
from skedge.skeleton import InputError
from skedge.skeleton.files import named, write_whole
from skedge.teacher.processes import environment_of, train_in_all
from skedge.teacher.runs.folder import CHECKPOINT, Run


class Trained(L.LightningModule):
    """Optimiser and schedule of `OptimSettings` for every module that learns."""

    def __init__(self, optim: OptimSettings) -> None:
        super().__init__()
        self.optim = optim

    def configure_optimizers(self) -> Any:
        learned = self.parameter_groups()
        rate = self.optim.learning_rate
        decay = self.optim.weight_decay
        optimizer: torch.optim.Optimizer
        if self.optim.optimizer == "sgd":
            optimizer = torch.optim.SGD(learned, rate, momentum=0.9, weight_decay=decay)
        else:
            kind = torch.optim.AdamW if self.optim.optimizer == "adamw" else torch.optim.Adam
            optimizer = kind(learned, rate, self.optim.betas, weight_decay=decay)
        steps = max(1, int(self.trainer.estimated_stepping_batches))
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: rate_share(self.optim, step, steps)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The parameters that are learned, for the optimiser; a group may have a rate of its
        own."""
        return [{"params": [p for p in self.parameters() if p.requires_grad]}]


def rate_share(optim: OptimSettings, step: int, steps: int) -> float:
    """The learning rate's share at a step of `steps`: warm-up, then the cosine or the steps down of
    the settings."""
    epoch = steps / max(1, optim.epochs)
    share = warmup_cosine(step, epoch * optim.warmup_epochs, steps)
    if step < epoch * optim.warmup_epochs:
        return share
    if optim.milestones:
        return float(0.1 ** sum(step >= milestone * epoch for milestone in optim.milestones))
    low = optim.final_rate / optim.learning_rate if optim.learning_rate else 0.0
    return low + (1 - low) * share


def warmup_cosine(step: int, warmup: float, steps: int) -> float:
    """The learning rate's share at a step: linear over `warmup` steps, never 0 there, then a cosine
    to 0 at `steps`."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1.0, steps - warmup))))


class ProgressBar(Callback):
    """One bar over all epochs, with the loss and the time that is left."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[loss]}"),
        )

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.is_global_zero:
            steps = int(trainer.estimated_stepping_batches)
            self.progress.start()
            self.task = self.progress.add_task(
                self.title, total=steps, completed=trainer.global_step, loss=""
            )

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        if trainer.is_global_zero:
            loss = (
                f"loss {trainer.callback_metrics['loss']:.4g}"
                if "loss" in trainer.callback_metrics
                else ""
            )
            self.progress.update(self.task, completed=trainer.global_step, loss=loss)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.is_global_zero:
            self.progress.stop()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        if trainer.is_global_zero:
            self.progress.stop()


class StopBetweenSteps(Callback):
    """A stop by Ctrl-C at the start of the next step, of the same one in all processes: anywhere
    else it can be lost in a callback or cut a step in two.

    A second one stops at once.
    """

    def __init__(self) -> None:
        self.asked = False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        # Several processes that are stopped within a step wait for each other: they are ended.
        self.second = signal.default_int_handler if trainer.world_size == 1 else signal.SIG_DFL
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._take)

    def _take(self, *_: Any) -> None:
        self.asked = True
        signal.signal(signal.SIGINT, self.second)

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if _anywhere(trainer, self.asked):
            raise KeyboardInterrupt


class StopWhereLost(Callback):
    """Ends a training whose loss is no number any more."""

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        loss = trainer.callback_metrics.get("loss")
        if loss is not None and _anywhere(trainer, bool(loss.isnan())):
            rate = getattr(pl_module.optim, "learning_rate", None)
            raise LostError(
                f"the loss is not a number since epoch {trainer.current_epoch + 1}, step"
                f" {trainer.global_step}; train with a learning_rate below {rate:g}"
            )


def _anywhere(trainer: L.Trainer, here: bool) -> bool:
    """Whether it is so in any process: one that ends alone leaves the others waiting for it."""
    return trainer.strategy.reduce_boolean_decision(here, all=False)


class LostError(InputError):
    """A training that came to nothing."""


class WholeLog(Callback):
    """Keeps the rows of a log that a training goes on with, up to its checkpoint: `CSVLogger`
    begins every log anew."""

    def __init__(self, logger: CSVLogger) -> None:
        self.logger = logger
        self.file = Path(logger.log_dir) / "metrics.csv"
        self.rows = self._rows()
        self.kept = 0

    def _rows(self) -> list[Any]:
        if not self.file.is_file():
            return []
        with self.file.open(newline="") as file:
            return list(csv.DictReader(file))

    def state_dict(self) -> dict[str, Any]:
        self.logger.save()
        return {"rows": len(self._rows())}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.kept = state_dict["rows"]

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.is_global_zero:
            self.logger.experiment.metrics.extend(self.rows[: self.kept])
            self.logger.save()

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        # The step that Lightning logs is one too many behind an interruption within an epoch.
        trainer.fit_loop.epoch_loop._batches_that_stepped = trainer.global_step


class OwnRandomness(Callback):
    """A callback with which every process draws its own augmentations and masks."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        torch.manual_seed(self.seed + 1000003 * trainer.global_rank + trainer.global_step)


class WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints that are written whole or not at all.

    Lightning makes them in the folder for passing files, and copies them over the last one where
    that is another disk: a full one, or a power cut, leaves neither.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        content = io.BytesIO()
        torch.save(checkpoint, content)
        write_whole(Path(path), lambda draft: draft.write_bytes(content.getbuffer()))


def on_gpu(compute: ComputeSettings) -> bool:
    """Whether training runs on a GPU: there is one, and the settings do not say cpu."""
    return compute.accelerator != "cpu" and torch.cuda.is_available()


def precision_of(compute: ComputeSettings) -> str:
    """The Trainer's precision; `auto` is bf16-mixed where the device multiplies bfloat16 itself,
    else 16-mixed on a GPU and 32-true on a CPU."""
    if compute.precision != "auto":
        return compute.precision
    if on_gpu(compute):
        own = torch.cuda.is_bf16_supported(including_emulation=False)
        return "bf16-mixed" if own else "16-mixed"
    return "bf16-mixed" if torch.cpu._is_avx512_bf16_supported() else "32-true"


def fit(
    module: Trained,
    loader: Iterable[Any],
    run: Run,
    *,
    title: str,
    callbacks: Sequence[Callback] = (),
    steps: int = -1,
) -> L.Trainer:
    """The trainer after the module's epochs, or after `steps` if those are fewer.

    `last.ckpt` in the run's folder is written ten times in a run and when it is interrupted; a run
    with `resume` goes on from it. It stays until what was trained is written (`write_run`).

    Raises:
        KeyboardInterrupt: on Ctrl-C, behind the checkpoint.
        InputError: for a checkpoint that is damaged or of another network, and for too few clips
            for a single step.
    """
    folder = run.folder
    compute = run.recipe.compute
    checkpoint = folder / CHECKPOINT
    if not run.resume:
        checkpoint.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    goes_on = checkpoint.is_file()
    if goes_on:
        _check_checkpoint(checkpoint, module)
    train = partial(
        _train,
        module,
        loader,
        run,
        title=title,
        callbacks=callbacks,
        steps=steps,
        checkpoint=checkpoint if goes_on else None,
    )
    try:
        with named(folder):
            trainer = train_in_all(train, compute)
    except LostError:
        checkpoint.unlink(missing_ok=True)
        raise
    if module.optim.epochs > 0 and trainer.global_step == 0:
        raise InputError(
            f"expected at least one batch for each of {compute.processes} processes, there are too"
            " few clips; train with fewer processes (--compute.devices, --compute.nodes)"
        )
    return trainer


def _train(
    module: Trained,
    loader: Iterable[Any],
    run: Run,
    *,
    title: str,
    callbacks: Sequence[Callback],
    steps: int,
    checkpoint: Path | None,
) -> L.Trainer:
    """The trainer behind a training, in one of the processes that share it."""
    _quiet()
    folder = run.folder
    compute = run.recipe.compute
    keep = ModelCheckpoint(
        folder,
        CHECKPOINT.removesuffix(".ckpt"),
        every_n_epochs=max(1, module.optim.epochs // 10),
        save_top_k=1,
        save_on_exception=True,
        enable_version_counter=False,
    )
    seeded(compute)
    precision = precision_of(compute)
    log = CSVLogger(folder, name="log", version="")
    trainer = L.Trainer(
        **_where(compute, WholeCheckpoints()),
        # The recipe's own word, which Lightning checks.
        precision=precision,  # type: ignore[arg-type]
        sync_batchnorm=compute.processes > 1 and on_gpu(compute),
        max_epochs=module.optim.epochs,
        max_steps=steps,
        logger=log,
        log_every_n_steps=1,
        callbacks=[
            ProgressBar(title),
            WholeLog(log),
            OwnRandomness(compute.seed),
            StopBetweenSteps(),
            StopWhereLost(),
            keep,
            *callbacks,
        ],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(module, loader, ckpt_path=checkpoint, weights_only=True)
    except SystemExit:  # what Lightning makes of a KeyboardInterrupt
        raise KeyboardInterrupt from None
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, interrupt)
    return trainer


def _check_checkpoint(checkpoint: Path, module: Trained) -> None:
    """Raise `InputError` unless the checkpoint can be read, without running anything, and fits the
    module."""
    try:
        document = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
        state = document["state_dict"]
        epoch = int(document["epoch"])
        fits = {name: tensor.shape for name, tensor in state.items()} == {
            name: tensor.shape for name, tensor in module.state_dict().items()
        }
    except Exception as error:  # torch raises whatever the damage leads to
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"{checkpoint}: expected a checkpoint to resume from, it is damaged ({reason}); train"
            " without --resume"
        ) from None
    if not fits:
        raise InputError(
            f"{checkpoint}: expected a checkpoint of this network, it is of another; resume with"
            " the same recipe"
        )
    if epoch > module.optim.epochs:
        raise InputError(
            f"{checkpoint}: expected a checkpoint of at most {module.optim.epochs} epochs, it has"
            f" {epoch}; resume with as many"
        )


@torch.inference_mode()
def forward_all(
    network: nn.Module, inputs: Tensor, compute: ComputeSettings, batch_size: int = 256
) -> Any:
    """The outputs of a frozen network for all inputs (N, ...), on the CPU in float32; a tuple of
    tensors if it gives one."""
    device = torch.device("cuda" if on_gpu(compute) else "cpu")
    network = network.eval().to(device)
    outputs = [network(batch.to(device)) for batch in inputs.split(batch_size)]
    network.cpu()
    if isinstance(outputs[0], tuple):
        return tuple(torch.cat(part).float().cpu() for part in zip(*outputs, strict=True))
    return torch.cat(outputs).float().cpu()


def _quiet() -> None:
    for name in ("lightning.pytorch", "lightning.fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*")


def seeded(compute: ComputeSettings) -> None:
    L.seed_everything(compute.seed, workers=True, verbose=False)


def provenance(
    store: Store, compute: ComputeSettings, settings: Any, *, clips: int
) -> dict[str, Any]:
    """The provenance of a network, for its card: data, settings, seed, precision and versions."""
    return {
        "store": store.name,
        "store_fingerprint": store.fingerprint,
        "format": str(store.made_by.get("format", "")),
        "training_clips": clips,
        "settings": asdict(settings),
        "seed": compute.seed,
        "precision": precision_of(compute),
        "torch": torch.__version__,
    }


def _where(compute: ComputeSettings, *plugins: Any) -> dict[str, Any]:
    """What a trainer is told of the machines and processes it runs on."""
    environment = environment_of(compute)
    return {
        "accelerator": compute.accelerator,
        "devices": compute.devices,
        "num_nodes": compute.nodes,
        "strategy": compute.strategy,
        "plugins": [*([environment] if environment else []), *plugins],
    }


def check_machine(compute: ComputeSettings) -> None:
    """Raise `InputError` for an accelerator, devices or a strategy that this computer lacks."""
    _quiet()
    try:
        L.Trainer(
            **_where(compute),
            logger=False,
            enable_checkpointing=False,
        )
    except (ValueError, ImportError, RuntimeError, MisconfigurationException) as error:
        reason = " ".join(str(error).split()).partition(". ")[0]
        raise InputError(
            "compute: expected an accelerator, devices and a strategy that this computer has, got"
            f" {compute.accelerator}, {compute.devices} and {compute.strategy} ({reason})"
        ) from None
