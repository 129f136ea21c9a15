"""Pretraining a teacher's encoder on unlabelled clips."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from skeleton.datasets.store import Store
from teacher.clips import Clips
from teacher.folder import Card, median_seconds, write_run
from teacher.pair import make_encoder
from teacher.pstl import METHODS
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
    both = settings.method == "asma" and len(set(settings.asma.encoders)) == 2
    encoder = replace(encoder, fusion="mean" if both else "one")
    indices = store.split(data.protocol, "train")
    clips = Clips.read(store, indices, data)
    seeded(compute)
    network = make_encoder(store.layout, encoder)
    module = METHODS[settings.method](network, store.layout, data, settings)
    loader = clips.loader(settings.optim.batch_size, compute.devices, drop_last=True)
    trainer = fit(module, loader, compute, folder, f"Pretraining {settings.method}", resume)
    card = Card(
        "encoder", store.layout, store.labels, data, encoder, median_seconds(store.index["frames"][indices], store.rate),
        provenance(store, compute, settings, len(clips)),
    )  # fmt: skip
    metrics: dict[str, Any] = {"method": settings.method, "clips": len(clips)}
    if "loss" in trainer.callback_metrics:  # a checkpoint of the last step leaves nothing to train
        metrics["loss"] = float(trainer.callback_metrics["loss"])
    write_run(folder, network, card, recipe, metrics)
    return metrics
