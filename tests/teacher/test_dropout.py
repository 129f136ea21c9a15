"""Dropout that is drawn four entries at a time."""

import pytest
import torch
from torch import nn

from skedge.recipes.settings import EncoderSettings
from skedge.skeleton import load_layout
from skedge.teacher.networks.dropout import Dropout
from skedge.teacher.networks.encoders import STGCN

SHAPE = (37, 16, 25, 27)  # no whole number of words


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_right_share_goes_and_the_rest_is_scaled(p: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x = torch.ones(SHAPE, dtype=dtype, requires_grad=True)
    made = Dropout(p)(x)
    assert made.dtype == dtype
    kept = made.detach() != 0
    deviation = (p * (1 - p) / x.numel()) ** 0.5
    assert float(kept.double().mean()) == pytest.approx(1 - p, abs=5 * deviation)
    scaled = torch.full_like(made.detach()[kept], 1 / (1 - p))
    torch.testing.assert_close(made.detach()[kept], scaled, atol=0.0, rtol=1e-4)
    made.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, made.detach())


def test_every_entry_is_drawn_by_itself() -> None:
    """Neighbours in a word, in the next word and in other clips say nothing of each other."""
    torch.manual_seed(0)
    kept = (Dropout(0.5)(torch.ones(SHAPE)) != 0).flatten().double() * 2 - 1
    for apart in [*range(1, 9), SHAPE[3], kept.numel() // SHAPE[0]]:
        together = float((kept[apart:] * kept[:-apart]).mean())
        assert abs(together) < 5 / kept.numel() ** 0.5, apart


def test_a_seed_decides() -> None:
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        drawn.append(Dropout(0.5)(torch.ones(SHAPE)))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


@pytest.mark.parametrize(("p", "training"), [(0.0, True), (0.5, False)])
def test_nothing_is_dropped(p: float, training: bool) -> None:
    x = torch.randn(SHAPE)
    assert torch.equal(Dropout(p).train(training)(x), x)


def test_all_is_dropped() -> None:
    assert not Dropout(1.0)(torch.ones(SHAPE)).any()


def test_a_graph_encoder_has_it() -> None:
    encoder = STGCN(load_layout("ntu25"), EncoderSettings())
    found = [part for part in encoder.modules() if isinstance(part, nn.Dropout)]
    assert found
    assert all(isinstance(part, Dropout) for part in found)
