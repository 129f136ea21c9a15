"""Pretraining and the evaluation protocols on a store, end to end."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from sklearn.metrics import accuracy_score, recall_score, top_k_accuracy_score

from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import (
    AugmentSettings,
    EncoderSettings,
    FinetuneSettings,
    InputSettings,
    LinearSettings,
    PretrainSettings,
)
from skedge.skeleton import InputError, prepare
from skedge.teacher.clips import Clips
from skedge.teacher.networks.classifier import View
from skedge.teacher.networks.encoders import STGCN
from skedge.teacher.pretrain import pretrain
from skedge.teacher.protocols.classify import score
from skedge.teacher.protocols.continued import continue_training
from skedge.teacher.protocols.finetune import finetune
from skedge.teacher.protocols.knn import knn
from skedge.teacher.protocols.linear import linear
from skedge.teacher.protocols.ridge import ridge
from skedge.teacher.runs.folder import WEIGHTS, Card, read_metrics, write_run
from skedge.teacher.runs.load import load_classifier, load_encoder
from skedge.teacher.training import forward_all
from tests.teacher.tiny import (
    COMPUTE,
    INPUT,
    PLAN,
    PRETRAINED,
    equal,
    make_store,
    optim,
    write_classifier,
)


def test_clips_are_prepared_as_on_the_device(store: Store) -> None:
    indices = np.array([5, 2, 9])
    clips = Clips.read(store, indices, InputSettings(frames=12, persons=2))
    assert clips.joints.shape == (3, 2, 12, 25, 3)
    assert clips.labels.tolist() == [int(store.index["label"][i]) for i in indices]
    for row, i in enumerate(indices):
        assert np.array_equal(
            clips.joints[row].numpy(), prepare(store.clip(i), store.layout, 2, 12)
        )
    batches = list(clips.loader(2, shuffle=False))
    assert [len(labels) for _, labels in batches] == [2, 1]
    assert torch.equal(torch.cat([joints for joints, _ in batches]), clips.joints)
    assert len(list(clips.loader(2, drop_last=True))) == 1
    assert [len(labels) for _, labels in clips.loader(100, drop_last=True)] == [3], (
        "fewer clips than a batch"
    )
    assert [
        loader.batch_size
        for loader in (clips.loader(100, 2), clips.loader(2, 2), clips.loader(1, 4))
    ] == [1, 1, 1]


def test_pretraining_makes_a_run_folder(store: Store, encoder_run: Path) -> None:
    metrics = read_metrics(encoder_run)
    assert metrics is not None
    assert metrics["method"] == "pstl"
    assert metrics["clips"] == 12
    assert np.isfinite(metrics["loss"])
    written = yaml.safe_load((encoder_run / "recipe.yaml").read_text())
    assert written == PRETRAINED.sections()
    assert not (encoder_run / "last.ckpt").exists()
    assert (encoder_run / "log" / "metrics.csv").is_file()
    _, card = load_encoder(encoder_run)
    assert card.kind == "encoder"
    assert card.provenance["training_clips"] == 12
    assert card.provenance["store_fingerprint"] == store.fingerprint
    assert card.provenance["seed"] == COMPUTE.seed
    assert card.seconds == pytest.approx(np.median([25, 27, 29, 31]) / 30, abs=1 / 30)


def test_pretraining_is_given_no_labels(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With classes in the place of clips' numbers, contrast would spare clips of one class."""
    numbers: list[int] = []

    def trained(module: Any, loader: Any, *_: Any, **__: Any) -> None:
        numbers.extend(loader.dataset.labels.tolist())
        raise KeyboardInterrupt

    monkeypatch.setattr("skedge.teacher.pretrain.fit", trained)
    with pytest.raises(KeyboardInterrupt):
        pretrain(store, tmp_path, PRETRAINED)
    assert numbers == list(range(12))


def test_pretraining_with_fewer_clips_than_a_batch(store: Store, tmp_path: Path) -> None:
    settings = PretrainSettings("skeleton-bt", projector=8, optim=optim(batch_size=128, epochs=1))
    metrics = pretrain(
        store, tmp_path, Recipe(input=INPUT, encoder=PLAN, pretrain=settings, compute=COMPUTE)
    )
    assert np.isfinite(metrics["loss"])


@pytest.fixture(scope="module")
def probe(store: Store, encoder_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("linear")
    linear(
        store,
        folder,
        Recipe(
            "probe",
            input=INPUT,
            encoder=PLAN,
            compute=COMPUTE,
            linear=LinearSettings(optim(batch_size=128, epochs=3)),
        ),
        encoder=encoder_run,
    )
    return folder


def test_a_batch_of_one_clip_where_there_must_be_two_is_refused(
    store: Store, encoder_run: Path, tmp_path: Path
) -> None:
    """Statistics over a batch of one were torch's traceback, in pretraining and in a probe with a
    batch norm."""
    single = optim(batch_size=1)
    recipe = replace(
        PRETRAINED,
        pretrain=replace(PRETRAINED.pretrain, optim=single),
        linear=LinearSettings(single, batch_norm=True),
    )
    with pytest.raises(InputError, match="pstl: expected batches of at least 2 clips"):
        pretrain(store, tmp_path, recipe)
    with pytest.raises(InputError, match=r"linear.optim.batch_size: expected at least 2 with"):
        linear(store, tmp_path, recipe, encoder=encoder_run)


def test_the_linear_probe_leaves_the_encoder_alone(
    store: Store, encoder_run: Path, probe: Path
) -> None:
    before, after = load_file(encoder_run / WEIGHTS), load_file(probe / WEIGHTS)
    encoder = {
        name.removeprefix("encoder."): value
        for name, value in after.items()
        if name.startswith("encoder.")
    }
    assert equal(encoder, before), "weights and running statistics"
    assert {name for name in after if not name.startswith("encoder.")} == {
        "head.weight",
        "head.bias",
    }
    metrics = read_metrics(probe)
    assert (metrics["protocol"], metrics["pretrained_on"]) == ("linear", "tiny")


def test_a_probe_learns_from_the_features_of_plain_clips(store: Store, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = STGCN(store.layout, PLAN)
    clips = Clips.read(store, store.split("xsub", "train"), INPUT)
    with torch.no_grad():
        for _ in range(60):  # an encoder whose running statistics are those of its features
            network(View(store.layout, INPUT)(clips.joints))
    card = Card("encoder", store.layout, store.labels, INPUT, PLAN, 1.0, {})
    write_run(tmp_path / "encoder", network.eval(), card, recipe=Recipe(), metrics={})
    settings = LinearSettings(optim(epochs=300, learning_rate=0.1))
    metrics = linear(
        store,
        tmp_path,
        Recipe(input=INPUT, encoder=PLAN, compute=COMPUTE, linear=settings),
        encoder=tmp_path / "encoder",
    )
    classifier, _ = load_classifier(tmp_path)
    with torch.no_grad():
        features = network(classifier.view(clips.joints))
        logits = classifier.head(features)
        loss = torch.nn.functional.cross_entropy(logits, clips.labels)
    assert loss < 0.8 * np.log(3)
    torch.testing.assert_close(classifier(clips.joints)[0], logits, atol=1e-5, rtol=1e-5)
    tested = Clips.read(store, store.split("xsub", "test"), card.input)
    assert metrics["top1"] == round(
        100 * accuracy_score(tested.labels, classifier(tested.joints)[0].argmax(1)), 2
    )


def test_finetuning_starts_from_the_encoder_and_changes_it(
    store: Store, encoder_run: Path, tmp_path: Path
) -> None:
    before = load_file(encoder_run / WEIGHTS)
    still = FinetuneSettings(optim=optim(epochs=1, learning_rate=0.0))
    finetune(
        store,
        tmp_path / "still",
        Recipe(input=INPUT, encoder=PLAN, compute=COMPUTE, finetune=still),
        encoder=encoder_run,
    )
    settings = FinetuneSettings(
        label_smoothing=0.1, augment=AugmentSettings(rotation=10.0), optim=optim(batch_size=128)
    )
    metrics = finetune(
        store,
        tmp_path / "moved",
        Recipe(input=INPUT, encoder=PLAN, compute=COMPUTE, finetune=settings),
        encoder=encoder_run,
    )
    assert metrics["pretrained_on"] == "tiny"
    assert metrics["protocol"] == "finetune"
    same, moved = (load_file(tmp_path / name / WEIGHTS) for name in ("still", "moved"))
    for name, value in before.items():
        if "running" not in name and "batches" not in name:
            assert torch.equal(same[f"encoder.{name}"], value), name
            assert not torch.equal(moved[f"encoder.{name}"], value), name
    assert equal(load_file(encoder_run / WEIGHTS), before), (
        "the pretrained run itself stands as it was"
    )


@pytest.mark.parametrize("yaw", [0.0, 90.0])
def test_finetuning_learns_from_clips_changed_as_asked(
    yaw: float, store: Store, encoder_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`finetune.augment` could be forgotten on the way from the recipe to the training."""
    as_they_are: list[bool] = []

    def trained(module: Any, loader: Any, *_: Any, **__: Any) -> None:
        joints, _labels = next(iter(loader))
        module.eval()
        as_they_are.append(torch.allclose(module.logits(joints), module.network(joints)[0]))

    monkeypatch.setattr("skedge.teacher.protocols.finetune.fit", trained)
    settings = FinetuneSettings(augment=AugmentSettings(yaw=yaw), optim=optim())
    finetune(store, tmp_path, replace(PRETRAINED, finetune=settings), encoder=encoder_run)
    assert as_they_are == [not yaw]


def test_finetuning_takes_the_pretrained_plan_and_input(
    store: Store, encoder_run: Path, tmp_path: Path
) -> None:
    other = EncoderSettings(widths=(8,), strides=(1,), dropout=0.25)
    finetune(store, tmp_path, Recipe(input=InputSettings(frames=20, stream="bone"), encoder=other, compute=COMPUTE, finetune=FinetuneSettings(optim=optim(epochs=1))), encoder=encoder_run)  # fmt: skip
    _, card = load_classifier(tmp_path)
    assert card.input == INPUT
    assert tuple(card.encoder.widths) == PLAN.widths
    assert card.encoder.dropout == 0.25


def test_supervised_training_learns(store: Store, tmp_path: Path) -> None:
    settings = FinetuneSettings(optim=optim(epochs=60, learning_rate=0.02, batch_size=4))
    metrics = finetune(
        store, tmp_path, Recipe(input=INPUT, encoder=PLAN, compute=COMPUTE, finetune=settings)
    )
    assert metrics["protocol"] == "supervised"
    assert metrics["clips"] == 12
    assert metrics["top1"] > 60, "three actions: a third by chance"
    classifier, card = load_classifier(tmp_path)
    tested = Clips.read(store, store.split("xsub", "test"), card.input)
    assert metrics["top1"] == score(classifier(tested.joints)[0], tested.labels)["top1"]


@pytest.mark.parametrize("absent", [False, True])
def test_scores_are_scikit_learns(absent: bool) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 7, 80) if not absent else random.choice([0, 2, 3, 6], 80)
    logits = random.normal(size=(80, 7)) + 1.5 * np.eye(7)[labels]
    got = score(torch.from_numpy(logits).float(), torch.from_numpy(labels))
    everything = np.arange(7)
    assert got["top1"] == round(100 * accuracy_score(labels, logits.argmax(1)), 2)
    assert got["top5"] == round(
        100 * top_k_accuracy_score(labels, logits, k=5, labels=everything), 2
    )
    recalls = recall_score(
        labels, logits.argmax(1), labels=everything, average=None, zero_division=0
    )
    there = np.unique(labels)
    shares = [got["per_class"][one] for one in there]
    assert shares == pytest.approx((100 * recalls[there]).round(2).tolist(), abs=0.011)
    others = [got["per_class"][one] for one in np.setdiff1d(everything, there)]
    assert others == [None] * (7 - len(there)), "a class that no clip tests looked never recognised"
    assert got["clips"] == 80


def test_scores_with_fewer_than_five_classes() -> None:
    logits = torch.tensor([[3.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    assert score(logits, torch.tensor([0, 1, 1])) == {
        "top1": 66.67, "top5": 100.0, "per_class": [100.0, 50.0], "confusion": [[1, 0], [1, 1]], "clips": 3,
    }  # fmt: skip


def test_a_class_that_is_no_answer_is_not_among_the_first_five() -> None:
    logits = torch.tensor([[1.0, -torch.inf], [0.5, 1.0]])
    assert score(logits, torch.tensor([1, 0]))["top5"] == 50


def test_ridge(store: Store, tmp_path: Path) -> None:
    metrics = ridge(store, tmp_path, Recipe(input=INPUT, compute=COMPUTE))
    assert json.loads((tmp_path / "metrics.json").read_text()) == metrics
    assert metrics["protocol"] == "ridge"
    assert "precision" not in metrics, "that of networks was named"
    assert metrics["clips"] == 12
    assert metrics["top1"] > 60
    pair = make_store(tmp_path / "pair", labels=("wave", "clap"))
    metrics = ridge(pair, tmp_path / "two classes", Recipe(input=INPUT, compute=COMPUTE))
    assert metrics["top1"] > 60
    assert metrics["top5"] == 100


def test_a_classifier_goes_on_with_other_actions(store: Store, tmp_path: Path) -> None:
    """A rate of next to nothing shows what it starts from."""
    write_classifier(tmp_path / "known", store, INPUT)
    mine = make_store(tmp_path / "mine", labels=("kick", "bow", "wave"), subjects=4)
    settings = FinetuneSettings(
        augment=AugmentSettings(), optim=optim(epochs=1, learning_rate=1e-12)
    )
    metrics = continue_training(
        mine,
        tmp_path / "run",
        Recipe("tiny", input=InputSettings(frames=99), finetune=settings, compute=COMPUTE),
        trained=tmp_path / "known",
    )
    assert (metrics["protocol"], metrics["known"]) == ("finetune", 2)
    (before, _), (after, card) = (load_classifier(tmp_path / name) for name in ("known", "run"))
    assert card.labels == mine.labels
    assert card.input.frames == INPUT.frames, "it sees clips as it did"
    old, new = before.get_submodule("head").weight, after.get_submodule("head").weight
    torch.testing.assert_close(new[[0, 2]], old[[2, 0]])
    kernels = [name for name, _ in before.get_submodule("encoder").named_parameters()]
    states = [network.get_submodule("encoder").state_dict() for network in (before, after)]
    assert all(torch.allclose(states[0][name], states[1][name], atol=1e-6) for name in kernels)


def test_a_known_action_keeps_its_row_and_its_bias(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its bias a known action begins less, or more, probable than it was."""
    known = write_classifier(tmp_path / "known", store).head
    monkeypatch.setattr("skedge.teacher.protocols.finetune.fit", lambda *_, **__: None)
    more = make_store(tmp_path / "more", labels=("kick", "jump", "wave"))
    continue_training(more, tmp_path / "out", PRETRAINED, tmp_path / "known")
    head = load_classifier(tmp_path / "out")[0].get_submodule("head")
    for ours, theirs in ((head.weight, known.weight), (head.bias, known.bias)):
        rows = [store.labels.index("kick"), store.labels.index("wave")]
        assert torch.equal(ours[[0, 2]], theirs[rows])


def test_another_layout_is_refused_with_both_names(encoder_run: Path, tmp_path: Path) -> None:
    other = make_store(tmp_path / "kinect", "kinect20", subjects=2)
    with pytest.raises(InputError, match=r"ntu25 \(25 joints\).*kinect20 \(20 joints\)"):
        linear(
            other,
            tmp_path / "run",
            Recipe(input=INPUT, encoder=PLAN, compute=COMPUTE, linear=LinearSettings(optim())),
            encoder=encoder_run,
        )
    with pytest.raises(InputError, match=r"ntu25 \(25 joints\).*kinect20 \(20 joints\)"):
        finetune(
            other,
            tmp_path / "run",
            Recipe(input=INPUT, encoder=PLAN, compute=COMPUTE, finetune=FinetuneSettings()),
            encoder=encoder_run,
        )
    with pytest.raises(InputError, match=r"ntu25 \(25 joints\).*kinect20 \(20 joints\)"):
        knn(other, tmp_path / "run", Recipe(input=INPUT), encoders={"joint": encoder_run})
    assert not (tmp_path / "run").exists()


def test_an_unknown_protocol_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"xview.*xsub"):
        ridge(
            store,
            tmp_path,
            Recipe(input=InputSettings(protocol="xview", frames=12), compute=COMPUTE),
        )


def test_all_batches_of_a_frozen_network() -> None:
    network = torch.nn.BatchNorm1d(3).train()
    inputs = torch.randn(11, 3)
    outputs = forward_all(network, inputs, COMPUTE, batch_size=4)
    torch.testing.assert_close(outputs, inputs, atol=1e-4, rtol=1e-4)
    assert not network.training
