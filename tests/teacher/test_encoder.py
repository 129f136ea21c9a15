"""The encoder against the papers' order of operations, written out here once more."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from skedge.recipes.distill_settings import student_plan
from skedge.recipes.settings import EncoderSettings, InputSettings
from skedge.skeleton import InputError, load_layout
from skedge.skeleton.graph import partition
from skedge.teacher.masks.joints import draw_joints
from skedge.teacher.methods.pstl import projector
from skedge.teacher.networks.base import pooled
from skedge.teacher.networks.classifier import Classifier
from skedge.teacher.networks.encoders import STGCN, Block, build_encoder
from tests.teacher.tiny import PLAN, randomise

NTU = load_layout("ntu25")


@pytest.mark.parametrize("strides", [(1, 1, 1), (1, 2, 1)])
def test_causal_kernels_see_no_later_frame(strides: tuple[int, ...]) -> None:
    plan = EncoderSettings(widths=(4, 4, 6), strides=strides, causal=True)
    encoder = randomise(STGCN(NTU, plan)).eval()
    clip = torch.randn(2, 3, 20, 25, 1)
    changed = clip.clone()
    changed[:, :, 10:] += 1
    one, other = encoder.feature_map(clip), encoder.feature_map(changed)
    same = (one == other).all((0, 1, 3))
    step = 20 // len(same)
    assert same.tolist() == [step * t < 10 for t in range(len(same))]


@pytest.mark.parametrize("causal", [False, True])
def test_without_padding_stay_the_frames_that_kernels_see_all_around(causal: bool) -> None:
    plan = EncoderSettings(widths=(4, 4, 6), strides=(1, 1, 1), causal=causal)
    padded, bare = (
        randomise(STGCN(NTU, plan)).eval(),
        STGCN(NTU, replace(plan, padding=False)).eval(),
    )
    bare.load_state_dict(padded.state_dict())
    clip = torch.randn(2, 3, 40, 25, 2)
    whole, inside = padded.feature_map(clip), bare.feature_map(clip)
    assert bare.context == 24
    assert inside.shape[2] == 40 - 24
    torch.testing.assert_close(inside, whole[:, :, 24:] if causal else whole[:, :, 12:-12])
    assert not torch.allclose(whole[:, :, :1], inside[:, :, :1], atol=1e-3)


@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_features_of_all_blocks_are_those_of_shorter_encoders_at_the_same_frames(
    causal: bool, padding: bool
) -> None:
    plan = EncoderSettings(widths=(4, 5, 6), strides=(1, 1, 1), causal=causal, padding=padding)
    encoder = randomise(STGCN(NTU, replace(plan, all_blocks=True))).eval()
    clip = torch.randn(2, 3, 40, 25, 2)
    found = encoder.feature_map(clip)
    assert encoder.features == 15
    lost = 0 if padding else 24
    assert found.shape[1:3] == (15, 40 - lost)
    first = 0
    for number, width in enumerate(plan.widths, 1):
        own = replace(plan, widths=plan.widths[:number], strides=plan.strides[:number])
        shorter = STGCN(NTU, own).eval()
        shorter.load_state_dict(encoder.state_dict(), strict=False)
        whole = shorter.feature_map(clip)
        left = lost - shorter.context
        begin = left if causal else left // 2
        expected = whole[:, :, begin : begin + found.shape[2]]
        torch.testing.assert_close(found[:, first : first + width], expected)
        first += width


@pytest.mark.parametrize("backbone", ["st-gcn", "tcn", "gin", "dgcnn"])
def test_statistics_are_the_mean_and_the_standard_deviation_over_frames(backbone: Any) -> None:
    plan = EncoderSettings(
        widths=(4, 6), strides=(1, 1), backbone=backbone, all_blocks=True, pool="statistics"
    )
    encoder = randomise(build_encoder(NTU, plan, 48)).eval()
    clip = torch.randn(2, 3, 48, 25, 2)
    frames = encoder.feature_map(clip).mean(3).detach().numpy()
    found = encoder(clip).detach().numpy()
    assert encoder.features == 20
    np.testing.assert_allclose(found[:, :10], frames.mean(2), rtol=1e-4, atol=1e-5)
    # As of a batch norm, 1e-5 is added to a variance.
    np.testing.assert_allclose(found[:, 10:], np.sqrt(frames.var(2) + 1e-5), rtol=1e-4, atol=1e-5)


def test_statistics_of_somebody_who_never_moves_can_be_learned_from() -> None:
    still = torch.ones(1, 4, 12, 1, requires_grad=True)
    pooled(still, "statistics").sum().backward()
    assert still.grad is not None
    assert still.grad.isfinite().all()


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


class Reference:
    """ST-GCN in the order of its paper, with an encoder's weights and batch norms of its own.

    `joints` and `frames` (lists) are what is kept: other columns are deleted behind the input norm,
    other rows and columns from adjacency * importance. In training mode `statistics` collects the
    running statistics as they should become.
    """

    def __init__(self, encoder: STGCN, training: bool) -> None:
        self.encoder, self.training = encoder, training
        self.weights = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
        self.statistics: dict[str, Tensor] = {}

    def norm(self, x: Tensor, name: str) -> Tensor:
        """Over all dimensions but 1."""
        w = self.weights
        shape = [1, -1, *[1] * (x.dim() - 2)]
        mean, variance = w[f"{name}.running_mean"], w[f"{name}.running_var"]
        if self.training:
            rows = x.transpose(0, 1).flatten(1)
            batch_mean, count = rows.mean(1), rows.shape[1]
            batch_variance = (rows - batch_mean[:, None]).square().mean(1)
            self.statistics[f"{name}.running_mean"] = 0.9 * mean + 0.1 * batch_mean
            self.statistics[f"{name}.running_var"] = (
                0.9 * variance + 0.1 * batch_variance * count / (count - 1)
            )
            mean, variance = batch_mean, batch_variance
        x = (x - mean.view(shape)) / (variance.view(shape) + 1e-5).sqrt()
        return x * w[f"{name}.weight"].view(shape) + w[f"{name}.bias"].view(shape)

    def block(self, x: Tensor, adjacency: Tensor, name: str, stride: int) -> Tensor:
        w = self.weights
        y = functional.conv2d(x, w[f"{name}.graph.conv.weight"], w[f"{name}.graph.conv.bias"])
        samples, channels, frames, joints = y.shape
        y = y.view(samples, 3, channels // 3, frames, joints)
        y = torch.einsum("nkctv,kvw->nctw", y, adjacency)
        y = functional.relu(self.norm(y, f"{name}.graph_norm"))
        y = functional.conv2d(
            y, w[f"{name}.time.weight"], w[f"{name}.time.bias"], (stride, 1), (4, 0)
        )
        y = self.norm(y, f"{name}.time_norm")
        if name == "blocks.0":
            return functional.relu(y)
        if f"{name}.residual.0.weight" in w:
            x = functional.conv2d(
                x, w[f"{name}.residual.0.weight"], w[f"{name}.residual.0.bias"], (stride, 1)
            )
            x = self.norm(x, f"{name}.residual.1")
        return functional.relu(y + x)

    def __call__(
        self, clip: Tensor, strides: tuple, joints: list | None = None, frames: list | None = None
    ) -> Tensor:
        samples, channels, length, size, persons = clip.shape
        x = clip.permute(0, 4, 3, 1, 2).reshape(samples * persons, size * channels, length)
        x = self.norm(x, "input_norm")
        x = x.view(samples, persons, size, channels, length).permute(0, 1, 3, 4, 2).flatten(0, 1)
        kept = list(range(size)) if joints is None else joints
        x = x[:, :, list(range(length)) if frames is None else frames][..., kept]
        for i, stride in enumerate(strides):
            weighted = self.encoder.adjacency * self.weights[f"importance.{i}"]
            x = self.block(x, weighted[:, kept][:, :, kept], f"blocks.{i}", stride)
        return x.mean((2, 3)).view(samples, persons, -1).mean(1)


def small(layout: str = "ntu25", **changes: object) -> STGCN:
    torch.manual_seed(0)
    encoder = STGCN(
        load_layout(layout),
        EncoderSettings(**({"widths": PLAN.widths, "strides": PLAN.strides} | changes)),
    )
    encoder.load_state_dict(randomise(encoder).state_dict())
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return encoder


def clips(samples: int = 3, frames: int = 12, joints: int = 25, persons: int = 1) -> Tensor:
    return torch.randn(
        samples,
        3,
        frames,
        joints,
        persons,
        generator=torch.Generator().manual_seed(samples + frames),
    )


def test_the_published_parameter_counts() -> None:
    data, student = InputSettings(), student_plan()
    assert parameters(STGCN(NTU, EncoderSettings())) == 821_380
    assert parameters(STGCN(NTU, student)) == 178_757
    assert parameters(Classifier(NTU, data, student, 60)) == 186_497
    with torch.device("meta"):
        assert parameters(projector(256, 6144)) == 77_094_912
    for classes, size in ((60, 15_420), (120, 30_840), (51, 13_107)):
        assert parameters(Classifier(NTU, data, EncoderSettings(), classes).head) == size


def test_frames_are_halved_twice() -> None:
    encoder = STGCN(NTU, EncoderSettings()).eval()
    lengths: list[int] = []
    for block in encoder.blocks:
        block.register_forward_hook(lambda module, inputs, output: lengths.append(output.shape[2]))
    with torch.no_grad():
        assert encoder.feature_map(clips(1, 50)).shape == (1, 256, 13, 25)
    assert lengths == [50] * 4 + [25] * 3 + [13] * 3


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("inside", "out", "stride"), [(6, 6, 1), (6, 10, 1), (6, 6, 2)])
def test_a_block_is_the_papers(inside: int, out: int, stride: int, training: bool) -> None:
    encoder = small(widths=(inside, out), strides=(1, stride)).train(training)
    block = encoder.blocks[1]
    assert isinstance(block, Block)
    x = torch.randn(4, inside, 9, 25)
    adjacency = torch.from_numpy(partition(NTU)) * encoder.importance[1].detach()
    expected = Reference(encoder, training).block(x, adjacency, "blocks.1", stride)
    torch.testing.assert_close(block(x, adjacency), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    ("layout", "joints"), [("ntu25", 25), ("utd-mhad20", 20), ("coco17", 17), ("blazepose33", 33)]
)
def test_the_encoder_is_the_papers_on_every_layout(
    layout: str, joints: int, training: bool
) -> None:
    encoder = small(layout).train(training)
    clip, reference = clips(4, 11, joints, persons=2), Reference(encoder, training)
    torch.testing.assert_close(encoder(clip), reference(clip, PLAN.strides), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_default_plan_is_the_papers() -> None:
    torch.manual_seed(1)
    encoder = STGCN(NTU, EncoderSettings()).eval()
    randomise(encoder)
    clip = clips(1, 50)
    expected = Reference(encoder, False)(clip, EncoderSettings().strides)
    torch.testing.assert_close(
        encoder(clip), expected, atol=1e-5 * float(expected.abs().max()), rtol=1e-5
    )


def test_dropout_everywhere_but_in_the_first_block() -> None:
    shares = [block.dropout.p for block in STGCN(NTU, EncoderSettings()).blocks]
    assert shares == [0.0] + [0.5] * 9


@torch.no_grad()
def test_persons_are_folded_and_averaged() -> None:
    encoder, clip = small().eval(), clips(3, persons=2)
    alone = [encoder(clip[..., [person]]) for person in (0, 1)]
    torch.testing.assert_close(encoder(clip), (alone[0] + alone[1]) / 2, atol=1e-6, rtol=1e-5)

    encoder.train()
    apart = torch.cat([clip[..., [0]], clip[..., [1]]])
    folded = encoder(clip)
    torch.testing.assert_close(folded, encoder(apart).view(2, 3, -1).mean(0), atol=1e-5, rtol=1e-5)


KEPT_JOINTS = [0, 2, 3, 5, 8, 9, 11, 13, 14, 17, 19, 20, 21, 22, 23, 24]
KEPT_FRAMES = [0, 1, 4, 5, 6, 9, 11]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    ("joints", "frames"), [(KEPT_JOINTS, None), (None, KEPT_FRAMES), (KEPT_JOINTS, KEPT_FRAMES)]
)
def test_masking_is_deletion(joints: list | None, frames: list | None, training: bool) -> None:
    encoder = small().train(training)
    reference = Reference(encoder, training)
    clip = clips(4, persons=2)
    expected = reference(clip, PLAN.strides, joints, frames)
    got = encoder(
        clip,
        joints=None if joints is None else torch.tensor(joints).expand(4, -1),
        frames=None if frames is None else torch.tensor(frames).expand(4, -1),
    )
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)
    assert bool(reference.statistics) == training
    for name, value in reference.statistics.items():
        torch.testing.assert_close(
            encoder.state_dict()[name], value, atol=1e-5, rtol=1e-5, msg=name
        )


@torch.no_grad()
def test_every_sample_has_its_own_mask() -> None:
    encoder, clip = small().eval(), clips(5, persons=2)
    torch.manual_seed(0)
    joints = draw_joints(torch.from_numpy(NTU.degrees), 9, 5)
    frames = torch.stack([torch.randperm(12)[:7].sort().values for _ in range(5)])
    got = encoder(clip, joints, frames)
    for i in range(5):
        expected = Reference(encoder, False)(
            clip[i : i + 1], PLAN.strides, joints[i].tolist(), frames[i].tolist()
        )
        torch.testing.assert_close(got[i : i + 1], expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_what_is_masked_is_not_seen() -> None:
    encoder = small().train()
    encoder.input_norm.eval()
    joints, frames = (
        torch.tensor(KEPT_JOINTS).expand(3, -1),
        torch.tensor(KEPT_FRAMES).expand(3, -1),
    )
    clip = clips(3)
    moved = clip.clone()
    moved[:, :, :, [j for j in range(25) if j not in KEPT_JOINTS]] += 100
    moved[:, :, [t for t in range(12) if t not in KEPT_FRAMES]] -= 50
    torch.testing.assert_close(
        encoder(moved, joints, frames), encoder(clip, joints, frames), atol=0, rtol=0
    )
    assert (encoder(moved) - encoder(clip)).abs().max() > 0.1


@torch.no_grad()
def test_zeroing_is_another_function() -> None:
    encoder, clip = small().eval(), clips(3)
    zeroed = torch.zeros_like(clip)
    zeroed[:, :, :, KEPT_JOINTS] = clip[:, :, :, KEPT_JOINTS]
    masked = encoder(clip, torch.tensor(KEPT_JOINTS).expand(3, -1))
    assert (masked - encoder(zeroed)).abs().max() > 1e-2


@torch.no_grad()
def test_keeping_everything_changes_nothing() -> None:
    encoder, clip = small().eval(), clips(2)
    every = encoder(clip, torch.arange(25).expand(2, -1), torch.arange(12).expand(2, -1))
    torch.testing.assert_close(every, encoder(clip), atol=1e-6, rtol=1e-5)


def test_gradients_reach_every_parameter() -> None:
    encoder = small().train()
    encoder(clips(3), torch.tensor(KEPT_JOINTS).expand(3, -1)).square().sum().backward()
    assert all(
        parameter.grad is not None and parameter.grad.abs().sum() > 0
        for parameter in encoder.importance
    )


def test_features_of_all_blocks_are_refused_where_there_are_none() -> None:
    plan = EncoderSettings(widths=(4, 8), strides=(1, 2), all_blocks=True)
    with pytest.raises(InputError, match=r"encoder.all_blocks: expected strides of 1, .*\[1, 2\]"):
        STGCN(NTU, plan)
    with pytest.raises(InputError, match=r"encoder.all_blocks: expected st-gcn, .* transformer"):
        build_encoder(NTU, EncoderSettings(backbone="transformer", all_blocks=True), 48)


def test_a_plan_whose_widths_and_strides_do_not_match_is_refused() -> None:
    for widths, strides in (((4, 8), (1, 1, 1)), ((4, 8, 8), (1, 1)), ((), ())):
        with pytest.raises(InputError, match="strides"):
            STGCN(NTU, EncoderSettings(widths=widths, strides=strides))
