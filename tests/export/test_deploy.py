"""The deployable form against the classifier it is made of."""

from dataclasses import replace
from itertools import product
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from skedge.export.clip_graph import Deployed, macs
from skedge.recipes.distill_settings import student_plan
from skedge.recipes.settings import (
    EncoderSettings,
    InputSettings,
    SttformerSettings,
    TransformerSettings,
)
from skedge.skeleton import InputError, load_layout
from skedge.skeleton.normalize import Normalization
from skedge.skeleton.streams import Stream
from skedge.teacher.networks.classifier import Fused, Network
from tests.teacher.tiny import PLAN, random_classifier, scenes

NTU = load_layout("ntu25")
STRIDED = EncoderSettings(widths=(4, 4, 6, 8), strides=(2, 1, 2, 1))


@torch.no_grad()
def compare(classifier: Network, joints: Tensor) -> None:
    deployed = Deployed(classifier).eval()
    logits, features = classifier(joints)
    for i in range(len(joints)):
        probabilities, embedding = deployed(joints[i])
        assert probabilities.shape == (logits.shape[1],)
        assert probabilities.sum().item() == pytest.approx(1, abs=1e-5)
        torch.testing.assert_close(probabilities, logits[i].softmax(0), atol=1e-5, rtol=1e-5)
        size = float(features.abs().max())
        torch.testing.assert_close(embedding, features[i], atol=1e-5 * max(1.0, size), rtol=1e-5)
    answers = logits.softmax(1)
    assert (answers - answers[:1]).abs().max() > 1e-3, (
        "else every clip had the same answer and nothing was compared"
    )


UNPADDED = EncoderSettings(widths=(4, 8), strides=(1, 1), padding=False)
PLANS = {
    "student": student_plan(),
    "teacher": EncoderSettings(),
    "strided": STRIDED,
    "causal": replace(STRIDED, causal=True),
    "unpadded": UNPADDED,
    "causal unpadded": replace(UNPADDED, causal=True),
    "all blocks": replace(UNPADDED, all_blocks=True),
    "statistics": replace(UNPADDED, all_blocks=True, pool="statistics"),
    "all blocks padded": replace(UNPADDED, all_blocks=True, padding=True),
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize(("persons", "absent"), [(1, False), (2, False), (2, True)])
def test_every_plan_and_number_of_persons(
    plan: EncoderSettings, persons: int, absent: bool
) -> None:
    data = InputSettings(frames=20, persons=persons)
    compare(random_classifier(NTU, data, plan, 7), scenes(2, data, absent=absent))


@pytest.mark.parametrize(
    ("normalization", "stream"), list(product(get_args(Normalization), ["joint", "bone", "motion"]))
)
def test_every_normalisation_and_stream(normalization: Any, stream: Any) -> None:
    persons = 1 if normalization == "root-motion" else 2
    data = InputSettings(frames=12, persons=persons, normalization=normalization, stream=stream)
    compare(
        random_classifier(NTU, data, PLAN, 4, seed=1),
        torch.cat([scenes(2, data), scenes(3, data, absent=True)]),
    )


@pytest.mark.parametrize("layout", ["kinect20", "utd-mhad20", "msr20", "coco17", "blazepose33"])
@pytest.mark.parametrize("distances", ["one-hop", "true"])
def test_every_layout(layout: str, distances: Any) -> None:
    joints, data = (
        load_layout(layout),
        InputSettings(frames=12, normalization="first-frame-aligned"),
    )
    plan = EncoderSettings(PLAN.widths, PLAN.strides, distances=distances)
    compare(random_classifier(joints, data, plan), scenes(3, data, len(joints)))


@pytest.mark.parametrize("fusion", ["mean", "alignment"])
@pytest.mark.parametrize("persons", [1, 2])
def test_two_encoders(fusion: Any, persons: int) -> None:
    data = InputSettings(frames=12, persons=persons)
    compare(
        random_classifier(NTU, data, replace(PLAN, fusion=fusion)), scenes(3, data, absent=True)
    )


@pytest.mark.parametrize("fusion", ["one", "alignment"])
def test_three_streams_in_one(fusion: Any) -> None:
    data = InputSettings(frames=12)
    weights: dict[Stream, float] = {"joint": 0.6, "bone": 0.6, "motion": 0.4}
    members = [
        random_classifier(NTU, replace(data, stream=name), replace(PLAN, fusion=fusion), 3, seed)
        for seed, name in enumerate(weights)
    ]
    compare(Fused(members, list(weights.values())), scenes(4, data))


@pytest.mark.parametrize(
    "plan",
    [
        EncoderSettings(backbone="transformer", transformer=TransformerSettings(16, 2, 2)),
        EncoderSettings(backbone="sttformer", sttformer=SttformerSettings(16, 2)),
    ],
    ids=["transformer", "sttformer"],
)
def test_an_encoder_that_is_deployed_as_it_was_trained(plan: EncoderSettings) -> None:
    data = InputSettings(frames=12)
    compare(random_classifier(NTU, data, plan), scenes(3, data))


@pytest.mark.parametrize("backbone", ["gin", "dgcnn"])
def test_another_backbone_is_refused(backbone: Any) -> None:
    with pytest.raises(InputError, match=f"STTFormer classifier to export, got {backbone.upper()}"):
        Deployed(random_classifier(NTU, InputSettings(frames=12), replace(PLAN, backbone=backbone)))


def test_the_classifier_is_left_as_it_was() -> None:
    data = InputSettings(frames=12)
    classifier = random_classifier(NTU, data)
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    Deployed(classifier).eval()(scenes(1, data)[0])
    assert all(torch.equal(value, before[name]) for name, value in classifier.state_dict().items())


def _work(widths: tuple, strides: tuple, persons: int, frames: int, joints: int) -> int:
    """Multiply-accumulates by hand: graph product, 1x1 convolution, (9, 1) convolution,
    residual."""
    total, inside = 0, 3
    for i, (out, stride) in enumerate(zip(widths, strides, strict=True)):
        total += persons * frames * joints * joints * 3 * inside
        total += persons * frames * joints * 3 * inside * out
        frames = -(-frames // stride)
        total += persons * frames * joints * 9 * out * out
        total += (
            persons * frames * joints * inside * out if i and (inside != out or stride > 1) else 0
        )
        inside = out
    return total


@pytest.mark.parametrize(("persons", "classes"), [(1, 13), (2, 60)])
@pytest.mark.parametrize("plan", [student_plan(), EncoderSettings()], ids=["student", "teacher"])
def test_work_by_hand(plan: EncoderSettings, persons: int, classes: int) -> None:
    data = InputSettings(frames=50, persons=persons)
    deployed = Deployed(random_classifier(NTU, data, plan, classes)).eval()
    counted = macs(deployed, torch.zeros(persons, 50, 25, 3))
    assert counted == _work(plan.widths, plan.strides, persons, 50, 25) + plan.widths[-1] * classes


def test_the_students_published_work() -> None:
    """0.418 G for a clip of two persons in the convolutions (ASMa: 1.25 to 1.26 G for three
    streams), and the graph."""
    student = student_plan()
    graph = sum(2 * 50 * 25 * 25 * 3 * inside for inside in (3, 16, 16, 16, 16))
    assert (_work(student.widths, student.strides, 2, 50, 25) - graph) / 1e9 == pytest.approx(
        0.418, abs=5e-4
    )
