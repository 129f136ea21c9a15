"""The search for the parts of a graph that stay in float: by measurement, in every format the same
way."""

from collections.abc import Callable, Collection
from typing import Protocol

# An output may move by this share of what lies between clips (the root of the mean square) where
# weights are int8, and where activations are too. Twice as much, and a hundredth of the answers of
# an unsure network change.
WEIGHTS_ENOUGH, ENOUGH = 0.01, 0.015


class Quantizer(Protocol):
    """A float model that can be quantised part by part; `parts` are the names of its nodes that can
    be, and `products` of those that multiply by stored weights, which are most of its work."""

    parts: tuple[str, ...]
    products: tuple[str, ...]

    def quantize(self, kept: Collection[str]) -> bytes:
        """The model with all of its parts quantised but those in `kept`."""
        ...


def leave_worst(
    quantizer: Quantizer,
    error: Callable[[bytes], float],
    quick_error: Callable[[bytes], float],
    enough: float,
) -> tuple[bytes, list[str]]:
    """Quantise all parts but the fewest, and those the worst, with which the model errs by no more
    than `enough`.

    `error` measures a model; `quick_error`, which may look at fewer clips, only ranks: every part
    is quantised alone, and those that err most alone stay in float first. Both may give infinity
    for what does not run. Returns the model and the parts left in float.
    """
    model = quantizer.quantize(())
    if error(model) <= enough:
        return model, []
    everything = frozenset(quantizer.parts)
    bare = quantizer.quantize(everything)
    if (
        error(bare) > enough
    ):  # the float model itself is wrong: nothing that could be left in float mends it
        return bare, list(quantizer.parts)
    alone: dict[str, float] = {}
    for part in quantizer.parts:
        model = quantizer.quantize(everything - {part})
        alone[part] = 0.0 if model == bare else quick_error(model)
    # Those that do no harm alone are the last: together they may.
    ranked = sorted(quantizer.parts, key=lambda part: -alone[part])

    def attempt(count: int) -> tuple[bytes, bool]:
        model = quantizer.quantize(ranked[:count])
        return model, error(model) <= enough

    # Twice as many each time until it is good, then halve the gap.
    short, count = 0, 1
    best, good = attempt(count)
    while not good and count < len(ranked):
        short = count
        count = min(2 * count, len(ranked))
        best, good = attempt(count)
    while count - short > 1:
        middle = (short + count) // 2
        model, good = attempt(middle)
        if good:
            best = model
            count = middle
        else:
            short = middle
    return best, ranked[:count]
