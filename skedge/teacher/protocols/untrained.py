"""The simplest baseline of a pretrained encoder: the same encoder, untrained."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import ComputeSettings
from skedge.teacher.clips import Clips
from skedge.teacher.networks.classifier import View
from skedge.teacher.networks.dual import AnyEncoder, make_encoder
from skedge.teacher.networks.statistics import batch_norms, with_statistics
from skedge.teacher.protocols.evaluate import on_protocol
from skedge.teacher.runs.folder import STREAMS, Card, Run, read_metrics, read_run, write_run
from skedge.teacher.runs.seen import Seen
from skedge.teacher.streams import write_streams
from skedge.teacher.training import seeded

# As initialised, and with batch norms that saw the training clips once.
Form = Literal["initialised", "statistics"]
FOLDER = "untrained"


def measure_untrained(
    measure: Callable[[Store, Run, Path], dict[str, Any]], store: Store, run: Run, pretrained: Path
) -> dict[str, dict[str, Any]]:
    """What a protocol measures of the untrained encoder in both forms, by form; each has a run
    folder below `untrained` in the run's.

    The encoder is drawn from the recipe's seed after the plan of the one in `pretrained`: the one
    that a pretraining with this seed began with, of streams that are trained together the first. An
    encoder without batch norm has one form.
    """
    found: dict[str, dict[str, Any]] = {}
    for form in get_args(Form):
        folder = run.folder / FOLDER / form
        done = read_metrics(folder) if run.resume else None
        if done is None:
            encoder = folder / "encoder"
            if not write_untrained(store, encoder, run.recipe, pretrained=pretrained, form=form):
                continue
            done = measure(store, replace(run, folder=folder), encoder)
        found[form] = {name: done[name] for name in ("top1", "top5") if name in done}
    return found


def write_untrained(
    store: Store, folder: Path, recipe: Recipe, *, pretrained: Path, form: Form
) -> bool:
    """Write the run folder of an untrained encoder like the one in `pretrained`, of three streams
    those of each; False, and nothing is written, where this form is not another than the first.
    """
    if (pretrained / STREAMS).is_file():
        streams = [
            write_untrained(
                store, folder / stream, recipe, pretrained=pretrained / stream, form=form
            )
            for stream in recipe.input.fusion
        ]
        if all(streams):
            write_streams(folder, recipe)
        return all(streams)
    card, _ = read_run(pretrained)
    encoder = untrained(card, recipe.compute)
    data = on_protocol(card.input, recipe.input)
    if form == "statistics":
        if not batch_norms(encoder):
            return False
        train = store.split(data.protocol, "train")
        clips = Clips.read(store, train, data, layout=card.layout)
        encoder = with_statistics(encoder, View(card.layout, data), clips.joints)
    made: dict[str, Any] = {"untrained": form, "seed": recipe.compute.seed}
    card = replace(card, provenance=made, seen=Seen())
    recipe = replace(recipe, input=data, encoder=card.encoder)
    write_run(folder, encoder, card, recipe=recipe, metrics={})
    return True


def untrained(card: Card, compute: ComputeSettings) -> AnyEncoder:
    """The encoder of a card with the first weights that the seed gives it."""
    seeded(compute)
    return make_encoder(card.layout, card.encoder, card.input.frames)
