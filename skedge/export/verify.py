"""Comparison of an exported file's answers with those of the network it came from."""

from typing import Any

import numpy as np

from skedge.export.graph import Answers
from skedge.skeleton.text import counted

TOLERANCE = {"fp32": 1e-4, "fp16": 5e-3}
AGREEMENT = 98.0
LOST = 0.5
# One answer in that many may move further: a clip with a joint metres away is outside of all ranges
# that int8 was given, and would decide a mean alone.
ASIDE = 50
# A file of rounded weights may move an embedding by a share of what lies between clips; more is not
# rounding but a mistake.
MOVED = {"fp32": 1e-4, "fp16": 0.05, "dynamic": 0.1, "int8": 0.1}
# Sums in another order move float32 by that share of an embedding's own size, whatever lies between
# clips: 10 steps of it. A network that gives nearly the same for all clips has little between them.
ROUNDED = 1e-6
MOST_CLIPS, FEWEST_CLIPS = 2000, 50


class ExportError(RuntimeError):
    """An exported file that does not give the numbers of its network."""


def choose(indices: np.ndarray, most: int = MOST_CLIPS) -> np.ndarray:
    """At most `most` of the clips' indices, evenly spread."""
    return indices[np.linspace(0, len(indices) - 1, min(len(indices), most)).astype(int)]


def moved(expected: np.ndarray, got: np.ndarray) -> float:
    """The distance that outputs (N, D) moved: the root of the mean square of the difference, as a
    share of the clips' spread, both without the two in a hundred that are the furthest.

    Infinitely far where one of them is not a number.
    """
    if not np.isfinite(got).all():
        return float("inf")
    return _mean_square(got - expected) ** 0.5 / _spread(expected)


def _spread(outputs: np.ndarray) -> float:
    return _mean_square(outputs - outputs.mean(0)) ** 0.5 or 1.0


def _mean_square(distances: np.ndarray) -> float:
    """The mean square of distances (N, D) without the largest two in a hundred."""
    squares = np.sort(np.square(distances).mean(1))
    return float(squares[: len(squares) - len(squares) // ASIDE].mean())


def verify(
    expected: Answers, got: Answers, truth: np.ndarray, precision: str, clips: int | None = None
) -> dict[str, Any]:
    """Compare a file's answers with its network's for clips of the classes `truth` (N,), or for all
    frames of `clips` clips.

    Returns how many clips were compared, the largest difference in probability, the top-1 agreement
    (0 to 1), the accuracy lost (in points, negative where the file is the better one) and how far
    the embedding moved, with a note where the clips were fewer than 50. Raises `ExportError` with
    these figures where the difference in probability exceeds 1e-4 (fp32) or 5e-3 (fp16), or a
    quantised file agrees on less than 98 % or loses more than 0.5 points and more than one answer;
    an embedding that moved by more than 1e-4 (fp32), 0.05 (fp16) or 0.1 (quantised) of what lies
    between clips (`moved`) is refused too, in fp32 only where that is more than a millionth of its
    size.
    """
    answer = got.probabilities.argmax(1)
    right = expected.probabilities.argmax(1)
    figures: dict[str, Any] = {
        "clips": len(truth) if clips is None else clips,
        "largest_difference": float(np.abs(got.probabilities - expected.probabilities).max()),
        "agreement": float((answer == right).mean()),
        "accuracy_lost": 100 * (float((right == truth).mean()) - float((answer == truth).mean())),
        "embedding_moved": moved(expected.embeddings, got.embeddings),
    }
    if figures["clips"] < len(truth):
        figures["frames"] = len(truth)
    if figures["clips"] < FEWEST_CLIPS:
        figures["note"] = (
            f"compared on {counted(figures['clips'], 'clip')} only; {FEWEST_CLIPS} or more would"
            " tell more"
        )
    if precision in TOLERANCE:
        wanted = f"probabilities within {TOLERANCE[precision]:g} of torch's"
        fine = figures["largest_difference"] <= TOLERANCE[precision]
    else:
        # Of fewer than 200 answers one is more than half a point.
        most = max(LOST, 100 / len(truth))
        wanted = (
            f"at least {AGREEMENT:g} % agreement with torch and at most {most:.3g} points of"
            " accuracy lost"
        )
        fine = 100 * figures["agreement"] >= AGREEMENT and figures["accuracy_lost"] <= most + 1e-9
    finite = bool(np.isfinite(got.probabilities).all())
    most_moved, instead = MOVED[precision], "take a larger precision"
    if precision == "fp32":
        size = _mean_square(expected.embeddings) ** 0.5
        most_moved = max(most_moved, ROUNDED * size / _spread(expected.embeddings))
        instead = "try the other format, .onnx or .tflite"
    if not (finite and fine and figures["embedding_moved"] <= most_moved):
        raise ExportError(
            f"{precision}: expected {wanted}, and an embedding moved by at most"
            f" {most_moved:.3g}; got a difference of {figures['largest_difference']:.3g},"
            f" {figures['agreement']:.1%} agreement, {figures['accuracy_lost']:.2f} points lost and"
            f" an embedding moved by {figures['embedding_moved']:.3g} on"
            f" {counted(figures['clips'], 'clip')}; the file was not written; {instead}"
        )
    return figures
