"""The fusion of classifiers of several streams, tested."""

from pathlib import Path
from typing import Any

from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.teacher.protocols.evaluate import Sets, draw, measure, on_protocol
from skedge.teacher.runs.folder import Run, read_metrics, write_metrics
from skedge.teacher.runs.load import load_classifier
from skedge.teacher.runs.store_check import seen_among


def fuse(store: Store, folder: Path, recipe: Recipe) -> dict[str, Any]:
    """The figures of the fusion of the streams' classifiers in `folder`, whose weights are written
    there already."""
    network, card = load_classifier(folder)
    members = {name: read_metrics(folder / name) or {} for name in card.input.fusion}
    first = next(iter(members.values()))
    extra: dict[str, Any] = {
        name: first[name]
        for name in ("protocol", "fusion", "share", "pretrained_on", "epochs")
        if name in first
    }
    extra |= {"part": recipe.input.part, "stream": "three", "weights": card.input.fusion}
    extra["streams"] = {name: metrics.get("top1") for name, metrics in members.items()}
    data = on_protocol(card.input, recipe.input)
    extra |= seen_among(store, store.split(data.protocol, data.part), card.seen)
    sets = Sets.read(store, data, card.layout)
    metrics = measure(network, sets, Run(folder, recipe), extra=extra)
    write_metrics(folder, metrics)
    draw(metrics, folder)
    return metrics
