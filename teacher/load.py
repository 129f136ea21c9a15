"""Opens any trained run as one frozen module."""

from pathlib import Path

from skeleton import InputError
from teacher.encoders import Encoder, build_encoder
from teacher.folder import Card, load_state, read_run
from teacher.model import Classifier, freeze


def load_classifier(folder: Path) -> tuple[Classifier, Card]:
    """The classifier of a run folder, frozen: joints (N, M, T, V, 3) to logits and features."""
    card, weights = read_run(folder)
    if card.kind != "classifier":
        raise InputError(
            f"{folder}: expected a classifier (a linear-probed or finetuned teacher, or a student), got a pretrained encoder "
            "without a head; run `skedge evaluate linear` or `skedge evaluate finetune` on it first"
        )
    classifier = Classifier(card.layout, card.input, card.encoder, len(card.labels))
    load_state(classifier, weights, folder)
    return freeze(classifier), card


def load_encoder(folder: Path) -> tuple[Encoder, Card]:
    """The pretrained encoder of a run folder, trainable."""
    card, weights = read_run(folder)
    if card.kind != "encoder":
        raise InputError(
            f"{folder}: expected a pretrained encoder, got a {card.kind}; name the folder that `skedge pretrain` wrote"
        )
    encoder = build_encoder(card.layout, card.encoder)
    load_state(encoder, weights, folder)
    return encoder, card
