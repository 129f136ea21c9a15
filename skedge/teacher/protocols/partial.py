"""Partial-body evaluation: a classifier of whole bodies, tested with something hidden (PSTL, tables
4 and 5)."""

from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skedge.datasets.store import PARTS, Store
from skedge.recipes.recipe import Recipe
from skedge.skeleton import InputError
from skedge.skeleton.layout import Layout
from skedge.teacher.networks.classifier import Network
from skedge.teacher.protocols.classify import score
from skedge.teacher.protocols.evaluate import Sets, as_trained, averaged
from skedge.teacher.runs.folder import write_metrics
from skedge.teacher.runs.load import load_classifier
from skedge.teacher.runs.store_check import check_labels, check_layout
from skedge.teacher.seeds import deviation


def partial_body(store: Store, folder: Path, recipe: Recipe, classifier: Path) -> dict[str, Any]:
    """Top-1 of the classifier in a run folder with 0 to 10 random joints, and 0 to 4 random parts,
    left out of the computation, drawn for every clip.

    Mean and standard deviation, None for one draw, over `partial.draws` draws of what is hidden. In
    an STTFormer with `instance_norm` the hidden joints still count in how far the whole body moves.
    """
    network, card = load_classifier(classifier)
    check_layout(store, card, classifier)
    data = as_trained(recipe, card, classifier).input
    settings = recipe.partial
    compute = recipe.compute
    tested = store.split(data.protocol, data.part)
    learned, _ = card.seen.among(store, tested)
    if learned:
        own = card.input.protocol
        codes = store.codes(own) if own in store.protocols else np.empty(0)
        others = np.flatnonzero(codes == PARTS[data.part])
        new = len(others) and not card.seen.among(store, others)[0]
        remedy = f"set input.protocol to {own}, its own" if new else "name another classifier"
        raise InputError(
            f"{classifier}: expected a classifier that was not trained on the clips it is measured"
            f" on, {learned} of the {len(tested)} of {data.protocol} ({data.part}) trained it or"
            f" its teacher; {remedy}"
        )
    check_labels(store, card, classifier)
    sets = Sets.read(store, data, origins=[(classifier, card)])
    rng = np.random.default_rng(compute.seed)
    metrics: dict[str, Any] = {
        "protocol": "partial-body",
        "classifier": card.provenance.get("protocol"),
        "stream": card.input.stream,
        "store": store.name,
        "split": data.protocol,
        "part": data.part,
        "seed": compute.seed,
        "draws": settings.draws,
        "clips": len(sets.test),
    } | sets.overlap
    size = len(card.layout)
    for name, counts, most in (
        ("joints", settings.joints, size),
        ("parts", settings.parts, len(card.layout.parts)),
    ):
        if any(not 0 <= count < max(most, 1) for count in counts) and most:
            raise InputError(
                f"partial.{name}: expected 0 to {most - 1} for {card.layout.name}, got"
                f" {list(counts)}"
            )
    kinds = {
        "joints": (settings.joints, partial(hide_joints, size)),
        "parts": (settings.parts if card.layout.parts else (), partial(hide_parts, card.layout)),
    }
    for kind, (counts, draw) in kinds.items():
        metrics[kind] = {}
        for count in counts:
            found = []
            for _ in range(settings.draws if count else 1):
                hidden = draw(count, len(sets.test), rng=rng)
                logits = [answers(network, joints, hidden) for joints in sets.test.samplings()]
                found.append(score(averaged(logits), sets.test.labels)["top1"])
            metrics[kind][str(count)] = {
                "top1": round(fmean(found), 2),
                "std": deviation(found) if count else 0.0,
            }
    write_metrics(folder, metrics)
    return metrics


def hide_joints(joints: int, count: int, clips: int, *, rng: np.random.Generator) -> np.ndarray:
    """The hidden ones of `joints`, bool (clips, joints): `count` of each row."""
    order = rng.random((clips, joints)).argsort(1)
    return order < count


def hide_parts(layout: Layout, count: int, clips: int, *, rng: np.random.Generator) -> np.ndarray:
    """The joints of `count` of the layout's body parts, drawn for every clip, bool (clips, V)."""
    parts = np.zeros((len(layout.parts), len(layout)), bool)
    for row, joints in enumerate(layout.parts.values()):
        parts[row, list(joints)] = True
    return hide_joints(len(parts), count, clips, rng=rng) @ parts


@torch.inference_mode()
def answers(network: Network, joints: Tensor, hidden: np.ndarray, batch: int = 256) -> Tensor:
    """Logits (N, classes) for joints (N, M, T, V, 3) without those that are hidden, bool (N, V).

    Clips of as many visible joints are computed together.
    """
    left = (~hidden).sum(1)
    logits: dict[int, Tensor] = {}
    for number in np.unique(left):
        for rows in torch.from_numpy(np.flatnonzero(left == number)).split(batch):
            visible = torch.from_numpy(
                np.stack([np.flatnonzero(~hidden[row]) for row in rows.tolist()])
            )
            placed = network.view.place(joints[rows])
            found = network.classify(placed, visible)[0].float()
            logits.update(zip(rows.tolist(), found, strict=True))
    return torch.stack([logits[row] for row in range(len(joints))])
