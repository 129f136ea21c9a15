"""Further training of a classifier, with the actions of another store."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.teacher.networks.classifier import Classifier, last_layer
from skedge.teacher.protocols.evaluate import Job, Sets, as_trained
from skedge.teacher.protocols.finetune import train_classifier
from skedge.teacher.runs.folder import Run
from skedge.teacher.runs.load import load_classifier
from skedge.teacher.runs.store_check import check_layout


def continue_training(
    store: Store, folder: Path, recipe: Recipe, trained: Path, *, resume: bool = False
) -> dict[str, Any]:
    """The metrics of the classifier in the run folder `trained` behind further training, to tell
    the actions of `store` apart.

    All weights go on from what they are; the head has a row for every label of the store, and those
    it knows keep theirs. Of the recipe's input the protocol and its part are used; the rest is as
    the classifier was trained.

    Raises `InputError` for a store of another layout, and a folder that holds no classifier.
    """
    network, card = load_classifier(trained)
    check_layout(store, card, trained)
    assert isinstance(network, Classifier)
    recipe = as_trained(recipe, card, trained)
    recipe = replace(recipe, encoder=card.encoder)
    sets = Sets.read(store, recipe.input, origins=[(trained, card)])
    job = Job(Run(folder, recipe, resume), sets, card.encoder, settings=recipe.finetune)
    classifier = job.classifier()
    classifier.encoder.load_state_dict(network.encoder.state_dict())
    kept = [label for label in store.labels if label in card.labels]
    _copy_rows(
        network.head,
        classifier.head,
        {store.labels.index(label): card.labels.index(label) for label in kept},
    )
    extra = {"protocol": "finetune", "trained": card.provenance, "known": len(kept)}
    return train_classifier(job, classifier, extra)


@torch.no_grad()
def _copy_rows(source: nn.Module, target: nn.Module, rows: dict[int, int]) -> None:
    """Copy the rows of a head's last layer, target to source, and all that is before it."""
    if isinstance(source, nn.Sequential) and isinstance(target, nn.Sequential):
        target[:-1].load_state_dict(source[:-1].state_dict())
    before, after = last_layer(source), last_layer(target)
    ours = list(rows)
    theirs = list(rows.values())
    for mine, known in ((after.weight, before.weight), (after.bias, before.bias)):
        mine[ours] = known[theirs]
