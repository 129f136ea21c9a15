"""Masks of tokens, which the student of a masked method does not see."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from skedge.recipes.settings import TokenMaskSettings
from skedge.skeleton.errors import InputError
from skedge.teacher.networks.transformer import segments


def masked_count(size: int, ratio: float) -> int:
    """ceil(size * ratio - 0.5): how many of `size` go; 22 of 25 joints at 0.9.

    (Skeleton2vec's K = V (1 - m) is what stays visible, and its program's truncation leaves 2 of
    25. MAMP's keeps int(750 * (1 - 0.9)) of 750 tokens, which floating point makes 74, so that it
    masks 676; here 675 go, which is the ratio that the recipe names.)

    Raises `InputError` unless at least one goes and one stays.
    """
    # Rounded first: 25 * (1 - 0.9) is 2.4999... in floating point, and so may be what should be a
    # whole number here.
    masked = math.ceil(round(size * ratio - 0.5, 9))
    if not 0 < masked < size:
        raise InputError(
            f"mask: expected a ratio that masks at least 1 and leaves 1 of {size}, got {ratio:g},"
            f" {masked} of them"
        )
    return masked


def motion_of(x: Tensor) -> Tensor:
    """x[t+1] - x[t] of bodies (R, T, V, C), the last frame 0 (Skeleton2vec eq. 8)."""
    return torch.cat([x[:, 1:] - x[:, :-1], torch.zeros_like(x[:, :1])], 1)


def intensity(x: Tensor, segment: int) -> Tensor:
    """The motion of every token, S (R, T / segment, V), of bodies (R, T, V, C): the sum of |motion|
    (Skeleton2vec eq. 9)."""
    return segments(motion_of(x).abs(), segment).sum(-1)


def tube_mask(moved: Tensor, ratio: float, tube: int, beta: float, noise: Tensor) -> Tensor:
    """Masked tokens, bool (R, T', V): in every tube of `tube` segments the same joints
    (Skeleton2vec eq. 10 and 11).

    Of intensity `moved` (R, T', V) and `noise` (R, ceil(T' / tube), V), uniform in 0 to 1: those
    joints go that are largest in noise + beta * the tube's motion over its joints' largest. The
    last tube is shorter where T' is no multiple.
    """
    times, joints = moved.shape[1:]
    at = torch.arange(times, device=moved.device) // tube
    sums = torch.zeros_like(noise).index_add(1, at, moved.to(noise.dtype))
    share = sums / sums.amax(-1, keepdim=True).clamp(min=torch.finfo(sums.dtype).tiny)
    gone = (noise + beta * share).topk(masked_count(joints, ratio), -1).indices
    return torch.zeros_like(noise, dtype=torch.bool).scatter(-1, gone, True)[:, at]


def softmax_mask(moved: Tensor, ratio: float, temperature: float, noise: Tensor) -> Tensor:
    """Masked tokens, bool (R, T', V): drawn without replacement in proportion to a softmax over
    intensity (MAMP).

    Of intensity `moved` (R, T', V) over its largest and the temperature, and `noise` (R, T', V),
    uniform in 0 to 1, made Gumbel noise: the largest go. (MAMP's program takes differences between
    segments; here intensity is the paper's, within them.)
    """
    flat = moved.flatten(1)
    chance = (flat / (temperature * flat.amax(1, keepdim=True)).clamp(min=1e-10)).log_softmax(1)
    gumbel = -torch.log(-torch.log(noise.flatten(1).clamp(1e-10, 1 - 1e-7)))
    gone = (chance + gumbel).topk(masked_count(flat.shape[1], ratio), 1).indices
    return torch.zeros_like(flat, dtype=torch.bool).scatter(1, gone, True).view(moved.shape)


def multi_tube(moved: Tensor, settings: TokenMaskSettings) -> Tensor:
    """Skeleton2vec's mask: joints drawn anew for every few segments."""
    return _tubes(moved, settings, tube=settings.tube)


def single_tube(moved: Tensor, settings: TokenMaskSettings) -> Tensor:
    """The same joints for the whole clip."""
    return _tubes(moved, settings, tube=moved.shape[1])


def every_segment(moved: Tensor, settings: TokenMaskSettings) -> Tensor:
    """Joints drawn anew for every segment."""
    return _tubes(moved, settings, tube=1)


def motion_softmax(moved: Tensor, settings: TokenMaskSettings) -> Tensor:
    """MAMP's mask: any tokens, likelier where more moves."""
    noise = torch.rand_like(moved)
    return softmax_mask(moved, settings.ratio, temperature=settings.temperature, noise=noise)


def _tubes(moved: Tensor, settings: TokenMaskSettings, *, tube: int) -> Tensor:
    rows, times, joints = moved.shape
    noise = torch.rand(rows, -(-times // tube), joints, device=moved.device)
    return tube_mask(moved, settings.ratio, tube=tube, beta=settings.beta, noise=noise)


class Strategy(NamedTuple):
    """A way to mask tokens: bool (R, T', V) for their intensity (R, T', V); the ratio is of all
    tokens of a clip, or of the joints of a segment."""

    draw: Callable[[Tensor, TokenMaskSettings], Tensor]
    of_all: bool = False


# By their names in a recipe.
STRATEGIES: dict[str, Strategy] = {
    "multi-tube": Strategy(multi_tube),
    "random": Strategy(every_segment),
    "single-tube": Strategy(single_tube),
    "motion-softmax": Strategy(motion_softmax, of_all=True),
}


class TokenMask:
    """The masks of a recipe; raises `InputError` for one that cannot be drawn from T' times V
    tokens."""

    def __init__(self, settings: TokenMaskSettings, times: int, joints: int) -> None:
        self.settings = settings
        self.strategy = STRATEGIES[settings.strategy]
        masked_count(times * joints if self.strategy.of_all else joints, settings.ratio)
        if settings.tube < 1 or not settings.temperature > 0:
            raise InputError(
                "mask: expected a tube of at least 1 segment and a temperature above 0, got"
                f" {settings.tube} and {settings.temperature:g}"
            )

    def __call__(self, x: Tensor, segment: int) -> Tensor:
        """Masked tokens of bodies (R, T, V, C), bool (R, T / segment, V); of each row as many."""
        return self.strategy.draw(intensity(x.float(), segment), self.settings)


def split(mask: Tensor) -> tuple[Tensor, Tensor]:
    """The places of a mask's (R, K) visible and masked tokens, ascending, of (R, T', V) with as
    many in every row."""
    flat = mask.flatten(1)
    order = flat.int().argsort(dim=1, stable=True)
    visible = flat.shape[1] - int(flat[0].sum())
    return order[:, :visible], order[:, visible:]


def present(joints: Tensor) -> Any:
    """The persons of prepared joints (N, M, T, V, 3) who are there, bool (N * M,): an absent one is
    all zeros."""
    return joints.flatten(2).abs().amax(2).flatten() > 0
