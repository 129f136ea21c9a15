"""How fast the pretraining step is on this machine, and what it leaves unused.

`python -m skedge.bench.studies.training --out runs/training` trains for a few steps on made-up
clips, on the CPU and on a GPU if there is one, as `skedge pretrain` would, and writes training.json
and training.md. With `--usual` it measures the baseline as well: the same step with the arithmetic
of the published programs.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# As the command line does: threads that wait by spinning are slow where another process shares the
# cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import lightning as L
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

from skedge.bench import machine, report
from skedge.bench.probe import resident
from skedge.bench.studies.command import one_line, parser_of
from skedge.recipes.methods import METHODS
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import (
    ComputeSettings,
    EncoderSettings,
    InputSettings,
    OptimSettings,
    PretrainSettings,
    SttformerSettings,
)
from skedge.skeleton import InputError, Layout, load_layout
from skedge.skeleton.files import check_folder, write_json, write_text
from skedge.skeleton.markdown import table
from skedge.teacher.clips import Clips
from skedge.teacher.methods.registry import make_method, method_named
from skedge.teacher.networks.dropout import Dropout
from skedge.teacher.networks.encoders import BACKBONES
from skedge.teacher.networks.graphs import GraphConvolution
from skedge.teacher.runs.folder import Run
from skedge.teacher.training import fit, precision_of, seeded

WARMUP = 2
MATRIX = {"cpu": 2048, "gpu": 8192}
PRODUCTS = 10
# Of a clip in the papers of methods that have another number of them than the rest.
FRAMES = {"skeleton2vec": 90, "mamp": 120, "skeletonmae": 20}


class Watched:
    """A loader that knows when it was last asked for a batch."""

    def __init__(self, loader: DataLoader) -> None:
        self.loader = loader
        self.asked = 0.0

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        batches = iter(self.loader)
        for _ in range(len(self)):
            self.asked = time.perf_counter()
            yield next(batches)


class Stopwatch(L.Callback):
    """Times steps in seconds: `waits` from asking for a batch until it is on the device, `steps`
    from there to the end.

    `cycles` are from one step's end to the next one's, with the trainer's own work; `work` is the
    processor time of a step, which a busy machine disturbs less. The warm-up is left out; its first
    step counts the floating-point operations of all matrix products and convolutions, forward and
    backward, and the bytes of `activations` that it keeps from one to the other.
    """

    def __init__(self, loader: Watched) -> None:
        self.loader = loader
        self.counter = FlopCounterMode(display=False)
        self.waits: list[float] = []
        self.steps: list[float] = []
        self.cycles: list[float] = []
        self.work: list[float] = []
        self.ended = 0.0
        self.kept: dict[int, int] = {}
        self.keeping = torch.autograd.graph.saved_tensors_hooks(self._keep, lambda tensor: tensor)

    @property
    def activations(self) -> int:
        return sum(self.kept.values())

    def _keep(self, tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self.weights:
            self.kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.began = _now(pl_module.device)
        self.used = time.process_time()
        if trainer.global_step == 0:
            self.weights = {
                weight.untyped_storage().data_ptr() for weight in pl_module.parameters()
            }
            self.counter.__enter__()
            self.keeping.__enter__()

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        if trainer.global_step == 1:
            self.keeping.__exit__(None, None, None)
            self.counter.__exit__(None, None, None)
        before = self.ended
        self.ended = _now(pl_module.device)
        if trainer.global_step > WARMUP:
            self.waits.append(self.began - self.loader.asked)
            self.steps.append(self.ended - self.began)
            self.work.append(time.process_time() - self.used)
            self.cycles.append(self.ended - before)


class UsualOrder(GraphConvolution):
    """The same graph convolution as ST-GCN's program and those built on it compute it: weights
    first, for every partition, then the graph."""

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        y = self.conv(x).unflatten(1, (self.partitions, -1))
        graph = "nkvw" if adjacency.dim() == 4 else "kvw"
        return torch.einsum(f"nkctv,{graph}->nctw", y, adjacency)


def in_usual_order(module: nn.Module) -> None:
    """Make every graph convolution within a module one in the usual order, with its weights, and
    every dropout torch's; raises `InputError` where there is no such convolution."""
    if not any(isinstance(part, GraphConvolution) for part in module.modules()):
        raise InputError("--usual: expected --backbone st-gcn or tcn, others have no such order")
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, GraphConvolution):
                conv = child.conv
                other = UsualOrder(
                    conv.in_channels, conv.out_channels // child.partitions, child.partitions
                )
                other.load_state_dict(child.state_dict())
                setattr(parent, name, other)
            elif isinstance(child, Dropout):
                setattr(parent, name, nn.Dropout(child.p))


def measure(
    layout: Layout, recipe: Recipe, *, clips: int, steps: int, usual: bool = False
) -> dict[str, Any]:
    """Figures of `steps` pretraining steps, after a warm-up, on a set of `clips` made-up clips in
    memory; `usual` is with graph convolutions in the usual order.

    Raises `InputError` for a GPU where there is none, and for fewer clips than a batch.
    """
    data = recipe.input
    settings = recipe.pretrain
    compute = recipe.compute
    gpu = compute.accelerator == "gpu"
    batch = settings.optim.batch_size
    if gpu and not torch.cuda.is_available():
        raise InputError("expected a GPU that torch can use, found none; measure with --device cpu")
    if not 0 < batch <= clips or steps < 1:
        raise InputError(
            f"expected at least one step and one clip a batch, got {steps} steps, batches of"
            f" {batch}, {clips} clips"
        )
    seeded(compute)
    store = made_up(layout, data, clips)
    loader = Watched(store.loader(batch, drop_last=True))
    method = method_named(settings.method)
    module = make_method(
        layout, replace(recipe, pretrain=method.fitted(settings, clips=clips, batch=batch))
    )
    if usual:
        in_usual_order(module)
    watch = Stopwatch(loader)
    with tempfile.TemporaryDirectory() as folder:
        title = f"{settings.method} on the {compute.accelerator.upper()}"
        run = Run(Path(folder), recipe)
        fit(module, loader, run, title=title, callbacks=[watch], steps=WARMUP + steps)
    peak = torch.cuda.max_memory_allocated() if gpu else resident()[1]
    step, cycle, work = (
        statistics.median(times) for times in (watch.steps, watch.cycles, watch.work)
    )
    flops = watch.counter.get_total_flops()
    precision = precision_of(compute)
    highest, highest_of_work = ceiling(compute.accelerator, precision)
    return {
        "device": compute.accelerator,
        "order": "usual" if usual else "graph first",
        "name": torch.cuda.get_device_name() if gpu else machine.describe()["cpu"],
        "precision": precision,
        "threads": torch.get_num_threads(),
        "steps": steps,
        "parameters": sum(parameter.numel() for parameter in module.parameters()),
        "clips_per_second": batch / cycle,
        "step_ms": 1e3 * step,
        "fastest_step_ms": 1e3 * min(watch.steps),
        "slowest_step_ms": 1e3 * max(watch.steps),
        "wait_ms": 1e3 * statistics.median(watch.waits),
        "wait_share": sum(watch.waits) / sum(watch.cycles),
        "flops_per_step": flops,
        "flops_per_second": flops / step,
        "ceiling_flops_per_second": highest,
        "share_of_ceiling": flops / step / highest,
        "step_cpu_ms": 1e3 * work,
        "share_of_ceiling_by_cpu_time": None if gpu else flops / work / highest_of_work,
        "peak_bytes": peak,
        "activation_bytes": watch.activations,
        "data_bytes": store.joints.nbytes,
    }


def made_up(layout: Layout, data: InputSettings, clips: int) -> Clips:
    """Clips of bodies whose joints are anywhere about two metres before the camera."""
    joints = (
        torch.randn(clips, data.persons, data.frames, len(layout), 3)
        .mul_(0.3)
        .add_(torch.tensor([0.2, 1.0, 2.0]))
    )
    return Clips(joints, torch.arange(clips))


def ceiling(accelerator: str, precision: str) -> tuple[float, float]:
    """FLOP a second, and a second of processor time, of a large square matrix product in the
    precision of the step's products.

    Both from the median of several products.
    """
    device = torch.device("cuda" if accelerator == "gpu" else "cpu")
    kind = {"bf16": torch.bfloat16, "16": torch.float16}.get(precision.split("-")[0], torch.float32)
    size = MATRIX[accelerator]
    first, second = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
    taken, used = [], []
    for _ in range(1 + PRODUCTS):
        start = _now(device)
        before = time.process_time()
        first @ second
        taken.append(_now(device) - start)
        used.append(time.process_time() - before)
    return 2 * size**3 / statistics.median(taken[1:]), 2 * size**3 / statistics.median(used[1:])


def markdown(document: dict[str, Any]) -> str:
    """The document as a table for people, with what is needed to measure it again."""
    settings, host = document["settings"], document["machine"]
    head = [
        "device",
        "order of the graph product",
        "precision",
        "clips/s",
        "step ms",
        "fastest",
        "slowest",
        "CPU ms",
        "waiting for data %",
    ]
    head += [
        "GFLOP a step",
        "GFLOP/s",
        "matrix product GFLOP/s",
        "of it %",
        "by CPU time %",
        "activations MB",
        "peak MB",
    ]
    rows = [
        [
            f"{run['name']}, {run['threads']} threads" if run["device"] == "cpu" else run["name"],
            run["order"],
            run["precision"],
            f"{run['clips_per_second']:.1f}",
            *(
                f"{run[key]:.0f}"
                for key in ("step_ms", "fastest_step_ms", "slowest_step_ms", "step_cpu_ms")
            ),
            f"{100 * run['wait_share']:.2f}",
            f"{run['flops_per_step'] / 1e9:.0f}",
            *(f"{run[key] / 1e9:.0f}" for key in ("flops_per_second", "ceiling_flops_per_second")),
            f"{100 * run['share_of_ceiling']:.0f}",
            (
                ""
                if run["share_of_ceiling_by_cpu_time"] is None
                else f"{100 * run['share_of_ceiling_by_cpu_time']:.0f}"
            ),
            f"{run['activation_bytes'] / report.MEGABYTE:.0f}",
            f"{run['peak_bytes'] / report.MEGABYTE:.0f}",
        ]
        for run in document["runs"]
    ]
    first = document["runs"][0]
    masked = method_named(settings["method"]).backbone is not None
    projector = "" if masked else f", projector {settings['projector']}"
    parts = [
        f"# A pretraining step of {settings['method']}",
        table(head, rows),
        (
            f"{settings['backbone']}{projector} ({first['parameters']:,} parameters in all),"
            f" batches of {settings['batch']} clips of {settings['frames']} frames,"
            f" {settings['joints']} joints and {settings['persons']} person(s), from"
            f" {settings['clips']:,} made-up clips in memory"
            f" ({first['data_bytes'] / report.MEGABYTE:.0f} MB); medians of {first['steps']} steps"
            f" after {WARMUP}."
        ),
        (
            "Waiting is from asking for a batch until it is on the device. The step is forward,"
            " backward and optimiser; its FLOP are those of matrix products and convolutions. By"
            " CPU time, step and matrix product are both measured in processor seconds, which other"
            " processes disturb less than the clock. Activations are what a step keeps from forward"
            " to backward, weights aside; peak memory is the process's with the clips, on a GPU"
            " what torch allocated there (MB: a million bytes). In the usual order, that of"
            " published programs, weights come before the graph, and dropout is torch's."
        ),
        (
            f"{host['cpu']}, {host['usable_cores']} of {host['cores']} cores usable,"
            f" {host['memory_bytes'] / 2**30:.1f} GiB, {host['system']} ({host['kernel']},"
            f" {host['architecture']}); Python {host['python']}, torch {host['torch']}, lightning"
            f" {host['lightning']}; {document['created']}."
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _recipe(args: argparse.Namespace, device: Any) -> Recipe:
    plan = EncoderSettings(backbone=args.backbone, sttformer=SttformerSettings(frames=2))
    optim = OptimSettings(epochs=150, batch_size=args.batch)
    settings = PretrainSettings(args.method, args.projector, optim=optim)
    stream: Any = "three" if method_named(args.method).together else "joint"
    data = InputSettings(frames=args.frames, persons=args.persons, stream=stream)
    compute = ComputeSettings(accelerator=device, precision=args.precision)
    return Recipe(input=data, encoder=plan, pretrain=settings, compute=compute)


def main(argv: list[str] | None = None) -> None:
    """Measure what the arguments ask for; exits with 2 and one line for wrong input."""
    parser = parser_of("training", __doc__)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/training"),
        help="the folder for training.json and training.md",
    )
    parser.add_argument("--method", choices=list(METHODS), default="pstl")
    parser.add_argument(
        "--backbone", choices=list(BACKBONES), help="by default the method's own, or st-gcn"
    )
    parser.add_argument(
        "--frames", type=int, help="of a clip; by default as many as in the method's paper"
    )
    parser.add_argument("--batch", type=int, default=128, help="clips a step")
    parser.add_argument("--persons", type=int, default=2, help="in a clip")
    parser.add_argument("--projector", type=int, default=6144, help="its width")
    parser.add_argument(
        "--clips", type=int, default=40_000, help="in memory; NTU-60's training part has as many"
    )
    parser.add_argument("--steps", type=int, default=3, help=f"that are measured, after {WARMUP}")
    parser.add_argument(
        "--device",
        choices=["all", "cpu", "gpu"],
        default="all",
        help="all: the CPU, and the GPU if any",
    )
    parser.add_argument(
        "--precision", choices=["auto", "32-true", "bf16-mixed", "16-mixed"], default="auto"
    )
    parser.add_argument(
        "--usual",
        action="store_true",
        help="measure the step as published programs compute it too, with torch's dropout",
    )
    parser.add_argument("--threads", type=int, help="of torch; by default one a core")
    args = parser.parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    args.backbone = args.backbone or method_named(args.method).backbone or "st-gcn"
    args.frames = args.frames or FRAMES.get(args.method, InputSettings.frames)
    layout = load_layout("ntu25")
    devices: list[Any] = (
        [args.device]
        if args.device != "all"
        else ["cpu", "gpu"]
        if torch.cuda.is_available()
        else ["cpu"]
    )
    with one_line(parser):
        check_folder(args.out)
        runs = [
            measure(
                layout,
                _recipe(args, device),
                clips=args.clips,
                steps=args.steps,
                usual=usual,
            )
            for device in devices
            for usual in ([False, True] if args.usual else [False])
        ]
    document = {
        "schema": report.SCHEMA,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.describe() | {"torch": torch.__version__, "lightning": L.__version__},
        "settings": {
            **{
                name: getattr(args, name)
                for name in (
                    "method",
                    "backbone",
                    "frames",
                    "batch",
                    "persons",
                    "projector",
                    "clips",
                )
            },
            "joints": len(layout),
            "warmup": WARMUP,
        },
        "runs": runs,
    }
    shown = markdown(document)
    with one_line(parser):
        write_json(args.out / "training.json", document, indent=1)
        write_text(args.out / "training.md", shown)
    print(shown)


def _now(device: torch.device) -> float:
    """The time in seconds, once the device has done all that it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


if __name__ == "__main__":
    main()
