"""Pretraining a teacher's encoder on unlabelled clips."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.teacher.clips import Clips
from skedge.teacher.methods.registry import make_method, method_named
from skedge.teacher.runs.folder import Card, Run, median_seconds, write_run
from skedge.teacher.runs.seen import Seen
from skedge.teacher.spread import Spread
from skedge.teacher.training import fit, provenance, seeded

# Clips, at least, of a large set that encoders are made fit for whole clips with.
SETTLED = 1024


def pretrain(store: Store, folder: Path, recipe: Recipe, *, resume: bool = False) -> dict[str, Any]:
    """The metrics of an encoder trained by `pretrain.method` on the store's training part; its run
    folder is written.

    ASMa's two encoders become one folder, from which evaluation takes theta, phi, their mean or
    their alignment. A method that trains streams together writes a folder of each into `folder`.
    """
    data = recipe.input
    compute = recipe.compute
    indices = store.split(data.protocol, "train")
    clips = Clips.read(store, indices, data)
    # Nothing learns from labels here; a clip's number tells contrastive methods which keys are its
    # own.
    clips.labels = torch.arange(len(clips))
    seeded(compute)
    loader = clips.loader(recipe.pretrain.optim.batch_size, compute.processes, drop_last=True)
    batch = int(loader.batch_size or 1) * compute.processes
    method = method_named(recipe.pretrain.method)
    optim = recipe.pretrain.optim.for_clips(len(clips), whole_batches=True)
    settings = replace(recipe.pretrain, optim=optim)
    settings = method.fitted(settings, clips=len(clips), batch=batch)
    module = make_method(store.layout, replace(recipe, pretrain=settings))
    run = Run(folder, recipe, resume)
    spread = Spread(clips, store.layout, data)
    trainer = fit(module, loader, run, title=f"Pretraining {settings.method}", callbacks=[spread])
    metrics: dict[str, Any] = {"method": settings.method, "clips": len(clips)}
    if "loss" in trainer.callback_metrics:  # a checkpoint of the last step leaves nothing to train
        metrics["loss"] = float(trainer.callback_metrics["loss"])
    card = Card(
        kind="encoder",
        layout=store.layout,
        labels=store.labels,
        input=data,
        encoder=method.plan(recipe.encoder, settings),
        seconds=median_seconds(store.index["frames"][indices], store.rate),
        provenance=provenance(store, compute, settings, clips=len(clips)),
        seen=Seen.of(store, unlabelled=indices),
    )
    if trainer.global_step:
        module.settle(clips.joints[:: max(1, len(clips) // SETTLED)])
    module.leave(folder)
    for name, beside in module.companions.items():
        write_run(folder / name, beside, card, recipe=recipe, metrics=metrics)
    for stream, trained in module.encoders.items():
        own = folder / stream if data.stream == "three" else folder
        one = replace(card, input=replace(data, stream=stream))
        found = metrics | spread.metrics(stream)
        write_run(own, trained, one, recipe=recipe, metrics=found)
        spread.finish(own, stream)
    return found if len(module.encoders) == 1 else metrics
