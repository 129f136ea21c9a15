"""SkeletonCLR, AimCLR, CSCLR and CrosSCLR: their losses by hand, their stages, and what pretraining
with them leaves."""

import csv
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, logsumexp, softmax

from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import (
    AugmentSettings,
    ContrastSettings,
    CrossclrSettings,
    CsclrSettings,
    InputSettings,
    MaskSettings,
    PretrainSettings,
    TransformSettings,
    ViewMasks,
)
from skedge.skeleton import InputError, load_layout
from skedge.teacher.clips import Clips
from skedge.teacher.methods.aimclr import AimCLR
from skedge.teacher.methods.crossclr import CrosSCLR
from skedge.teacher.methods.csclr import CSCLR
from skedge.teacher.methods.moco import MoCo
from skedge.teacher.methods.registry import make_method
from skedge.teacher.methods.skeletonclr import Embedded, SkeletonCLR, fitted
from skedge.teacher.networks.dual import make_encoder
from skedge.teacher.pretrain import pretrain
from skedge.teacher.runs.folder import Run, read_metrics, read_run
from skedge.teacher.runs.load import load_encoder
from skedge.teacher.training import fit, seeded
from tests.teacher.tiny import COMPUTE, INPUT, PLAN, motion, optim, randomise, scenes

NTU = load_layout("ntu25")
THREE = replace(INPUT, stream="three")
STREAMS = ("joint", "bone", "motion")
TAU = 0.2
CONTRAST = ContrastSettings(features=6, temperature=TAU, queue=8)
SMALL_MASKS = ViewMasks(*(replace(mask, masked_frames=3) for mask in vars(ViewMasks()).values()))


def build(method: str, contrast: ContrastSettings = CONTRAST, **changes: Any) -> SkeletonCLR:
    torch.manual_seed(2)
    data = THREE if method in ("csclr", "crossclr") else INPUT
    module = make_method(
        NTU,
        Recipe(
            input=data,
            encoder=PLAN,
            pretrain=PretrainSettings(method, contrast=contrast, **changes),
        ),
    )
    assert isinstance(module, SkeletonCLR)
    randomise(module.streams)
    for moco in module.streams.values():
        assert isinstance(moco, MoCo)
        moco.keys.copy_(torch.nn.functional.normalize(torch.randn_like(moco.keys), dim=1))
        moco.owners.copy_(torch.tensor([-1, 0, 1, 2, 3, 4, 5, -1]))
        moco.pointer.zero_()
    return module


def embedded(module: SkeletonCLR) -> dict[str, Embedded]:
    """Four clips, numbered 0 to 3, each of which has one key in the queue."""
    torch.manual_seed(3)
    return module.embed(scenes(4, INPUT), torch.arange(4))


def alike(found: dict[str, Embedded]) -> dict[str, Embedded]:
    """With queries and keys of all streams near each other, but for the last clip's: pairs that can
    be drawn apart."""
    torch.manual_seed(4)
    common = next(iter(found.values())).key
    for one in found.values():
        spread = torch.tensor([[0.1], [0.2], [0.3], [3.0]])
        query, key = (
            torch.nn.functional.normalize(common + spread * torch.randn_like(common), dim=1)
            for _ in range(2)
        )
        one.query, one.key, one.queued = query.requires_grad_(), key, key
        one.negatives = one.moco.similarities(one.query)
    return found


def arrays(one: Embedded) -> tuple[np.ndarray, ...]:
    parts = (one.query, one.key, one.moco.keys, *one.extreme)
    return tuple(part.detach().double().numpy() for part in parts)


OTHERS = np.array([[owner != row for owner in (-1, 0, 1, 2, 3, 4, 5, -1)] for row in range(4)])


def negatives_without_own(query: np.ndarray, keys: np.ndarray) -> list[np.ndarray]:
    return [(row @ keys.T)[OTHERS[i]] / TAU for i, row in enumerate(query)]


def terms(query: np.ndarray, key: np.ndarray, keys: np.ndarray) -> list[np.ndarray]:
    """Logits of every clip: its key, then the seven keys that are not its own."""
    rows = negatives_without_own(query, keys)
    return [
        np.concatenate([[q @ k / TAU], row]) for q, k, row in zip(query, key, rows, strict=True)
    ]


def nce(rows: list[np.ndarray], mined: list[set[int]] | None = None) -> float:
    """Equation 2, or 11 with mined positives (places among the negatives)."""
    losses = []
    for i, row in enumerate(rows):
        own = [0, *(1 + k for k in (mined[i] if mined else ()))]
        losses.append(logsumexp(row) - logsumexp(row[own]))
    return float(np.mean(losses))


def divergence(rows: list[np.ndarray], others: list[list[np.ndarray]]) -> float:
    found = [
        -(softmax(row) * log_softmax(other[i])).sum()
        for other in others
        for i, row in enumerate(rows)
    ]
    return float(np.mean(found))


def test_skeletonclr_is_info_nce_with_the_key_and_the_other_clips_keys() -> None:
    module = build("skeletonclr")
    found = embedded(module)
    query, key, keys = arrays(found["joint"])
    assert module.loss(found, 0).item() == pytest.approx(nce(terms(query, key, keys)), rel=1e-5)
    everything = build("skeletonclr", replace(CONTRAST, small_set=False))
    one = embedded(everything)["joint"]
    query, key, keys = arrays(one)
    rows = [np.concatenate([[q @ k], q @ keys.T]) / TAU for q, k in zip(query, key, strict=True)]
    assert everything.loss({"joint": one}, 0).item() == pytest.approx(nce(rows), rel=1e-5), (
        "the published form keeps own keys"
    )


@pytest.mark.parametrize("stage", [0, 1])
def test_aimclr_adds_the_divergences_and_mines_with_all_three_queries(stage: int) -> None:
    module = build("aimclr")
    found = embedded(module)
    query, key, keys, extreme, dropped = arrays(found["joint"])
    assert np.abs(extreme - dropped).max() > 1e-3
    rows, others = terms(query, key, keys), [terms(q, key, keys) for q in (extreme, dropped)]
    losses = []
    for i, row in enumerate(rows):
        mined = {int(r[i][1:].argmax()) for r in (rows, *others)} if stage else set()
        losses.append(-np.mean([log_softmax(row)[place] for place in (0, *(1 + k for k in mined))]))
    expected = np.mean(losses) + divergence(rows, others)
    assert module.loss(found, stage).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("extreme", ["ddm", "query", "none"])
def test_csclr_is_three_terms_of_its_own_and_six_between_streams(extreme: Any) -> None:
    module = build("csclr", csclr=CsclrSettings(extreme=extreme))
    found = embedded(module)
    parts = {name: arrays(one) for name, one in found.items()}
    for stage in (0, 1):
        expected = 0.0
        for query, key, keys, *others in parts.values():
            rows = terms(query, key, keys)
            expected += nce(rows, [{int(row[1:].argmax())} for row in rows] if stage else None)
            assert len(others) == (2 if extreme == "ddm" else 0)
            expected += divergence(rows, [terms(q, key, keys) for q in others]) if others else 0.0
        pairs = list(permutations(STREAMS, 2))
        assert len(pairs) == 6
        for u, v in pairs:
            expected += nce(terms(parts[u][0], parts[v][1], parts[v][2]))
        assert module.loss(found, stage).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("inter", [(), ("joint", "motion")])
def test_pairs_between_any_set_of_streams(inter: Any) -> None:
    module = build("csclr", csclr=CsclrSettings(inter, "none"))
    found = embedded(module)
    parts = {name: arrays(one) for name, one in found.items()}
    expected = sum(nce(terms(*parts[name])) for name in STREAMS)
    expected += sum(
        nce(terms(parts[u][0], parts[v][1], parts[v][2])) for u, v in permutations(inter, 2)
    )
    assert module.loss(found, 0).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"negatives": "transformed"},
        {"inter": True},
        {"queued": True},
        {"key_gradient": True},
        {"per": "batch"},
    ],
)
def test_csclr_s_third_stage_changes_the_positive_pair(
    changes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = TransformSettings(**changes)
    module = build("csclr", csclr=CsclrSettings(extreme="none", transform=settings))
    assert isinstance(module, CSCLR)
    found = alike(embedded(module))
    amounts: list[torch.Tensor] = []
    draw = module.amount

    def noted(like: torch.Tensor) -> torch.Tensor:
        amounts.append(draw(like))
        return amounts[-1]

    monkeypatch.setattr(module, "amount", noted)
    loss = module.loss(found, 2)
    assert len(amounts) == (9 if settings.inter else 3)
    assert all(((amount >= 1) & (amount <= 2)).all() for amount in amounts)
    assert all((len(amount.unique()) == 1) == (settings.per == "batch") for amount in amounts)

    def rows(
        query: np.ndarray, key: np.ndarray, keys: np.ndarray, amount: np.ndarray | None
    ) -> list[np.ndarray]:
        if amount is None:
            return terms(query, key, keys)
        far_query, far_key = (
            amount * query + (1 - amount) * key,
            amount * key + (1 - amount) * query,
        )
        kept = (far_query * far_key).sum(1, keepdims=True) >= 0
        far_query, far_key = np.where(kept, far_query, query), np.where(kept, far_key, key)
        against = negatives_without_own(
            far_query if settings.negatives == "transformed" else query, keys
        )
        return [
            np.concatenate([[q @ k / TAU], row])
            for q, k, row in zip(far_query, far_key, against, strict=True)
        ]

    parts = {name: arrays(one) for name, one in found.items()}
    drawn = [amount.double().numpy() for amount in amounts]
    expected = 0.0
    # CSCLR's own terms come first in the order of the streams, then the pairs in the order of
    # permutations.
    pairs = list(permutations(STREAMS, 2))
    inter = drawn[:6] if settings.inter else [None] * 6
    own = drawn[-3:]
    for (u, v), amount in zip(pairs, inter, strict=True):
        expected += nce(rows(parts[u][0], parts[v][1], parts[v][2], amount))
    for name, amount in zip(STREAMS, own, strict=True):
        mined = [{int(row[1:].argmax())} for row in rows(*parts[name], amount)]
        if settings.negatives == "transformed":  # neighbours are those of the query itself
            mined = [{int(row[1:].argmax())} for row in rows(*parts[name], None)]
        expected += nce(rows(*parts[name], amount), mined)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    for one in found.values():
        torch.testing.assert_close(one.queued.norm(dim=1), torch.ones(4))
        assert torch.equal(one.queued, one.key) != settings.queued
        assert not one.queued.requires_grad
    assert abs(loss.item() - module.loss(found, 1).item()) > 0.01, "else nothing was transformed"


def test_a_transformed_key_passes_a_gradient_only_if_asked() -> None:
    gradients = []
    for key_gradient in (False, True):
        module = build(
            "csclr", csclr=CsclrSettings((), "none", TransformSettings(key_gradient=key_gradient))
        )
        found = {"joint": alike(embedded(module))["joint"]}
        torch.manual_seed(5)
        (gradient,) = torch.autograd.grad(module.loss(found, 2), found["joint"].query)
        gradients.append(gradient)
    assert not torch.allclose(*gradients)


@pytest.mark.parametrize("context", [True, False])
def test_crossclr_s_neighbours_are_named_by_another_stream(context: bool) -> None:
    module = build("crossclr", crossclr=CrossclrSettings(context))
    found = embedded(module)
    parts = {name: arrays(one) for name, one in found.items()}
    assert module.loss(found, 0).item() == pytest.approx(
        sum(nce(terms(*part)) for part in parts.values()), rel=1e-5
    )
    losses = []
    for u, v in permutations(STREAMS, 2):
        own, other = (terms(*parts[name]) for name in (u, v))
        for row, guide in zip(own, other, strict=True):
            place = 1 + int(guide[1:].argmax())
            positives = [0, place]
            if context:
                positives.append(place + len(row) - 1)
                row = np.concatenate([row, row[1:] * guide[1:] * TAU])
            losses.append(-np.mean(log_softmax(row)[positives]))
    assert module.loss(found, 1).item() == pytest.approx(np.sum(losses) / 4 / 2, rel=1e-5)


def test_stages_are_shares_of_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    contrast = replace(CONTRAST, stages=(150, 150, 200))
    for method, epochs, first in (("csclr", 500, [0, 150, 300]), ("csclr", 10, [0, 3, 6]), ("aimclr", 300, [0, 150]),
                                  ("crossclr", 30, [0, 15]), ("skeletonclr", 7, [0])):  # fmt: skip
        module = build(method, contrast, optim=optim(epochs=epochs))
        stages = []
        for epoch in range(epochs):
            monkeypatch.setattr(type(module), "current_epoch", epoch, raising=False)
            stages.append(module.stage)
        assert [stages.index(stage) for stage in range(len(first))] == first, method
        assert stages == sorted(stages)
        assert max(stages) == len(first) - 1
    only_last = build("csclr", replace(CONTRAST, stages=(0, 0, 1)))
    monkeypatch.setattr(CSCLR, "current_epoch", 0, raising=False)
    assert only_last.stage == 2


def test_the_streams_of_a_view_come_from_the_same_change() -> None:
    """Augmented joints become bones and motion, not the other way round."""
    module = build("csclr")
    seen = module.views.see(scenes(4, INPUT), "extreme")
    joint, bone, moved = (seen[name][0] for name in STREAMS)
    torch.testing.assert_close(bone, joint - joint[:, :, :, NTU.parents.tolist()])
    torch.testing.assert_close(moved[:, :, :-1], joint[:, :, 1:] - joint[:, :, :-1])


@pytest.mark.parametrize("method", ["aimclr", "crossclr"])
def test_asma_s_masks_in_place_of_a_method_s_own_changes(method: str) -> None:
    """Table 10: query, key and extreme query are the same clip with other joints and frames left
    out."""
    module = build(method, replace(CONTRAST, views="masks", masks=SMALL_MASKS))
    joints = scenes(4, INPUT)
    for role in ("query", "key", "extreme"):
        for name, (clip, left, frames) in module.views.see(joints, role).items():
            torch.testing.assert_close(
                clip, module.views.streams[name](joints), msg="unchanged but for what is left out"
            )
            assert left is not None
            assert frames is not None
            assert (left.shape, frames.shape) == ((4, 16), (4, 9))
    moving = module.views.streams["joint"](joints) if method == "aimclr" else None
    if moving is not None:
        order = moving.diff(dim=2).abs().mean((1, 3, 4)).argsort(dim=1)
        for role, gone in (
            ("query", order[:, :3]),
            ("key", order[:, -3:]),
            ("extreme", order[:, -3:]),
        ):
            frames = module.views.see(joints, role)["joint"][2]
            assert frames is not None
            for row in range(4):
                assert set(range(12)) - set(frames[row].tolist()) == set(gone[row].tolist())
    assert module.loss(embedded(module), 1).isfinite()


def test_an_extreme_query_lacks_what_is_masked() -> None:
    module = build("aimclr", replace(CONTRAST, views="masks", masks=SMALL_MASKS)).eval()
    clip, left, frames = module.views.see(scenes(4, INPUT), "extreme")["joint"]
    moco = module.streams["joint"]
    assert isinstance(moco, MoCo)
    whole, dropped = moco.dropped_queries(0.7, clip, left, frames)
    torch.testing.assert_close(whole, moco.query(clip, left, frames))
    assert not torch.allclose(whole, moco.query(clip), atol=1e-3)
    assert not torch.allclose(whole, dropped, atol=1e-3)


@pytest.mark.parametrize(
    ("asked", "clips", "batch", "queue", "momentum"),
    [(32768, 431, 64, 192, 0.99), (32768, 40000, 128, 19968, 0.99), (128, 431, 64, 128, 0.999), (8, 16, 8, 8, 0.999),
     (9, 16, 4, 8, 0.99), (100, 431, 64, 64, 0.999), (32768, 2, 1, 1, 0.99)],
)  # fmt: skip
def test_the_queue_of_a_small_set(
    asked: int, clips: int, batch: int, queue: int, momentum: float
) -> None:
    found = fitted(ContrastSettings(queue=asked), clips, batch)
    assert (found.queue, found.momentum) == (queue, momentum)
    assert fitted(ContrastSettings(queue=asked, momentum=0.9), clips, batch).momentum == 0.9
    with pytest.raises(
        InputError,
        match=(
            rf"at most {queue} clips a batch, got {queue + 1}; the queue holds {queue} keys .*half"
        ),
    ):
        fitted(ContrastSettings(queue=queue), clips, queue + 1)
    whole = ContrastSettings(queue=asked, small_set=False)
    assert fitted(whole, clips, batch) == whole


def test_wrong_settings_are_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(
        InputError,
        match=r"batch_size: expected at most 6 clips a batch, got 12; .* at most half of the 12 ",
    ):
        pretrain(
            store,
            tmp_path,
            Recipe(
                input=INPUT,
                encoder=PLAN,
                pretrain=PretrainSettings("aimclr", optim=optim(batch_size=128)),
                compute=COMPUTE,
            ),
        )
    for data, got in ((INPUT, "joint"), (replace(THREE, fusion={"bone": 1.0}), r"\['bone'\]")):
        with pytest.raises(
            InputError,
            match=(
                rf"method csclr: its streams learn from each other; expected .* three .*got {got};"
            ),
        ):
            pretrain(
                store,
                tmp_path,
                Recipe(
                    input=data,
                    encoder=PLAN,
                    pretrain=PretrainSettings("csclr", optim=optim(batch_size=4)),
                    compute=COMPUTE,
                ),
            )
    for stages, legal in (
        ((0, 0, 1), r"lengths of 0 or more, the first 2 not all 0, got \["),
        ((-1, 2, 1), "0 or more, got -1"),
    ):
        with pytest.raises(InputError, match=f"contrast.stages: expected {legal}"):
            build("aimclr", replace(CONTRAST, stages=stages))
    for name, value, legal in (("features", 0, "1 or more"), ("temperature", 0.0, "above 0"), ("momentum", 1.5, "0 to 1"),
                               ("queue", 0, "1 or more"), ("neighbors", 0, "1 or more")):  # fmt: skip
        with pytest.raises(InputError, match=rf"contrast.{name}: expected {legal}, got {value:g}"):
            build("skeletonclr", replace(CONTRAST, **{name: value}))
    with pytest.raises(InputError, match=r"csclr.transform.alpha: expected above 0, got 0"):
        build("csclr", csclr=CsclrSettings(transform=TransformSettings(alpha=0.0)))
    masks = ViewMasks(query=MaskSettings(masked_frames=12))
    with pytest.raises(InputError, match="expected 0 to 11 of 12 frames"):
        build("aimclr", replace(CONTRAST, views="masks", masks=masks))


def overfit(method: str, data: InputSettings, folder: Path, **changes: Any) -> list[float]:
    seeded(COMPUTE)
    contrast = ContrastSettings(
        features=16, stages=(1, 0, 0), temperature=0.1, momentum=0.9, normal=AugmentSettings(),
        extreme=AugmentSettings(gaussian_noise=0.5),
    )  # fmt: skip
    contrast = fitted(contrast, 16, 8)
    settings = PretrainSettings(
        method, contrast=contrast, optim=optim(epochs=20, learning_rate=0.01), **changes
    )
    module = make_method(NTU, Recipe(input=data, encoder=PLAN, pretrain=settings))
    joints = torch.stack(
        [torch.from_numpy(motion(NTU, i % 4, i, INPUT.frames))[None] for i in range(16)]
    )
    fit(
        module,
        Clips(joints, torch.arange(16)).loader(8, drop_last=True),
        Run(folder, Recipe(compute=COMPUTE)),
        title=method,
    )
    for moco in module.get_submodule("streams").children():
        torch.testing.assert_close(moco.keys.norm(dim=1), torch.ones(8))
        assert set(moco.owners.tolist()) <= set(range(16))
    with open(folder / "log" / "metrics.csv") as file:
        return [float(row["loss"]) for row in csv.DictReader(file) if row["loss"]]


@pytest.mark.parametrize("method", ["skeletonclr", "aimclr", "csclr", "crossclr"])
def test_the_loss_falls_on_sixteen_clips(method: str, tmp_path: Path) -> None:
    losses = overfit(method, THREE if method in ("csclr", "crossclr") else INPUT, tmp_path)
    assert np.mean(losses[-6:]) < 0.8 * np.mean(losses[1:7]), (
        "from the second step on: before it the queue is random"
    )


def test_streams_trained_together_become_a_folder_each(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each folder is an encoder as any other, of its own stream and weights; a queue knows every
    key's clip, not its label."""
    trained: list[Any] = []

    def noted(module: Any, *rest: Any, **named: Any) -> Any:
        trained.append(module)
        return fit(module, *rest, **named)

    monkeypatch.setattr("skedge.teacher.pretrain.fit", noted)
    settings = PretrainSettings("csclr", contrast=CONTRAST, optim=optim(epochs=3, batch_size=4))
    metrics = pretrain(
        store,
        tmp_path,
        Recipe("tiny", input=THREE, encoder=PLAN, pretrain=settings, compute=COMPUTE),
    )
    assert metrics["method"] == "csclr"
    weights = []
    for name in STREAMS:
        encoder, card = load_encoder(tmp_path / name)
        written = read_metrics(tmp_path / name)
        assert written is not None
        assert written.items() >= metrics.items()
        assert {"effective_rank", "alignment", "uniformity"} < set(written), "a stream's own"
        assert card.input == replace(THREE, stream=name)
        assert card.provenance["settings"]["contrast"]["queue"] == 4, (
            "what was really used, not what was asked"
        )
        weights.append(encoder.state_dict()["blocks.0.time.weight"])
        assert set(read_run(tmp_path / name)[1]) == set(make_encoder(NTU, PLAN).state_dict()), (
            "no key encoder, MLP or queue"
        )
    assert not torch.equal(weights[0], weights[1])
    with (tmp_path / "log" / "metrics.csv").open() as file:
        logged = [row for row in csv.DictReader(file) if row["positive_similarity"]]
    assert 0 < len(logged) < trained[0].trainer.global_step, "in the third stage alone"
    for row in logged:  # 1 + 2 l (l - 1) (similarity - 1) at an amount of l, or as it was
        assert float(row["transformed_similarity"]) <= float(row["positive_similarity"]) <= 1
    for moco in trained[0].streams.values():
        assert len(set(moco.owners.tolist())) == 4, "a batch of four clips"


def test_one_stream_alone_is_one_folder(store: Store, tmp_path: Path) -> None:
    data = replace(INPUT, stream="bone")
    settings = PretrainSettings("aimclr", contrast=CONTRAST, optim=optim(epochs=1, batch_size=4))
    pretrain(store, tmp_path, Recipe(input=data, encoder=PLAN, pretrain=settings, compute=COMPUTE))
    assert load_encoder(tmp_path)[1].input.stream == "bone"


def test_the_classes_are_what_their_names_say() -> None:
    kinds = {"skeletonclr": SkeletonCLR, "aimclr": AimCLR, "csclr": CSCLR, "crossclr": CrosSCLR}
    assert {method: type(build(method)) for method in kinds} == kinds
