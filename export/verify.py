"""The exported file against the network it came from, on real clips, in the runtime that will run it."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from edge_runtime.backend import load_backend
from skeleton.datasets.store import Store
from teacher.clips import Clips
from teacher.folder import Card
from teacher.model import Network

TOLERANCE = 1e-4
MOST_CLIPS = 2000


class ExportError(RuntimeError):
    """An exported file that does not give the numbers of its network."""


@torch.inference_mode()
def verify(file: Path, classifier: Network, card: Card, store: Store, indices: np.ndarray) -> dict[str, Any]:
    """Compare file and classifier on the clips at `indices` (at most 2,000 of them, evenly chosen).

    Returns the largest difference in probability, the top-1 agreement and how many clips were compared; raises
    `ExportError` with these figures if the difference exceeds 1e-4.
    """
    chosen = indices[np.linspace(0, len(indices) - 1, min(len(indices), MOST_CLIPS)).astype(int)]
    clips = Clips.read(store, chosen, card.input)
    logits = torch.cat([classifier(batch)[0] for batch in clips.joints.split(128)])
    expected = logits.softmax(1).numpy()
    backend = load_backend(file)
    got = np.stack([backend.run(joints.numpy())[0] for joints in clips.joints])
    difference = float(np.abs(got - expected).max())
    agreement = float((got.argmax(1) == expected.argmax(1)).mean())
    figures = {"clips": len(clips), "largest_difference": difference, "agreement": agreement}
    if not difference <= TOLERANCE:
        raise ExportError(
            f"expected probabilities within {TOLERANCE:g} of torch's, got a difference of {difference:.3g} and "
            f"{agreement:.1%} agreement on {len(clips)} clips; the file was not written"
        )
    return figures
