"""Figures say where the clips that they are of were trained on."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from skedge.datasets.store import Store
from skedge.datasets.store.rewrite import merge
from skedge.datasets.store.splits import add_folds, add_validation
from skedge.recipes.distill_settings import DistillSettings
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import (
    FinetuneSettings,
    LinearSettings,
    PartialSettings,
)
from skedge.skeleton import InputError
from skedge.student.distill import distill
from skedge.teacher.clips import tell
from skedge.teacher.pretrain import pretrain
from skedge.teacher.protocols.continued import continue_training
from skedge.teacher.protocols.finetune import finetune
from skedge.teacher.protocols.fusion import fuse
from skedge.teacher.protocols.knn import knn
from skedge.teacher.protocols.linear import linear
from skedge.teacher.protocols.partial import partial_body
from skedge.teacher.runs.folder import WEIGHTS
from skedge.teacher.runs.load import load_classifier, read_card
from skedge.teacher.runs.seen import Seen
from skedge.teacher.runs.store_check import check_labels, overlap
from skedge.teacher.streams import write_streams
from tests.teacher.tiny import INPUT, PLAN, PRETRAINED, make_store, optim

Metrics = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two folds, and what is trained on the first: an encoder and a classifier."""
    folder = tmp_path_factory.mktemp("folds")
    make_store(folder / "store")
    add_folds(folder / "store", "fold", 2)
    store = Store(folder / "store")
    pretrain(store, folder / "pretrained", on("fold-1"))
    finetune(store, folder / "teacher", on("fold-1"))
    return folder


def on(protocol: str) -> Recipe:
    return replace(
        PRETRAINED,
        input=replace(INPUT, protocol=protocol),
        linear=LinearSettings(optim=optim(epochs=1)),
        finetune=FinetuneSettings(optim=optim(epochs=1)),
        distill=DistillSettings(optim=optim(epochs=1)),
        student=PLAN,
        partial=PartialSettings(joints=(0,), parts=()),
    )


def measured(step: Callable[[Recipe], Metrics], capsys: pytest.CaptureFixture[str]) -> Metrics:
    """What a step measures on the second fold, which has to say so; on the first it may not."""
    for protocol, seen in (("fold-1", False), ("fold-2", True)):
        tell.cache_clear()
        capsys.readouterr()
        metrics = step(on(protocol))
        assert (metrics["split"], metrics["part"]) == (protocol, "test")
        assert any(name.startswith("seen_") for name in metrics) == seen
        assert ("was trained" in capsys.readouterr().err) == seen
    return metrics


def test_a_teacher_of_another_fold_is_said_to_know_the_test_clips(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its students, and its own further training, were measured on what had trained it."""
    store = Store(folder / "store")
    teacher = folder / "teacher"
    steps: list[Callable[[Recipe], Metrics]] = [
        lambda recipe: continue_training(store, tmp_path / "on", recipe, trained=teacher),
        lambda recipe: distill(store, tmp_path / "student", recipe, teachers=[teacher]),
    ]
    for step in steps:
        assert measured(step, capsys)["seen_in_training"] == 12
    # A student of one fold, taught by the other one's teacher, has learned from all clips.
    # The clips of either fold trained it or its teacher, so neither split is a remedy.
    with pytest.raises(
        InputError,
        match=r"of the 12 of fold-1 \(test\) trained it .* name another classifier",
    ):
        partial_body(store, tmp_path / "partial", on("fold-1"), classifier=tmp_path / "student")


def test_clips_of_the_validation_part_are_looked_for_where_they_measure(
    folder: Path, tmp_path: Path
) -> None:
    path = Path(shutil.copytree(folder / "store", tmp_path / "store"))
    add_validation(path, "choose", of="fold-1", share=0.25, by="clip", seed=0)
    store = Store(path)
    chosen = store.split("choose", "val")
    card = replace(read_card(folder / "teacher", "joint"), seen=Seen.of(store, chosen))
    found = {
        part: overlap(store, replace(INPUT, protocol="choose", part=part), [(path, card)])
        for part in ("val", "test")
    }
    assert found == {"val": {"seen_in_training": len(chosen)}, "test": {}}
    assert len(chosen) > 0


def test_a_store_whose_actions_are_in_another_order_is_refused(folder: Path) -> None:
    """The same numbers would mean other actions; `other` may come behind them, nowhere else."""
    store = Store(folder / "store")
    card = read_card(folder / "teacher", "joint")
    for labels in (store.labels, (*store.labels, "other")):
        check_labels(store, replace(card, labels=labels), folder)
    for labels in (("other", *store.labels), store.labels[::-1], store.labels[:1]):
        with pytest.raises(InputError, match=r"class \d was .*; use the store that it was trained"):
            check_labels(store, replace(card, labels=labels), folder)


def test_a_classifier_has_no_figures_of_its_training_clips(folder: Path, tmp_path: Path) -> None:
    """With joints hidden it had 100 % of another fold, as if of clips that it never saw."""
    store = Store(folder / "store")
    metrics = partial_body(store, tmp_path / "partial", on("fold-1"), folder / "teacher")
    assert (metrics["split"], metrics["part"]) == ("fold-1", "test")
    other = make_store(tmp_path / "other", "kinect20", labels=("sit", "stand"))
    merged = merge([store, other], tmp_path / "merged")
    for one in (store, merged):
        with pytest.raises(InputError, match=r"12 of the 12 of fold-2 .* set input.protocol to"):
            partial_body(one, tmp_path / "partial", on("fold-2"), folder / "teacher")


def test_an_encoder_that_was_pretrained_on_the_test_clips_is_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without labels, but its features are no features of new clips."""
    store = Store(folder / "store")
    encoder = folder / "pretrained"
    steps: list[Callable[[Recipe], Metrics]] = [
        lambda recipe: linear(store, tmp_path / "linear", recipe, encoder),
        lambda recipe: finetune(store, tmp_path / "finetune", recipe, encoder),
        lambda recipe: knn(store, tmp_path / "knn", recipe, {"joint": encoder}),
    ]
    for step in steps:
        metrics = measured(step, capsys)
        assert metrics["seen_without_labels"] == 12
        assert "seen_in_training" not in metrics


def test_a_student_has_seen_what_the_encoder_it_begins_as_was_trained_on(
    folder: Path, tmp_path: Path
) -> None:
    store = Store(folder / "store")
    recipe = on("fold-2")
    finetune(store, tmp_path / "teacher", recipe)
    teachers = [tmp_path / "teacher"]
    found = distill(store, tmp_path / "run", recipe, teachers, pretrained=folder / "pretrained")
    assert found["seen_without_labels"] == 12
    assert "seen_without_labels" not in distill(store, tmp_path / "run", recipe, teachers)


def test_neighbours_of_several_streams_say_what_any_of_their_encoders_has_seen(
    folder: Path, tmp_path: Path
) -> None:
    """They said what the last one had."""
    store = Store(folder / "store")
    new = tmp_path / "new"
    pretrain(store, new, on("fold-2"))
    for joint, motion in ((new, folder / "pretrained"), (folder / "pretrained", new)):
        metrics = knn(store, tmp_path, on("fold-2"), {"joint": joint, "motion": motion})
        assert metrics["seen_without_labels"] == 12


def test_three_streams_have_seen_what_any_of_them_has(folder: Path, tmp_path: Path) -> None:
    """The first one's clips alone counted: a bone stream of the test clips was no reason to say
    so."""
    store, teacher = Store(folder / "store"), folder / "teacher"
    recipe = on("fold-2")
    three = tmp_path / "three"
    finetune(store, three / "joint", recipe)
    for stream in ("bone", "motion"):
        shutil.copytree(teacher, three / stream)
    write_streams(three, recipe)
    assert fuse(store, three, recipe)["seen_in_training"] == 12
    assert distill(store, tmp_path / "run", recipe, teachers=[three])["seen_in_training"] == 12
    assert read_card(three, "three").seen == load_classifier(three)[1].seen
    for stream in ("bone", "motion"):
        shutil.rmtree(three / stream)
        shutil.copytree(three / "joint", three / stream)
    assert "seen_in_training" not in fuse(store, three, recipe)


def test_a_network_that_does_not_say_what_trained_it_is_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files of earlier versions hold no record; they, and what came of them, passed for networks
    that had seen none of the test clips."""
    store = Store(folder / "store")
    shutil.copytree(folder / "pretrained", tmp_path / "old")
    weights = tmp_path / "old" / WEIGHTS
    with safe_open(weights, "pt") as file:
        card = json.loads(file.metadata()["skedge"])
    del card["seen"]
    save_file(load_file(weights), weights, {"skedge": json.dumps(card)})
    tell.cache_clear()
    linear(store, tmp_path / "probe", on("fold-1"), tmp_path / "old")
    partial_body(store, tmp_path / "partial", on("fold-1"), tmp_path / "probe")
    said = capsys.readouterr().err
    for source in ("old", "probe"):
        assert f"{tmp_path / source}: does not say which clips trained it" in said
