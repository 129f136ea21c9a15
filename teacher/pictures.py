"""Pictures of what networks know: confusions, features, differences, activations, masks."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from teacher.folder import write_whole


def confusion_matrix(confusion: Any, labels: tuple[str, ...], file: Path) -> None:
    """Draw the confusions [truth][answer] (classes, classes) of clips as shares of each row."""
    figure, axes = _figure(*(2 * [max(4.0, 0.22 * len(labels) + 2)]))
    counts = np.asarray(confusion, float)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    image = axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    places = range(len(labels))
    axes.set_xticks(places, labels, rotation=90, fontsize=7)
    axes.set_yticks(places, labels, fontsize=7)
    axes.set_xlabel("answer")
    axes.set_ylabel("truth")
    figure.colorbar(image, fraction=0.04)
    save(figure, file)


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def save(figure: Any, file: Path) -> None:
    """Write a figure whole or not at all."""
    page = io.BytesIO()
    figure.savefig(page, format=file.suffix.removeprefix("."), dpi=110)
    write_whole(file, lambda path: path.write_bytes(page.getvalue()))
