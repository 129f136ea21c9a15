"""Pretraining a teacher's encoder on unlabelled clips."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from skeleton import Layout
from skeleton.datasets.store import Store
from teacher.clips import Clips
from teacher.folder import Card, median_seconds, write_run
from teacher.pair import make_encoder
from teacher.pstl import METHODS, SkeletonBT
from teacher.settings import ComputeSettings, EncoderSettings, InputSettings, PretrainSettings
from teacher.training import fit, provenance, seeded


def pretrain(
    store: Store,
    folder: Path,
    data: InputSettings,
    encoder: EncoderSettings,
    settings: PretrainSettings,
    compute: ComputeSettings,
    recipe: dict[str, Any],
    resume: bool = False,
) -> dict[str, Any]:
    """Train an encoder by `settings.method` on the store's training part; writes its run folder, gives its metrics back.

    ASMa's two encoders become one folder, from which evaluation takes theta, phi, their mean or their alignment.
    """
    indices = store.split(data.protocol, "train")
    clips = Clips.read(store, indices, data)
    seeded(compute)
    encoder = pretrained_plan(encoder, settings)
    module = make_method(store.layout, data, encoder, settings)
    loader = clips.loader(settings.optim.batch_size, compute.processes, drop_last=True)
    trainer = fit(module, loader, compute, folder, f"Pretraining {settings.method}", resume)
    card = Card(
        "encoder", store.layout, store.labels, data, encoder, median_seconds(store.index["frames"][indices], store.rate),
        provenance(store, compute, settings, len(clips)),
    )  # fmt: skip
    metrics: dict[str, Any] = {"method": settings.method, "clips": len(clips)}
    if "loss" in trainer.callback_metrics:  # a checkpoint of the last step leaves nothing to train
        metrics["loss"] = float(trainer.callback_metrics["loss"])
    write_run(folder, module.encoder, card, recipe, metrics)
    return metrics


def make_method(layout: Layout, data: InputSettings, plan: EncoderSettings, settings: PretrainSettings) -> SkeletonBT:
    """The module that `settings.method` trains, its encoder untrained."""
    return METHODS[settings.method](make_encoder(layout, pretrained_plan(plan, settings)), layout, data, settings)


def pretrained_plan(plan: EncoderSettings, settings: PretrainSettings) -> EncoderSettings:
    """The plan of what pretraining trains: a pair for ASMa's two encoders, else one."""
    both = settings.method == "asma" and len(set(settings.asma.encoders)) == 2
    return replace(plan, fusion="mean" if both else "one")
