"""Pictures of trained models: the numbers behind them, and that a file comes out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.image import imread
from tiny import COMPUTE, INPUT, PLAN, random_classifier, scenes, write_classifier

from skeleton import InputError, load_layout
from skeleton.datasets.store import Store
from teacher import inspect, pictures
from teacher.folder import write_metrics
from teacher.settings import MaskSettings

NTU = load_layout("ntu25")


def test_activation_is_class_activation_mapping() -> None:
    """With one linear layer behind the mean: the last features weighted by the answer's row, negative joints black."""
    plan = replace(PLAN, strides=(1, 1, 1))
    classifier = random_classifier(NTU, INPUT, plan)
    joints = scenes(1, INPUT)
    strength, answer = inspect.class_activation(classifier, joints)
    with torch.no_grad():
        logits = classifier(joints)[0]
        maps = classifier.encoder.feature_map(classifier.view(joints))[0]
    assert answer == int(logits.argmax())
    expected = torch.einsum("d,dtv->tv", classifier.head.weight[answer], maps).clamp(min=0).numpy()
    np.testing.assert_allclose(strength, expected / expected.max(), atol=1e-4)


@pytest.mark.parametrize("fusion", ["one", "alignment"])
def test_activation_has_a_value_for_every_joint_and_frame(fusion: str) -> None:
    classifier = random_classifier(NTU, INPUT, replace(PLAN, fusion=fusion))  # type: ignore[arg-type]
    strength, _ = inspect.class_activation(classifier, scenes(1, INPUT))
    assert strength.shape == (12, 25)
    assert strength.min() >= 0
    assert strength.max() == pytest.approx(1)


def test_every_picture_is_drawn(store: Store, tmp_path: Path) -> None:
    write_classifier(tmp_path / "teacher", store)
    write_classifier(tmp_path / "student", store)
    clip = str(store.index["name"][1])
    runs = [tmp_path / "teacher", tmp_path / "student"]
    inspect.draw_features(runs, store, INPUT, 2, COMPUTE, tmp_path / "features.png")
    inspect.draw_difference(*runs, tmp_path / "difference.png")
    inspect.draw_activation(runs[0], store, clip, tmp_path / "activation.png")
    masks = {"theta": MaskSettings(masked_frames=3), "phi": MaskSettings("low-degree", "high-motion", masked_frames=3)}
    inspect.draw_masks(store, clip, masks, INPUT, COMPUTE, tmp_path / "masks.png")
    pictures.confusion_matrix([[3, 1], [0, 0]], ("wave", "clap"), tmp_path / "confusion.png")
    for name in ("features", "difference", "activation", "masks", "confusion"):
        image = imread(tmp_path / f"{name}.png")
        assert image.std() > 0.02, f"{name} is blank"


def test_what_cannot_be_drawn(store: Store, tmp_path: Path) -> None:
    write_classifier(tmp_path / "teacher", store)
    write_classifier(tmp_path / "student", store)
    write_metrics(tmp_path / "student", {"top1": 1.0})
    with pytest.raises(InputError, match=r"student: expected an evaluated run"):
        inspect.draw_difference(tmp_path / "teacher", tmp_path / "student", tmp_path / "x.png")
    with pytest.raises(InputError, match=r"\.png, \.svg or \.pdf"):
        pictures.confusion_matrix([[1]], ("wave",), tmp_path / "x.jpeg")
    assert not (tmp_path / "x.png").exists()
