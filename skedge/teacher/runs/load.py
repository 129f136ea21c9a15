"""Any trained run, opened as one frozen module."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any, Literal

from torch import nn

from skedge.recipes.ranges import check
from skedge.recipes.settings import InputSettings
from skedge.recipes.settings.encoder_plan import Fusion
from skedge.skeleton import InputError
from skedge.skeleton.files import parse_json
from skedge.skeleton.streams import Stream
from skedge.teacher.networks.classifier import Classifier, Fused, Network, freeze
from skedge.teacher.networks.dual import AnyEncoder, DualEncoder, make_encoder
from skedge.teacher.runs.folder import STREAMS, Card, load_state, read_run


def load_classifier(folder: Path) -> tuple[Network, Card]:
    """The classifier of a run folder, frozen: joints (N, M, T, V, 3) to logits and features.

    A folder of three streams gives their fusion, and the first stream's card with stream `three`
    and the clips that any of them has seen.
    """
    if (folder / STREAMS).is_file():
        weights = _read_weights(folder / STREAMS)
        networks, cards = zip(*(_load_one(folder / name) for name in weights), strict=True)
        return freeze(Fused(networks, list(weights.values()))), _fused(cards, weights)
    return _load_one(folder)


def read_card(folder: Path, stream: Stream | Literal["three"]) -> Card:
    """The card of a run folder without its network, as a step for `stream` opens it.

    Of a folder of several streams' encoders it is that of `stream`, of one of classifiers that of
    their fusion.
    """
    if not (folder / STREAMS).is_file():
        return read_run(folder)[0]
    weights = _read_weights(folder / STREAMS)
    card, _ = read_run(folder / (stream if stream in weights else next(iter(weights))))
    if card.kind == "classifier":
        return _fused([read_run(folder / name)[0] for name in weights], weights)
    return card if stream in weights else replace(card, input=replace(card.input, stream=stream))


def load_encoder(folder: Path, fusion: Fusion = "one") -> tuple[AnyEncoder, Card]:
    """The pretrained encoder of a run folder, trainable; of two encoders what `fusion` says, an
    alignment untrained.

    Raises `InputError` if there is no such encoder.
    """
    if (folder / STREAMS).is_file():
        raise InputError(
            f"{folder}: expected one stream, got three; set input.stream to three, or name one of"
            " its folders"
        )
    card, weights = read_run(folder)
    check_kind(card, "encoder", folder)
    encoder = make_encoder(card.layout, card.encoder, card.input.frames)
    load_state(encoder, weights, folder)
    check_fusion(encoder, fusion, str(folder))
    if not isinstance(encoder, DualEncoder):
        return encoder, card
    if fusion in ("theta", "phi"):
        return encoder.one(fusion), replace(card, encoder=replace(card.encoder, fusion="one"))
    plan = replace(card.encoder, fusion=fusion)
    pair = make_encoder(card.layout, plan, card.input.frames)
    assert isinstance(pair, DualEncoder)
    pair.theta = encoder.theta
    pair.phi = encoder.phi
    return pair, replace(card, encoder=plan)


def check_kind(card: Card, kind: Literal["encoder", "classifier"], folder: Path) -> None:
    """Raise `InputError` where the network in a run folder is of the other kind."""
    if card.kind == kind:
        return
    if kind == "encoder":
        raise InputError(
            f"{folder}: expected a pretrained encoder, got a {card.kind}; name the folder that"
            " `skedge pretrain` wrote"
        )
    raise InputError(
        f"{folder}: expected a classifier (a linear-probed or finetuned teacher, or a"
        " student), got a pretrained encoder without a head; run `skedge evaluate linear` or"
        " `skedge evaluate finetune` on it first"
    )


def check_fusion(encoder: nn.Module, fusion: Fusion, source: str) -> None:
    """Raise `InputError` where `fusion` joins two encoders and there is one, or the reverse."""
    dual = isinstance(encoder, DualEncoder)
    if dual == (fusion == "one"):
        held, legal = (
            ("two encoders", "theta, phi, mean or alignment") if dual else ("one encoder", "one")
        )
        raise InputError(f"{source}: holds {held}; expected encoder.fusion {legal}, got {fusion}")


def _fused(cards: Sequence[Card], weights: dict[Any, float]) -> Card:
    seen = reduce(or_, (card.seen for card in cards))
    three = replace(cards[0].input, stream="three", fusion=weights)
    return replace(cards[0], input=three, seen=seen)


def _load_one(folder: Path) -> tuple[Classifier, Card]:
    card, weights = read_run(folder)
    check_kind(card, "classifier", folder)
    classifier = Classifier(card.layout, card.input, card.encoder, classes=len(card.labels))
    load_state(classifier, weights, folder)
    return freeze(classifier), card


def _read_weights(path: Path) -> Any:
    try:
        found = parse_json(path.read_text("utf-8"))
        weights: dict[Any, float] = {str(one): float(weight) for one, weight in found.items()}
        if not weights or not set(weights) <= {"joint", "bone", "motion"}:
            raise ValueError("no streams")
        check(InputSettings(fusion=weights))
        return weights
    except (OSError, ValueError, TypeError, AttributeError):
        raise InputError(
            f"{path}: expected the streams and their weights, the file is damaged; train again"
        ) from None
