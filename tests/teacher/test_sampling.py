"""Uniform sampling: which frames a network sees, anew in every epoch, and tests on several
samplings of a clip."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeClassifierCV
from sklearn.metrics import accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize

from skedge.datasets.store import Store
from skedge.export.exporter import Exporter
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import OptimSettings, PartialSettings
from skedge.skeleton import InputError, prepare
from skedge.teacher.clips import Clips
from skedge.teacher.protocols.evaluate import Sets, averaged, measure, on_protocol
from skedge.teacher.protocols.knn import knn
from skedge.teacher.protocols.partial import partial_body
from skedge.teacher.protocols.ridge import ridge
from skedge.teacher.runs.folder import Run, read_run, write_run
from skedge.teacher.runs.load import load_classifier
from skedge.teacher.training import rate_share
from tests.teacher.tiny import COMPUTE, INPUT, PLAN, write_classifier

UNIFORM = replace(INPUT, time="uniform", test_clips=4)


@pytest.fixture(scope="module")
def clips(store: Store) -> Clips:
    return Clips.read(store, range(6), UNIFORM)


def taken(clip: np.ndarray, sampled: np.ndarray) -> list[int]:
    """Which frames of a clip (M, n, V, 3) a sampling (M, T, V, 3) holds."""
    distances = np.abs(clip[:, None] - sampled[:, :, None]).max((0, 3, 4))
    assert (distances.min(1) == 0).all(), "frames as they are, none between two"
    return [int(frame) for frame in distances.argmin(1)]


@pytest.mark.parametrize("frames", [12, 20, 40])
def test_which_frames(store: Store, frames: int) -> None:
    """One of each of T equal parts; of a clip under 2 T frames some are left out; a clip under T
    goes round and round."""
    data = replace(UNIFORM, frames=frames)
    clips = Clips.read(store, range(6), data)
    joints, _ = clips.__getitems__(list(range(6)))
    for row in range(6):
        clip = prepare(store.clip(row), store.layout, 1)
        length, at = clip.shape[1], taken(clip, joints[row].numpy())
        assert len(at) == frames
        if length >= 2 * frames:
            edges = np.arange(frames + 1) * length // frames
            assert all(
                low <= frame < high
                for frame, low, high in zip(at, edges[:-1], edges[1:], strict=True)
            )
        elif length >= frames:
            assert set(np.diff(at)) <= {1, 2}
            assert at[0] <= 1
        else:
            assert at == [(at[0] + i) % length for i in range(frames)]


def test_training_draws_anew_and_tests_do_not(clips: Clips) -> None:
    torch.manual_seed(0)
    first, second = clips.__getitems__([0, 1])[0], clips.__getitems__([0, 1])[0]
    torch.manual_seed(0)
    assert not torch.equal(first, second)
    assert torch.equal(first, clips.__getitems__([0, 1])[0]), "the seed's draw"
    assert torch.equal(clips.joints, clips.joints)
    samplings = list(clips.samplings())
    assert len(samplings) == 4
    assert all(
        torch.equal(one, other) for one, other in zip(samplings, clips.samplings(), strict=True)
    )
    assert not torch.equal(samplings[0], samplings[1])
    assert torch.equal(clips[3][1], clips.labels[3])


def test_the_answer_is_the_mean_of_several_samplings(store: Store, tmp_path: Path) -> None:
    classifier = write_classifier(tmp_path / "run", store, UNIFORM, PLAN)
    sets = Sets.read(store, on_protocol(load_classifier(tmp_path / "run")[1].input, UNIFORM))
    found = measure(classifier, sets, Run(tmp_path, Recipe(compute=COMPUTE)), extra={})
    with torch.no_grad():
        answers = [
            classifier(joints)[0].softmax(1).double().numpy() for joints in sets.test.samplings()
        ]
    assert len(answers) == 4
    expected = accuracy_score(sets.test.labels, np.mean(answers, axis=0).argmax(1))
    assert found["top1"] == round(100 * expected, 2)
    assert np.abs(answers[0] - answers[1]).max() > 1e-4


def test_all_samplings_count_in_every_evaluation(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nearest neighbours, hidden joints and ridge took the first sampling alone."""
    network = write_classifier(tmp_path / "run", store, UNIFORM, PLAN)
    recipe = Recipe(input=UNIFORM, partial=PartialSettings(joints=(0,), parts=()), compute=COMPUTE)
    sets = Sets.read(store, UNIFORM)
    whole = measure(network, sets, Run(tmp_path, recipe), extra={})
    found = partial_body(store, tmp_path / "partial", recipe, classifier=tmp_path / "run")
    assert found["joints"]["0"]["top1"] == whole["top1"]

    card = replace(read_run(tmp_path / "run")[0], kind="encoder")
    write_run(tmp_path / "encoder", network.encoder, card, recipe=recipe, metrics={})
    rows = []
    for clips in (sets.train, sets.test):
        drawn = [network.encoder(network.view(joints)).numpy() for joints in clips.samplings()]
        rows.append(np.mean([normalize(one) for one in drawn], axis=0))
    near = KNeighborsClassifier(1, metric="cosine").fit(rows[0], sets.train.labels)
    found = knn(store, tmp_path / "knn", recipe, {"joint": tmp_path / "encoder"})
    assert found["top1"] == round(100 * near.score(rows[1], sets.test.labels), 2)

    rows = []
    fit = RidgeClassifierCV.fit

    def spied(self: RidgeClassifierCV, clips: np.ndarray, labels: np.ndarray) -> RidgeClassifierCV:
        rows.append((len(clips), len(labels)))
        return fit(self, clips, labels)

    monkeypatch.setattr(RidgeClassifierCV, "fit", spied)
    assert ridge(store, tmp_path / "ridge", recipe)["clips"] == 12
    assert rows == [(48, 48)]


def test_what_cannot_be_sampled(store: Store, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"expected 1, or more with input.time uniform, got 10 with stretched"
    ):
        Clips.read(store, [0], replace(INPUT, test_clips=10))
    with pytest.raises(InputError, match=r"input.test_clips: expected 1, .*got 0 with uniform"):
        Clips.read(store, [0], replace(UNIFORM, test_clips=0))
    write_classifier(tmp_path / "run", store, UNIFORM, PLAN)
    with pytest.raises(
        InputError,
        match=r"run: trained on uniformly sampled clips, .*--input.time stretched to export",
    ):
        Exporter(tmp_path / "run", store)


def test_schedules() -> None:
    optim = OptimSettings(epochs=10, learning_rate=1e-3, final_rate=1e-5, warmup_epochs=2)
    shares = [rate_share(optim, step, 100) for step in range(101)]
    assert shares[:20] == pytest.approx([(step + 1) / 21 for step in range(20)])
    for step in range(20, 101):
        assert shares[step] == pytest.approx(
            0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * (step - 20) / 80))
        )
    down = OptimSettings(epochs=10, milestones=(3, 4.5), warmup_epochs=1)
    shares = [rate_share(down, step, 100) for step in range(100)]
    assert shares[9] < shares[10] == shares[29] == 1
    assert shares[30] == shares[44] == pytest.approx(0.1)
    assert shares[45] == shares[99] == pytest.approx(0.01)


def test_a_clip_s_samplings_count_by_their_probabilities() -> None:
    """Two of three samplings say the first class; by the mean of logits the third decided alone."""
    logits = [torch.tensor([[3.0, 0.0]]), torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 9.0]])]
    expected = sum(np.exp(one.numpy()) / np.exp(one.numpy()).sum() for one in logits) / 3
    np.testing.assert_allclose(averaged(logits).numpy(), expected, rtol=1e-6)
    assert averaged(logits).argmax() == 0
    assert averaged(logits[2:]).argmax() == 1, "a single one as it is"


def test_an_evaluation_takes_as_many_samplings_as_it_asks_for() -> None:
    """Not as many as the pretraining had."""
    asked = replace(INPUT, time="uniform", test_clips=10)
    assert on_protocol(replace(asked, test_clips=1), asked) == asked
