"""The linear probe."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.teacher.networks.dual import DualEncoder
from skedge.teacher.protocols.evaluate import Job, Sets, as_trained
from skedge.teacher.protocols.frozen import train_on_frozen
from skedge.teacher.runs.folder import Run
from skedge.teacher.runs.load import load_encoder
from skedge.teacher.runs.store_check import check_layout


def linear(
    store: Store, folder: Path, recipe: Recipe, encoder: Path, *, resume: bool = False
) -> dict[str, Any]:
    """The metrics of one linear layer on the frozen encoder's features of unaugmented clips.

    Two encoders are joined as `encoder.fusion` says; an alignment is learned with the layer.
    """
    network, card = load_encoder(encoder, recipe.encoder.fusion)
    check_layout(store, card, encoder)
    plan = replace(card.encoder, head="linear")
    recipe = as_trained(recipe, card, encoder)
    recipe = replace(recipe, encoder=replace(plan, fusion=recipe.encoder.fusion))
    sets = Sets.read(store, recipe.input, origins=[(encoder, card)])
    settings = replace(recipe.linear, optim=recipe.linear.optim.for_clips(sets.samplings))
    job = Job(Run(folder, recipe, resume), sets, plan, settings=settings)
    classifier = job.classifier()
    if isinstance(network, DualEncoder):
        classifier.encoder.theta = network.theta
        classifier.encoder.phi = network.phi
    else:
        classifier.encoder = network
    train_on_frozen(
        job,
        classifier,
        settings.optim,
        title="Linear probe",
        batch_norm=settings.batch_norm,
    )
    extra = {
        "protocol": "linear",
        "fusion": recipe.encoder.fusion,
        "pretrained_on": card.provenance.get("store"),
    }
    return job.finish(classifier, extra)
