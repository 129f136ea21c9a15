"""The pieces of momentum contrast, each against NumPy in double precision."""

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax, logsumexp, softmax

from skedge.recipes.settings import ContrastSettings
from skedge.skeleton import load_layout
from skedge.teacher.methods.attention_drop import attention_drop
from skedge.teacher.methods.contrast_losses import NOTHING, ddm, info_nce, nearest
from skedge.teacher.methods.csclr import transform
from skedge.teacher.methods.moco import MoCo, gathered
from skedge.teacher.networks.encoders import STGCN
from tests.teacher.tiny import PLAN, equal, randomise, state

NTU = load_layout("ntu25")
CLOSE = {"atol": 1e-5, "rtol": 1e-5}


def units(rows: int, width: int, seed: int) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(rows, width))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def tensor(x: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(x).float()


def moco(queue: int = 10, **changes: object) -> MoCo:
    torch.manual_seed(1)
    module = MoCo(STGCN(NTU, PLAN), ContrastSettings(features=6, queue=queue, **changes))
    randomise(module.encoder)
    return module


def clip(seed: int = 0, count: int = 4) -> torch.Tensor:
    return torch.randn(count, 3, 12, 25, 1, generator=torch.Generator().manual_seed(seed))


def test_a_single_positive_is_cross_entropy() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 9)) / 0.07
    positives = np.zeros((5, 9), bool)
    positives[:, 0] = True
    expected = np.mean(logsumexp(logits, axis=1) - logits[:, 0])
    for over in ("sum", "mean"):
        assert info_nce(tensor(logits), torch.from_numpy(positives), over).item() == pytest.approx(
            expected, rel=1e-5
        )


def test_csclr_sums_probabilities_where_aimclr_averages_their_logarithms() -> None:
    logits = np.random.default_rng(1).normal(size=(6, 9)) / 0.2
    positives = np.random.default_rng(2).random((6, 9)) < 0.3
    positives[:, 0] = True
    rows = zip(logits, positives, strict=True)
    eq11 = np.mean([-np.log(np.exp(row[own]).sum() / np.exp(row).sum()) for row, own in rows])
    program = np.mean(-(log_softmax(logits, axis=1) * positives).sum(1) / positives.sum(1))
    assert abs(eq11 - program) > 0.1
    x, mask = tensor(logits), torch.from_numpy(positives)
    assert info_nce(x, mask, "sum").item() == pytest.approx(eq11, rel=1e-5)
    assert info_nce(x, mask, "mean").item() == pytest.approx(program, rel=1e-5)


def test_ddm_is_the_cross_entropy_to_a_fixed_distribution() -> None:
    extreme, normal = (np.random.default_rng(seed).normal(size=(4, 7)) / 0.07 for seed in (3, 4))
    expected = -np.mean((softmax(normal, axis=1) * log_softmax(extreme, axis=1)).sum(1))
    x, target = tensor(extreme).requires_grad_(), tensor(normal).requires_grad_()
    loss = ddm(x, target)
    loss.backward()
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert target.grad is None
    assert x.grad is not None
    masked = ddm(
        torch.cat([x.detach(), torch.full((4, 1), NOTHING)], 1),
        torch.cat([target.detach(), torch.full((4, 1), NOTHING)], 1),
    )
    assert masked.item() == pytest.approx(expected, rel=1e-5), (
        "what counts for nothing changes nothing"
    )


def test_the_nearest_keys_without_a_clip_s_own() -> None:
    cosines = np.random.default_rng(5).uniform(-1, 1, (8, 12))
    own = np.zeros((8, 12), bool)
    own[np.arange(4), cosines[:4].argmax(1)] = True
    for count in (1, 3):
        found = nearest(tensor(cosines), count, torch.from_numpy(own)).numpy()
        for row in range(8):
            order = [k for k in np.argsort(-cosines[row]) if not own[row, k]]
            assert set(np.flatnonzero(found[row])) == set(order[:count])
    everything = nearest(tensor(cosines), 99, torch.from_numpy(own)).numpy()
    assert (everything == ~own).all(), "more than there are: all but its own"


def test_transformed_positives() -> None:
    """Equation 8 with one amount, eq. 9 for the similarity; no pair becomes negative, and those
    that would stay as they are."""
    query, key = units(300, 8, 6), units(300, 8, 7)
    key = query + np.linspace(0, 2, 300)[:, None] * key
    key /= np.linalg.norm(key, axis=1, keepdims=True)
    amount = np.random.default_rng(8).uniform(1, 2, (300, 1))
    far_query, far_key = transform(tensor(query), tensor(key), tensor(amount))
    before, after = (query * key).sum(1), (far_query * far_key).sum(1).numpy()
    by_hand = 2 * amount[:, 0] * (1 - amount[:, 0]) * (1 - before) + before
    taken = by_hand >= 1e-4
    refused = by_hand <= -1e-4
    assert taken.sum() > 50
    assert refused.sum() > 50
    np.testing.assert_allclose(after[taken], by_hand[taken], **CLOSE)
    np.testing.assert_allclose(
        far_query[taken], (amount * query + (1 - amount) * key)[taken], **CLOSE
    )
    np.testing.assert_allclose(
        far_key[taken], (amount * key + (1 - amount) * query)[taken], **CLOSE
    )
    np.testing.assert_allclose(far_query[refused], query[refused], **CLOSE)
    np.testing.assert_allclose(far_key[refused], key[refused], **CLOSE)
    assert (after[before > 0] > -1e-6).all(), "no positive pair is made negative"
    assert (after <= before + 1e-5).all(), "never easier"


def test_at_an_amount_of_one_and_a_half_pairs_under_0_6_are_refused() -> None:
    angle = np.arccos([0.55, 0.65])
    query = tensor(np.array([[1.0, 0.0]] * 2))
    key = tensor(np.stack([np.cos(angle), np.sin(angle)], 1))
    far, _ = transform(query, key, torch.full((2, 1), 1.5))
    assert torch.equal(far[0], query[0])
    assert not torch.equal(far[1], query[1])


def test_attention_drop() -> None:
    features = np.random.default_rng(9).gamma(1.0, size=(3, 5, 6, 7))
    features[:, :, :, 2] *= 4.0  # a joint whose mean attention is high enough to go whole
    apart = (features - features.mean((2, 3), keepdims=True)) ** 2
    energy = (
        4
        * (apart.sum((2, 3), keepdims=True) / 41 + 1e-4)
        / (apart + 2 * (apart.sum((2, 3), keepdims=True) / 41 + 1e-4))
    )
    attention = expit(1 / energy)
    joint, value = attention.mean((1, 2), keepdims=True) < 0.7, attention < 0.7
    assert 0 < joint.mean() < 1
    assert 0 < value.mean() < 1
    expected = features * joint / joint.mean() * value / value.mean()
    np.testing.assert_allclose(attention_drop(tensor(features), 0.7), expected, **CLOSE)


def test_the_key_encoder_follows_before_keys_are_made_and_gets_no_gradient() -> None:
    module = moco(momentum=0.9)
    query, key = state(module.encoder), state(module.key_encoder)
    names = dict(module.encoder.named_parameters())
    module.follow()
    for name, value in module.key_encoder.named_parameters():
        expected = 0.9 * key[name].double() + 0.1 * query[name].double()
        np.testing.assert_allclose(value.numpy(), expected, **CLOSE)
        assert torch.equal(names[name], query[name]), "the query encoder stays"
    made = module.key(clip())
    (module.query(clip()) * made).sum().backward()
    assert not made.requires_grad
    assert all(
        p.grad is None for p in [*module.key_encoder.parameters(), *module.key_mlp.parameters()]
    )
    assert all(p.grad is not None for p in [*module.encoder.parameters(), *module.mlp.parameters()])


def test_a_fresh_key_network_is_the_query_network() -> None:
    module = moco()
    twin = MoCo(STGCN(NTU, PLAN), ContrastSettings(features=6, queue=4))
    assert equal(state(twin.encoder), state(twin.key_encoder))
    assert equal(state(twin.mlp), state(twin.key_mlp))
    assert (
        sum(p.requires_grad for p in module.parameters())
        == sum(1 for _ in module.encoder.parameters()) + 4
    )


def test_the_queue_takes_the_oldest_place_and_holds_unit_vectors() -> None:
    module = moco(10)
    norms = module.keys.norm(dim=1)
    torch.testing.assert_close(norms, torch.ones(10))
    assert (module.owners == -1).all()
    first = module.keys.clone()
    batches = [module.key(clip(seed)) for seed in range(4)]
    for number, keys in enumerate(batches):
        module.enqueue(keys, torch.arange(4) + 10 * number)
        assert int(module.pointer) == 4 * (number + 1) % 10
        torch.testing.assert_close(module.keys.norm(dim=1), torch.ones(10))
    # Sixteen keys in ten places: the last ten stay, the first of them where the pointer stands.
    order = [(6 + i) % 10 for i in range(10)]
    torch.testing.assert_close(module.keys[order], torch.cat(batches)[-10:])
    assert module.owners[order].tolist() == [12, 13, 20, 21, 22, 23, 30, 31, 32, 33]
    assert not torch.equal(first, module.keys)


def test_the_queue_may_move_before_the_gradient_is_taken() -> None:
    module = moco(4)
    query = module.query(clip())
    cosines = module.similarities(query)
    before = module.keys.clone()
    expected = torch.autograd.grad(
        (query @ before.T).square().sum(), module.mlp[2].weight, retain_graph=True
    )[0]
    module.enqueue(module.key(clip(3)), torch.arange(4))
    (gradient,) = torch.autograd.grad(cosines.square().sum(), module.mlp[2].weight)
    torch.testing.assert_close(gradient, expected)


def test_own_keys_are_found_by_the_clip_s_number() -> None:
    module = moco(6)
    module.enqueue(torch.eye(6)[:4], torch.tensor([5, 2, 9, 2]))
    assert module.own(torch.tensor([2, 7])).tolist() == [
        [False, True, False, True, False, False],
        [False] * 6,
    ]


def test_one_process_has_its_own_keys_only() -> None:
    x = torch.randn(3, 2)
    assert torch.equal(gathered(x), x)
