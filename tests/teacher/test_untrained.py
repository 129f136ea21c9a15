"""The untrained encoder beside the pretrained one, in every protocol that starts from an
encoder."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from skedge import steps
from skedge.datasets.store import Store
from skedge.recipes.recipe import Protocol
from skedge.recipes.settings import FinetuneSettings, LinearSettings, PretrainSettings
from skedge.skeleton import InputError
from skedge.tables import evaluations
from skedge.teacher.clips import Clips
from skedge.teacher.networks.classifier import View
from skedge.teacher.networks.statistics import batch_norms, with_statistics
from skedge.teacher.pretrain import pretrain
from skedge.teacher.protocols.protocol import PROTOCOLS
from skedge.teacher.protocols.untrained import untrained, write_untrained
from skedge.teacher.runs.folder import read_run
from tests.teacher.masked_tiny import TRANSFORMER
from tests.teacher.tiny import COMPUTE, INPUT, PRETRAINED, equal, optim

RECIPE = replace(
    PRETRAINED,
    linear=LinearSettings(optim(epochs=3)),
    finetune=FinetuneSettings(optim=optim(epochs=1)),
)


@pytest.mark.parametrize("protocol", ["linear", "knn", "semi"])
def test_a_protocol_measures_the_untrained_encoder_too(
    store: Store, encoder_run: Path, tmp_path: Path, protocol: Protocol
) -> None:
    metrics = steps.evaluate(
        store,
        tmp_path,
        RECIPE,
        protocol=protocol,
        pretrained=encoder_run,
        untrained=True,
    )
    assert json.loads((tmp_path / "metrics.json").read_text()) == metrics
    assert set(metrics["untrained"]) == {"initialised", "statistics"}
    for form, figures in metrics["untrained"].items():
        written = json.loads((tmp_path / "untrained" / form / "metrics.json").read_text())
        assert (written["protocol"], written["top1"]) == (metrics["protocol"], figures["top1"])
    table = evaluations([tmp_path])
    assert table.count("untrained/") == 2
    assert str(tmp_path / "untrained" / "statistics") in table


def test_it_is_the_encoder_that_the_pretraining_began_with(
    store: Store, encoder_run: Path, tmp_path: Path
) -> None:
    still = replace(PRETRAINED.pretrain, optim=optim(epochs=0))
    pretrain(store, tmp_path / "still", replace(PRETRAINED, pretrain=still))
    began = read_run(tmp_path / "still")[1]
    card, trained = read_run(encoder_run)
    assert equal(untrained(card, COMPUTE).state_dict(), began)
    assert not equal(trained, began)
    other = untrained(card, replace(COMPUTE, seed=COMPUTE.seed + 1)).state_dict()
    assert not equal(other, began), "another seed is another encoder"


def test_one_pass_over_the_clips_standardises_them(store: Store, encoder_run: Path) -> None:
    """What every batch norm gives for those clips has mean 0 and variance 1; weights stay."""
    encoder = untrained(read_run(encoder_run)[0], COMPUTE)
    view = View(store.layout, INPUT)
    joints = Clips.read(store, store.split("xsub", "train"), INPUT).joints
    settled = with_statistics(encoder, view, joints)
    first = settled.input_norm
    clips = view(joints).permute(0, 4, 3, 1, 2).flatten(0, 1).flatten(1, 2)
    torch.testing.assert_close(first.running_mean, clips.mean((0, 2)), atol=1e-5, rtol=1e-4)
    out = functional.batch_norm(clips, first.running_mean, first.running_var)
    moving = first.running_var > 1e-4
    torch.testing.assert_close(
        out.std((0, 2))[moving], torch.ones(int(moving.sum())), atol=0.02, rtol=0.02
    )
    assert all(not norm.training and norm.momentum == 0.1 for norm in batch_norms(settled))
    assert dict(settled.named_parameters()).keys() == dict(encoder.named_parameters()).keys()
    for name, weight in encoder.named_parameters():
        assert torch.equal(weight, settled.get_parameter(name)), name


def test_the_untrained_encoder_s_norms_see_no_clip_that_tests(
    store: Store, encoder_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A baseline with statistics of the test clips would be better than it is."""
    seen: list[torch.Tensor] = []

    def noted(encoder: Any, view: Any, joints: torch.Tensor) -> Any:
        seen.append(joints)
        return encoder

    monkeypatch.setattr("skedge.teacher.protocols.untrained.with_statistics", noted)
    write_untrained(store, tmp_path, RECIPE, pretrained=encoder_run, form="statistics")
    (joints,) = seen
    assert torch.equal(joints, Clips.read(store, store.split("xsub", "train"), INPUT).joints)


def test_an_encoder_without_batch_norm_has_one_form(store: Store, tmp_path: Path) -> None:
    settings = PretrainSettings("mamp", optim=optim(epochs=1))
    recipe = replace(RECIPE, encoder=TRANSFORMER, pretrain=settings)
    pretrain(store, tmp_path / "encoder", recipe)
    metrics = steps.evaluate(
        store,
        tmp_path / "knn",
        recipe,
        protocol="knn",
        pretrained=tmp_path / "encoder",
        untrained=True,
    )
    assert set(metrics["untrained"]) == {"initialised"}


def test_three_streams_and_seeds_have_their_untrained_ones(store: Store, tmp_path: Path) -> None:
    three = replace(
        RECIPE, input=replace(INPUT, stream="three", fusion={"joint": 0.6, "motion": 0.4})
    )
    one = replace(three, pretrain=replace(three.pretrain, optim=optim(epochs=1)))
    steps.pretrain(store, tmp_path / "encoders", one)
    knn = partial(
        steps.evaluate,
        store,
        protocol="knn",
        pretrained=tmp_path / "encoders",
        untrained=True,
    )
    metrics = steps.over_seeds(tmp_path / "knn", three, [0, 1], step=knn)
    each = [
        json.loads((tmp_path / "knn" / f"seed-{seed}" / "metrics.json").read_text())
        for seed in (0, 1)
    ]
    mean = sum(one["untrained"]["statistics"]["top1"] for one in each) / 2
    assert metrics["untrained"]["statistics"]["top1"] == pytest.approx(mean, abs=0.01)
    linear = steps.evaluate(
        store,
        tmp_path / "linear",
        three,
        protocol="linear",
        pretrained=tmp_path / "encoders",
        untrained=True,
    )
    assert set(linear["untrained"]) == {"initialised", "statistics"}


def test_figures_of_an_earlier_run_do_not_stay(
    store: Store, encoder_run: Path, tmp_path: Path
) -> None:
    for also in (True, False):
        steps.evaluate(
            store, tmp_path, RECIPE, protocol="knn", pretrained=encoder_run, untrained=also
        )
    assert "untrained" not in evaluations([tmp_path])


@pytest.mark.parametrize("protocol", ["ridge", "supervised", "partial-body"])
def test_a_protocol_without_an_encoder_refuses(
    store: Store, tmp_path: Path, protocol: Protocol
) -> None:
    with pytest.raises(InputError, match="linear, finetune, semi, transfer, knn"):
        steps.evaluate(
            store,
            tmp_path,
            RECIPE,
            protocol=protocol,
            pretrained=tmp_path,
            untrained=True,
        )
    assert protocol in PROTOCOLS
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("protocol", ["ridge", "supervised"])
def test_an_encoder_that_would_not_be_used_is_refused(
    store: Store, encoder_run: Path, tmp_path: Path, protocol: Protocol
) -> None:
    """The figures were those of a network of its own, as if they were the encoder's."""
    with pytest.raises(InputError, match="expected no --pretrained; `evaluate linear`"):
        steps.evaluate(store, tmp_path, RECIPE, protocol=protocol, pretrained=encoder_run)
    assert not list(tmp_path.iterdir())
