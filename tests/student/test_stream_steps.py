"""A student frame by frame against the same student on clips."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from skedge.recipes.distill_settings import student_plan
from skedge.recipes.settings import EncoderSettings, InputSettings
from skedge.skeleton import InputError, load_layout
from skedge.student.streaming import StreamingClassifier
from skedge.teacher.networks.classifier import Classifier
from tests.teacher.tiny import random_classifier, scenes

NTU = load_layout("ntu25")
LIVE = InputSettings(frames=30, persons=2, normalization="per-frame", time="rate")
PLAN = EncoderSettings(widths=(4, 6, 8), strides=(1, 1, 1), dropout=0.0, padding=False)
CAUSAL = replace(PLAN, causal=True)
ALL_BLOCKS = replace(CAUSAL, all_blocks=True)
STATISTICS = replace(ALL_BLOCKS, pool="statistics")
CONTEXT = 24


def classifier(data: InputSettings = LIVE, plan: EncoderSettings = PLAN) -> Classifier:
    return random_classifier(NTU, data, plan)


def clip(frames: int = 60, samples: int = 2) -> Tensor:
    """Two persons, the second of whom comes late into the second scene."""
    joints = scenes(samples, replace(LIVE, frames=frames))
    joints[1:, 1, : frames // 3] = 0
    return joints


@pytest.mark.parametrize(
    "plan",
    [PLAN, CAUSAL, ALL_BLOCKS, STATISTICS],
    ids=["centred", "causal", "all blocks", "statistics"],
)
@pytest.mark.parametrize("stream", ["joint", "bone"])
@torch.no_grad()
def test_every_answer_is_the_clip_models_to_the_window_that_ends_there(
    plan: EncoderSettings, stream: str
) -> None:
    """From the first frame on: before it, the person stood still."""
    network, joints = classifier(replace(LIVE, stream=stream), plan), clip()
    model = StreamingClassifier(network)
    assert model.delay == (0 if plan.causal else CONTEXT // 2)
    state, answers = model.still(joints[:, :, 0]), []
    for n, frame in enumerate(joints.unbind(2)):
        logits, embedding, state = model.forward_step(frame, state)
        window = joints[:, :, torch.arange(n - 29, n + 1).clamp(min=0)]
        expected, features = network(window)
        torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(embedding, features, atol=1e-5, rtol=1e-5)
        answers.append(logits)
    assert torch.stack(answers).std(0).mean() > 0.09, "else every frame had the same answer"


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize("stream", ["joint", "bone", "motion"])
@torch.no_grad()
def test_every_frames_features_away_from_the_clips_ends(
    causal: bool, padding: bool, stream: str
) -> None:
    """A window of one frame pools nothing: what comes out are the features of that frame."""
    plan = replace(PLAN, causal=causal, padding=padding)
    network = classifier(replace(LIVE, stream=stream), plan)
    network.view.data = replace(network.view.data, frames=1 + network.encoder.context)
    model, joints = StreamingClassifier(network), clip(60)
    features = model(joints)[1].transpose(1, 2)
    of_clip = network.encoder.feature_map(network.view(joints)).mean(3)
    if padding:
        of_clip = of_clip[
            :, :, CONTEXT if causal else CONTEXT // 2 : None if causal else -CONTEXT // 2
        ]
    assert of_clip.shape[2] == 60 - CONTEXT
    torch.testing.assert_close(features[:, :, CONTEXT:], of_clip, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_network_that_was_being_trained_is_streamed_as_it_answers() -> None:
    """In training a norm takes its figures from the frames that it is given."""
    network, joints = classifier(), clip(40)
    expected = StreamingClassifier(network)(joints)[0]
    torch.testing.assert_close(StreamingClassifier(network.train())(joints)[0], expected)


@torch.no_grad()
def test_causal_kernels_with_padding_start_from_zeros() -> None:
    """The clip form that starts from the same state: zeros before the clip."""
    network = classifier(plan=replace(CAUSAL, padding=True))
    model, joints = StreamingClassifier(network), clip(30)
    logits, embedding, _ = model(joints, model.blank(2))
    expected, features = network(joints)
    torch.testing.assert_close(logits[:, -1], expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(embedding[:, -1], features, atol=1e-5, rtol=1e-5)


MODELS = {
    f"{stream} {causal}": StreamingClassifier(
        classifier(replace(LIVE, stream=stream), replace(PLAN, causal=causal))
    )
    for stream, causal in (("joint", False), ("motion", True))
}


@given(
    name=st.sampled_from(sorted(MODELS)),
    chunks=st.lists(st.integers(1, 12), min_size=1, max_size=8),
)
@settings(max_examples=25)
@torch.no_grad()
def test_however_a_clip_is_cut_its_answers_are_the_same(name: str, chunks: list[int]) -> None:
    model, joints = MODELS[name], clip(sum(chunks))
    whole, _, end = model(joints)
    state, found = model.still(joints[:, :, 0]), []
    for part in joints.split(chunks, 2):
        before = {name: value.clone() for name, value in state.items()}
        logits, _, after = model(part, state)
        assert all(torch.equal(state[name], before[name]) for name in state), (
            "the given state is left as it was"
        )
        found.append(logits)
        state = after
    torch.testing.assert_close(torch.cat(found, 1), whole, atol=1e-5, rtol=1e-5)
    assert state.keys() == end.keys()
    for name, value in end.items():
        torch.testing.assert_close(state[name], value, atol=1e-5, rtol=1e-5)


@given(
    seed=st.integers(0, 99),
    turns=st.lists(st.tuples(st.integers(0, 1), st.booleans()), min_size=1, max_size=20),
)
@settings(max_examples=15)
@torch.no_grad()
def test_two_people_in_turns_and_anew(seed: int, turns: list[tuple[int, bool]]) -> None:
    """Whoever's frame comes, and whoever starts anew: each has the answers that they would have
    alone."""
    model = MODELS["motion True"]
    people = torch.randn(2, 1, 2, len(turns), 25, 3, generator=torch.Generator().manual_seed(seed))
    states, starts = [model.still(person[:, :, 0]) for person in people], [0, 0]
    at = [0, 0]
    for who, anew in turns:
        person = people[who]
        if anew:
            starts[who] = at[who]
            states[who] = model.still(person[:, :, at[who]])
        logits, _, states[who] = model.forward_step(person[:, :, at[who]], states[who])
        at[who] += 1
        alone = model(person[:, :, starts[who] : at[who]])[0][:, -1]
        torch.testing.assert_close(logits, alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("persons", [1, 2])
def test_the_state_of_a_person_is_small(causal: bool, persons: int) -> None:
    plan = replace(student_plan(), causal=causal, padding=False)
    data = replace(LIVE, frames=90, persons=persons)
    model = StreamingClassifier(Classifier(NTU, data, plan, 60))
    assert model.window == 50
    assert sum(4 * value.numel() for value in model.blank(1).values()) / persons < 250e3


def test_what_cannot_stream_says_so() -> None:
    for data, plan, words in (
        (replace(LIVE, time="stretched"), PLAN, "trained with time 'rate', got 'stretched'"),
        (
            replace(LIVE, normalization="first-frame"),
            PLAN,
            "'root-relative' or 'root-motion', got 'first-frame'",
        ),
        (LIVE, EncoderSettings(widths=(4, 4), strides=(1, 2)), r"strides of 1, got \[1, 2\]"),
        (LIVE, replace(PLAN, all_blocks=True), "causal kernels with encoder.all_blocks, got"),
    ):
        with pytest.raises(InputError, match=words):
            StreamingClassifier(Classifier(NTU, data, plan, 3))
    with pytest.raises(InputError, match=r"strides of 1 without padding, got \[1, 2\]"):
        Classifier(NTU, LIVE, EncoderSettings(widths=(4, 4), strides=(1, 2), padding=False), 3)
    with pytest.raises(
        InputError, match=r"more than the 24 that 3 blocks without padding lose, got 24"
    ):
        Classifier(NTU, replace(LIVE, frames=24), PLAN, 3)
