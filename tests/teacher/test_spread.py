"""The spread of an encoder's features in pretraining: what is logged, drawn and warned about."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import PretrainSettings
from skedge.teacher import spread
from skedge.teacher.clips import Clips
from skedge.teacher.pretrain import pretrain
from skedge.teacher.runs.folder import WEIGHTS, read_metrics
from skedge.teacher.spread import Look, Spread, alignment, effective_rank, uniformity
from tests.teacher.tiny import COMPUTE, INPUT, PLAN, optim

FIGURES = {"effective_rank", "alignment", "uniformity"}


def test_the_effective_rank_counts_directions() -> None:
    generator = torch.Generator().manual_seed(0)
    even = torch.linalg.qr(torch.randn(40, 8, generator=generator, dtype=torch.double)).Q
    even = torch.linalg.qr(even - even.mean(0)).Q  # eight directions, all as strong
    assert effective_rank(even) == pytest.approx(8, abs=1e-6)
    assert effective_rank(even + 5) == pytest.approx(8, abs=1e-6), "the mean tells no clips apart"
    line = torch.randn(40, 1, generator=generator) @ torch.randn(1, 8, generator=generator)
    assert effective_rank(line) == pytest.approx(1, abs=1e-3)
    assert effective_rank(torch.ones(40, 8)) == 0
    shares = np.array([3.0, 1.0]) / 4
    two = even[:, :2] * torch.tensor([3.0, 1.0])
    assert effective_rank(two) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))


def test_alignment_and_uniformity_are_wangs_and_isolas() -> None:
    ahead, left, back = (torch.tensor([row]) for row in ([1.0, 0], [0, 2.0], [-3.0, 0]))
    assert alignment(ahead, 7 * ahead) == pytest.approx(0)
    assert alignment(ahead, back) == pytest.approx(4)
    assert uniformity(torch.cat([ahead, 5 * ahead])) == pytest.approx(0, abs=1e-6)
    three = torch.cat([ahead, left, back])
    pairs = np.exp(-2 * np.array([2.0, 4.0, 2.0]))
    assert uniformity(three) == pytest.approx(np.log(pairs.mean()), abs=1e-5)


def test_pretraining_says_how_spread_out_its_features_are(encoder_run: Path) -> None:
    metrics = read_metrics(encoder_run)
    assert metrics is not None
    assert metrics.keys() >= FIGURES | {"effective_rank_untrained"}
    assert 0 < metrics["effective_rank"] <= PLAN.widths[-1]
    assert (encoder_run / "spread.png").is_file()
    with open(encoder_run / "log" / "metrics.csv") as file:
        rows = [row for row in csv.DictReader(file) if row["effective_rank"]]
    assert len(rows) > 1
    assert float(rows[-1]["uniformity"]) == pytest.approx(metrics["uniformity"], abs=1e-3)
    assert float(rows[0]["effective_rank"]) == pytest.approx(
        metrics["effective_rank_untrained"], abs=1e-3
    )


def test_features_that_are_all_alike_have_a_uniformity_of_0() -> None:
    """A pretraining said that it is -0.0."""
    spread = Spread.__new__(Spread)
    spread.looks = {"joint": [Look(0, 1.0, 1.0, -1e-8), Look(1, 1.0, 1.0, -1e-8)]}
    assert "-0" not in json.dumps(spread.metrics("joint"))


@pytest.mark.parametrize("method", ["skeleton-bt", "skeletonclr"])
def test_looking_changes_no_training(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    settings = PretrainSettings(method, projector=8, optim=optim(epochs=3, batch_size=4))
    recipe = Recipe(input=INPUT, encoder=PLAN, pretrain=settings, compute=COMPUTE)
    pretrain(store, tmp_path / "looked", recipe)
    monkeypatch.setattr(spread, "LOOKS", 0)
    monkeypatch.setattr(spread.Spread, "on_train_start", lambda *_: None)
    assert not pretrain(store, tmp_path / "blind", recipe).keys() & FIGURES
    looked, blind = ((tmp_path / name / WEIGHTS).read_bytes() for name in ("looked", "blind"))
    assert looked == blind


@pytest.mark.parametrize(("trained", "warnings"), [(4.9, 1), (5.1, 0)])
def test_a_collapse_is_told_in_one_sentence(
    store: Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    trained: float,
    warnings: int,
) -> None:
    clips = Clips.read(store, range(4), INPUT)
    watched = Spread(clips, store.layout, INPUT)
    watched.looks = {"joint": [Look(0, 20.0, 0.5, -1.0), Look(9, trained, 0.1, -0.2)]}
    watched.finish(tmp_path, "joint")
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
    assert len(said) == warnings
    assert not said or "they span 4.9 directions, those of the untrained encoder 20.0" in said[0]
    assert (tmp_path / "spread.png").is_file()
