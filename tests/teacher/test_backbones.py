"""GIN and DGCNN behind ST-GCN's interface, against their papers' formulas written out joint by
joint."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import EncoderSettings, LinearSettings, PretrainSettings
from skedge.skeleton import InputError, load_layout
from skedge.skeleton.layout import Layout
from skedge.teacher.networks.encoders import BACKBONES, GRAPHS, Encoder, build_encoder
from skedge.teacher.networks.graphs import EdgeConvolution, GraphIsomorphism, nearest
from skedge.teacher.pretrain import pretrain
from skedge.teacher.protocols.linear import linear
from skedge.teacher.runs.folder import read_run
from skedge.teacher.runs.load import load_classifier, load_encoder
from tests.teacher.tiny import COMPUTE, INPUT, PLAN, optim, randomise, scenes, state, tiny_mask

NTU = load_layout("ntu25")
KEPT = [0, 2, 3, 5, 8, 9, 11, 13, 14, 17, 19, 20, 21, 22, 23, 24]
OTHERS = ["gin", "dgcnn"]


def build(backbone: str, layout: Layout = NTU, random: bool = True) -> Encoder:
    torch.manual_seed(0)
    encoder = build_encoder(layout, replace(PLAN, backbone=backbone))
    if random:
        randomise(encoder)
        settle(encoder, clips(6, len(layout)))
    return encoder


@torch.no_grad()
def settle(encoder: Encoder, x: Tensor) -> None:
    """Give the batch norms the statistics of these clips, else a random network answers everything
    alike."""
    norms = [
        module
        for module in encoder.modules()
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    ]
    for layer in norms:
        layer.momentum = 1.0
    encoder.train()(x)
    for layer in norms:
        layer.momentum = 0.1


def clips(samples: int = 3, joints: int = 25, persons: int = 1) -> Tensor:
    return torch.randn(
        samples, 3, 12, joints, persons, generator=torch.Generator().manual_seed(samples + joints)
    )


def linked(layout: Layout, joint: int) -> list[int]:
    """The joints that share a bone with this one."""
    return [b if a == joint else a for a, b in layout.bones if joint in (a, b)]


# The plan 3>16 16 16 16 32/2 32 32 64/2 64 256, output by output: what all backbones share, then
# their graph layers.
SQUARES = 4 * 16**2 + 3 * 32**2 + 2 * 64**2 + 256**2
PRODUCTS = 3 * 16 + 3 * 16 * 16 + 16 * 32 + 2 * 32 * 32 + 32 * 64 + 64 * 64 + 64 * 256
OUTPUTS = 4 * 16 + 3 * 32 + 2 * 64 + 256
RESIDUALS = (16 * 32 + 32 * 64 + 64 * 256) + 3 * (32 + 64 + 256)
SHARED = 2 * 75 + (9 * SQUARES + OUTPUTS) + 2 * 2 * OUTPUTS + RESIDUALS
GRAPH_LAYERS = {
    "st-gcn": 3 * (PRODUCTS + OUTPUTS) + 10 * 3 * 25 * 25,
    "gin": PRODUCTS + 2 * OUTPUTS + SQUARES + 10,
    "dgcnn": 2 * PRODUCTS + 2 * OUTPUTS,
}


@pytest.mark.parametrize(
    ("backbone", "expected"), [("st-gcn", 821_380), ("gin", 828_112), ("dgcnn", 776_182)]
)
def test_parameters_by_hand(backbone: str, expected: int) -> None:
    assert SHARED + GRAPH_LAYERS[backbone] == expected
    encoder = build_encoder(NTU, EncoderSettings(backbone=backbone))
    assert sum(parameter.numel() for parameter in encoder.parameters()) == expected
    assert encoder.features == 256


def norm(x: Tensor, layer: nn.BatchNorm2d) -> Tensor:
    """Batch norm in training, over all dimensions but 1."""
    others = [d for d in range(x.dim()) if d != 1]
    shape = [1, -1] + [1] * (x.dim() - 2)
    x = (x - x.mean(others, keepdim=True)) / (
        x.var(others, correction=0, keepdim=True) + layer.eps
    ).sqrt()
    return x * layer.weight.view(shape) + layer.bias.view(shape)


@pytest.mark.parametrize("layout", ["ntu25", "coco17", "blazepose33"])
def test_gin_adds_up_neighbours(layout: str) -> None:
    body = load_layout(layout)
    layer = build("gin", body).blocks[1].graph
    assert isinstance(layer, GraphIsomorphism)
    x = torch.randn(2, 4, 5, len(body))
    columns = []
    for v in range(len(body)):
        total = (1 + layer.epsilon) * x[..., v]
        for u in linked(body, v):
            total = total + x[..., u]
        columns.append(total)
    hidden = torch.einsum("oc,nctv->notv", layer.mlp[0].weight[..., 0, 0], torch.stack(columns, -1))
    expected = torch.einsum(
        "oc,nctv->notv", layer.mlp[3].weight[..., 0, 0], functional.relu(norm(hidden, layer.mlp[1]))
    )
    assert abs(float(layer.epsilon.detach())) > 0.01, "else its part is not tested"
    torch.testing.assert_close(
        layer(x, build("gin", body).neighbours), expected, atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize("joints", [25, 33, 4])
def test_edge_convolution_joint_by_joint(joints: int) -> None:
    layer = EdgeConvolution(3, 5)
    randomise(layer)
    with torch.no_grad():
        layer.norm.weight[
            ::2
        ] *= -1  # a norm that turns the order around must not change which edge is the largest
    x = torch.randn(2, 3, 4, joints)
    count = min(6, joints)
    edges = torch.zeros(2, 5, 4, joints, count)
    for n in range(2):
        for t in range(4):
            points = x[n, :, t].T
            for i in range(joints):
                order = sorted(
                    range(joints), key=lambda j: float((points[j] - points[i]).square().sum())
                )
                assert order[0] == i
                for k, j in enumerate(order[:count]):
                    edges[n, :, t, i, k] = layer.conv.weight[..., 0, 0] @ torch.cat(
                        [points[i], points[j] - points[i]]
                    )
    expected = functional.leaky_relu(norm(edges, layer.norm), 0.2).amax(-1)
    torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-4)


def test_the_nearest_are_found_in_feature_space_and_frame_by_frame() -> None:
    line = torch.arange(8.0).view(1, 1, 1, 8)
    x = torch.cat([line, line.flip(3) ** 2], dim=2)
    found = nearest(x, 2)[0]
    assert found[0, 0].tolist() == [0, 1]
    assert found[0, 4, 0] == 4
    assert [sorted(pair) for pair in found[1].tolist()] == [
        [0, 1],
        [1, 2],
        [2, 3],
        [3, 4],
        [4, 5],
        [5, 6],
        [6, 7],
        [6, 7],
    ]
    tiny = 1000 + 1e-3 * torch.randn(2, 8, 3, 25)
    assert torch.equal(nearest(tiny)[..., 0], torch.arange(25).expand(2, 3, 25)), (
        "itself first, far from the origin too"
    )


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("persons", [1, 2])
@pytest.mark.parametrize("backbone", OTHERS)
def test_masking_is_computing_on_the_sub_skeleton(
    backbone: str, persons: int, training: bool
) -> None:
    encoder = build(backbone).train(training)
    encoder.input_norm.eval()
    x, before = clips(3, persons=persons), state(encoder)
    frames = [0, 1, 4, 5, 6, 9, 11]
    got = encoder.feature_map(
        x, torch.tensor(KEPT).expand(3, -1), torch.tensor(frames).expand(3, -1)
    )

    y = (
        encoder.input_norm(x.permute(0, 4, 3, 1, 2).reshape(3 * persons, 75, 12))
        .view(-1, 25, 3, 12)
        .permute(0, 2, 3, 1)
    )
    y = y[:, :, frames][..., KEPT]
    bones = torch.zeros(len(KEPT), len(KEPT))
    for at, joint in enumerate(KEPT):
        for other in linked(NTU, joint):
            if other in KEPT:
                bones[at, KEPT.index(other)] = 1
    encoder.load_state_dict(before)
    for block in encoder.blocks:
        y = block(y, bones if backbone == "gin" else None)
    torch.testing.assert_close(got, y.view(3, persons, *y.shape[1:]).mean(1), atol=1e-5, rtol=1e-4)
    assert got.shape == (3, PLAN.widths[-1], 4, len(KEPT))


@torch.no_grad()
@pytest.mark.parametrize("backbone", [name for name in GRAPHS if name != "tcn"])
def test_every_sample_has_its_own_mask(backbone: str) -> None:
    encoder, x = build(backbone).eval(), clips(4, persons=2)
    joints = torch.stack([torch.randperm(25)[:9].sort().values for _ in range(4)])
    together = encoder(x, joints)
    for i in range(4):
        torch.testing.assert_close(
            together[[i]], encoder(x[[i]], joints[[i]]), atol=1e-5, rtol=1e-4
        )
    assert (together[0] - encoder(x[[0]], joints[[1]])[0]).abs().max() > 1e-2


@torch.no_grad()
@pytest.mark.parametrize("backbone", OTHERS)
def test_fewer_joints_than_neighbours(backbone: str) -> None:
    encoder = build(backbone).eval()
    three, one = torch.tensor([[4, 5, 20]]).expand(2, -1), torch.tensor([[7]]).expand(2, -1)
    assert torch.isfinite(encoder(clips(2), three)).all()
    assert torch.isfinite(encoder(clips(2), one)).all()


@torch.no_grad()
@pytest.mark.parametrize("backbone", OTHERS)
def test_the_order_of_joints_does_not_matter(backbone: str) -> None:
    """Relabelled joints, with their bones and their input norm, have relabelled features."""
    encoder, x = build(backbone).eval(), clips(3, persons=2)
    order = torch.randperm(25)
    expected = encoder.feature_map(x)[..., order]
    for name, tensor in encoder.input_norm.state_dict().items():
        if tensor.dim():
            tensor.copy_(tensor.view(25, 3)[order].flatten())
            assert not torch.equal(tensor.view(25, 3)[0], tensor.view(25, 3)[1]), name
    moved = encoder.feature_map(x[:, :, :, order])
    if backbone == "gin":
        assert (moved - expected).abs().max() > 1e-2, "the bones are still those of the old order"
        encoder.neighbours = encoder.neighbours[order][:, order]
        moved = encoder.feature_map(x[:, :, :, order])
    torch.testing.assert_close(moved, expected, atol=1e-5, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("backbone", OTHERS)
@pytest.mark.parametrize(
    "layout", ["ntu25", "kinect20", "utd-mhad20", "msr20", "coco17", "blazepose33"]
)
def test_any_layout_and_persons(layout: str, backbone: str) -> None:
    body = load_layout(layout)
    encoder, x = build(backbone, body).eval(), clips(2, len(body), persons=2)
    features = encoder(x)
    assert features.shape == (2, PLAN.widths[-1])
    alone = (encoder(x[..., [0]]) + encoder(x[..., [1]])) / 2
    torch.testing.assert_close(features, alone, atol=1e-6, rtol=1e-4)
    assert (features[0] - features[1]).abs().max() > 1e-2


@pytest.mark.parametrize("backbone", list(GRAPHS))
def test_gradients_reach_every_parameter(backbone: str) -> None:
    encoder = build(backbone).train()
    (encoder(clips(4)) * torch.randn(4, 8)).sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        # A bias in front of a batch norm has none.
        assert parameter.grad.abs().sum() > 0 or name.endswith("bias"), name


@torch.no_grad()
@pytest.mark.parametrize("backbone", list(GRAPHS))
def test_mixed_precision_stays_near(backbone: str) -> None:
    encoder, x = build(backbone, random=False).eval(), clips(4)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = encoder(x).float()
    expected = encoder(x)
    assert (mixed - expected).norm() / expected.norm() < 0.05


def test_an_unknown_backbone_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"one of st-gcn, tcn, gin, dgcnn, transformer, sttformer, got 'mlp'"
    ):
        build_encoder(NTU, replace(PLAN, backbone="mlp"))


@pytest.mark.parametrize("backbone", OTHERS)
def test_pretrained_probed_and_opened_again(backbone: str, store: Store, tmp_path: Path) -> None:
    plan = replace(PLAN, backbone=backbone)
    settings = PretrainSettings(projector=16, pstl=tiny_mask(), optim=optim(epochs=1))
    pretrain(
        store,
        tmp_path / "encoder",
        Recipe("tiny", input=INPUT, encoder=plan, pretrain=settings, compute=COMPUTE),
    )
    assert load_encoder(tmp_path / "encoder")[0].__class__ is BACKBONES[backbone]
    linear(
        store,
        tmp_path / "probe",
        Recipe(input=INPUT, encoder=plan, compute=COMPUTE, linear=LinearSettings(optim=optim())),
        encoder=tmp_path / "encoder",
    )
    classifier, card = load_classifier(tmp_path / "probe")
    assert card.encoder.backbone == backbone
    weights = read_run(tmp_path / "encoder")[1]
    assert all(
        torch.equal(classifier.encoder.state_dict()[name], tensor)
        for name, tensor in weights.items()
    )
    assert classifier(scenes(2, INPUT))[0].shape == (2, 3)
