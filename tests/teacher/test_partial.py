"""Protocols on hidden joints, few labels, other layouts and nearest neighbours."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import (
    FinetuneSettings,
    InputSettings,
    KnnSettings,
    PartialSettings,
    SemiSettings,
)
from skedge.skeleton import InputError, load_layout, prepare
from skedge.skeleton.retarget import retarget
from skedge.tables import evaluations
from skedge.teacher.clips import Clips, tell
from skedge.teacher.networks.classifier import Classifier, View
from skedge.teacher.networks.encoders import STGCN
from skedge.teacher.protocols.finetune import finetune
from skedge.teacher.protocols.knn import knn
from skedge.teacher.protocols.partial import answers, hide_joints, hide_parts, partial_body
from skedge.teacher.protocols.semi import semi
from skedge.teacher.runs.folder import Card, write_metrics, write_run
from skedge.teacher.runs.load import load_classifier, load_encoder
from skedge.teacher.seeds import over_seeds
from tests.teacher.tiny import COMPUTE, INPUT, PLAN, make_store, optim, scenes, write_classifier

NTU = load_layout("ntu25")


def test_as_many_joints_are_hidden_as_asked_and_all_alike() -> None:
    hidden = hide_joints(25, 6, 4000, rng=np.random.default_rng(0))
    assert (hidden.sum(1) == 6).all()
    np.testing.assert_allclose(hidden.mean(0), 6 / 25, atol=0.03)


def test_whole_parts_are_hidden() -> None:
    hidden = hide_parts(NTU, 2, 300, rng=np.random.default_rng(0))
    parts = [set(joints) for joints in NTU.parts.values()]
    for row in hidden:
        gone = set(np.flatnonzero(row).tolist())
        whole = [part for part in parts if part <= gone]
        assert len(whole) == 2
        assert gone == set().union(*whole)
    assert len({tuple(row) for row in hidden.tolist()}) == 10, "every pair of five parts"


def test_hidden_joints_leave_the_computation(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store", subjects=2)
    network = write_classifier(tmp_path / "run", store)
    joints = scenes(7, INPUT)
    hidden = hide_parts(NTU, 1, 7, rng=np.random.default_rng(1))
    got = answers(network, joints, hidden, batch=2)
    moved = joints.clone()
    for row in range(7):
        alone = network.classify(
            network.view.place(joints[row : row + 1]),
            torch.from_numpy(np.flatnonzero(~hidden[row]))[None],
        )
        torch.testing.assert_close(got[row], alone[0][0], atol=1e-5, rtol=1e-5)
        moved[row, :, :, hidden[row] & (np.arange(25) != 1)] += (
            5.0  # joint 1 places the body before anything is hidden
        )
    torch.testing.assert_close(answers(network, moved, hidden), got, atol=1e-4, rtol=1e-4)


def test_partial_body_evaluation(store: Store, tmp_path: Path) -> None:
    network = write_classifier(tmp_path / "run", store)
    settings = PartialSettings(joints=(0, 10), parts=(0, 4), draws=3)
    metrics = partial_body(
        store,
        tmp_path / "partial",
        Recipe(input=INPUT, partial=settings, compute=COMPUTE),
        classifier=tmp_path / "run",
    )
    tested = Clips.read(store, store.split("xsub", "test"), INPUT)
    plain = float((network(tested.joints)[0].argmax(1) == tested.labels).float().mean())
    for kind in ("joints", "parts"):
        assert metrics[kind]["0"]["top1"] == pytest.approx(100 * plain, abs=0.01)
        assert metrics[kind]["0"]["std"] == 0
    assert set(metrics["joints"]) == {"0", "10"}
    again = partial_body(
        store,
        tmp_path / "partial",
        Recipe(input=INPUT, partial=settings, compute=COMPUTE),
        classifier=tmp_path / "run",
    )
    assert again == metrics, "the same seed hides the same"


def test_a_store_of_other_actions_has_no_accuracy(store: Store, tmp_path: Path) -> None:
    """Its classes were taken for the classifier's by their numbers."""
    write_classifier(tmp_path / "run", store)
    other = make_store(tmp_path / "other", labels=("wave", "jump", "kick"))
    recipe = Recipe(input=INPUT, compute=COMPUTE)
    with pytest.raises(InputError, match="class 2 was 'clap', and is 'jump'"):
        partial_body(other, tmp_path, recipe, classifier=tmp_path / "run")


def test_the_deviation_over_draws_is_that_over_seeds(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With n in place of n - 1 hidden joints looked surer than seeds beside them in one table."""
    write_classifier(tmp_path / "run", store)
    tops = iter([60.0, 40.0, 50.0])
    monkeypatch.setattr(
        "skedge.teacher.protocols.partial.score", lambda *given: {"top1": next(tops)}
    )
    settings = PartialSettings(joints=(10,), parts=(), draws=3)
    recipe = Recipe(input=INPUT, partial=settings, compute=COMPUTE)
    metrics = partial_body(store, tmp_path, recipe, classifier=tmp_path / "run")
    assert metrics["joints"] == {"10": {"top1": 50.0, "std": 10.0}}


def test_one_draw_or_seed_has_no_deviation(store: Store, tmp_path: Path) -> None:
    """It was 0, as if another draw or seed would give the same."""
    write_classifier(tmp_path / "run", store)
    settings = PartialSettings(joints=(10,), parts=(), draws=1)
    recipe = Recipe(input=INPUT, partial=settings, compute=COMPUTE)
    metrics = partial_body(store, tmp_path, recipe, classifier=tmp_path / "run")
    assert metrics["joints"]["10"]["std"] is None
    found = over_seeds([{"seed": 3, "top1": 50.0, "top5": 80.0}])
    assert (found["top1"], found["top1_std"]) == (50.0, None)
    for name, one in (("partial", metrics), ("seeds", found | {"protocol": "linear"})):
        write_metrics(tmp_path / name, one)
    assert "±" not in evaluations([tmp_path / "partial", tmp_path / "seeds"])


@pytest.mark.parametrize(
    ("joints", "parts", "words"), [((25,), (0,), "0 to 24"), ((0,), (5,), "0 to 4")]
)
def test_nothing_left_to_see_is_refused(
    joints: tuple[int, ...], parts: tuple[int, ...], words: str, store: Store, tmp_path: Path
) -> None:
    write_classifier(tmp_path / "run", store)
    with pytest.raises(InputError, match=words):
        partial_body(
            store,
            tmp_path,
            Recipe(input=INPUT, partial=PartialSettings(joints, parts), compute=COMPUTE),
            classifier=tmp_path / "run",
        )


def test_there_are_no_more_neighbours_than_training_clips(
    store: Store, encoder_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The figures said 500 neighbours where there were fewer clips."""
    tell.cache_clear()
    recipe = Recipe(input=INPUT, knn=KnnSettings(500), compute=COMPUTE)
    metrics = knn(store, tmp_path, recipe, encoders={"joint": encoder_run})
    trained = len(store.split("xsub", "train"))
    assert metrics["neighbors"] == trained
    assert f"knn.neighbors 500: there are {trained} training clips" in capsys.readouterr().err


def test_nearest_neighbours_are_scikit_learns_on_the_features(
    store: Store, encoder_run: Path, tmp_path: Path
) -> None:
    metrics = knn(
        store,
        tmp_path,
        Recipe(input=INPUT, knn=KnnSettings(3), compute=COMPUTE),
        encoders={"joint": encoder_run},
    )
    encoder, card = load_encoder(encoder_run)
    encoder.eval()
    features, labels = {}, {}
    for part in ("train", "test"):
        clips = Clips.read(store, store.split("xsub", part), INPUT)
        with torch.no_grad():
            features[part], labels[part] = (
                encoder(View(card.layout, INPUT)(clips.joints)).double().numpy(),
                clips.labels.numpy(),
            )
    near = KNeighborsClassifier(3, metric="cosine", weights="distance").fit(
        features["train"], labels["train"]
    )
    assert metrics["top1"] == pytest.approx(
        100 * near.score(features["test"], labels["test"]), abs=0.01
    )
    assert metrics["neighbors"] == 3
    two = knn(
        store,
        tmp_path,
        Recipe(input=INPUT, knn=KnnSettings(3), compute=COMPUTE),
        encoders={"joint": encoder_run, "bone": encoder_run},
    )
    assert two["top1"] == metrics["top1"], "the same stream twice changes nothing"
    assert (metrics["stream"], two["stream"]) == ("joint", "three"), "the row's name in a table"


def test_streams_similarities_are_added_with_their_weights(
    store: Store, encoder_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights of 0.6, 0.6 and 0.4 could count as their squares, and no result would show it."""
    compared: list[np.ndarray] = []

    class Noted(KNeighborsClassifier):
        def fit(self, rows: np.ndarray, labels: Any) -> Any:
            compared.append(rows)
            return super().fit(rows, labels)

    monkeypatch.setattr("sklearn.neighbors.KNeighborsClassifier", Noted)
    torch.manual_seed(0)
    other = tmp_path / "other"
    card = replace(load_encoder(encoder_run)[1], input=replace(INPUT, stream="bone"))
    write_run(other, STGCN(store.layout, PLAN), card, recipe=Recipe(), metrics={})
    weights: dict[Any, float] = {"joint": 0.9, "bone": 0.1}
    for encoders in (
        {"joint": encoder_run},
        {"bone": other},
        {"joint": encoder_run, "bone": other},
    ):
        recipe = Recipe(input=replace(INPUT, fusion=weights), compute=COMPUTE)
        knn(store, tmp_path / "knn", recipe, encoders=encoders)
    joint, bone, both = (rows @ rows.T for rows in compared)
    np.testing.assert_allclose(both, 0.9 * joint + 0.1 * bone, atol=1e-6)


def test_every_seed_draws_labels_of_its_own(
    store: Store, encoder_run: Path, tmp_path: Path
) -> None:
    """Else the deviation over seeds says nothing of which clips have labels."""
    nothing = FinetuneSettings(optim=optim(epochs=0))
    recipe = Recipe(input=INPUT, encoder=PLAN, finetune=nothing)
    drawn = set()
    for seed in range(4):
        one = replace(recipe, compute=replace(COMPUTE, seed=seed))
        finetune(store, tmp_path, one, encoder=encoder_run, share=0.5)
        drawn.add(load_classifier(tmp_path)[1].seen.labelled)
    assert len(drawn) > 1


def test_semi_supervised_training_sees_a_share_of_every_class(
    store: Store, encoder_run: Path, tmp_path: Path
) -> None:
    settings = FinetuneSettings(optim=optim(epochs=1))
    metrics = finetune(
        store,
        tmp_path,
        Recipe(input=INPUT, encoder=PLAN, compute=COMPUTE, finetune=settings),
        encoder=encoder_run,
        share=0.5,
    )
    assert (metrics["protocol"], metrics["share"], metrics["clips"]) == ("semi", 0.5, 12)
    _, card = load_classifier(tmp_path)
    assert card.provenance["training_clips"] == 6


def test_all_labels_are_a_share_too(store: Store, encoder_run: Path, tmp_path: Path) -> None:
    """The last row of a table by shares was called finetune, without its share."""
    settings = FinetuneSettings(optim=optim(epochs=1))
    recipe = Recipe(
        input=INPUT, encoder=PLAN, compute=COMPUTE, finetune=settings, semi=SemiSettings(1.0)
    )
    semi(store, tmp_path, recipe, encoder=encoder_run)
    assert "| semi 100 % |" in evaluations([tmp_path])


def test_only_classes_of_neighbours_are_among_their_first_five(tmp_path: Path) -> None:
    """The first labels filled up what none of the five neighbours does."""
    store = make_store(tmp_path / "store", labels=("a", "b", "c", "d", "e", "f"))
    torch.manual_seed(0)
    network, view = STGCN(store.layout, PLAN), View(store.layout, INPUT)
    train, test = (
        Clips.read(store, store.split("xsub", part), INPUT) for part in ("train", "test")
    )
    with torch.no_grad():
        for _ in range(60):  # until its running statistics are those of its features
            network(view(train.joints))
        network.eval()
        rows, asked = (network(view(clips.joints)).numpy() for clips in (train, test))
    card = Card("encoder", store.layout, store.labels, INPUT, PLAN, 1.0, {})
    write_run(tmp_path / "encoder", network, card, recipe=Recipe(), metrics={})
    metrics = knn(
        store,
        tmp_path,
        Recipe(input=INPUT, knn=KnnSettings(5), compute=COMPUTE),
        encoders={"joint": tmp_path / "encoder"},
    )
    near = KNeighborsClassifier(5, metric="cosine", weights="distance").fit(rows, train.labels)
    votes = near.predict_proba(asked)[np.arange(len(asked)), test.labels]
    assert metrics["top5"] == pytest.approx(100 * (votes > 0).mean(), abs=0.01)
    assert metrics["top5"] < 100


@pytest.mark.parametrize("share", [10.0, 0.0, -0.1, float("nan")])
def test_a_share_in_percent_is_refused(share: float) -> None:
    """10, meant as percent, trained on all labels, and the table said semi 1000 %."""
    with pytest.raises(InputError, match=r"semi\.share.*0\.1 for 10 %"):
        Recipe(semi=SemiSettings(share))


def test_transfer_to_another_layout(encoder_run: Path, tmp_path: Path) -> None:
    other = make_store(tmp_path / "kinect", "kinect20", labels=("jump", "run"), subjects=4)
    settings = FinetuneSettings(optim=optim(epochs=1))
    metrics = finetune(
        other,
        tmp_path / "run",
        Recipe(input=INPUT, encoder=PLAN, compute=COMPUTE, finetune=settings),
        encoder=encoder_run,
        transfer=True,
    )
    assert metrics["protocol"] == "transfer"
    assert metrics["pretrained_on"] == "tiny"
    network, card = load_classifier(tmp_path / "run")
    assert card.layout.joints == NTU.joints
    assert card.labels == ("jump", "run")
    tested = Clips.read(other, other.split("xsub", "test"), INPUT, layout=NTU)
    clip = other.clip(int(other.split("xsub", "test")[0]))
    expected = prepare(retarget(clip, other.layout, NTU), NTU, 1, 12)
    np.testing.assert_array_equal(tested.joints[0].numpy(), expected)
    right = float((network(tested.joints)[0].argmax(1) == tested.labels).float().mean())
    assert metrics["top1"] == pytest.approx(100 * right, abs=0.01)


def test_a_stream_is_what_the_classifier_sees() -> None:
    with pytest.raises(AssertionError, match="three views"):
        Classifier(NTU, InputSettings(frames=12, stream="three"), PLAN, 3)(scenes(1, INPUT))
