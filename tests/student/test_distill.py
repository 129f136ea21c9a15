from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from skedge.datasets.store import Store
from skedge.datasets.store.splits import add, add_folds
from skedge.recipes.distill_settings import DistillSettings, student_plan
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import (
    AugmentSettings,
    EncoderSettings,
    FinetuneSettings,
    InputSettings,
)
from skedge.skeleton import InputError
from skedge.student.distill import (
    Distillation,
    distill,
    labelled_cross_entropy,
    load_teachers,
    softened_divergence,
)
from skedge.student.unlabelled import unlabelled_clips
from skedge.teacher.clips import Clips, tell
from skedge.teacher.networks.classifier import Classifier
from skedge.teacher.protocols.finetune import finetune
from skedge.teacher.runs.folder import Run, read_metrics
from skedge.teacher.runs.load import load_classifier
from skedge.teacher.training import fit
from tests.teacher.tiny import (
    COMPUTE,
    INPUT,
    PLAN,
    equal,
    make_store,
    optim,
    random_classifier,
    state,
    write_classifier,
    write_encoder,
)

SMALL = EncoderSettings(widths=(4, 6), strides=(1, 1), dropout=0.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("distil here")


@pytest.fixture(scope="module")
def store(folder: Path) -> Store:
    return make_store(folder / "store")


@pytest.fixture(scope="module")
def teacher_run(store: Store, folder: Path) -> Path:
    """A teacher with dropout, which must not drop anything when it answers."""
    write_classifier(
        folder / "teacher", store, plan=EncoderSettings(PLAN.widths, PLAN.strides, dropout=0.5)
    )
    return folder / "teacher"


def _divergence(student: np.ndarray, teacher: np.ndarray, tau: float, direction: str) -> float:
    """KL in float64, term by term."""

    def softened(logits: np.ndarray) -> np.ndarray:
        powers = np.exp(logits.astype(np.float64) / tau - (logits / tau).max(1, keepdims=True))
        return powers / powers.sum(1, keepdims=True)

    s, t = softened(student), softened(teacher)
    p, q = (t, s) if direction == "forward" else (s, t)
    return sum(
        p[n, c] * np.log(p[n, c] / q[n, c]) for n in range(len(p)) for c in range(p.shape[1])
    ) / len(p)


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("tau", [1.0, 4.0, 9.0])
def test_the_divergence(direction: Any, tau: float) -> None:
    generator = torch.Generator().manual_seed(0)
    student, teacher = (3 * torch.randn(6, 5, generator=generator) for _ in range(2))
    expected = _divergence(student.numpy(), teacher.numpy(), tau, direction)
    for scaled, factor in ((False, 1), (True, tau**2)):
        settings = DistillSettings(
            temperature=tau, direction=direction, scale_by_temperature=scaled
        )
        assert softened_divergence(student, teacher, settings).item() == pytest.approx(
            expected * factor, rel=1e-4
        )
        assert softened_divergence(teacher, teacher, settings).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_the_gradient_does_not_depend_on_tau(direction: Any) -> None:
    def size(tau: float, scaled: bool) -> float:
        generator = torch.Generator().manual_seed(0)
        student, teacher = (0.1 * torch.randn(6, 5, generator=generator) for _ in range(2))
        student.requires_grad_()
        settings = DistillSettings(
            temperature=tau, direction=direction, scale_by_temperature=scaled
        )
        softened_divergence(student, teacher, settings).backward()
        assert student.grad is not None
        return student.grad.norm().item()

    assert size(8, True) == pytest.approx(size(2, True), rel=0.1)
    assert size(8, False) == pytest.approx(size(2, False) / 16, rel=0.1)


@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_the_gradient_pulls_to_the_teacher(direction: Any) -> None:
    student, teacher = torch.zeros(1, 3, requires_grad=True), torch.tensor([[2.0, -1.0, -1.0]])
    settings = DistillSettings(temperature=2.0, direction=direction)
    softened_divergence(student, teacher, settings).backward()
    assert student.grad is not None
    assert student.grad[0, 0] < 0 < student.grad[0, 1]


def _train(
    store: Store, teacher: Classifier, folder: Path, labels: Tensor | None = None, **changes: Any
) -> Classifier:
    clips = Clips.read(store, store.split("xsub", "train"), INPUT)
    torch.manual_seed(0)
    student = Classifier(store.layout, INPUT, SMALL, len(store.labels))
    settings = DistillSettings(augment=AugmentSettings(rotation=5.0), optim=optim(**changes))
    loader = Clips(clips.joints, clips.labels if labels is None else labels).loader(8)
    fit(
        Distillation(student, teacher, settings),
        loader,
        Run(folder, Recipe(compute=COMPUTE)),
        title="Distilling",
    )
    return student


def test_the_teacher_stays_as_it_is(store: Store, teacher_run: Path, tmp_path: Path) -> None:
    teacher, _ = load_classifier(teacher_run)
    before = state(teacher)
    modes: set[bool] = set()
    norms = [
        module for module in teacher.modules() if isinstance(module, nn.BatchNorm2d | nn.Dropout)
    ]
    for module in norms:
        module.register_forward_hook(lambda module, inputs, output: modes.add(module.training))
    student = _train(store, teacher, tmp_path)
    assert modes == {False}
    assert equal(state(teacher), before), "weights and running statistics"
    assert not any(
        parameter.requires_grad or parameter.grad is not None for parameter in teacher.parameters()
    )
    assert not equal(state(student), state(Classifier(store.layout, INPUT, SMALL, 3)))
    module = Distillation(student, teacher, DistillSettings())
    assert not any("teacher" in name or "frozen" in name for name in module.state_dict())
    assert sum(p.numel() for p in module.parameters()) == sum(
        p.numel() for p in student.parameters()
    )


def test_labels_are_not_looked_at(store: Store, teacher_run: Path, tmp_path: Path) -> None:
    teacher, _ = load_classifier(teacher_run)
    count = len(store.split("xsub", "train"))
    right = _train(store, teacher, tmp_path)
    wrong = _train(
        store,
        teacher,
        tmp_path,
        torch.randint(0, 3, (count,), generator=torch.Generator().manual_seed(0)),
    )
    assert equal(state(right), state(wrong))


def test_teacher_and_student_see_the_same_clip(
    store: Store, teacher_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each in its own stream: the student's joints, the teacher's bones, of one augmentation."""
    teacher = random_classifier(store.layout, InputSettings(frames=12, stream="bone"))
    student = random_classifier(store.layout).train().requires_grad_(True)
    module = Distillation(
        student, teacher, DistillSettings(augment=AugmentSettings(rotation=30.0, yaw=90.0))
    )
    placed: list[Tensor] = []

    def noted(network: Classifier) -> None:
        classify = network.classify
        monkeypatch.setattr(
            network, "classify", lambda joints: (placed.append(joints), classify(joints))[1]
        )

    noted(teacher)
    noted(student)
    monkeypatch.setattr(module, "log", lambda *args: None)
    joints = torch.randn(4, 1, 12, 25, 3)
    loss = module.training_step((joints, torch.zeros(4)), 0)
    assert len(placed) == 2
    assert torch.equal(placed[0], placed[1])
    assert not torch.allclose(placed[0], student.view.place(joints)), "changed as the recipe asks"
    expected = softened_divergence(
        student.classify(placed[0])[0], teacher.classify(placed[0])[0], module.settings
    )
    torch.testing.assert_close(loss, expected)


def test_a_student_learns_its_teachers_answers(
    store: Store, teacher_run: Path, tmp_path: Path
) -> None:
    teacher, _ = load_classifier(teacher_run)
    clips = Clips.read(store, store.split("xsub", "train"), INPUT)
    student = _train(store, teacher, tmp_path, epochs=40, learning_rate=0.02).eval()
    with torch.no_grad():
        answers = teacher(clips.joints)[0]
        uniform = softened_divergence(torch.zeros_like(answers), answers, DistillSettings())
        assert (
            softened_divergence(student(clips.joints)[0], answers, DistillSettings())
            < 0.5 * uniform
        )


@pytest.mark.parametrize("source", ["teacher", "labels"])
def test_a_distilled_run(source: str, store: Store, teacher_run: Path, tmp_path: Path) -> None:
    teachers = [teacher_run] if source == "teacher" else []
    settings = DistillSettings(optim=optim())
    metrics = distill(
        store,
        tmp_path / "run",
        Recipe("tiny", input=INPUT, student=SMALL, distill=settings, compute=COMPUTE),
        teachers=teachers,
    )
    assert read_metrics(tmp_path / "run") == metrics
    assert metrics["protocol"] == ("distill" if source == "teacher" else "supervised")
    classifier, card = load_classifier(tmp_path / "run")
    assert tuple(card.encoder.widths) == SMALL.widths
    assert card.labels == store.labels
    assert card.provenance["store"] == "tiny"
    if source == "teacher":
        assert card.provenance["teacher"] == {"store": "tiny", "seed": 7}
        assert card.provenance["settings"]["temperature"] == 4.0
    tested = Clips.read(store, store.split("xsub", "test"), INPUT)
    hits = (classifier(tested.joints)[0].argmax(1) == tested.labels).float().mean().item()
    assert metrics["top1"] == pytest.approx(100 * hits, abs=0.01)


def test_the_default_student() -> None:
    plan = student_plan()
    assert (plan.widths, plan.strides) == ((16, 16, 16, 16, 128), (1, 1, 1, 1, 1))


def test_a_teacher_of_other_actions_is_refused(teacher_run: Path, tmp_path: Path) -> None:
    for name, labels in (
        ("more", ("wave", "clap", "kick", "bow")),
        ("order", ("clap", "wave", "kick")),
    ):
        store = make_store(tmp_path / name, labels=labels, subjects=2)
        with pytest.raises(InputError, match="distil from a teacher of the same actions"):
            distill(
                store,
                tmp_path / "run",
                Recipe(input=INPUT, student=SMALL, distill=DistillSettings(), compute=COMPUTE),
                teachers=[teacher_run],
            )
    kinect = make_store(tmp_path / "kinect", "kinect20", subjects=2)
    with pytest.raises(InputError, match=r"ntu25.*kinect20"):
        distill(
            kinect,
            tmp_path / "run",
            Recipe(input=INPUT, student=SMALL, distill=DistillSettings(), compute=COMPUTE),
            teachers=[teacher_run],
        )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "data",
    [
        InputSettings(frames=12, normalization="per-frame"),
        InputSettings(frames=20),
        InputSettings(frames=12, persons=2),
    ],
)
def test_a_teacher_that_sees_clips_otherwise_is_refused(
    data: InputSettings, store: Store, teacher_run: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="make the recipe's data settings equal"):
        distill(
            store,
            tmp_path / "run",
            Recipe(input=data, student=SMALL, distill=DistillSettings(), compute=COMPUTE),
            teachers=[teacher_run],
        )


def test_settings_without_an_effect_refuse_no_teacher(store: Store, teacher_run: Path) -> None:
    """A rate that clips stretched to a length do not have, and is said not to be read, refused the
    teacher of another recipe."""
    stretched = replace(INPUT, hz=20.0, warm_up=7)
    load_teachers([teacher_run], store, stretched)
    with pytest.raises(InputError, match=r"teacher sees time stretched, the student time rate;"):
        load_teachers([teacher_run], store, replace(stretched, time="rate"))


def test_a_teacher_of_another_stream_will_do(
    store: Store, teacher_run: Path, tmp_path: Path
) -> None:
    data = InputSettings(frames=12, stream="bone")
    metrics = distill(
        store,
        tmp_path,
        Recipe(
            input=data,
            student=SMALL,
            distill=DistillSettings(optim=optim(epochs=1)),
            compute=COMPUTE,
        ),
        teachers=[teacher_run],
    )
    assert metrics["protocol"] == "distill"


def _step(
    module: Distillation, batch: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> Tensor:
    monkeypatch.setattr(module, "log", lambda *args: None)
    return module.training_step(batch, 0)


def test_the_losses_are_added_with_their_weights(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cosine distance, cross entropy and divergence in float64, of the student's and the teacher's
    own outputs."""
    student, teacher = (
        random_classifier(store.layout),
        random_classifier(store.layout, InputSettings(frames=12, stream="bone")),
    )
    settings = DistillSettings(0.5, 2.0, 3.0, temperature=2.0, label_smoothing=0.2)
    module = Distillation(student, teacher, settings)
    assert module.widen is not None
    joints, labels = torch.randn(4, 1, 12, 25, 3), torch.tensor([2, 0, -1, 1])
    loss = _step(module, (joints, labels), monkeypatch).item()

    (logits, features), (taught, shown) = (
        [part.detach().numpy() for part in network(joints)] for network in (student, teacher)
    )
    wide = (
        features.astype(np.float64) @ module.widen.weight.detach().numpy().T
        + module.widen.bias.detach().numpy()
    )
    cosine = (wide * shown).sum(1) / np.linalg.norm(wide, axis=1) / np.linalg.norm(shown, axis=1)
    likely = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    wanted = np.full((4, 3), 0.2 / 3)
    wanted[[0, 1, 3], [2, 0, 1]] += 0.8
    entropy = -(wanted * likely)[[0, 1, 3]].sum() / 3
    expected = (
        0.5 * 4 * _divergence(logits, taught, 2.0, "forward")
        + 2 * (1 - cosine).mean()
        + 3 * entropy
    )
    assert loss == pytest.approx(expected, rel=1e-5)


def test_a_batch_without_labels(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    module = Distillation(
        *(random_classifier(store.layout) for _ in range(2)), DistillSettings(0, 0, 1)
    )
    assert (
        _step(module, (torch.randn(4, 1, 12, 25, 3), torch.full((4,), -1)), monkeypatch).item() == 0
    )


def test_a_batch_with_one_label_learns_from_it_as_from_several() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]])
    one = labelled_cross_entropy(logits, torch.tensor([0, -1]), 0.0)
    torch.testing.assert_close(one, -logits[0].log_softmax(0)[0])


def test_features_alone_make_a_pretrained_encoder(
    store: Store, teacher_run: Path, tmp_path: Path
) -> None:
    settings = DistillSettings(0, 1, augment=AugmentSettings(), optim=optim())
    metrics = distill(
        store,
        tmp_path / "features",
        Recipe("tiny", input=INPUT, student=SMALL, distill=settings, compute=COMPUTE),
        teachers=[teacher_run],
    )
    assert metrics == {"method": "distilled features", "clips": len(store.split("xsub", "train"))}
    found = finetune(
        store,
        tmp_path / "fine",
        Recipe(
            input=INPUT, encoder=SMALL, compute=COMPUTE, finetune=FinetuneSettings(optim=optim())
        ),
        encoder=tmp_path / "features",
    )
    assert found["protocol"] == "finetune"


def test_a_student_of_clips_begins_as_the_encoder_it_is_given(
    store: Store, teacher_run: Path, tmp_path: Path
) -> None:
    """With `--pretrained`; that it had no effect would be seen in its figures alone."""
    settings = DistillSettings(optim=optim(epochs=0))
    recipe = Recipe(input=INPUT, student=PLAN, distill=settings, compute=COMPUTE)
    for given in (None, teacher_run):
        folder = tmp_path / str(given is None)
        distill(store, folder, recipe, [teacher_run], pretrained=given)
        ours, theirs = (
            state(load_classifier(run)[0].get_submodule("encoder")) for run in (folder, teacher_run)
        )
        assert equal(ours, theirs) == (given is not None)


def test_an_encoder_of_other_joints_is_no_beginning(
    store: Store, teacher_run: Path, tmp_path: Path
) -> None:
    write_encoder(tmp_path / "kinect", make_store(tmp_path / "store", "kinect20", subjects=2))
    recipe = Recipe(input=INPUT, student=PLAN, compute=COMPUTE)
    with pytest.raises(InputError, match=r"kinect: trained on layout kinect20 \(20 joints\)"):
        distill(store, tmp_path / "run", recipe, [teacher_run], pretrained=tmp_path / "kinect")


def test_several_teachers_teach_their_mean(store: Store, teacher_run: Path, tmp_path: Path) -> None:
    data = InputSettings(frames=12, stream="bone")
    write_classifier(tmp_path / "bone", store, data)
    both, cards = load_teachers([teacher_run, tmp_path / "bone"], store, INPUT)
    joints = torch.randn(4, 1, 12, 25, 3)
    one, other = (load_classifier(folder)[0](joints) for folder in (teacher_run, tmp_path / "bone"))
    torch.testing.assert_close(both(joints)[0], (one[0] + other[0]) / 2)
    torch.testing.assert_close(both(joints)[1], torch.cat([one[1], other[1]], 1))
    assert both.features == both(joints)[1].shape[1]
    assert [card.input.stream for card in cards] == ["joint", "bone"]
    settings = DistillSettings(1, 1, optim=optim(epochs=1))
    distill(
        store,
        tmp_path / "run",
        Recipe(input=INPUT, student=SMALL, distill=settings, compute=COMPUTE),
        teachers=[teacher_run, tmp_path / "bone"],
    )
    assert len(load_classifier(tmp_path / "run")[1].provenance["teachers"]) == 2


@pytest.mark.parametrize("time", ["stretched", "rate"])
def test_clips_without_labels_are_learned_from(time: Any, store: Store, tmp_path: Path) -> None:
    """Of another store, with other joints and more actions."""
    data = replace(INPUT, time=time)
    write_classifier(tmp_path / "teacher", store, data)
    others = make_store(tmp_path / "others", "kinect20", labels=("a", "b", "c", "d"), subjects=2)
    settings = DistillSettings(1, 0, 1, optim=optim())
    distill(
        store,
        tmp_path / "run",
        Recipe(input=data, student=SMALL, distill=settings, compute=COMPUTE),
        teachers=[tmp_path / "teacher"],
        unlabelled=[others],
    )
    card = load_classifier(tmp_path / "run")[1]
    trained = [len(one.split("xsub", "train")) for one in (store, others)]
    assert card.provenance["training_clips"] == sum(trained)
    assert card.provenance["unlabelled"] == [others.name]
    assert card.seen.among(others, np.arange(len(others))) == (0, trained[1])
    clips = Clips.read(store, [0, 1], data).with_unlabelled(
        Clips.read(others, [3], data, layout=store.layout)
    )
    assert clips.labels.tolist() == [*store.index["label"][:2], -1]
    torch.testing.assert_close(
        clips.joints[2:], Clips.read(others, [3], data, layout=store.layout).joints
    )


@pytest.mark.parametrize("protocol", ["xsub", "fold-1"])
def test_no_unlabelled_clip_is_one_that_tests(
    protocol: str, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--unlabelled` with the same store, or one that holds its clips, took those that test."""
    make_store(tmp_path / "own")
    add_folds(tmp_path / "own", "fold", 2)
    add(tmp_path / "own", lambda store: {"held": np.full(len(store), 3, np.int8)})
    own = Store(tmp_path / "own")
    write_classifier(tmp_path / "teacher", own)
    tell.cache_clear()
    data = replace(INPUT, protocol=protocol)
    settings = DistillSettings(optim=optim(epochs=1))
    distill(
        own,
        tmp_path / "run",
        Recipe(input=data, student=SMALL, distill=settings, compute=COMPUTE),
        teachers=[tmp_path / "teacher"],
        unlabelled=[store],  # the same clips, without folds
    )
    card = load_classifier(tmp_path / "run")[1]
    assert card.provenance["training_clips"] == 12 + 12
    assert card.seen.among(own, own.split(protocol, "test")) == (0, 0)
    assert "store: 12 of 24 clips are learned from" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"held of .* does not hold out, got none"):
        unlabelled_clips(store, own, replace(INPUT, protocol="held"))


def test_mirror_images_are_left_out_where_clips_show_one_side(
    store: Store, teacher_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    augment = AugmentSettings(mirror=0.5, mirror_when="either-side")
    settings = DistillSettings(augment=augment, optim=optim(epochs=1))
    recipe = Recipe(input=INPUT, student=SMALL, distill=settings, compute=COMPUTE)
    tell.cache_clear()
    distill(store, tmp_path / "run", recipe, teachers=[teacher_run])
    assert "no mirror images are trained on" in capsys.readouterr().err


def test_what_cannot_be_distilled(store: Store, teacher_run: Path, tmp_path: Path) -> None:
    recipe = Recipe(input=INPUT, student=SMALL, compute=COMPUTE)
    wrong = replace(recipe, distill=DistillSettings(0, 0, 0))
    with pytest.raises(InputError, match=r"weights of logits, features and labels.*one above 0"):
        distill(store, tmp_path / "run", wrong, [teacher_run])
    with pytest.raises(InputError, match=r"distill.feature_weight: expected 0 or more, got -1"):
        replace(recipe, distill=DistillSettings(1, -1, 0))
    with pytest.raises(InputError, match="a teacher for unlabelled clips"):
        distill(store, tmp_path / "run", recipe, unlabelled=[store])
    assert not (tmp_path / "run").exists()
