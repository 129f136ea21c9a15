"""Nearest neighbours on frozen features."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.skeleton.streams import Stream
from skedge.teacher.clips import tell
from skedge.teacher.networks.classifier import View, freeze
from skedge.teacher.protocols.evaluate import Sets, as_trained, draw, report
from skedge.teacher.runs.folder import Card, Run, read_run, write_metrics
from skedge.teacher.runs.load import load_encoder
from skedge.teacher.runs.store_check import check_layout
from skedge.teacher.training import forward_all


def knn(
    store: Store, folder: Path, recipe: Recipe, encoders: Mapping[Stream, Path]
) -> dict[str, Any]:
    """The metrics of nearest neighbours by cosine similarity of frozen features; nothing is
    learned, so two encoders are averaged.

    The streams' similarities are added with their weights.
    """
    from sklearn.neighbors import KNeighborsClassifier

    data = recipe.input
    rows: dict[str, list[Tensor]] = {"train": [], "test": []}
    origins: list[tuple[Path, Card]] = []
    for stream, path in encoders.items():
        dual = _is_dual(path)
        network, card = load_encoder(path, "mean" if dual else "one")
        check_layout(store, card, path)
        if dual:
            tell(f"{path}: nearest neighbours are those of the mean of its two encoders")
        asked = replace(recipe, input=replace(data, stream=stream))
        seen = as_trained(asked, card, path).input
        origins.append((path, card))
        sets = Sets.read(store, seen, origins=origins)  # the last ones know all encoders
        module = nn.Sequential(View(card.layout, seen), network)
        weight = data.fusion[stream] if len(encoders) > 1 else 1.0
        for part, clips in (("train", sets.train), ("test", sets.test)):
            described = [
                functional.normalize(
                    forward_all(freeze(module), joints, recipe.compute).double(), dim=1
                )
                for joints in clips.samplings()
            ]
            features = functional.normalize(torch.stack(described).mean(0), dim=1)
            rows[part].append(weight**0.5 * features)
    train, test = (torch.cat(parts, dim=1).numpy() for parts in rows.values())
    neighbors = min(recipe.knn.neighbors, len(train))
    if neighbors < recipe.knn.neighbors:
        tell(f"knn.neighbors {recipe.knn.neighbors}: there are {neighbors} training clips")
    model = KNeighborsClassifier(neighbors, metric="cosine", weights="distance").fit(
        train, sets.train.labels
    )
    scores = torch.zeros((len(test), len(store.labels)))
    scores[:, model.classes_] = torch.from_numpy(model.predict_proba(test)).float()
    scores[scores == 0] = -torch.inf  # no neighbour is of that class
    extra = {
        "protocol": "knn",
        "fusion": card.encoder.fusion,
        "neighbors": neighbors,
        "part": data.part,
        "stream": seen.stream if len(encoders) == 1 else "three",
    }
    metrics = report(scores, sets, Run(folder, recipe), extra=extra)
    if neighbors < 5:
        del metrics["top5"]  # fewer neighbours than that have no five classes
    write_metrics(folder, metrics)
    draw(metrics, folder)
    return metrics


def _is_dual(folder: Path) -> bool:
    return read_run(folder)[0].encoder.fusion != "one"
