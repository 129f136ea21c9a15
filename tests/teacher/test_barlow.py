import numpy as np
import pytest
import torch
from torch import Tensor

from skedge.teacher.methods.barlow import BarlowLoss


def _by_formula(first: np.ndarray, second: np.ndarray, redundancy: float) -> float:
    """Element by element, in float64."""
    samples, features = first.shape
    standardised = []
    for z in (first.astype(np.float64), second.astype(np.float64)):
        mean = z.sum(0) / samples
        variance = ((z - mean) ** 2).sum(0) / samples
        standardised.append((z - mean) / np.sqrt(variance + 1e-5))
    loss = 0.0
    for i in range(features):
        for j in range(features):
            c = sum(standardised[0][n, i] * standardised[1][n, j] for n in range(samples)) / samples
            loss += (1 - c) ** 2 if i == j else redundancy * c**2
    return float(loss)


def _independent(first: Tensor, second: Tensor, redundancy: float) -> Tensor:
    """The loss by other means (torch.corrcoef's cross block, its variances' epsilon put back), for
    autograd."""
    features, samples = first.shape[1], len(first)
    covariance = torch.cov(torch.cat([first, second], 1).T, correction=0)
    scale = 1 / torch.sqrt(torch.cat([first, second], 1).var(0, correction=0) + 1e-5)
    c = (scale[:, None] * covariance * scale[None])[:features, features:]
    weight = redundancy + (1 - redundancy) * torch.eye(features, dtype=c.dtype)
    assert samples > 1
    return (weight * (c - torch.eye(features, dtype=c.dtype)) ** 2).sum()


def embeddings(samples: int = 12, features: int = 7) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(4)
    first = (
        torch.randn(samples, features, generator=generator) * torch.linspace(0.1, 3, features) + 2
    )
    return first, 0.6 * first + torch.randn(samples, features, generator=generator)


@pytest.mark.parametrize("redundancy", [2e-4, 0.3])
def test_the_value_is_the_formulas(redundancy: float) -> None:
    first, second = embeddings()
    expected = _by_formula(first.numpy(), second.numpy(), redundancy)
    assert BarlowLoss(redundancy)(first, second).item() == pytest.approx(expected, rel=1e-5)
    assert _independent(first.double(), second.double(), redundancy).item() == pytest.approx(
        expected, rel=1e-9
    )


def test_the_gradient_is_that_of_an_independent_expression() -> None:
    pairs = [tuple(z.clone().requires_grad_() for z in embeddings()) for _ in range(2)]
    BarlowLoss(0.3)(*pairs[0]).backward()
    _independent(pairs[1][0].double(), pairs[1][1].double(), 0.3).backward()
    for got, expected in zip(*pairs, strict=True):
        torch.testing.assert_close(got.grad, expected.grad, atol=1e-5, rtol=1e-4)


def test_equal_and_decorrelated_embeddings_cost_nothing() -> None:
    hadamard = np.array([[1]])
    for _ in range(4):
        hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
    z = torch.from_numpy(hadamard[:, 1:]).float()
    assert BarlowLoss(1.0)(z, 3 * z + 5).item() < 1e-5
    assert BarlowLoss(1.0)(z, -z).item() == pytest.approx(4 * 15, rel=1e-4)


def test_features_without_variance_do_not_break_it() -> None:
    first, second = embeddings()
    first[:, 0] = second[:, 0] = 7.0
    first.requires_grad_()
    loss = BarlowLoss(2e-4)(first, second)
    loss.backward()
    assert loss.isfinite()
    assert first.grad is not None
    assert first.grad.isfinite().all()


def test_mixed_precision_does_not_touch_the_sums() -> None:
    first, second = embeddings(64)
    exact = BarlowLoss(2e-4)(first, second)
    with torch.autocast("cpu", torch.bfloat16):
        loss = BarlowLoss(2e-4)(first, second)
        rounded = BarlowLoss(2e-4)(first.bfloat16(), second.bfloat16())
    assert loss.dtype == torch.float32
    assert loss.item() == exact.item()
    assert rounded.item() == pytest.approx(exact.item(), rel=0.02)
