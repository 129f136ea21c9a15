"""A method leaves an encoder that knows more than the one it began with."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from skedge.datasets.store import Store
from skedge.recipes.methods import METHODS
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import (
    AugmentSettings,
    EncoderSettings,
    InputSettings,
    OptimSettings,
    PretrainSettings,
    SkeletonMaeSettings,
    SttformerSettings,
)
from skedge.steps import evaluate, pretrain
from skedge.teacher.methods.method import Method, OneEncoder
from skedge.teacher.methods.pstl import SkeletonBT
from skedge.teacher.methods.skeletonclr import SkeletonCLR
from tests.teacher.learnable import PATHS, learn
from tests.teacher.tiny import COMPUTE

# Points that a method must gain, of 288 clips. Over five seeds it was 3.8 to 34, of MAMP 36 to 58
# and of Skeleton2vec 19 to 33. Noise in place of a loss loses 2.8 to 18 points, with these two it
# is between a loss of 4 and a gain of 8.
GAINED = {"mamp": 15.0, "skeleton2vec": 10.0}
LEAST = 3.0


@pytest.mark.parametrize("method", [one for one in METHODS if one != "skeletonmae"])
def test_a_pretrained_encoder_is_above_the_untrained_one(method: str, tmp_path: Path) -> None:
    known = learn(method, tmp_path)
    assert known.trained > known.untrained + GAINED.get(method, LEAST)


@pytest.mark.parametrize("method", ["skeleton-bt", "skeletonclr", *PATHS])
def test_noise_in_place_of_the_loss_teaches_nothing(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def noise(self: Method, batch: Any, batch_index: int) -> Tensor:
        learned = [one for one in self.parameters() if one.requires_grad]
        return torch.stack([(one * torch.randn_like(one)).sum() for one in learned]).sum()

    for kind in (OneEncoder, SkeletonBT, SkeletonCLR):
        monkeypatch.setattr(kind, "training_step", noise)
    known = learn(method, tmp_path)
    assert known.trained < known.untrained + GAINED.get(method, 0.0)


def test_skeletonmae_is_above_the_untrained_encoder_on_real_people(
    utd_store: Path, tmp_path: Path
) -> None:
    """The recipe at half of its width and a fifth of its steps, a minute of a core.

    Over four seeds it gains 10 to 21 points of 430 clips, with this one 17. Noise in place of the
    loss, whose norms are fitted as well, gives -17 to 12, with this one 0.5. Invented clips taught
    it nothing reliable: 64 to 192 steps on paths or curves gave -25 to 26 points, with other
    widths, rates and errors.
    """
    recipe = Recipe(
        "skeletonmae",
        input=InputSettings(frames=20, persons=1, normalization="first-frame", stream="joint"),
        encoder=EncoderSettings(
            backbone="sttformer",
            pool="deviation",
            sttformer=SttformerSettings(16, 2, instance_norm=True, layer_norm=True),
        ),
        pretrain=PretrainSettings(
            "skeletonmae",
            augment=AugmentSettings(),
            skeletonmae=SkeletonMaeSettings(joints="fixed", decoder_depth=5),
            optim=OptimSettings(
                epochs=32,
                batch_size=32,
                learning_rate=6e-3,
                weight_decay=1e-4,
                warmup_epochs=4,
                optimizer="adam",
            ),
        ),
        compute=replace(COMPUTE, seed=1),
    )
    store, folder = Store(utd_store), tmp_path / "pretrained"
    pretrain(store, folder, recipe)
    found = evaluate(
        store, tmp_path / "knn", recipe, protocol="knn", pretrained=folder, untrained=True
    )
    untrained = max(form["top1"] for form in found["untrained"].values())
    assert found["top1"] > untrained + 10
