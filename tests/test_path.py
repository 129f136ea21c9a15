"""Steps on three streams and several seeds: one folder that every later step takes."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import stdev
from typing import Any

import pytest
import torch
from rich.console import Console

from skedge import path, steps
from skedge.datasets.store import Store
from skedge.datasets.synthetic.synthesize import synthesize
from skedge.recipes.distill_settings import DistillSettings
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import (
    AsmaSettings,
    ComputeSettings,
    ContrastSettings,
    EncoderSettings,
    FinetuneSettings,
    InputSettings,
    LinearSettings,
    MaskSettings,
    OptimSettings,
    PretrainSettings,
)
from skedge.skeleton import InputError
from skedge.skeleton.files import write_json
from skedge.skeleton.normalize import STREAMABLE
from skedge.teacher.clips import Clips
from skedge.teacher.networks.encoders import BACKBONES
from skedge.teacher.runs.asked import begun
from skedge.teacher.runs.folder import CHECKPOINT, Run, write_metrics
from skedge.teacher.runs.load import load_classifier
from skedge.teacher.seeds import over_seeds
from skedge.teacher.streams import each_stream

# The pictures beside the metrics are drawn in tests/teacher and by the command line.
pytestmark = pytest.mark.usefixtures("undrawn", "one_registry")
ONCE = OptimSettings(epochs=1, batch_size=16, learning_rate=1e-2)
WEIGHTS = {"joint": 0.6, "bone": 0.5, "motion": 0.4}


@pytest.fixture(scope="module")
def undrawn() -> Iterator[None]:
    """Confusions are asked for and not drawn: a picture takes longer than one of these trainings."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(
            "skedge.teacher.protocols.evaluate.confusion_matrix",
            lambda confusion, labels, file: file.touch(),
        )
        yield


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = tmp_path_factory.mktemp("pipeline") / "store"
    synthesize(path, clips_per_action_and_subject=1, subjects=5)
    return Store(path)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    plan = EncoderSettings(widths=(4, 8), strides=(2, 2), dropout=0.0)
    return Recipe(
        input=InputSettings(frames=32, stream="three", fusion=dict(WEIGHTS)),
        encoder=plan, student=plan, pretrain=PretrainSettings(projector=8, optim=ONCE), linear=LinearSettings(ONCE),
        finetune=FinetuneSettings(optim=ONCE), distill=replace(Recipe().distill, optim=ONCE),
        compute=ComputeSettings(accelerator="cpu", precision="32-true"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def folders(
    store: Store, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory, undrawn: None
) -> Path:
    room = tmp_path_factory.mktemp("three streams")
    steps.pretrain(store, room / "pretrain", recipe)
    steps.evaluate(store, room / "linear", recipe, protocol="linear", pretrained=room / "pretrain")
    steps.distill(store, room / "student", recipe, teachers=[room / "linear"])
    return room


@pytest.mark.parametrize("step", ["linear", "student"])
def test_three_streams_answer_together(step: str, folders: Path, store: Store) -> None:
    network, card = load_classifier(folders / step)
    assert card.input.stream == "three"
    clips = Clips.read(store, store.split("xsub", "test"), card.input)
    logits, features = network(clips.joints)
    expected = torch.zeros_like(logits)
    for stream, weight in WEIGHTS.items():
        member, one = load_classifier(folders / step / stream)
        assert one.input.stream == stream
        expected += weight * member(clips.joints)[0]
    torch.testing.assert_close(logits, expected)
    assert features.shape[1] == 3 * 8
    metrics = json.loads((folders / step / "metrics.json").read_text())
    assert metrics["top1"] == pytest.approx(
        100 * float((expected.argmax(1) == clips.labels).float().mean()), abs=0.01
    )
    assert set(metrics["streams"]) == set(WEIGHTS)
    assert (folders / step / "confusion.png").is_file()


def test_each_stream_is_distilled_from_its_own_teacher(folders: Path) -> None:
    for stream in WEIGHTS:
        _, card = load_classifier(folders / "student" / stream)
        teacher = card.provenance["teacher"]
        assert teacher["protocol"] == "linear"
        assert card.input.stream == stream


def test_one_stream_learns_from_three(
    folders: Path, store: Store, recipe: Recipe, tmp_path: Path
) -> None:
    joint = replace(recipe, input=replace(recipe.input, stream="joint"))
    metrics = steps.distill(store, tmp_path / "student", joint, teachers=[folders / "linear"])
    assert metrics["stream"] == "joint"


def test_every_protocol_takes_the_folder(
    folders: Path, store: Store, recipe: Recipe, tmp_path: Path
) -> None:
    for protocol in ("finetune", "semi", "knn", "transfer"):
        metrics = steps.evaluate(
            store, tmp_path / protocol, recipe, protocol=protocol, pretrained=folders / "pretrain"
        )
        assert (metrics["protocol"], metrics["stream"]) == (protocol, "three")
    found = steps.evaluate(
        store, tmp_path / "partial", recipe, protocol="partial-body", pretrained=folders / "linear"
    )
    linear = json.loads((folders / "linear" / "metrics.json").read_text())
    assert found["joints"]["0"]["top1"] == linear["top1"]


def test_one_stream_of_three(folders: Path, store: Store, recipe: Recipe, tmp_path: Path) -> None:
    bone = replace(recipe, input=replace(recipe.input, stream="bone"))
    metrics = steps.evaluate(
        store, tmp_path, bone, protocol="linear", pretrained=folders / "pretrain"
    )
    assert (
        metrics["top1"]
        == json.loads((folders / "linear" / "bone" / "metrics.json").read_text())["top1"]
    )


def test_a_finished_stream_is_not_trained_again(
    folders: Path, store: Store, recipe: Recipe
) -> None:
    stamps = [
        (folders / "pretrain" / stream / "weights.safetensors").stat().st_mtime_ns
        for stream in WEIGHTS
    ]
    steps.pretrain(store, folders / "pretrain", recipe, resume=True)
    assert stamps == [
        (folders / "pretrain" / stream / "weights.safetensors").stat().st_mtime_ns
        for stream in WEIGHTS
    ]


def test_what_an_earlier_run_finished_is_not_taken_for_this_ones(
    recipe: Recipe, tmp_path: Path
) -> None:
    """Three streams; then other ones in their place, interrupted in the second, and gone on
    with."""
    trained: list[str] = []

    def step(run: Run, part: Any) -> dict[str, Any]:
        if len(trained) == stop:
            raise KeyboardInterrupt
        assert not (run.folder / CHECKPOINT).exists(), "it would go on from another run's"
        trained.append(run.recipe.input.stream)
        write_metrics(run.folder, {"top1": 50.0})
        return {}

    def train(resume: bool) -> None:
        with begun(tmp_path, {}, resume=resume):
            each_stream(Run(tmp_path, recipe, resume), step)

    stop = -1
    train(False)
    (tmp_path / "motion" / CHECKPOINT).touch()
    trained, stop = [], 1
    with pytest.raises(KeyboardInterrupt):
        train(False)
    stop = -1
    train(True)
    assert trained == list(WEIGHTS), "each once, the first before the interruption"


def test_a_folder_holds_one_network_or_three_never_both(
    folders: Path, store: Store, recipe: Recipe, tmp_path: Path
) -> None:
    joint = replace(recipe, input=replace(recipe.input, stream="joint"))
    for order in ((recipe, joint), (joint, recipe)):
        for one in order:
            steps.evaluate(
                store, tmp_path / "linear", one, protocol="linear", pretrained=folders / "pretrain"
            )
        assert load_classifier(tmp_path / "linear")[1].input.stream == order[1].input.stream
        assert (tmp_path / "linear" / "weights.safetensors").exists() == (order[1] is joint)


def test_a_step_stands_while_what_it_starts_from_does(
    recipe: Recipe, store: Store, tmp_path: Path
) -> None:
    quiet = Console(quiet=True)
    taken = path.Steps(recipe, store, tmp_path, again=False, console=quiet)
    asked: list[tuple[str, bool]] = []

    def train(
        command: str, runs: list[Path], figure: float, folder: Path, resume: bool
    ) -> dict[str, Any]:
        with begun(folder, path.question(command, [store], recipe, runs=runs), resume=resume):
            asked.append((folder.name, resume))
            if figure < 0:
                (folder / CHECKPOINT).touch()
                raise KeyboardInterrupt
            (folder / "weights.safetensors").write_text(str(figure))
            write_metrics(folder, {"top1": 50.0})
        return {"top1": 50.0}

    def both(first: float, second: float) -> None:
        taken.take("pretrain", "pretrain", partial(train, "pretrain", [], first))
        probe = partial(train, "evaluate linear", [tmp_path / "pretrain"], second)
        taken.take("probe", "evaluate linear", probe, after="pretrain")

    both(1, 1)
    both(1, 1)
    assert asked == [("pretrain", False), ("probe", False)], "then both stand"
    asked.clear()
    with pytest.raises(KeyboardInterrupt):
        path.Steps(recipe, store, tmp_path, again=True, console=quiet).take(
            "pretrain", "pretrain", partial(train, "pretrain", [], -1)
        )
    both(2, 2)
    assert asked == [
        ("pretrain", False),
        ("pretrain", True),
        ("probe", False),
    ], "the probe was of another encoder"


def test_a_folder_may_have_brackets_in_its_name(
    recipe: Recipe,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Rich took them for its markup: the whole path ended in a traceback, behind hours."""
    runs = tmp_path / "runs[/old] :smile:"
    folder = runs / recipe.name / "pretrain"
    write_json(folder / "asked.json", path.question("pretrain", [store], recipe))
    write_metrics(folder, {"top1": 50.0})

    def walk(steps: path.Steps) -> dict[str, Any]:
        return steps.take("pretrain", "pretrain", lambda *_: pytest.fail("it is there already"))

    monkeypatch.setattr(path, "_walk", walk)
    assert path.run(recipe, store, runs) == {"top1": 50.0}
    assert f"pretrain: is in {folder}" in capsys.readouterr().out


# A student of this input is exported frame by frame.
LIVE = InputSettings(frames=25, time="rate", hz=15, normalization="root-motion")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"students": ()}, "students: expected one or more of .*, shipped, own, got none"),
        ({"input": InputSettings(time="uniform")}, "input.time: expected stretched or rate"),
        (
            {"distill": DistillSettings(logit_weight=0, feature_weight=1)},
            "distill: expected a logit_weight or a label_weight",
        ),
        *[
            (
                {
                    "input": InputSettings(time="rate", hz=15, normalization=way),
                    "student": EncoderSettings(widths=(4, 8), strides=(2, 1)),
                },
                "student.strides: expected 1 everywhere",
            )
            for way in STREAMABLE
        ],
        *[
            (
                {
                    "input": LIVE,
                    "student": EncoderSettings(**{"widths": (4, 8), "strides": (1, 1)} | student),
                },
                f"student: .*{words}",
            )
            for student, words in (
                ({"all_blocks": True}, "expected causal kernels"),
                ({"head": "mlp"}, "expected a network with a linear head"),
                ({"fusion": "mean"}, "expected an ST-GCN to stream"),
                (
                    {"padding": False, "widths": (4,) * 5, "strides": (1,) * 5},
                    "frames: expected more than the 40",
                ),
                (
                    {"padding": False, "widths": (4,) * 3, "strides": (1,) * 3},
                    "pools more than 1 frame",
                ),
                ({"pool": "max"}, "pool: expected mean or statistics"),
                ({"joints": ("tail",)}, "expected"),
            )
        ],
        ({"encoder": EncoderSettings(fusion="mean")}, "pretrain.method pstl: holds one encoder"),
        ({"encoder": EncoderSettings(backbone="tcn")}, "a graph of all joints is needed"),
        ({"finetune": FinetuneSettings(drop_path=0.1)}, "finetune.drop_path: expected 0"),
        (
            {"input": InputSettings(frames=25, normalization="root-motion", persons=2)},
            "root-motion follows one person",
        ),
        ({"compute": ComputeSettings(strategy="fast")}, "compute: expected an accelerator"),
        ({"pretrain": PretrainSettings("mamp")}, "expected encoder.backbone transformer"),
    ],
)
def test_what_the_end_would_refuse_is_refused_at_the_beginning(
    changes: dict[str, Any], words: str, store: Store, recipe: Recipe, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=words):
        path.run(replace(recipe, **changes), store, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_finished_run_on_other_data_is_not_replaced_unasked(
    store: Store, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second set under the same name took the first one's model away without a word."""
    folder = tmp_path / recipe.name
    folder.mkdir()
    monkeypatch.setattr(path, "_walk", lambda steps: {"again": steps.again})
    for name, again in (("other", True), (store.name, False)):
        (folder / "report.json").write_text(json.dumps({"store": {"name": name}}))
        assert path.run(recipe, store, tmp_path, again=again) == {"again": again}
    (folder / "report.json").write_text(json.dumps({"store": {"name": "other"}}))
    with pytest.raises(
        InputError, match=r"it holds a finished one on other; .*--name, or .*--again"
    ):
        path.run(recipe, store, tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="the computer has what is asked for")
@pytest.mark.parametrize("step", ["pretrain", "supervised", "distill"])
def test_a_gpu_that_is_not_there_is_one_line(
    step: str, store: Store, recipe: Recipe, tmp_path: Path
) -> None:
    """Lightning's traceback was all that a user saw."""
    there = replace(recipe, compute=ComputeSettings(accelerator="gpu"))
    with pytest.raises(InputError, match=r"compute: expected .* this computer has, got gpu, 1 and"):
        {
            "pretrain": partial(steps.pretrain, store, tmp_path, there),
            "supervised": partial(steps.evaluate, store, tmp_path, there, protocol="supervised"),
            "distill": partial(steps.distill, store, tmp_path, there),
        }[step]()


@pytest.mark.parametrize("backbone", [*BACKBONES, "mixing"])
def test_a_teacher_that_cannot_be_exported_is_left_out(backbone: str) -> None:
    """As one of a backbone of one's own: the path would end in a refusal after all training."""
    encoder = EncoderSettings(backbone=backbone)
    files = path.exported_files(Recipe(students=("finetune", "labels"), encoder=encoder), Path("x"))
    assert files.pop(Path("x/student.onnx")) == "student-finetune"
    can = backbone not in ("gin", "dgcnn", "mixing")
    assert files == ({Path("x/teacher.onnx"): "finetune"} if can else {})
    alone = path.exported_files(Recipe(students=("labels",), encoder=encoder), Path("x"))
    assert alone == {Path("x/student.onnx"): "student-labels"}


def test_three_streams_of_none_are_refused(recipe: Recipe) -> None:
    with pytest.raises(InputError, match=r"input\.fusion: expected the weights"):
        replace(recipe, input=replace(recipe.input, fusion={}))


def test_settings_that_cannot_be_trained_with_are_one_line(
    folders: Path, store: Store, recipe: Recipe
) -> None:
    def with_(section: str, **changes: Any) -> Recipe:
        return replace(recipe, **{section: replace(getattr(recipe, section), **changes)})

    out, start = folders / "wrong", folders / "pretrain"
    endless = replace(ONCE, epochs=-1)
    for words, train in {
        "compute.seed": lambda: steps.evaluate(
            store, out, with_("compute", seed=-1), protocol="linear", pretrained=start
        ),
        "knn.neighbors": lambda: steps.evaluate(
            store, out, with_("knn", neighbors=0), protocol="knn", pretrained=start
        ),
        "optim.epochs": lambda: steps.evaluate(
            store, out, with_("linear", optim=endless), protocol="linear", pretrained=start
        ),
        "distill.temperature": lambda: steps.distill(
            store, out, with_("distill", temperature=0), teachers=[folders / "linear"]
        ),
        "pretrain.asma.encoders": lambda: steps.pretrain(
            store, out, with_("pretrain", method="asma", asma=AsmaSettings(encoders=()))
        ),
    }.items():
        with pytest.raises(InputError, match=words):
            train()


def test_top_5_of_one_neighbour_is_not_said(
    folders: Path, store: Store, recipe: Recipe, tmp_path: Path
) -> None:
    for neighbors, said in ((1, False), (5, True)):
        one = replace(recipe, knn=replace(recipe.knn, neighbors=neighbors))
        found = steps.evaluate(
            store, tmp_path / str(neighbors), one, protocol="knn", pretrained=folders / "pretrain"
        )
        assert ("top5" in found) == said


def test_a_probe_behind_batch_norm_takes_any_number_of_clips(
    folders: Path, store: Store, recipe: Recipe, tmp_path: Path
) -> None:
    clips = len(store.split("xsub", "train"))
    optim = replace(ONCE, batch_size=clips - 1)
    one = replace(
        recipe,
        input=replace(recipe.input, stream="joint"),
        linear=LinearSettings(optim, batch_norm=True),
    )
    assert (
        steps.evaluate(store, tmp_path, one, protocol="linear", pretrained=folders / "pretrain")[
            "clips"
        ]
        > 0
    )


def test_streams_that_are_trained_together_become_a_folder_of_streams(
    store: Store, recipe: Recipe, tmp_path: Path
) -> None:
    """What follows takes them as streams that were trained alone; so does any set of streams."""
    weights: Any = {"joint": 0.6, "motion": 0.4}
    pretraining = replace(recipe.pretrain, method="csclr", contrast=ContrastSettings(features=4))
    two = replace(recipe, input=replace(recipe.input, fusion=weights), pretrain=pretraining)
    metrics = steps.pretrain(store, tmp_path / "pretrain", two)
    assert {stream: one["method"] for stream, one in metrics.items()} == dict.fromkeys(
        weights, "csclr"
    )
    stamp = (tmp_path / "pretrain" / "joint" / "weights.safetensors").stat().st_mtime_ns
    assert steps.pretrain(store, tmp_path / "pretrain", two, resume=True) == metrics
    assert (tmp_path / "pretrain" / "joint" / "weights.safetensors").stat().st_mtime_ns == stamp, (
        "finished"
    )
    found = steps.evaluate(
        store, tmp_path / "linear", two, protocol="linear", pretrained=tmp_path / "pretrain"
    )
    assert (found["stream"], set(found["streams"])) == ("three", set(weights))
    steps.distill(store, tmp_path / "student", two, teachers=[tmp_path / "linear"])
    assert load_classifier(tmp_path / "student")[1].input.fusion == weights
    alone = replace(two, input=replace(two.input, stream="motion"))
    found = steps.evaluate(
        store, tmp_path / "knn", alone, protocol="knn", pretrained=tmp_path / "pretrain"
    )
    assert found["stream"] == "motion"
    with pytest.raises(
        InputError,
        match=r"expected input.stream three with two or three streams in input.fusion, got motion",
    ):
        steps.pretrain(store, tmp_path / "none", alone)
    assert not (tmp_path / "none" / "streams.json").exists()


def test_three_streams_from_a_folder_of_one_are_refused(
    folders: Path, store: Store, recipe: Recipe, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"three streams.*input.stream"):
        steps.evaluate(
            store, tmp_path, recipe, protocol="linear", pretrained=folders / "pretrain" / "joint"
        )


def test_seeds(folders: Path, store: Store, recipe: Recipe, tmp_path: Path) -> None:
    joint = replace(recipe, input=replace(recipe.input, stream="joint"))
    finetune = partial(steps.evaluate, store, protocol="finetune", pretrained=folders / "pretrain")
    metrics = steps.over_seeds(tmp_path, joint, [0, 1, 5], step=finetune)
    single = [
        json.loads((tmp_path / f"seed-{seed}" / "metrics.json").read_text()) for seed in (0, 1, 5)
    ]
    tops = [one["top1"] for one in single]
    assert metrics["seeds"] == [0, 1, 5]
    assert metrics["top1"] == pytest.approx(sum(tops) / 3, abs=0.01)
    assert metrics["top1_std"] == pytest.approx(stdev(tops), abs=0.01)
    assert json.loads((tmp_path / "metrics.json").read_text()) == metrics
    assert "seed" not in metrics


def test_means_over_seeds_keep_what_is_common() -> None:
    runs: list[dict[str, Any]] = [
        {
            "protocol": "linear",
            "seed": 0,
            "top1": 50.0,
            "top5": 90.0,
            "per_class": [0.0, 100.0],
            "confusion": [[1]],
        },
        {
            "protocol": "linear",
            "seed": 1,
            "top1": 60.0,
            "top5": 90.0,
            "per_class": [20.0, 100.0],
            "confusion": [[2]],
        },
    ]
    assert over_seeds(runs) == {
        "protocol": "linear", "top1": 55.0, "top1_std": 7.07, "top5": 90.0, "top5_std": 0.0, "per_class": [10.0, 100.0],
        "confusion": [[3]], "seeds": [0, 1],
    }  # fmt: skip


def test_what_differs_between_seeds_is_in_the_mean_of_three_streams(tmp_path: Path) -> None:
    """Accuracies by stream and by class, and the confusions, were missing where the seeds had
    other ones, and there was no picture of them."""
    names = ["wave", "clap"]

    def step(folder: Path, recipe: Recipe, resume: bool) -> dict[str, Any]:
        seed = recipe.compute.seed
        shares = [50.0 + seed, None]
        return {
            "seed": seed, "confusion": [[seed, 2], [0, 0]], "per_class": shares, "classes": dict(zip(names, shares, strict=True)),
            "streams": {"joint": 10.0 * seed, "bone": 5.0},
        }  # fmt: skip

    metrics = steps.over_seeds(tmp_path, Recipe(), [1, 2], step=step)
    assert metrics == {
        "seeds": [1, 2], "confusion": [[3, 4], [0, 0]], "per_class": [51.5, None], "classes": {"wave": 51.5, "clap": None},
        "streams": {"joint": 15.0, "bone": 5.0},
    }  # fmt: skip
    assert (tmp_path / "confusion.png").is_file()


def test_a_class_without_test_clips_has_no_mean_over_seeds() -> None:
    runs = [{"seed": seed, "per_class": [None, 40.0 + seed]} for seed in (0, 1)]
    assert over_seeds(runs)["per_class"] == [None, 40.5]


def test_the_whole_path_of_aligned_streams(store: Store, recipe: Recipe, tmp_path: Path) -> None:
    masks = AsmaSettings(
        theta=MaskSettings(masked_frames=5),
        phi=MaskSettings("low-degree", "high-motion", masked_frames=5),
    )
    asma = replace(
        recipe, name="asma", encoder=replace(recipe.encoder, fusion="alignment"),
        input=replace(recipe.input, fusion={"joint": 0.6, "motion": 0.4}),
        pretrain=replace(recipe.pretrain, method="asma", asma=masks), finetune=FinetuneSettings(optim=ONCE, fuse=ONCE),
    )  # fmt: skip
    report = path.run(asma, store, tmp_path)
    student = report["accuracy"]["student of finetuned"]["top1"]
    assert set(report["accuracy"]) - {"ridge on coordinates"} == {
        "untrained, linear probe", "untrained, norms fitted",
        "teacher, linear probe", "teacher, finetuned", "student of finetuned",
    }  # fmt: skip
    assert report["export"]["teacher"]["largest_difference"] < 1e-4
    assert report["recognizer"]["whole clips"]["top1"] == pytest.approx(student, abs=0.01)
    written = list(tmp_path.rglob("weights.safetensors"))
    untrained = [file for file in written if "untrained" in file.parts]
    assert len(untrained) == 2 * (2 + 2), "two forms of encoders, probed"
    assert len(written) - len(untrained) == 2 + 2 + 6 + 2, (
        "pretrained, probed, finetuned (theta, phi, both), students"
    )


def test_the_command_that_tries_a_model_can_be_typed_as_it_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder with a space in its name made two words of it."""
    monkeypatch.setattr(path, "store_of_films", lambda *_, **__: None)
    monkeypatch.setattr(path, "run", lambda *_, **__: {})
    path.run_films(Recipe(name="own"), tmp_path, Path("Mary's runs"), pose="my pose.py:Mine")
    shown = capsys.readouterr().out.removeprefix("Try it: ")
    assert shlex.split(shown) == [
        *("skedge", "live", "--model", "Mary's runs/own/student.onnx"),
        *("--pose", "my pose.py:Mine"),
    ]
