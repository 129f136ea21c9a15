"""Pictures of trained models: the numbers behind them, and that a file comes out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from skedge.cli.main import main
from skedge.datasets.store import Store, StoreWriter
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import (
    AsmaSettings,
    EncoderSettings,
    MaskSettings,
    PretrainSettings,
    TransformerSettings,
)
from skedge.skeleton import InputError, load_layout
from skedge.teacher import drawing as inspect
from skedge.teacher import pictures
from skedge.teacher.drawing import Subject
from skedge.teacher.networks.transformer import Attention
from skedge.teacher.runs.folder import write_metrics
from tests.teacher.tiny import (
    COMPUTE,
    INPUT,
    PLAN,
    random_classifier,
    scenes,
    tiny_mask,
    write_classifier,
)

NTU = load_layout("ntu25")
MASKS = PretrainSettings(
    pstl=tiny_mask(),
    asma=AsmaSettings(
        theta=MaskSettings(masked_frames=3),
        phi=MaskSettings("low-degree", "high-motion", masked_frames=3),
    ),
)
TOKENS = EncoderSettings(
    backbone="transformer", transformer=TransformerSettings(width=8, depth=2, heads=2, segment=3)
)


def test_activation_is_class_activation_mapping() -> None:
    """With one linear layer behind the mean: the last features weighted by the answer's row,
    negative joints black."""
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
    classifier = random_classifier(NTU, INPUT, replace(PLAN, fusion=fusion))
    strength, _ = inspect.class_activation(classifier, scenes(1, INPUT))
    assert strength.shape == (12, 25)
    assert strength.min() >= 0
    assert strength.max() == pytest.approx(1)


def test_every_picture_is_drawn(store: Store, tmp_path: Path) -> None:
    write_classifier(tmp_path / "teacher", store)
    write_classifier(tmp_path / "student", store)
    clip = str(store.index["name"][1])
    runs = [tmp_path / "teacher", tmp_path / "student"]
    recipe = Recipe(input=INPUT, pretrain=MASKS, compute=COMPUTE)
    subject = Subject(runs, store, clip=clip, classes=2)
    inspect.draw_features(subject, recipe, tmp_path / "features.png")
    inspect.draw_difference(subject, recipe, tmp_path / "difference.png")
    one = Subject(runs[:1], store, clip=clip)
    inspect.draw_activation(one, recipe, tmp_path / "activation.png")
    inspect.draw_masks(subject, recipe, tmp_path / "masks.png")
    pictures.confusion_matrix([[3, 1], [0, 0]], ("wave", "clap"), tmp_path / "confusion.png")
    inspect.draw_motion(subject, recipe, tmp_path / "motion.png")
    write_classifier(tmp_path / "tokens", store, plan=TOKENS)
    tokens = Subject([tmp_path / "tokens"], store)
    inspect.draw_attention(tokens, recipe, tmp_path / "attention.png")
    for name in (
        "features",
        "difference",
        "activation",
        "masks",
        "confusion",
        "motion",
        "attention",
    ):
        image = imread(tmp_path / f"{name}.png")
        assert image.std() > 0.02, f"{name} is blank"


def test_attention_is_what_mixes_the_tokens() -> None:
    """Values mixed by the weights give what torch's own attention gives; the mean over clips is one
    of distributions."""
    torch.manual_seed(0)
    block, x = Attention(8, 2), torch.randn(3, 5, 8)
    values = block.inward(x)[..., 16:].unflatten(-1, (2, 4)).transpose(1, 2)
    mixed = block.outward((block.weights(x) @ values).transpose(1, 2).flatten(2))
    torch.testing.assert_close(mixed, block(x), rtol=1e-5, atol=1e-6)

    network = random_classifier(NTU, INPUT, TOKENS)
    clips = scenes(5, INPUT)
    whole = inspect.mean_attention(network, clips, COMPUTE)
    assert whole.shape == (
        TOKENS.transformer.depth,
        *[25 * INPUT.frames // TOKENS.transformer.segment] * 2,
    )
    np.testing.assert_allclose(whole.sum(-1), 1, rtol=1e-3)
    parts = [inspect.mean_attention(network, clips[i : i + 1], COMPUTE) for i in range(5)]
    np.testing.assert_allclose(whole, np.mean(parts, 0), atol=1e-4)


def test_motion_is_how_far_a_joint_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with StoreWriter(
        tmp_path / "one", name="one", layout=NTU, labels=["still", "raise"], rate=30.0
    ) as writer:
        for label in (0, 1):
            clip = np.zeros((1, 11, 25, 3), np.float32)
            clip[0, :, 7, 1] = label * np.linspace(0, 0.5, 11)
            writer.add(f"clip {label}", clip, label=label, subject=2)
        writer.protocol("xsub", lambda index: np.full(len(index), 3))
    found: dict[str, np.ndarray] = {}
    monkeypatch.setattr(pictures, "motions", lambda actions, layout, file: found.update(actions))
    recipe = Recipe(input=replace(INPUT, frames=11), compute=COMPUTE)
    subject = Subject(data=Store(tmp_path / "one"), classes=2)
    inspect.draw_motion(subject, recipe, tmp_path / "x.png")
    assert found["still"] == pytest.approx(0)
    assert found["raise"][7] == pytest.approx(
        50 / 11
    )  # 10 steps of 5 cm, and a last frame that goes nowhere
    assert np.delete(found["raise"], 7) == pytest.approx(0)


def test_a_difference_is_of_classes_with_test_clips(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class that one of the runs was not tested on has no accuracy to compare."""
    runs = [tmp_path / "teacher", tmp_path / "student"]
    for run, shares in zip(runs, ([10, None, 30], [20, 50, 60]), strict=True):
        write_classifier(run, store)
        write_metrics(run, {"per_class": shares})
    drawn: list[object] = []
    monkeypatch.setattr(pictures, "difference", lambda *given: drawn.extend(given))
    inspect.draw_difference(Subject(runs), Recipe(), tmp_path / "x.png")
    assert drawn == [
        {"teacher": [10, 30], "student": [20, 60]},
        [store.labels[0], store.labels[2]],
        tmp_path / "x.png",
    ]


def test_a_difference_needs_figures_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nearest neighbours, a ridge and the mean over seeds, which leave no network, were refused."""
    runs = [tmp_path / "knn", tmp_path / "ridge"]
    for run, share in zip(runs, (10.0, 20.0), strict=True):
        run.mkdir()
        write_metrics(run, {"per_class": [share], "classes": {"wave": share}})
    drawn: list[object] = []
    monkeypatch.setattr(pictures, "difference", lambda *given: drawn.extend(given))
    main(["draw", "difference", *map(str, runs), "--out", str(tmp_path / "x.png")])
    assert drawn[:2] == [{"knn": [10.0], "ridge": [20.0]}, ["wave"]]


def test_a_difference_of_other_clips_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was drawn as one of the models."""
    monkeypatch.setattr(pictures, "difference", lambda *given: None)
    runs = [tmp_path / "one", tmp_path / "two"]
    for stores, note in ((("utd", "utd"), ""), (("utd", "msr"), "two on msr xsub test")):
        for run, store in zip(runs, stores, strict=True):
            metrics = {"store": store, "split": "xsub", "part": "test"}
            write_metrics(run, metrics | {"per_class": [1.0], "classes": {"wave": 1.0}})
        inspect.draw_difference(Subject(runs), Recipe(), tmp_path / "x.png")
        said = capsys.readouterr().err
        assert note in said
        assert bool(said) == bool(note)


def test_what_cannot_be_drawn(store: Store, tmp_path: Path) -> None:
    write_classifier(tmp_path / "teacher", store)
    write_classifier(tmp_path / "student", store)
    write_metrics(tmp_path / "student", {"top1": 1.0})
    both = Subject([tmp_path / "teacher", tmp_path / "student"])
    one = Subject([tmp_path / "teacher"], store)
    with pytest.raises(InputError, match=r"student: expected an evaluated run"):
        inspect.draw_difference(both, Recipe(), tmp_path / "x.png")
    write_metrics(tmp_path / "student", {"per_class": {"wave": {"recall": 1.0}}})  # of recordings
    with pytest.raises(InputError, match=r"student: expected an evaluated run"):
        inspect.draw_difference(both, Recipe(), tmp_path / "x.png")
    with pytest.raises(InputError, match=r"\.png, \.svg or \.pdf"):
        pictures.confusion_matrix([[1]], ("wave",), tmp_path / "x.jpeg")
    with pytest.raises(
        InputError, match=r"teacher: expected a model with .* transformer, got st-gcn"
    ):
        inspect.draw_attention(one, Recipe(input=INPUT, compute=COMPUTE), tmp_path / "x.png")
    assert not (tmp_path / "x.png").exists()
