"""Pretraining a teacher's encoder on unlabelled clips."""

from pathlib import Path
from typing import Any

from skeleton.datasets.store import Store
from teacher.clips import Clips
from teacher.encoders import build_encoder
from teacher.folder import Card, median_seconds, write_run
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
    """Train an encoder by `settings.method` on the store's training part; writes its run folder, gives its metrics back."""
    indices = store.split(data.protocol, "train")
    clips = Clips.read(store, indices, data)
    seeded(compute)
    network = build_encoder(store.layout, encoder)
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
