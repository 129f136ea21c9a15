"""Pretraining a teacher's encoder on unlabelled clips."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import EncoderSettings, PretrainSettings
from skedge.skeleton import InputError, Layout
from skedge.teacher.clips import Clips
from skedge.teacher.methods import contrast, pstl
from skedge.teacher.methods.masked import MAMP, Skeleton2vec
from skedge.teacher.methods.skeletonmae import SkeletonMAE, write_decoder
from skedge.teacher.networks.dual import make_encoder
from skedge.teacher.runs.folder import Card, Run, median_seconds, write_run
from skedge.teacher.training import Trained, fit, provenance, seeded

# Of one encoder, or of ASMa's two as one.
ALONE: dict[str, Callable[..., Trained]] = {
    **pstl.METHODS,
    "skeleton2vec": Skeleton2vec,
    "mamp": MAMP,
    "skeletonmae": SkeletonMAE,
}
METHODS: dict[str, Callable[..., Trained]] = {**ALONE, **contrast.METHODS}
# The encoder that a method is made for; the others take any.
BACKBONE_OF = {"skeleton2vec": "transformer", "mamp": "transformer", "skeletonmae": "sttformer"}


def pretrain(store: Store, folder: Path, recipe: Recipe, *, resume: bool = False) -> dict[str, Any]:
    """The metrics of an encoder trained by `pretrain.method` on the store's training part; its run
    folder is written.

    ASMa's two encoders become one folder, from which evaluation takes theta, phi, their mean or
    their alignment. A method that trains streams together writes a folder of each into `folder`.
    """
    data, compute = recipe.input, recipe.compute
    indices = store.split(data.protocol, "train")
    clips = Clips.read(store, indices, data)
    # Nothing learns from labels here; a clip's number tells contrastive methods which keys are its
    # own.
    clips.labels = torch.arange(len(clips))
    seeded(compute)
    loader = clips.loader(recipe.pretrain.optim.batch_size, compute.processes, drop_last=True)
    batch = int(loader.batch_size or 1) * compute.processes
    settings = fitted(recipe.pretrain, len(clips), batch)
    module = make_method(store.layout, replace(recipe, pretrain=settings))
    run = Run(folder, recipe, resume)
    trainer = fit(module, loader, run, title=f"Pretraining {settings.method}")
    metrics: dict[str, Any] = {"method": settings.method, "clips": len(clips)}
    if "loss" in trainer.callback_metrics:  # a checkpoint of the last step leaves nothing to train
        metrics["loss"] = float(trainer.callback_metrics["loss"])
    card = Card(
        kind="encoder",
        layout=store.layout,
        labels=store.labels,
        input=data,
        encoder=pretrained_plan(recipe.encoder, settings),
        seconds=median_seconds(store.index["frames"][indices], store.rate),
        provenance=provenance(store, compute, settings, clips=len(clips)),
    )
    if isinstance(module, SkeletonMAE):
        write_decoder(folder, module)
    if isinstance(module, contrast.SkeletonCLR):
        for stream, trained in module.encoders.items():
            own = folder / stream if data.stream == "three" else folder
            one = replace(card, input=replace(data, stream=stream))
            write_run(own, trained, one, recipe=recipe, metrics=metrics)
    else:
        encoder = module.get_submodule("encoder")
        write_run(folder, encoder, card, recipe=recipe, metrics=metrics)
    return metrics


def make_method(layout: Layout, recipe: Recipe) -> Trained:
    """The module that `pretrain.method` trains, its encoder untrained.

    Raises `InputError` for one stream where the method trains several together, and for a backbone
    that the method is not made for.
    """
    data, settings = recipe.input, recipe.pretrain
    plan = pretrained_plan(recipe.encoder, settings)
    wanted = BACKBONE_OF.get(settings.method, plan.backbone)
    if plan.backbone != wanted:
        raise InputError(
            f"pretrain.method {settings.method}: expected encoder.backbone {wanted}, got"
            f" {plan.backbone}; add --encoder.backbone {wanted}"
        )
    if settings.method in ALONE:
        return METHODS[settings.method](make_encoder(layout, plan, data.frames), layout, recipe)
    if trains_streams_together(settings) and (data.stream != "three" or len(data.fusion) < 2):
        raise InputError(
            f"pretrain.method {settings.method}: its streams learn from each other; expected"
            " input.stream three with two or three streams in input.fusion, got"
            f" {list(data.fusion) if data.stream == 'three' else data.stream}; an evaluation can"
            " take one of them"
        )
    streams = data.fusion if data.stream == "three" else (data.stream,)
    encoders = {stream: make_encoder(layout, plan, data.frames) for stream in streams}
    return contrast.METHODS[settings.method](encoders, layout, recipe)


def trains_streams_together(settings: PretrainSettings) -> bool:
    return settings.method in contrast.TOGETHER


def fitted(settings: PretrainSettings, clips: int, batch: int) -> PretrainSettings:
    """The settings after the rules for small sets, for so many `clips` in batches of `batch`."""
    if settings.method not in contrast.METHODS:
        return settings
    return replace(settings, contrast=contrast.fitted(settings.contrast, clips, batch))


def pretrained_plan(plan: EncoderSettings, settings: PretrainSettings) -> EncoderSettings:
    """The plan of what pretraining trains: a pair for ASMa's two encoders, else one."""
    both = settings.method == "asma" and len(set(settings.asma.encoders)) == 2
    return replace(plan, fusion="mean" if both else "one")
