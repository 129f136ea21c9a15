"""ASMa: two encoders, their masks, what joins them, and training in two stages."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from skedge.cli.main import main
from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import (
    AsmaSettings,
    AugmentSettings,
    EncoderSettings,
    FinetuneSettings,
    InputSettings,
    LinearSettings,
    MaskSettings,
    PretrainSettings,
)
from skedge.skeleton import InputError, load_layout
from skedge.teacher.clips import tell
from skedge.teacher.methods.asma import ASMa
from skedge.teacher.methods.barlow import BarlowLoss
from skedge.teacher.networks.classifier import Classifier
from skedge.teacher.networks.dual import Alignment, DualEncoder, make_encoder
from skedge.teacher.pretrain import pretrain
from skedge.teacher.protocols.finetune import finetune
from skedge.teacher.protocols.linear import linear
from skedge.teacher.runs.folder import WEIGHTS, read_metrics
from skedge.teacher.runs.load import load_classifier, load_encoder
from tests.teacher.tiny import COMPUTE, INPUT, PLAN, PRETRAINED, equal, optim, randomise, scenes

NTU = load_layout("ntu25")
PAIR = replace(PLAN, fusion="mean")
MASKS = AsmaSettings(
    theta=MaskSettings("high-degree", "low-motion", 9, 3),
    phi=MaskSettings("low-degree", "high-motion", 7, 2),
)
SETTINGS = PretrainSettings("asma", projector=16, asma=MASKS, optim=optim())


def test_a_stream_has_as_many_parameters_as_the_paper_says() -> None:
    classifier = Classifier(NTU, InputSettings(), EncoderSettings(fusion="alignment"), 60)
    assert sum(p.numel() for p in classifier.parameters()) == 2_184_516


def test_alignment_is_attention_both_ways_averaged_over_time() -> None:
    torch.manual_seed(0)
    alignment = Alignment(8).eval()
    randomise(alignment)
    features = torch.randn(2, 2, 5, 8)

    def attend(
        module: torch.nn.MultiheadAttention, query: np.ndarray, memory: np.ndarray
    ) -> np.ndarray:
        weight, bias = module.in_proj_weight.detach().numpy(), module.in_proj_bias.detach().numpy()
        q, k, v = (
            x @ weight[8 * i : 8 * i + 8].T + bias[8 * i : 8 * i + 8]
            for i, x in enumerate((query, memory, memory))
        )
        heads = []
        for head in range(4):
            at = slice(2 * head, 2 * head + 2)
            scores = q[:, at] @ k[:, at].T / np.sqrt(2)
            shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
            heads.append(shares @ v[:, at])
        out = module.out_proj
        return (
            np.concatenate(heads, axis=1) @ out.weight.detach().numpy().T
            + out.bias.detach().numpy()
        )

    got = alignment(features).detach().numpy()
    for row, (theta, phi) in zip(got, features.numpy(), strict=True):
        expected = (attend(alignment.theta, theta, phi) + attend(alignment.phi, phi, theta)).mean(0)
        np.testing.assert_allclose(row, expected, atol=1e-5)


def test_a_pair_attends_over_time_and_not_over_joints() -> None:
    """50 frames become 13 steps; the mean of two encoders is the mean of their features."""
    pair = make_encoder(NTU, EncoderSettings(fusion="mean")).eval()
    assert isinstance(pair, DualEncoder)
    clip = torch.randn(2, 3, 50, 25, 1)
    with torch.no_grad():
        assert pair.describe(clip).shape == (2, 2, 13, 256)
        torch.testing.assert_close(
            pair(clip), (pair.theta(clip) + pair.phi(clip)) / 2, atol=1e-5, rtol=1e-4
        )
        torch.testing.assert_close(
            pair.feature_map(clip).mean((2, 3)), pair(clip), atol=1e-5, rtol=1e-4
        )


class Recorded(torch.nn.Module):
    """An encoder that notes what it is asked to leave out."""

    def __init__(self, encoder: torch.nn.Module) -> None:
        super().__init__()
        self.encoder, self.calls = encoder, []

    def forward(
        self, clip: Tensor, joints: Tensor | None = None, frames: Tensor | None = None
    ) -> Tensor:
        self.calls.append((clip, joints, frames))
        return self.encoder(clip, joints, frames)


def test_the_loss_is_four_terms_each_encoder_with_its_own_masks() -> None:
    torch.manual_seed(1)
    pair = make_encoder(NTU, PAIR)
    module = ASMa(
        pair, NTU, Recipe(input=INPUT, pretrain=replace(SETTINGS, augment=AugmentSettings()))
    )
    randomise(module)
    encoders = [Recorded(encoder) for encoder, _ in module.masked]
    module.masked = [
        (encoder, mask) for encoder, (_, mask) in zip(encoders, module.masked, strict=True)
    ]
    loss = module.loss(scenes(8, INPUT))
    assert [len(encoder.calls) for encoder in encoders] == [3, 3]
    expected = 0.0
    for encoder, joints_left, frames_left in zip(encoders, (16, 18), (9, 10), strict=True):
        (_, none, nothing), (_, joints, no_frames), (_, no_joints, frames) = encoder.calls
        assert none is nothing is no_frames is no_joints is None
        assert joints.shape == (8, joints_left)
        assert frames.shape == (8, frames_left)
        z, zj, zm = (module.projector(encoder.encoder(*call)) for call in encoder.calls)
        expected += BarlowLoss(SETTINGS.redundancy)(z, zj) + BarlowLoss(SETTINGS.redundancy)(z, zm)
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-4)
    theta, phi = (encoder.calls[2] for encoder in encoders)
    assert torch.equal(theta[0], phi[0]), "both see the same views"
    motion = theta[0].diff(dim=2).abs().mean((1, 3, 4))
    for row in range(8):
        still, moving = (
            sorted(set(range(12)) - set(call[2][row].tolist())) for call in (theta, phi)
        )
        order = motion[row].argsort().tolist()
        assert still == sorted(order[:3]), "theta lacks the stillest frames"
        assert moving == sorted(order[-2:]), "phi lacks those that move most"


@pytest.fixture(scope="module")
def pair_run(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asma")
    assert np.isfinite(
        pretrain(
            store, folder, Recipe(input=INPUT, encoder=PLAN, pretrain=SETTINGS, compute=COMPUTE)
        )["loss"]
    )
    return folder


def test_one_folder_gives_theta_phi_mean_and_alignment(pair_run: Path) -> None:
    weights = load_file(pair_run / WEIGHTS)
    for name in ("theta", "phi"):
        encoder, card = load_encoder(pair_run, name)
        assert equal({f"{name}.{key}": value for key, value in encoder.state_dict().items()},
                     {key: value for key, value in weights.items() if key.startswith(f"{name}.")})  # fmt: skip
        assert card.encoder.fusion == "one"
    for fusion, joined in (("mean", False), ("alignment", True)):
        encoder, card = load_encoder(pair_run, fusion)
        assert card.encoder.fusion == fusion
        state = encoder.state_dict()
        assert any(key.startswith("fuse.") for key in state) == joined
        assert equal({key: state[key] for key in weights}, weights)


def test_a_wrong_fusion_is_refused(pair_run: Path, encoder_run: Path) -> None:
    with pytest.raises(InputError, match=r"two encoders.*theta, phi, mean or alignment, got one"):
        load_encoder(pair_run)
    with pytest.raises(
        InputError, match=r"one encoder.*expected encoder.fusion one, got alignment"
    ):
        load_encoder(encoder_run, "alignment")


@pytest.mark.parametrize("name", ["theta", "phi"])
def test_one_encoder_is_pretrained_alone(name: Any, store: Store, tmp_path: Path) -> None:
    settings = replace(SETTINGS, asma=replace(MASKS, encoders=(name,)), optim=optim(epochs=1))
    pretrain(store, tmp_path, Recipe(input=INPUT, encoder=PLAN, pretrain=settings, compute=COMPUTE))
    encoder, card = load_encoder(tmp_path)
    assert not isinstance(encoder, DualEncoder)
    assert card.encoder.fusion == "one"


def test_the_probe_of_two_encoders_learns_the_alignment_only(
    store: Store, pair_run: Path, tmp_path: Path
) -> None:
    plan = replace(PLAN, fusion="alignment")
    metrics = linear(
        store,
        tmp_path,
        Recipe(input=INPUT, encoder=plan, compute=COMPUTE, linear=LinearSettings(optim(epochs=2))),
        encoder=pair_run,
    )
    assert metrics["fusion"] == "alignment"
    before, after = load_file(pair_run / WEIGHTS), load_file(tmp_path / WEIGHTS)
    assert equal({key: after[f"encoder.{key}"] for key in before}, before), (
        "frozen, statistics included"
    )
    torch.manual_seed(COMPUTE.seed)
    classifier, card = load_classifier(tmp_path)
    assert card.encoder.fusion == "alignment"
    assert (classifier.encoder.fuse.theta.in_proj_bias != 0).any(), "zeros before training"


@pytest.mark.parametrize("name", ["theta", "phi"])
def test_a_result_says_which_of_two_encoders_it_is_of(
    name: Any, store: Store, pair_run: Path, tmp_path: Path
) -> None:
    """The rows of theta and phi in `skedge table` (ASMa, table 3) were both called one."""
    recipe = replace(
        PRETRAINED,
        encoder=replace(PLAN, fusion=name),
        linear=LinearSettings(optim(epochs=1)),
        finetune=FinetuneSettings(optim=optim(epochs=1)),
    )
    for protocol in (linear, finetune):
        folder = tmp_path / protocol.__name__
        assert protocol(store, folder, recipe, encoder=pair_run)["fusion"] == name


def test_nearest_neighbours_say_that_they_take_the_mean_of_two_encoders(
    store: Store, pair_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was said that the encoder had been trained with encoder.fusion mean, which is no matter of
    training, and a recipe's other one was refused as a flag."""
    tell.cache_clear()
    (tmp_path / "mine.yaml").write_text("encoder: {fusion: alignment}\nknn: {neighbors: 1}\n")
    words = ["evaluate", "knn", "--pretrained", pair_run, "--data", store.path]
    words += ["--recipe", tmp_path / "mine.yaml", "--encoder.fusion=theta"]
    main([str(word) for word in [*words, "--out", tmp_path / "out"]])
    said = capsys.readouterr().err
    assert f"note: {pair_run}: nearest neighbours are those of the mean of its two encoders" in said
    assert "encoder.fusion" not in said.replace("evaluate knn does not read encoder.fusion", "")
    assert (read_metrics(tmp_path / "out") or {})["fusion"] == "mean"


def test_finetuning_in_two_stages(store: Store, pair_run: Path, tmp_path: Path) -> None:
    settings = FinetuneSettings(optim=optim(epochs=1), fuse=optim(epochs=2))
    recipe = Recipe(
        input=INPUT,
        encoder=replace(PLAN, fusion="alignment"),
        compute=COMPUTE,
        finetune=settings,
    )
    metrics = finetune(store, tmp_path, recipe, encoder=pair_run)
    assert metrics["protocol"] == "finetune"
    before, after = load_file(pair_run / WEIGHTS), load_file(tmp_path / WEIGHTS)
    for name in ("theta", "phi"):
        assert read_metrics(tmp_path / name)["fusion"] == name
        first = load_file(tmp_path / name / WEIGHTS)
        own = {
            key.removeprefix("encoder."): value
            for key, value in first.items()
            if key.startswith("encoder.")
        }
        assert equal({key: after[f"encoder.{name}.{key}"] for key in own}, own), (
            "frozen in the second stage"
        )
        assert not torch.equal(own["importance.0"], before[f"{name}.importance.0"]), (
            "trained in the first"
        )
    stamp = (tmp_path / "theta" / WEIGHTS).stat().st_mtime_ns
    finetune(store, tmp_path, recipe, encoder=pair_run, resume=True)
    assert (tmp_path / "theta" / WEIGHTS).stat().st_mtime_ns == stamp, (
        "a finished first stage is not trained again"
    )
