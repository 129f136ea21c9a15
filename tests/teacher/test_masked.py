"""Skeleton2vec and MAMP: masks, targets and teacher against NumPy, and what must never happen in
them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import (
    EncoderSettings,
    FinetuneSettings,
    LinearSettings,
    MampSettings,
    PretrainSettings,
    Skeleton2vecSettings,
    TokenMaskSettings,
)
from skedge.skeleton import InputError
from skedge.teacher.clips import Clips
from skedge.teacher.masks.tokens import (
    TokenMask,
    intensity,
    masked_count,
    softmax_mask,
    split,
    tube_mask,
)
from skedge.teacher.methods.mamp import motion_target
from skedge.teacher.methods.registry import make_method
from skedge.teacher.methods.skeleton2vec import Skeleton2vec, contextualized, follow, kept_share
from skedge.teacher.pretrain import pretrain
from skedge.teacher.protocols.continued import continue_training
from skedge.teacher.protocols.finetune import finetune
from skedge.teacher.protocols.frozen import fold_norm
from skedge.teacher.protocols.linear import linear as probe
from skedge.teacher.runs.folder import WEIGHTS, Run
from skedge.teacher.runs.load import load_classifier, load_encoder
from skedge.teacher.training import fit
from tests.teacher.masked_tiny import (
    DATA,
    NTU,
    TRANSFORMER,
    bodies,
    layer_norm,
    linear,
    settings,
    token_block,
    tokens_of,
    weights_of,
)
from tests.teacher.tiny import COMPUTE, equal, optim, randomise, scenes, state

# One decoder block, and a mask that fits 4 segments of 25 joints.
TOKENS = TokenMaskSettings(tube=2)
S2V = settings("skeleton2vec", skeleton2vec=Skeleton2vecSettings(TOKENS, 1), optim=optim(epochs=2))
MAMP = settings(
    "mamp", mamp=MampSettings(replace(TOKENS, strategy="motion-softmax"), 1), optim=optim(epochs=2)
)


def method(which: PretrainSettings = S2V, persons: int = 1) -> Any:
    torch.manual_seed(2)
    module = make_method(
        NTU, Recipe(input=replace(DATA, persons=persons), encoder=TRANSFORMER, pretrain=which)
    )
    randomise(module)
    return module


@pytest.mark.parametrize(
    ("size", "ratio", "masked"),
    [
        (25, 0.9, 22),
        (25, 0.8, 20),
        (25, 0.85, 21),
        (25, 0.95, 24),
        (20, 0.9, 18),
        (17, 0.9, 15),
        (25, 0.5, 12),
        (750, 0.9, 675),
    ],
)
def test_how_many_are_masked(size: int, ratio: float, masked: int) -> None:
    """V (1 - m) rounded, halves up, stay visible: 25 joints at 0.9 keep 3, not the 2 of a truncated
    2.4999..."""
    assert masked_count(size, ratio) == masked
    assert size - masked == np.floor(round(size * (1 - ratio), 6) + 0.5)


@pytest.mark.parametrize("ratio", [0.0, 0.01, 0.99, 1.0, -1.0])
def test_a_mask_hides_something_and_leaves_something(ratio: float) -> None:
    with pytest.raises(
        InputError, match=r"mask: expected a ratio that masks at least 1 and leaves 1 of 25"
    ):
        masked_count(25, ratio)
    said = ": expected a ratio" if 0 < ratio < 1 else ".ratio: expected above 0, below 1"
    with pytest.raises(InputError, match=rf"mask{said}"):
        make_method(
            NTU,
            Recipe(
                input=DATA,
                encoder=TRANSFORMER,
                pretrain=replace(
                    S2V, skeleton2vec=Skeleton2vecSettings(replace(TOKENS, ratio=ratio), 1)
                ),
            ),
        )


def test_motion_intensity_against_numpy() -> None:
    x = torch.randn(2, 12, 25, 3)
    body = x.double().numpy()
    expected = np.zeros((2, 4, 25))
    for t in range(11):  # the last frame has no motion
        expected[:, t // 3] += np.abs(body[:, t + 1] - body[:, t]).sum(-1)
    np.testing.assert_allclose(intensity(x, 3).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("tube", [1, 2, 3, 4])
@pytest.mark.parametrize("beta", [0.0, 0.1, 0.7])
def test_tube_masks_against_numpy(tube: int, beta: float) -> None:
    """Tubes of 1 are random masking, one of all segments is single-tube; a last shorter tube is a
    tube."""
    moved, noise = torch.rand(3, 4, 25), torch.rand(3, -(-4 // tube), 25)
    expected = np.zeros((3, 4, 25), bool)
    for row in range(3):
        for n in range(noise.shape[1]):
            motion = moved[row, n * tube : (n + 1) * tube].numpy().sum(0)
            p = noise[row, n].numpy() + beta * motion / motion.max()
            expected[row, n * tube : (n + 1) * tube, np.argsort(p)[-22:]] = True
    got = tube_mask(moved, 0.9, tube, beta, noise)
    assert np.array_equal(got.numpy(), expected)
    still = tube_mask(torch.zeros(3, 4, 25), 0.9, tube, beta, noise)
    assert torch.equal(still.sum(-1), torch.full((3, 4), 22)), "of a body that does not move"


@pytest.mark.parametrize("temperature", [0.2, 0.8])
def test_softmax_masks_against_numpy(temperature: float) -> None:
    moved, noise = torch.rand(3, 4, 25), torch.rand(3, 4, 25)
    expected = np.zeros((3, 100), bool)
    for row in range(3):
        flat = moved[row].double().numpy().ravel()
        scores = np.exp(flat / (temperature * flat.max()))
        keys = np.log(scores / scores.sum()) - np.log(-np.log(noise[row].double().numpy().ravel()))
        expected[row, np.argsort(keys)[-90:]] = True
    assert np.array_equal(softmax_mask(moved, 0.9, temperature, noise).flatten(1).numpy(), expected)
    assert softmax_mask(torch.zeros(1, 4, 25), 0.9, temperature, noise[:1]).sum() == 90


@pytest.mark.parametrize(
    ("strategy", "runs"),
    [("random", 4), ("single-tube", 1), ("multi-tube", 2), ("motion-softmax", 4)],
)
def test_strategies(strategy: Any, runs: int) -> None:
    mask = TokenMask(replace(TOKENS, strategy=strategy), 4, 25)
    found = mask(torch.randn(64, 12, 25, 3), 3)
    assert found.shape == (64, 4, 25)
    assert (found.flatten(1).sum(1) == (90 if strategy == "motion-softmax" else 4 * 22)).all(), (
        "as many in every row"
    )
    changes = (found[:, 1:] != found[:, :-1]).any(-1)
    assert changes.float().mean(0).gt(0.5).sum() + 1 == runs, "a new map begins so often"
    with pytest.raises(
        InputError,
        match=r"mask: expected a tube of at least 1 segment and a temperature above 0, got 0",
    ):
        TokenMask(replace(TOKENS, tube=0), 4, 25)


def test_moving_joints_are_masked_more_often() -> None:
    x = torch.zeros(400, 12, 25, 3)
    x[:, ::2, [4, 7]] = 1.0
    for strategy, beta in (("multi-tube", 0.7), ("motion-softmax", 0.0)):
        mask = TokenMask(TokenMaskSettings(strategy, 0.5, 2, beta, 0.3), 4, 25)
        share = mask(x, 3).float().mean((0, 1))
        assert share[[4, 7]].min() > 0.8 > 0.55 > share[[0, 3, 20]].max()


def test_splitting_a_mask() -> None:
    mask = tube_mask(torch.rand(3, 4, 25), 0.9, 2, 0.1, torch.rand(3, 2, 25))
    visible, masked = split(mask)
    for row in range(3):
        assert visible[row].tolist() == np.flatnonzero(~mask[row].numpy().ravel()).tolist()
        assert masked[row].tolist() == np.flatnonzero(mask[row].numpy().ravel()).tolist()


def test_targets_against_numpy() -> None:
    outputs = [torch.randn(2, 100, 16) * (1 + i) + i for i in range(3)]
    total = np.zeros((2, 100, 16))
    for output in outputs:
        x = output.double().numpy()
        total += (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5) / 3
    np.testing.assert_allclose(contextualized(outputs).numpy(), layer_norm(total), atol=1e-5)


@pytest.mark.parametrize("normalized", [False, True])
def test_motion_targets_against_numpy(normalized: bool) -> None:
    x = torch.randn(2, 12, 25, 3)
    x[:, :, 3] = 0.5  # a joint at rest
    body = x.double().numpy()
    motion = np.zeros_like(body)
    motion[:, :-1] = body[:, 1:] - body[:, :-1]
    expected = np.stack([tokens_of(one, 3).reshape(100, 9) for one in motion])
    if normalized:
        mean, var = expected.mean(-1, keepdims=True), expected.var(-1, ddof=1, keepdims=True)
        expected = (expected - mean) / np.sqrt(var + 1e-6)
    np.testing.assert_allclose(motion_target(x, 3, normalized).numpy(), expected, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("which", [S2V, MAMP], ids=["skeleton2vec", "mamp"])
def test_the_loss_against_numpy(which: PretrainSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Visible tokens through the learner and the decoder, the mean square at masked places; the
    teacher sees all."""
    module = method(which).eval()
    joints = bodies(3)
    x = module.bodies(joints)
    mask = module.mask(x, 3)
    monkeypatch.setattr(module, "mask", lambda *_: mask)
    w, learner = weights_of(module), "learner" if which is S2V else "encoder"

    def embedded(name: str) -> np.ndarray:
        tokens = np.stack([tokens_of(row, 3) for row in x.double().numpy()])
        return (
            linear(tokens, w, f"{name}.embedding")
            + w[f"{name}.places.time"]
            + w[f"{name}.places.space"]
        ).reshape(3, 100, 16)

    if which is S2V:
        y, total = embedded("encoder"), np.zeros((3, 100, 16))
        for block in range(3):
            y = token_block(y, w, f"encoder.blocks.{block}", 2)
            total += (y - y.mean(1, keepdims=True)) / np.sqrt(y.var(1, keepdims=True) + 1e-5) / 3
        target = layer_norm(total)
    else:
        target = motion_target(x.double(), 3, True).numpy()
    errors = []
    for row in range(3):
        gone = mask[row].numpy().ravel()
        y = embedded(learner)[[row]][:, ~gone]
        for block in range(3):
            y = token_block(y, w, f"{learner}.blocks.{block}", 2)
        full = np.tile(w["decoder.token"], (1, 100, 1))
        full[0, ~gone] = linear(layer_norm(y, w, f"{learner}.map.norm"), w, "decoder.inward")
        full = full + (w["decoder.places.time"] + w["decoder.places.space"]).reshape(1, 100, 16)
        predicted = linear(
            layer_norm(token_block(full, w, "decoder.blocks.0", 2), w, "decoder.norm"),
            w,
            "decoder.outward",
        )
        errors.append(np.square(predicted[0, gone] - target[row, gone]))
    assert float(module.loss(joints)) == pytest.approx(np.mean(errors), abs=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("which", [S2V, MAMP], ids=["skeleton2vec", "mamp"])
def test_masked_tokens_carry_no_information(which: PretrainSettings) -> None:
    module = method(which).eval()
    x = module.bodies(bodies(3))
    mask = module.mask(x, 3)
    visible, _ = split(mask)
    hidden = mask.repeat_interleave(3, 1)[..., None]
    other = torch.where(hidden, torch.randn_like(x), x)
    assert torch.equal(module.predict(x, visible), module.predict(other, visible))
    seen = torch.where(hidden, x, x + 0.1)
    assert (module.predict(x, visible) - module.predict(seen, visible)).abs().max() > 1e-3


def test_the_teacher_gets_no_gradient() -> None:
    module = method()
    module.loss(bodies(4)).backward()
    assert all(parameter.grad is None for parameter in module.encoder.parameters())
    for name, parameter in (*module.learner.named_parameters(), *module.decoder.named_parameters()):
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0 or "inward.bias" in name, (
            name
        )  # a bias of the keys has none


@torch.no_grad()
@pytest.mark.parametrize("which", [S2V, MAMP], ids=["skeleton2vec", "mamp"])
def test_absent_persons_are_no_rows(which: PretrainSettings) -> None:
    """Two persons of whom one is always absent are one person."""
    pair, single = method(which, persons=2).eval(), method(which).eval()
    joints = bodies(4, persons=2, absent=True)
    assert pair.bodies(joints).shape == (4, 12, 25, 3)
    losses = []
    for module, seen in ((pair, joints), (single, joints[:, :1])):
        torch.manual_seed(5)
        losses.append(float(module.loss(seen)))
    assert losses[0] == losses[1]
    assert pair.bodies(bodies(4, persons=2)).shape[0] == 8


@pytest.mark.parametrize(
    ("first", "steps", "expected"),
    [(None, 500, 0.99), (None, 10_000, 0.9999), (0.5, 10, 0.5), (1.0, 9, 1)],
)
def test_the_teachers_schedule(first: float | None, steps: int, expected: float) -> None:
    shares = [kept_share(first, step, steps) for step in range(steps + 1)]
    assert shares[0] == pytest.approx(expected)
    assert shares[-1] == pytest.approx(1)
    np.testing.assert_allclose(np.diff(shares), (1 - expected) / steps, atol=1e-12)


def test_the_teacher_follows_after_every_step(store: Store, tmp_path: Path) -> None:
    """What is kept is the average of the learner's weights by hand, of the first step's to the
    last's."""
    module = method(
        replace(
            S2V,
            skeleton2vec=replace(S2V.skeleton2vec, ema=0.5),
            optim=optim(epochs=2, batch_size=6),
        )
    )
    follow(module.encoder, module.learner, 0.0)
    expected, weights = (
        {name: tensor.double() for name, tensor in module.learner.named_parameters()},
        [],
    )
    assert equal(state(module.encoder), state(module.learner)), "at first they are the same"

    class Spy(Skeleton2vec):
        def on_train_batch_end(self, *args: Any) -> None:
            weights.append(
                {name: tensor.detach().double() for name, tensor in self.learner.named_parameters()}
            )
            super().on_train_batch_end(*args)

    module.__class__ = Spy
    clips = Clips.read(store, store.split("xsub", "train"), DATA)
    fit(
        module,
        clips.loader(6, drop_last=True),
        Run(tmp_path, Recipe(compute=COMPUTE)),
        title="Test",
    )
    assert len(weights) == 4
    for step, now in enumerate(weights):
        tau = 0.5 + 0.5 * step / 4
        expected = {name: tau * expected[name] + (1 - tau) * now[name] for name in expected}
    for name, tensor in module.encoder.named_parameters():
        torch.testing.assert_close(tensor.double(), expected[name], atol=1e-6, rtol=1e-5)
        assert not torch.equal(tensor, dict(module.learner.named_parameters())[name])


@pytest.mark.parametrize(
    ("which", "least"), [(S2V, 0.85), (MAMP, 0.95)], ids=["skeleton2vec", "mamp"]
)
def test_sixteen_clips_are_overfit(which: PretrainSettings, least: float, store: Store) -> None:
    torch.manual_seed(0)
    module = make_method(
        NTU,
        Recipe(
            input=DATA,
            encoder=TRANSFORMER,
            pretrain=replace(which, optim=optim(learning_rate=3e-3, optimizer="adamw")),
        ),
    )
    joints = scenes(16, DATA)
    optimizer = torch.optim.AdamW(module.parameters(), 3e-3)
    losses = []
    for _ in range(40):
        loss = module.loss(joints)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if isinstance(module, Skeleton2vec):
            follow(module.encoder, module.student(), 0.99)
    assert np.mean(losses[-10:]) < least * np.mean(losses[:5])


def test_what_cannot_be_pretrained() -> None:
    with pytest.raises(InputError, match=r"ema: expected 0 to 1, got 1.5"):
        method(replace(S2V, skeleton2vec=replace(S2V.skeleton2vec, ema=1.5)))
    with pytest.raises(InputError, match=r"pretrain.mamp.decoder_depth: expected 1 or more, got 0"):
        method(replace(MAMP, mamp=replace(MAMP.mamp, decoder_depth=0)))


def test_from_pretraining_to_a_finetuned_teacher(store: Store, tmp_path: Path) -> None:
    """The teacher's weights are what is kept, probed, and finetuned with a head of two layers."""
    pretrain(
        store,
        tmp_path / "encoder",
        Recipe("tiny", input=DATA, encoder=TRANSFORMER, pretrain=S2V, compute=COMPUTE),
    )
    encoder, card = load_encoder(tmp_path / "encoder")
    assert (card.encoder.backbone, card.encoder.transformer) == (
        "transformer",
        TRANSFORMER.transformer,
    )
    assert card.provenance["settings"]["skeleton2vec"]["mask"]["tube"] == 2
    learner, of = load_encoder(tmp_path / "encoder" / "learner")
    assert of.encoder == card.encoder
    assert not equal(state(learner), state(encoder)), "the student, which the teacher lags behind"
    settings_ = LinearSettings(optim(epochs=3), batch_norm=True)
    probing = Recipe(input=DATA, encoder=TRANSFORMER, linear=settings_, compute=COMPUTE)
    found = probe(store, tmp_path / "probe", probing, encoder=tmp_path / "encoder")
    assert found["protocol"] == "linear"
    after = load_file(tmp_path / "probe" / WEIGHTS)
    kept = {
        name.removeprefix("encoder."): tensor
        for name, tensor in after.items()
        if name.startswith("encoder.")
    }
    assert equal(kept, state(encoder))
    assert {name for name in after if name.startswith("head")} == {"head.weight", "head.bias"}, (
        "the batch norm is part of it"
    )
    plan = EncoderSettings(backbone="transformer", head="mlp")
    tuned = FinetuneSettings(
        layer_decay=0.8, drop_path=0.2, optim=optim(optimizer="adamw", betas=(0.9, 0.95))
    )
    finetune(
        store,
        tmp_path / "tuned",
        Recipe(input=DATA, encoder=plan, compute=COMPUTE, finetune=tuned),
        encoder=tmp_path / "encoder",
    )
    classifier, card = load_classifier(tmp_path / "tuned")
    assert (card.encoder.head, card.encoder.transformer) == ("mlp", TRANSFORMER.transformer)
    assert classifier(scenes(2, DATA))[0].shape == (2, 3)
    continue_training(
        store,
        tmp_path / "on",
        Recipe(
            input=DATA, finetune=FinetuneSettings(optim=optim(learning_rate=0.0)), compute=COMPUTE
        ),
        trained=tmp_path / "tuned",
    )
    assert equal(load_file(tmp_path / "on" / WEIGHTS), load_file(tmp_path / "tuned" / WEIGHTS)), (
        "both layers of the head"
    )


def test_the_checkpoint_holds_learner_teacher_and_decoder() -> None:
    assert {name.split(".")[0] for name in method().state_dict()} == {
        "encoder",
        "learner",
        "decoder",
    }


def test_folded_standardisation() -> None:
    norm, layer = torch.nn.BatchNorm1d(8, affine=False), torch.nn.Linear(8, 3)
    x: Tensor = torch.randn(64, 8) * 3 + 1
    norm(x)
    norm.eval()
    with torch.no_grad():
        expected = layer(norm(x))
        fold_norm(norm, layer)
        torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-4)
