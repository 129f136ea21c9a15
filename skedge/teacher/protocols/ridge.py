"""The floor that any network must clear."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.skeleton.normalize import normalize
from skedge.teacher.protocols.evaluate import Sets, draw, report
from skedge.teacher.runs.folder import Run, write_metrics


def ridge(store: Store, folder: Path, recipe: Recipe) -> dict[str, Any]:
    """The metrics of a linear ridge classifier on normalised coordinates and their velocities."""
    from sklearn.linear_model import RidgeClassifierCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    data = recipe.input
    sets = Sets.read(store, data)

    def rows(sampling: Tensor) -> np.ndarray:
        joints = normalize(sampling.numpy(), store.layout, data.normalization)
        return np.concatenate(
            [joints.reshape(len(joints), -1), np.diff(joints, axis=2).reshape(len(joints), -1)],
            axis=1,
        )

    model = make_pipeline(StandardScaler(), RidgeClassifierCV(np.logspace(-1, 5, 13))).fit(
        np.concatenate([rows(sampling) for sampling in sets.train.samplings()]),
        sets.train.labels.repeat(data.test_clips).numpy(),
    )
    scores = np.mean(
        [model.decision_function(rows(sampling)) for sampling in sets.test.samplings()], axis=0
    )
    scores = np.stack([-scores, scores], axis=1) if scores.ndim == 1 else scores
    full = np.full((len(scores), len(store.labels)), -np.inf, np.float32)
    full[:, model.classes_] = scores
    extra = {"protocol": "ridge", "part": data.part}
    metrics = report(torch.from_numpy(full), sets, Run(folder, recipe), extra=extra)
    del metrics["precision"]  # of networks
    write_metrics(folder, metrics)
    draw(metrics, folder)
    return metrics
