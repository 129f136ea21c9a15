"""The transformer encoder against its formulas in NumPy, and what finetuning does with its
blocks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from skedge.datasets.store import Store
from skedge.export.clip_graph import Deployed, macs
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import EncoderSettings, FinetuneSettings, TransformerSettings
from skedge.skeleton import InputError, load_layout
from skedge.teacher.drawing import class_activation
from skedge.teacher.methods.registry import make_method
from skedge.teacher.networks.base import pooled
from skedge.teacher.networks.classifier import Classifier
from skedge.teacher.networks.dual import make_encoder
from skedge.teacher.networks.encoders import build_encoder
from skedge.teacher.networks.transformer import TokenBlock, attend, set_drop_path
from skedge.teacher.protocols.classify import Classification, depths
from skedge.teacher.protocols.finetune import finetune
from tests.teacher.masked_tiny import (
    NTU,
    STTFORMER,
    TRANSFORMER,
    clips,
    encoder_of,
    layer_norm,
    linear,
    settings,
    token_block,
    tokens_of,
    weights_of,
)
from tests.teacher.tiny import COMPUTE, INPUT, optim, random_classifier, scenes


def test_parameters_by_hand() -> None:
    """Twelve squares of the width a block, with biases and two norms; a token is 3 frames of 3
    coordinates."""
    width = 256
    block = 12 * width**2 + (3 + 1 + 4 + 1) * width + 2 * 2 * width
    expected = 8 * block + (9 * width + width) + (30 + 25) * width + 2 * width
    built = build_encoder(NTU, EncoderSettings(backbone="transformer"), 90)
    assert sum(parameter.numel() for parameter in built.parameters()) == expected == 6_335_232
    assert built.features == width


def test_attention_in_bfloat16_trains_in_32_bits_on_a_cpu() -> None:
    """torch's backward pass in bfloat16 takes a CPU two to six times as long."""
    generator = torch.Generator().manual_seed(0)
    q, k, v, wanted = (
        torch.randn(2, 4, 10, 8, generator=generator).bfloat16().requires_grad_() for _ in range(4)
    )
    with torch.autocast("cpu", torch.bfloat16), Attentions() as seen:
        made = attend(q, k, v)
        made.backward(wanted)
    assert made.dtype == torch.bfloat16
    assert seen.dtypes == [torch.float32] * 2  # forward and backward
    exact = [x.detach().double().requires_grad_() for x in (q, k, v)]
    weights = (exact[0] @ exact[1].transpose(-1, -2) / 8**0.5).softmax(-1)
    (weights @ exact[2]).backward(wanted.double())
    torch.testing.assert_close(made.double(), weights @ exact[2], atol=0.01, rtol=0.01)
    for found, x in zip((q, k, v), exact, strict=True):
        assert found.grad is not None
        torch.testing.assert_close(found.grad.double(), x.grad, atol=0.01, rtol=0.01)

    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16), Attentions() as seen:
        attend(q.detach(), k, v)
    assert seen.dtypes == [torch.bfloat16]  # faster without a backward pass


class Attentions(TorchDispatchMode):
    """The types of the queries, or of their gradients, in all of torch's products of attention."""

    def __init__(self) -> None:
        super().__init__()
        self.dtypes: list[torch.dtype] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if "scaled_dot_product" in func.name():
            self.dtypes.append(args[0].dtype)
        return func(*args, **(kwargs or {}))


@torch.no_grad()
@pytest.mark.parametrize("kept", [None, [0, 3, 4, 7, 11, 20, 24]])
@pytest.mark.parametrize("frames", [None, [0, 1, 2, 6, 7, 10]])
def test_features_against_numpy(kept: list[int] | None, frames: list[int] | None) -> None:
    encoder, x = encoder_of(TRANSFORMER), clips(2, persons=2)
    w = weights_of(encoder)
    rows = x.double().permute(0, 4, 2, 3, 1).flatten(0, 1).numpy()
    at = list(range(25)) if kept is None else kept
    # A segment of frames that stayed stands where its middle one was: (0, 1, 2) and (6, 7, 10) of
    # segments of 3.
    times = [0, 1, 2, 3] if frames is None else [0, 2]
    rows = rows[:, range(12) if frames is None else frames][:, :, at]
    tokens = linear(np.stack([tokens_of(row, 3) for row in rows]), w, "embedding")
    tokens = tokens + w["places.time"][times] + w["places.space"][:, at]
    y = tokens.reshape(4, -1, 16)
    for block in range(3):
        y = token_block(y, w, f"blocks.{block}", heads=2)
    expected = layer_norm(y, w, "map.norm").mean(1).reshape(2, 2, 16).mean(1)
    joints = None if kept is None else torch.tensor(kept).expand(2, -1)
    got = encoder(x, joints, None if frames is None else torch.tensor(frames).expand(2, -1))
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-5)
    assert encoder.feature_map(x, joints).shape == (2, 16, 4, len(at))


@torch.no_grad()
@pytest.mark.parametrize("layout", ["kinect20", "msr20", "coco17", "blazepose33"])
def test_any_layout_and_persons(layout: str) -> None:
    body = load_layout(layout)
    encoder, x = encoder_of(TRANSFORMER, body), clips(2, len(body), persons=2)
    alone = (encoder(x[..., [0]]) + encoder(x[..., [1]])) / 2
    torch.testing.assert_close(encoder(x), alone, atol=1e-6, rtol=1e-4)
    assert (alone[0] - alone[1]).abs().max() > 1e-2


@torch.no_grad()
def test_every_sample_has_its_own_joints_and_frames() -> None:
    encoder, x = encoder_of(TRANSFORMER), clips(4, persons=2)
    joints = torch.stack([torch.randperm(25)[:9].sort().values for _ in range(4)])
    frames = torch.stack([torch.randperm(12)[:6].sort().values for _ in range(4)])
    together = encoder(x, joints, frames)
    for i in range(4):
        torch.testing.assert_close(
            together[[i]], encoder(x[[i]], joints[[i]], frames[[i]]), atol=1e-5, rtol=1e-4
        )


@pytest.mark.parametrize(
    ("changes", "frames", "message"),
    [
        (
            {},
            50,
            r"multiple of 3 frames \(encoder.transformer.segment\), got 50; 48 or 51 would do",
        ),
        ({}, 2, r"got 2; 3 would do"),
        ({"heads": 3}, 12, r"heads that divide the width of 16, got 3 blocks and 3 heads"),
        ({"depth": 0}, 12, r"at least one block"),
        ({"segment": 0}, 12, r"encoder.transformer.segment: expected at least one frame, got 0"),
    ],
)
def test_what_no_transformer_can_be(changes: dict, frames: int, message: str) -> None:
    plan = replace(TRANSFORMER, transformer=replace(TRANSFORMER.transformer, **changes))
    with pytest.raises(InputError, match=message):
        build_encoder(NTU, plan, frames)


def test_clips_it_was_not_built_for() -> None:
    encoder = encoder_of(TRANSFORMER)
    with pytest.raises(InputError, match=r"expected clips of 12 frames, got 15"):
        encoder(clips(frames=15))
    with pytest.raises(
        InputError, match=r"multiple of 3 frames .*that stay\), got 7; 6 or 9 would do"
    ):
        encoder(clips(1), frames=torch.arange(7)[None])


@torch.no_grad()
def test_left_out_blocks() -> None:
    """A half of a block is left out for a row at its chance, else divided by what is left; never in
    evaluation."""
    encoder = encoder_of(TRANSFORMER)
    set_drop_path(encoder, 0.4)
    assert [block.drop_path for block in encoder.blocks] == [0.0, 0.2, 0.4]
    block = encoder.blocks[2]
    assert isinstance(block, TokenBlock)
    x = torch.randn(1, 5, 16).expand(4000, -1, -1)
    whole = x + block.attention(block.attention_norm(x))
    whole = whole + block.feed(block.feed_norm(whole))
    torch.testing.assert_close(block.eval()(x), whole)
    block.train()
    block.feed = nn.Identity()
    block.feed_norm = nn.Identity()
    torch.manual_seed(0)
    halved = block._survive(torch.ones(4000, 1, 1)).flatten()
    assert halved.unique().tolist() == pytest.approx([0, 1 / 0.6])
    assert (halved == 0).float().mean() == pytest.approx(0.4, abs=0.03)
    with pytest.raises(
        InputError, match=r"finetune.drop_path: expected a chance from 0 to below 1, got 1"
    ):
        set_drop_path(encoder, 1)
    with pytest.raises(InputError, match=r"only encoder.backbone transformer has blocks"):
        set_drop_path(nn.Linear(1, 1), 0.3)


def test_layer_decay_by_hand() -> None:
    classifier = Classifier(NTU, INPUT, replace(TRANSFORMER, head="mlp"), 3)
    module = Classification(classifier, classifier, optim(learning_rate=1.0), layer_decay=0.8)
    groups = module.parameter_groups()
    of = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    rates = {name: of[id(parameter)] for name, parameter in classifier.named_parameters()}
    for name, expected in {
        "head.2.weight": 1.0, "encoder.map.norm.bias": 1.0, "encoder.blocks.2.feed.0.weight": 0.8,
        "encoder.blocks.0.attention.inward.bias": 0.8**3, "encoder.embedding.weight": 0.8**4, "encoder.places.time": 0.8**4,
    }.items():  # fmt: skip
        assert rates[name] == pytest.approx(expected), name
    assert len(rates) == len(list(classifier.parameters()))
    assert len(Classification(classifier, classifier, optim()).parameter_groups()) == 1
    with pytest.raises(
        InputError, match=r"finetune.layer_decay: expected a factor above 0, up to 1, got 1.5"
    ):
        Classification(classifier, classifier, optim(), layer_decay=1.5)


def test_depths_of_a_graph_encoder() -> None:
    names = [
        "encoder.input_norm.weight",
        "encoder.importance.1",
        "encoder.blocks.1.time.weight",
        "head.weight",
    ]
    assert list(depths(names).values()) == [0, 2, 2, 3]


def test_the_last_norm_of_sttformer_learns_as_fast_as_the_head() -> None:
    """With `layer_decay` it had the rate of the input."""
    plan = replace(STTFORMER, sttformer=replace(STTFORMER.sttformer, layer_norm=True))
    classifier = Classifier(NTU, INPUT, plan, 3)
    found = depths([name for name, _ in classifier.named_parameters()])
    assert found["encoder.norm.weight"] == found["encoder.norm.bias"] == found["head.weight"]
    assert found["head.weight"] == len(classifier.encoder.blocks) + 1
    assert found["encoder.input.0.weight"] == found["encoder.input.1.weight"] == 0


@torch.no_grad()
@pytest.mark.parametrize("persons", [1, 2])
@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_the_deployed_form(persons: int, head: str) -> None:
    data = replace(INPUT, persons=persons)
    plan = replace(TRANSFORMER, head=head)
    torch.manual_seed(1)
    classifier = (
        random_classifier(NTU, data, plan)
        if head == "linear"
        else Classifier(NTU, data, plan, 3).eval()
    )
    joints = scenes(3, data, absent=persons == 2)
    logits, features = classifier(joints)
    deployed = Deployed(classifier).eval()
    for i in range(3):
        probabilities, embedding = deployed(joints[i])
        torch.testing.assert_close(probabilities, logits[i].softmax(0), atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(embedding, features[i], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("plan", [TRANSFORMER, STTFORMER], ids=["transformer", "sttformer"])
def test_the_largest_of_every_channel(plan: EncoderSettings) -> None:
    """With `pool: max` one joint's moment is enough, where a mean over all tokens drowns it; probe
    and exported file see the same."""
    classifier = random_classifier(NTU, INPUT, replace(plan, pool="max"))
    joints = scenes(3, INPUT)
    clip = classifier.view(joints)
    features = classifier.encoder(clip)
    torch.testing.assert_close(features, classifier.encoder.feature_map(clip).amax((2, 3)))
    _, embedding = Deployed(classifier).eval()(joints[0])
    torch.testing.assert_close(embedding, features[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("plan", [TRANSFORMER, STTFORMER], ids=["transformer", "sttformer"])
def test_the_deviation_of_every_channel(plan: EncoderSettings) -> None:
    """Over frames and joints, in the exported file too. Features that are all alike have finite
    gradients."""
    classifier = random_classifier(NTU, INPUT, replace(plan, pool="deviation"))
    joints = scenes(3, INPUT)
    clip = classifier.view(joints)
    features = classifier.encoder(clip)
    expected = classifier.encoder.feature_map(clip).detach().numpy().std((2, 3))
    np.testing.assert_allclose(features.detach().numpy(), expected, atol=1e-4)
    _, embedding = Deployed(classifier).eval()(joints[0])
    torch.testing.assert_close(embedding, features[0], atol=1e-5, rtol=1e-5)
    alike = torch.ones(1, 2, 3, 4, requires_grad=True)
    pooled(alike, "deviation").sum().backward()
    assert alike.grad is not None
    assert alike.grad.isfinite().all()


def test_graphs_and_pairs_have_their_mean() -> None:
    plans = [
        EncoderSettings(pool="max"),
        EncoderSettings(pool="deviation"),
        replace(TRANSFORMER, pool="max", fusion="mean"),
        replace(STTFORMER, pool="deviation", fusion="mean"),
        replace(TRANSFORMER, pool="statistics"),
        EncoderSettings(pool="statistics", fusion="mean"),
    ]
    for plan in plans:
        with pytest.raises(InputError, match=rf"encoder\.pool: expected mean .*, got {plan.pool}"):
            make_encoder(NTU, plan, 12)


@pytest.mark.parametrize("fusion", ["one", "alignment"])
def test_what_spoke_for_an_answer(fusion: str) -> None:
    """A value for every joint and frame, from the features behind the last norm."""
    classifier = random_classifier(NTU, INPUT, replace(TRANSFORMER, fusion=fusion))
    strength, _ = class_activation(classifier, scenes(1, INPUT))
    assert strength.shape == (12, 25)
    assert strength.min() >= 0
    assert strength.max() == pytest.approx(1)
    assert strength.std() > 0.01


def test_work_by_hand() -> None:
    """Attention is counted on a CPU too: per block twelve squares of the width a token, and two
    products of all tokens."""
    plan = EncoderSettings(backbone="transformer", transformer=TransformerSettings(16, 2, 2))
    deployed = Deployed(random_classifier(NTU, INPUT, plan, 7)).eval()
    tokens, width = 4 * 25, 16
    expected = tokens * 9 * width + 2 * (12 * width**2 * tokens + 2 * tokens**2 * width) + width * 7
    assert macs(deployed, torch.zeros(1, 12, 25, 3)) == expected


def test_a_method_wants_its_backbone() -> None:
    for method, plan, wanted in (
        ("skeleton2vec", EncoderSettings(), "transformer"),
        ("mamp", EncoderSettings(), "transformer"),
        ("skeletonmae", TRANSFORMER, "sttformer"),
    ):
        with pytest.raises(
            InputError,
            match=rf"{method}: expected encoder.backbone {wanted}, got {plan.backbone}; add",
        ):
            make_method(NTU, Recipe(input=INPUT, encoder=plan, pretrain=settings(method)))


def test_finetuning_leaves_blocks_out(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`finetune.drop_path` could be forgotten on the way from the recipe to the network."""
    chances: list[float] = []

    def trained(module: Any, *_: Any, **__: Any) -> None:
        chances.extend(block.drop_path for block in module.network.encoder.blocks)

    monkeypatch.setattr("skedge.teacher.protocols.finetune.fit", trained)
    settings = FinetuneSettings(optim=optim(epochs=1), drop_path=0.3)
    recipe = Recipe(input=INPUT, encoder=TRANSFORMER, finetune=settings, compute=COMPUTE)
    finetune(store, tmp_path, recipe)
    assert chances == pytest.approx([0, 0.15, 0.3])
