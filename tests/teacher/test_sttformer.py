"""STTFormer against its formulas in NumPy, and SkeletonMAE: masks, plans, reconstruction, and what
must never happen in it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.image import imread
from torch import nn

from skedge.datasets.store import Store
from skedge.export.clip_graph import Deployed
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import (
    EncoderSettings,
    FinetuneSettings,
    SkeletonMaeSettings,
    SttformerSettings,
)
from skedge.skeleton import InputError, load_layout
from skedge.teacher import drawing as inspect
from skedge.teacher.clips import Clips
from skedge.teacher.masks.bodies import draw, visible
from skedge.teacher.methods.registry import make_method
from skedge.teacher.methods.skeletonmae import load_mae
from skedge.teacher.methods.tuple_decoder import decoder_plan
from skedge.teacher.networks.classifier import Classifier, View
from skedge.teacher.networks.encoders import build_encoder
from skedge.teacher.networks.statistics import with_statistics
from skedge.teacher.networks.sttformer import elements, encoder_plan, spread, tuples
from skedge.teacher.pretrain import pretrain
from skedge.teacher.protocols.finetune import finetune
from skedge.teacher.runs.folder import DECODER
from skedge.teacher.runs.load import load_encoder
from tests.full import no_room_for
from tests.teacher.masked_tiny import (
    DATA,
    NTU,
    STTFORMER,
    batch_norm,
    bodies,
    clips,
    encoder_of,
    layer_norm,
    settings,
    weights_of,
)
from tests.teacher.tiny import (
    COMPUTE,
    INPUT,
    equal,
    optim,
    random_classifier,
    randomise,
    scenes,
    state,
)

MAE = settings(
    "skeletonmae", skeletonmae=SkeletonMaeSettings(decoder_depth=5), optim=optim(epochs=2)
)


STANDARDISED = replace(STTFORMER, sttformer=SttformerSettings(16, 2, instance_norm=True))


def leaky(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 0.1 * x)


def conv1(x: np.ndarray, w: Any, name: str) -> np.ndarray:
    return (
        np.einsum("oc,rcte->rote", w[f"{name}.weight"][..., 0, 0], x)
        + w[f"{name}.bias"][:, None, None]
    )


def sines(count: int, channels: int) -> np.ndarray:
    return np.array(
        [
            [(np.sin, np.cos)[c % 2](at / 10000 ** ((c - c % 2) / channels)) for at in range(count)]
            for c in range(channels)
        ]
    )


def tuple_block(x: np.ndarray, w: Any, name: str, qkv: int, at: np.ndarray) -> np.ndarray:
    """A block of x (R, C, T', E) whose elements are `at` (R, T', E), tuple by tuple, head by
    head."""
    rows, channels, times, size = x.shape
    places = sines(w[f"{name}.attention"].shape[1], channels)
    y = np.zeros((rows, 3 * channels, times, size))
    for r in range(rows):
        moved = np.stack([x[r, :, t] + places[:, at[r, t]] for t in range(times)], 1)
        qk = conv1(moved[None], w, f"{name}.queries_keys")[0]
        for h in range(3):
            q, k = qk[h * qkv : (h + 1) * qkv], qk[(3 + h) * qkv : (4 + h) * qkv]
            found = np.tanh(sum(q[:, t].T @ k[:, t] for t in range(times)) / (qkv * times))
            for t in range(times):
                own = w[f"{name}.attention"][h][np.ix_(at[r, t], at[r, t])]
                y[r, h * channels : (h + 1) * channels, t] = x[r, :, t] @ (
                    found * w[f"{name}.alpha"][h, 0, 0] + own
                )
    wide = np.pad(y, ((0, 0), (0, 0), (0, 0), (2, 2)))
    kernel = w[f"{name}.spread.0.weight"][:, :, 0]
    y = sum(np.einsum("oc,rcte->rote", kernel[..., i], wide[..., i : i + size]) for i in range(5))
    y = batch_norm(y + w[f"{name}.spread.0.bias"][:, None, None], w, f"{name}.spread.1")
    changes = f"{name}.residual.0.weight" in w
    rest = batch_norm(conv1(x, w, f"{name}.residual.0"), w, f"{name}.residual.1") if changes else x
    y = leaky(y + rest)
    y = leaky(batch_norm(conv1(y, w, f"{name}.feed.0"), w, f"{name}.feed.1") + rest)
    rest = (
        batch_norm(conv1(y, w, f"{name}.time_residual.0"), w, f"{name}.time_residual.1")
        if changes
        else y
    )
    long, kernel = np.pad(y, ((0, 0), (0, 0), (1, 1), (0, 0))), w[f"{name}.time.0.weight"][..., 0]
    z = sum(np.einsum("oc,rcte->rote", kernel[..., i], long[:, :, i : i + times]) for i in range(3))
    return leaky(
        batch_norm(z + w[f"{name}.time.0.bias"][:, None, None], w, f"{name}.time.1") + rest
    )


@torch.no_grad()
@pytest.mark.parametrize("fewer", [False, True])
@pytest.mark.parametrize("block", [0, 2])
def test_a_block_against_numpy(block: int, fewer: bool) -> None:
    """One that keeps its channels and one that widens, of all elements of a tuple and of others in
    every tuple."""
    encoder = encoder_of(STTFORMER)
    layer, w = encoder.blocks[block], weights_of(encoder)
    assert (layer.residual.__class__ is nn.Identity) == (block == 0)
    at = np.tile(np.arange(50), (2, 3, 1))
    if fewer:
        random = np.random.default_rng(0)
        at = np.stack(
            [[np.sort(random.choice(50, 14, replace=False)) for _ in range(3)] for _ in range(2)]
        )
    x = torch.randn(2, layer.queries_keys.in_channels, 3, at.shape[-1])
    expected = tuple_block(x.double().numpy(), w, f"blocks.{block}", layer.qkv, at)
    got = layer(x, torch.from_numpy(at) if fewer else None)
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-5, rtol=1e-5)
    if not fewer:
        torch.testing.assert_close(layer(x, torch.from_numpy(at)), got, atol=1e-5, rtol=1e-4)


def test_parameters() -> None:
    built = build_encoder(NTU, EncoderSettings(backbone="sttformer"), 120)
    head = 256 * 60 + 60
    assert sum(parameter.numel() for parameter in built.parameters()) + head == 6_233_588


def test_elements_of_a_tuple() -> None:
    x = torch.arange(4 * 3).view(1, 1, 4, 3).float()
    assert tuples(x, 2)[0, 0].tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    joints = torch.tensor([[[0, 2], [1, 2], [0, 1], [0, 2]]])
    assert elements(joints, 2, 3)[0].tolist() == [[0, 2, 4, 5], [0, 1, 3, 5]]


@torch.no_grad()
def test_the_map_is_frame_by_frame() -> None:
    """A tuple's features go back to their frames and joints: blocks that change nothing leave the
    input as it is."""
    encoder = encoder_of(STTFORMER)
    for name in ("input", "blocks"):
        setattr(encoder, name, nn.Sequential())
    x = clips(2, persons=2)
    torch.testing.assert_close(encoder.feature_map(x), x.mean(-1))


@torch.no_grad()
def test_a_standardised_clip() -> None:
    """Each joint about its mean over the frames, in the deviation of the whole body, two
    centimetres of noise in it; whoever is not there stays so."""
    plain, normed = encoder_of(STTFORMER), encoder_of(STANDARDISED)
    normed.load_state_dict(plain.state_dict())
    x = 0.1 * clips(3, persons=2)
    x[1, ..., 1] = 0
    moved = x.numpy() - x.numpy().mean(2, keepdims=True)
    expected = moved / np.sqrt(np.square(moved).mean((1, 2, 3), keepdims=True) + 0.02**2)
    torch.testing.assert_close(normed(x), plain(torch.from_numpy(expected)), atol=1e-5, rtol=1e-4)
    elsewhere = x + torch.randn(3, 3, 1, 25, 2)
    torch.testing.assert_close(normed(elsewhere), normed(x), atol=1e-4, rtol=1e-3)


@torch.no_grad()
def test_a_last_layer_norm() -> None:
    """Over the channels of every joint in every frame, of whole clips and of parts; a picture of
    what spoke for an answer sees what comes behind it."""
    plan = replace(STTFORMER, sttformer=SttformerSettings(16, 2, layer_norm=True))
    plain, normed = encoder_of(STTFORMER), encoder_of(plan)
    normed.load_state_dict(plain.state_dict(), strict=False)
    w = weights_of(normed)
    x = clips(3)
    joints, frames = torch.arange(9).expand(3, -1), torch.arange(6).expand(3, -1)
    for part in ((), (joints, frames)):
        features = plain.feature_map(x, *part).double().numpy()
        expected = layer_norm(features.transpose(0, 2, 3, 1), w, "norm").transpose(0, 3, 1, 2)
        got = normed.feature_map(x, *part).numpy()
        np.testing.assert_allclose(got, expected, atol=1e-4, rtol=1e-3)
    given: list[torch.Tensor] = []
    normed.last.register_forward_hook(lambda *args: given.append(args[2]))
    np.testing.assert_allclose(normed(x).numpy(), given[0].mean((2, 3)).numpy(), atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("persons", [1, 2])
def test_every_sample_has_its_own_joints_and_frames(persons: int) -> None:
    encoder, x = encoder_of(STTFORMER), clips(3, persons=persons)
    joints = torch.stack([torch.randperm(25)[:9].sort().values for _ in range(3)])
    frames = torch.stack([torch.randperm(12)[:6].sort().values for _ in range(3)])
    together = encoder.feature_map(x, joints, frames)
    assert together.shape == (3, 16, 6, 9)
    for i in range(3):
        own = encoder.feature_map(x[[i]], joints[[i]], frames[[i]])
        torch.testing.assert_close(together[[i]], own, atol=1e-4, rtol=1e-3)
    everything = torch.arange(25).expand(3, -1)
    torch.testing.assert_close(encoder(x, everything), encoder(x), atol=1e-5, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("layout", ["kinect20", "msr20", "coco17", "blazepose33"])
def test_any_layout_and_persons(layout: str) -> None:
    body = load_layout(layout)
    encoder, x = encoder_of(STTFORMER, body), clips(2, len(body), persons=2)
    alone = (encoder(x[..., [0]]) + encoder(x[..., [1]])) / 2
    torch.testing.assert_close(encoder(x), alone, atol=1e-6, rtol=1e-4)
    assert (alone[0] - alone[1]).abs().max() > 1e-3


def test_plans_of_the_papers_tables() -> None:
    assert encoder_plan(256) == [
        (64, 64, 16), (64, 64, 16), (64, 128, 32), (128, 128, 32), (128, 256, 64), *[(256, 256, 64)] * 3,
    ]  # fmt: skip
    assert encoder_plan(512) == [
        (64, 64, 16), (64, 128, 32), (128, 128, 32), (128, 256, 64), (256, 256, 64), (256, 512, 128), *[(512, 512, 128)] * 2,
    ]  # fmt: skip
    assert encoder_plan(128) == [
        (32, 32, 8), (32, 32, 8), (32, 64, 16), (64, 64, 16), (64, 128, 32), *[(128, 128, 32)] * 3,
    ]  # fmt: skip
    end = [(256, 128, 64), (128, 128, 32), (128, 64, 32), (64, 64, 16)]
    assert decoder_plan(256, 5) == end
    assert decoder_plan(256, 7) == [*[(256, 256, 64)] * 2, *end]
    assert decoder_plan(256, 9) == [*[(256, 256, 64)] * 3, *end, (64, 64, 16)]
    assert decoder_plan(256, 11) == [
        *[(256, 256, 64)] * 4,
        *end[:2],
        (128, 128, 32),
        *end[2:],
        (64, 64, 16),
    ]
    assert decoder_plan(512, 9) == [
        (512, 512, 128), (512, 512, 128), (512, 256, 64), (256, 256, 64), (256, 128, 32), (128, 128, 32), (128, 64, 16),
        (64, 64, 16),
    ]  # fmt: skip
    assert decoder_plan(128, 9) == [
        *[(128, 128, 32)] * 3, (128, 64, 32), (64, 64, 16), (64, 32, 16), (32, 32, 8), (32, 32, 8),
    ]  # fmt: skip


@pytest.mark.parametrize(("width", "millions"), [(128, 3), (256, 11), (512, 33)])
def test_the_papers_parameters(width: int, millions: int) -> None:
    """Table 2, in whole millions, with tuples of 2 frames of 25 joints."""
    plan = EncoderSettings(backbone="sttformer", sttformer=SttformerSettings(width, 2))
    with torch.device("meta"):
        module = make_method(
            NTU,
            Recipe(input=replace(DATA, frames=20), encoder=plan, pretrain=settings("skeletonmae")),
        )
    count = sum(parameter.numel() for parameter in module.parameters()) / 1e6
    assert abs(count - millions) < 0.8


def method(which: Any = MAE, persons: int = 1, random: bool = True) -> Any:
    torch.manual_seed(2)
    module = make_method(
        NTU, Recipe(input=replace(DATA, persons=persons), encoder=STTFORMER, pretrain=which)
    )
    if random:
        randomise(module)
    return module


@pytest.mark.parametrize(("frame_ratio", "joint_ratio"), [(0.5, 0.5), (0.35, 0.4), (0.7, 0.6)])
@pytest.mark.parametrize("kind", ["fresh", "fixed"])
def test_drawn_masks(kind: Any, frame_ratio: float, joint_ratio: float) -> None:
    s = SkeletonMaeSettings(frame_ratio, joint_ratio, kind)
    frames, joints = draw(s, torch.zeros(300, 3, 12, 25))
    stay, left = 12 - np.ceil(12 * frame_ratio - 0.5), 25 - np.ceil(25 * joint_ratio - 0.5)
    assert frames.shape == (300, stay)
    assert joints.shape == (300, stay, left)
    assert (frames.diff(dim=1) > 0).all()
    assert (joints.diff(dim=2) > 0).all()
    assert (joints == joints[:, :1]).all() == (kind == "fixed")
    assert (frames != frames[:1]).any(), "of every clip its own"
    shares = torch.bincount(joints[:, 0].flatten(), minlength=25) / 300
    assert (shares - left / 25).abs().max() < 0.12, "every joint as often"


@torch.no_grad()
def test_where_features_go_back() -> None:
    """Into the decoder: features at their frames and joints, the token elsewhere; sines of frame
    and of joint on all."""
    module = method().eval()
    features = torch.randn(2, 16, 4, 5)
    frames = torch.tensor([[0, 2, 3, 9], [1, 4, 5, 11]])
    joints = torch.stack(
        [torch.stack([torch.randperm(25)[:5].sort().values for _ in range(4)]) for _ in range(2)]
    )
    expected = np.tile(module.decoder.token.numpy()[:, None, None], (2, 1, 12, 25))
    for r in range(2):
        for i, frame in enumerate(frames[r]):
            for j, joint in enumerate(joints[r, i]):
                expected[r, :, frame, joint] = features[r, :, i, j]
    expected[:, :8] += sines(12, 8)[:, :, None]
    expected[:, 8:] += sines(25, 8)[:, None]
    given: list[torch.Tensor] = []
    module.decoder.blocks.register_forward_pre_hook(lambda _, args: given.append(args[0]))
    assert module.decoder(features, frames, joints).shape == (2, 3, 12, 25)
    np.testing.assert_allclose(
        given[0].numpy(), tuples(torch.from_numpy(expected), 2).numpy(), atol=1e-5
    )


@torch.no_grad()
def test_masked_joints_carry_no_information() -> None:
    module = method().eval()
    x = module.bodies(bodies(3))
    frames, joints = draw(MAE.skeletonmae, x)
    hidden = torch.ones(3, 1, 12, 25, dtype=torch.bool)
    for r in range(3):
        hidden[r, 0, frames[r][:, None], joints[r]] = False
    made = module.reconstruct(x, frames, joints)
    assert torch.equal(
        made, module.reconstruct(torch.where(hidden, torch.randn_like(x), x), frames, joints)
    )
    assert (
        made - module.reconstruct(torch.where(hidden, x, x + 0.1), frames, joints)
    ).abs().max() > 1e-3
    torch.testing.assert_close(
        visible(x, frames, joints)[1, 0, 2], x[1, 0, frames[1, 2], joints[1, 2]]
    )


@torch.no_grad()
def test_the_loss_is_of_the_whole_clip_and_of_who_is_there() -> None:
    pair, single = (method(persons=persons, random=False).eval() for persons in (2, 1))
    joints = bodies(4, persons=2, absent=True)
    losses = []
    for module, seen in ((pair, joints), (single, joints[:, :1])):
        torch.manual_seed(3)
        losses.append(float(module.loss(seen)))
    assert losses[0] == losses[1]
    torch.manual_seed(3)
    x = single.bodies(joints[:, :1])
    made = single.reconstruct(x, *draw(MAE.skeletonmae, x))
    assert losses[0] == pytest.approx(
        np.square(made.double().numpy() - x.double().numpy()).mean(), abs=1e-5
    )


@torch.no_grad()
def test_what_is_reconstructed_of_standardised_clips() -> None:
    """The loss is that of standardised clips, in which small movements count as large ones; what is
    reconstructed is in metres again."""
    module = make_method(NTU, Recipe(input=DATA, encoder=STANDARDISED, pretrain=MAE)).eval()
    joints = bodies(4)
    x = module.bodies(joints)
    frames, at = draw(MAE.skeletonmae, x)
    mean, deviation = spread(x)
    standard = (x - mean) / deviation
    made = module.reconstruct(x, frames, at)
    torch.testing.assert_close(
        (made - mean) / deviation, module.predict(standard, frames, at), atol=1e-4, rtol=1e-3
    )
    torch.manual_seed(3)
    loss = float(module.loss(joints))
    torch.manual_seed(3)
    made = module.reconstruct(x, *draw(MAE.skeletonmae, x))
    expected = ((made - x) / deviation).square().mean()
    assert loss == pytest.approx(float(expected), rel=1e-3)


def test_sixteen_clips_are_overfit() -> None:
    torch.manual_seed(0)
    module = make_method(NTU, Recipe(input=DATA, encoder=STTFORMER, pretrain=MAE))
    joints, losses = scenes(16, DATA), []
    optimizer = torch.optim.Adam(module.parameters(), 5e-3)
    for _ in range(14):
        loss = module.loss(joints)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-3:]) < 0.7 * np.mean(losses[:3]), losses
    assert all(parameter.grad is not None for parameter in module.parameters())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decoder_depth": 6}, r"decoder_depth: expected one of 5, 7, 9, 11 .*, got 6"),
        ({"joint_ratio": 1.0}, r"joint_ratio: expected above 0, below 1, got 1"),
        ({"frame_ratio": 0.0}, r"frame_ratio: expected above 0, below 1, got 0"),
        ({"joint_ratio": 0.01}, r"masks at least 1 and leaves 1 of 25"),
        (
            {"frame_ratio": 0.4},
            r"multiple of 2 frames \(.*frame_ratio leaves of 12\), got 7; 6 or 8 would do",
        ),
    ],
)
def test_what_cannot_be_pretrained(changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        method(replace(MAE, skeletonmae=replace(MAE.skeletonmae, **changes)))


def test_what_no_sttformer_can_be() -> None:
    with pytest.raises(
        InputError,
        match=r"multiple of 2 frames \(encoder.sttformer.frames\), got 13; 12 or 14 would do",
    ):
        build_encoder(NTU, STTFORMER, 13)
    with pytest.raises(InputError, match=r"sttformer.width: expected a multiple of 16 .*, got 40"):
        build_encoder(NTU, replace(STTFORMER, sttformer=SttformerSettings(40, 2)), 12)


def test_from_pretraining_to_a_picture_and_a_teacher(store: Store, tmp_path: Path) -> None:
    pretrain(
        store,
        tmp_path / "encoder",
        Recipe("tiny", input=DATA, encoder=STTFORMER, pretrain=MAE, compute=COMPUTE),
    )
    module, card = load_mae(tmp_path / "encoder")
    assert (card.encoder.backbone, card.encoder.sttformer) == ("sttformer", STTFORMER.sttformer)
    assert not any(parameter.requires_grad for parameter in module.parameters())
    kept = load_encoder(tmp_path / "encoder")[0]
    whole = Clips.read(store, store.split("xsub", "train"), DATA).joints
    of_whole = state(with_statistics(kept, View(NTU, DATA), whole))
    for name, value in state(kept).items():
        torch.testing.assert_close(value, of_whole[name], msg=f"{name}: of whole clips")
    assert not equal(state(kept), state(module.encoder)), "reconstructs with those of masked clips"
    clip = str(store.index["name"][1])
    made = inspect.Subject([tmp_path / "encoder"], store, clip=clip)
    inspect.draw_reconstruction(made, Recipe(compute=COMPUTE), tmp_path / "made.png")
    assert imread(tmp_path / "made.png").std() > 0.02
    tuned = FinetuneSettings(label_smoothing=0.1, optim=optim(milestones=(1.0,)))
    finetune(
        store,
        tmp_path / "tuned",
        Recipe(input=DATA, encoder=STTFORMER, compute=COMPUTE, finetune=tuned),
        encoder=tmp_path / "encoder",
    )
    spoken = inspect.Subject([tmp_path / "tuned"], store, clip=clip)
    inspect.draw_activation(spoken, Recipe(), tmp_path / "spoken.png")
    with pytest.raises(InputError, match=r"tuned: expected a pretrained encoder, got a classifier"):
        load_mae(tmp_path / "tuned")
    (tmp_path / "encoder" / DECODER).write_bytes(b"not a decoder")
    with pytest.raises(InputError, match=r"expected a decoder written by skedge, it is damaged"):
        load_mae(tmp_path / "encoder")
    (tmp_path / "encoder" / DECODER).unlink()
    with pytest.raises(
        InputError, match=r"expected decoder.safetensors, found none; name a folder that"
    ):
        load_mae(tmp_path / "encoder")


def test_a_decoder_that_has_no_room_is_named(tmp_path: Path) -> None:
    """As the weights beside it: safetensors has errors of its own."""
    recipe = Recipe(input=DATA, encoder=STTFORMER, pretrain=settings("skeletonmae"))
    method = make_method(NTU, recipe)
    with pytest.raises(OSError, match="File too large") as refused, no_room_for(1000):
        method.leave(tmp_path)
    assert refused.value.filename == str(tmp_path / DECODER)


@torch.no_grad()
@pytest.mark.parametrize("plan", [STTFORMER, STANDARDISED])
@pytest.mark.parametrize("persons", [1, 2])
def test_the_deployed_form(persons: int, plan: EncoderSettings) -> None:
    data = replace(INPUT, persons=persons)
    classifier = random_classifier(NTU, data, plan)
    assert isinstance(classifier, Classifier)
    joints = scenes(3, data, absent=persons == 2)
    logits, features = classifier(joints)
    deployed = Deployed(classifier).eval()
    for i in range(3):
        probabilities, embedding = deployed(joints[i])
        torch.testing.assert_close(probabilities, logits[i].softmax(0), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(embedding, features[i], atol=1e-4, rtol=1e-4)
