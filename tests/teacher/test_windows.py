"""Training clips at a fixed rate: windows as a camera brings them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skedge.datasets.store import Store, StoreWriter
from skedge.datasets.store.look import look
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import EncoderSettings, FinetuneSettings, InputSettings
from skedge.skeleton import InputError, prepare
from skedge.skeleton.body_check import BodyReport
from skedge.skeleton.resample import at_rate
from skedge.teacher.clips import Clips
from skedge.teacher.protocols.finetune import finetune
from skedge.teacher.runs.load import load_classifier
from tests.teacher.tiny import COMPUTE, make_store, optim

DATA = InputSettings(
    frames=20, persons=2, normalization="per-frame", time="rate", hz=15.0, warm_up=6
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return make_store(tmp_path_factory.mktemp("windows") / "store", persons=2, subjects=4)


def seen(store: Store, index: int) -> np.ndarray:
    """A clip of the store (30 Hz) as a live model sees it."""
    return at_rate(prepare(store.clip(index), store.layout, 2), 30, 15)


def test_tests_see_the_clips_end_and_before_the_clip_its_first_pose(store: Store) -> None:
    clips = Clips.read(store, range(len(store)), DATA)
    assert clips.joints.shape == (len(store), 2, 20, 25, 3)
    for i, window in enumerate(clips.joints.numpy()):
        clip = seen(store, i)
        missing = 20 - clip.shape[1]
        assert 0 < missing < 10
        np.testing.assert_array_equal(window[:, missing:], clip)
        assert (window[:, :missing] == clip[:, :1]).all()
    longer = Clips.read(store, [3], replace(DATA, frames=5)).joints[0]
    np.testing.assert_array_equal(longer, seen(store, 3)[:, -5:])


def test_training_sees_windows_that_end_anywhere_from_the_warm_up_on(store: Store) -> None:
    clips = Clips.read(store, range(len(store)), DATA)
    torch.manual_seed(0)
    ends: dict[int, set[int]] = {i: set() for i in range(len(store))}
    for _ in range(200):
        indices = [0, 5, 2]
        joints, labels = clips.__getitems__(indices)
        assert joints.shape == (3, 2, 20, 25, 3)
        np.testing.assert_array_equal(labels, store.index["label"][indices])
        for i, window in zip(indices, joints.numpy(), strict=True):
            clip = seen(store, i)
            (end,) = np.flatnonzero((clip == window[:, -1:]).all((0, 2, 3))) + 1
            np.testing.assert_array_equal(window, clip[:, np.maximum(np.arange(end - 20, end), 0)])
            ends[i].add(int(end))
    for i in (0, 5, 2):
        assert ends[i] == set(range(6, seen(store, i).shape[1] + 1))


def test_a_clip_shorter_than_the_warm_up_is_seen_whole(store: Store) -> None:
    clips = Clips.read(store, [0], replace(DATA, warm_up=100))
    joints, _ = clips[0]
    np.testing.assert_array_equal(joints, clips.joints[0])


def test_what_has_no_rate_is_refused(store: Store, tmp_path: Path) -> None:
    with StoreWriter(
        tmp_path / "store", name="no rate", layout=store.layout, labels=["wave"], rate=None
    ) as writer:
        writer.add("one", store.clip(0), label=0)
    with pytest.raises(InputError, match="knows its frames a second"):
        Clips.read(Store(tmp_path / "store"), [0], DATA)
    for wrong in (replace(DATA, hz=0.0), replace(DATA, warm_up=0)):
        with pytest.raises(InputError, match="hz and warm_up above 0"):
            Clips.read(store, [0], wrong)


def test_a_network_is_trained_and_opened_again(store: Store, tmp_path: Path) -> None:
    plan = EncoderSettings(widths=(4, 6), strides=(1, 1), causal=True, padding=False)
    settings = FinetuneSettings(optim=optim())
    metrics = finetune(
        store,
        tmp_path / "run",
        Recipe("live", input=DATA, encoder=plan, compute=COMPUTE, finetune=settings),
    )
    classifier, card = load_classifier(tmp_path / "run")
    assert card.input == DATA
    assert card.encoder == replace(plan, widths=[4, 6], strides=[1, 1])
    tested = Clips.read(store, store.split("xsub", "test"), DATA)
    right = (classifier(tested.joints)[0].argmax(1) == tested.labels).double().mean().item()
    assert metrics["top1"] == pytest.approx(100 * right, abs=0.01)


def test_the_same_clips_are_looked_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step of a path reads them."""
    looked = []

    def counted(clip: Any, clips: int, *rest: Any, **named: Any) -> BodyReport:
        looked.append(clips)
        return look(clip, clips, *rest, **named)

    monkeypatch.setattr("skedge.teacher.clips.look", counted)
    store = Store(store.path)
    for indices in (range(6), range(6), [0, 2, 4]):
        Clips.read(store, indices, DATA)
    assert looked == [6, 3]
