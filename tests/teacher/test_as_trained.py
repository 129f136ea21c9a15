"""What is measured of a trained network is measured with the input it was trained with."""

from dataclasses import fields, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
import yaml

from skedge.cli.main import main
from skedge.datasets.store import Store
from skedge.recipes.methods import METHODS, READ_BY
from skedge.recipes.needs import NEEDS
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import (
    FinetuneSettings,
    LinearSettings,
    PretrainSettings,
    SttformerSettings,
    TransformerSettings,
)
from skedge.skeleton import InputError
from skedge.steps import check_asked
from skedge.sweep.grid import Given, Sweep, check_given, points_of
from skedge.teacher.clips import tell
from skedge.teacher.methods.registry import make_method, method_named
from skedge.teacher.protocols.continued import continue_training
from skedge.teacher.protocols.finetune import finetune
from skedge.teacher.protocols.linear import linear
from skedge.teacher.runs.folder import RECIPE
from tests.teacher.tiny import INPUT, PLAN, PRETRAINED, optim, write_classifier


def test_a_recipe_says_what_was_measured(
    store: Store,
    encoder_run: Path,
    teacher_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A linear probe of a joint encoder by a recipe of bones measured joints, and its recipe.yaml
    said bones, 20 frames and an encoder that it had not."""
    recipe = replace(
        PRETRAINED,
        input=replace(INPUT, frames=20, stream="bone"),
        encoder=replace(PLAN, widths=(8,), strides=(1,)),
        linear=LinearSettings(optim=optim(epochs=1)),
        finetune=FinetuneSettings(optim=optim(epochs=1)),
    )
    for step, source in (
        (lambda out: linear(store, out, recipe, encoder_run), encoder_run),
        (lambda out: finetune(store, out, recipe, encoder_run), encoder_run),
        (lambda out: continue_training(store, out, recipe, teacher_run), teacher_run),
    ):
        tell.cache_clear()
        assert step(tmp_path)["stream"] == "joint"
        assert (
            f"{source}: its input stays as it was trained: input.frames 12, input.stream joint"
            in (capsys.readouterr().err)
        )
        written = yaml.safe_load((tmp_path / RECIPE).read_text())
        assert written["input"] == Recipe(input=INPUT).sections()["input"]
        assert tuple(written["encoder"]["widths"]) == PLAN.widths


@pytest.mark.parametrize("command", ["linear", "knn", "finetune", "partial-body", "on"])
def test_another_input_than_the_networks_is_refused(
    command: str,
    store: Store,
    encoder_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`--input.stream bone` had no effect on a network of joints, without a word."""
    write_classifier(tmp_path / "trained", store)
    trained = tmp_path / "trained" if command in ("partial-body", "on") else encoder_run
    words = (
        ["finetune", trained] if command == "on" else ["evaluate", command, "--pretrained", trained]
    )
    words += ["--data", store.path, "--out", tmp_path / "out"]
    for flag, held in (("stream=bone", "stream joint"), ("warm-up=7", "warm_up 15")):
        with pytest.raises(SystemExit, match="2"):
            main([str(word) for word in [*words, f"--input.{flag}"]])
        assert f"expected input.{held}, with which it was trained" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flags", "held"),
    [
        (["--input", "{stream: bone}"], "input.stream joint"),
        (["--input={warm_up: 7, part: val}"], "input.warm_up 15"),
        (["--encoder.widths=[4,4]"], "encoder.widths [4, 6, 8]"),
        (["--encoder", "{transformer: {depth: 2}}"], "encoder.transformer.depth 8"),
        (["--encoder.dropout=0.3"], "encoder.dropout 0.0"),
    ],
)
def test_settings_of_a_section_are_refused_as_single_ones_are(
    flags: list[str],
    held: str,
    store: Store,
    encoder_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`--input '{stream: bone}'` was noted where `--input.stream bone` was refused, and
    `--encoder.widths` had no effect on a trained network, without a word."""
    words = ["evaluate", "linear", "--pretrained", encoder_run, "--data", store.path]
    with pytest.raises(SystemExit, match="2"):
        main([str(word) for word in [*words, "--out", tmp_path / "out", *flags]])
    assert f"expected {held}, with which it was trained" in capsys.readouterr().err


def test_settings_that_the_network_has_or_that_finetuning_changes_are_taken(
    store: Store, encoder_run: Path
) -> None:
    """What is asked for as it is anyway, or as the protocol takes it from the recipe, is right."""
    recipe = replace(
        PRETRAINED, input=replace(INPUT, part="val"), encoder=replace(PLAN, dropout=0.3, head="mlp")
    )
    named = {"input.part", "input.frames", "encoder.widths", "encoder.dropout", "encoder.head"}
    check_asked(encoder_run, recipe, named, "finetune")
    with pytest.raises(InputError, match=r"encoder.dropout"):
        check_asked(encoder_run, recipe, named, "knn")


def test_a_flag_that_the_command_does_not_read_is_named(
    store: Store, encoder_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--linear.optim.epochs 3` had no effect on nearest neighbours, without a word."""
    words = ["evaluate", "knn", "--pretrained", encoder_run, "--data", store.path]
    main([str(one) for one in [*words, "--out", tmp_path, "--linear.optim.epochs=3"]])
    assert "note: evaluate knn does not read linear.optim.epochs\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "note"),
    [
        (["--pretrain.pstl.masked-joints=2"], "pretrain.method asma does not read pretrain.pstl"),
        (["--pretrain.augment.shear=0"], ""),
        (["--encoder.sttformer", "{width: 16}"], "encoder.backbone st-gcn does not read encoder."),
        (["--input.hz=15"], "input.time stretched does not read input.hz"),
        (["--input.hz=15", "--input.time=rate"], ""),
        (["--input.fusion", "{joint: 1}"], "input.stream joint does not read input.fusion"),
        (["--pretrain.asma.phi.motion=squared"], ""),
        (
            ["--pretrain.asma.phi.motion=squared", "--pretrain.asma.encoders=[theta]"],
            "pretrain.asma.encoders ['theta'] does not read pretrain.asma.phi.motion",
        ),
        (
            ["--pretrain.asma.phi.masked-joints=2", "--pretrain.asma.phi.joints=none"],
            "pretrain.asma.phi.joints none does not read pretrain.asma.phi.masked_joints",
        ),
        (
            ["--pretrain.augment.mirror-when=either-side"],
            "pretrain.augment.mirror 0.0 does not read pretrain.augment.mirror_when",
        ),
        (
            ["--pretrain.optim.betas=[0.5,0.9]", "--pretrain.optim.optimizer=sgd"],
            "pretrain.optim.optimizer sgd does not read pretrain.optim.betas",
        ),
        (
            ["--encoder.backbone=gin", "--encoder.distances=true"],
            "encoder.backbone gin does not read encoder.distances",
        ),
    ],
)
def test_a_flag_that_the_method_does_not_read_is_named(
    flags: list[str], note: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """PSTL's masks had no effect on ASMa, without a word: a table of equal rows. Nor had frames a
    second on clips that are stretched, or a mask's number of joints where it masks none."""
    words = ["pretrain", "--data", "nowhere", "--out", "nothing", "--pretrain.method=asma"]
    with pytest.raises(SystemExit, match="2"):
        main([*words, *flags])
    said = capsys.readouterr().err
    assert (note in said) if note else ("note" not in said)


@pytest.mark.parametrize(
    ("command", "flags", "named"),
    [
        ("evaluate ridge", ["--input.stream=bone"], "input.stream"),
        (
            "evaluate ridge",
            ["--input.stream=three", "--input.fusion={joint: 1}"],
            "input.fusion.joint, input.stream",
        ),
        ("evaluate ridge", ["--compute.precision=bf16-mixed"], "compute.precision"),
        ("evaluate ridge", ["--seeds", "0", "1"], "compute.seed"),
        ("evaluate supervised", ["--encoder.fusion=mean"], "encoder.fusion"),
        (
            "pretrain",
            ["--encoder.fusion=mean", "--encoder.head=mlp", "--input.part=val"],
            "encoder.fusion, encoder.head, input.part",
        ),
        ("distill", ["--student.fusion=mean"], "student.fusion"),
    ],
)
def test_a_setting_that_the_step_passes_over_is_named(
    command: str, flags: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`evaluate ridge --input.stream bone` gave the figures of joints without a word, and a step
    that reads most of a section's settings said nothing of the others."""
    words = [*command.split(), "--data", "nowhere", "--out", "nothing"]
    with pytest.raises(SystemExit, match="2"):
        main([*words, *flags])
    reader = "distill without --teacher" if command == "distill" else command
    assert f"note: {reader} does not read {named}" in capsys.readouterr().err


def test_a_temperature_without_a_teacher_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without `--teacher` a student learns from labels; a forgotten one was found in its figures."""
    words = ["distill", "--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit, match="2"):
        main([*words, "--distill.temperature", "4"])
    said = capsys.readouterr().err
    assert "note: distill without --teacher does not read distill.temperature\n" in said


def test_epochs_that_the_least_steps_exceed_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--recipe own --distill.optim.epochs 1` trained 2,000 steps on a few clips, without a word."""
    words = ["distill", "--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]
    words += ["--recipe=own", "--distill.optim.epochs=1"]
    note = "note: distill.optim.least_steps 2000 gives a small set more epochs than"
    for more, said in ([], True), (["--distill.optim.least-steps=0"], False):
        with pytest.raises(SystemExit, match="2"):
            main([*words, *more])
        assert (note in capsys.readouterr().err) == said


def test_settings_of_a_loss_without_weight_are_named(
    teacher_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The labels' smoothing had no effect beside a teacher whose answers alone are learned, nor a
    temperature where only labels are."""
    words = ["distill", "--teacher", str(teacher_run), "--data", str(tmp_path / "nowhere")]
    words += ["--out", str(tmp_path / "out"), "--distill.temperature=2"]
    words += ["--distill.label-smoothing=0.2"]
    for logits, labels, unread in ((1, 0, "label_smoothing"), (0, 1, "temperature")):
        with pytest.raises(SystemExit, match="2"):
            main([*words, f"--distill.logit-weight={logits}", f"--distill.label-weight={labels}"])
        notes = [line for line in capsys.readouterr().err.splitlines() if line[:4] == "note"]
        weight = "logit" if labels else "label"
        assert notes == [f"note: distill.{weight}_weight 0 does not read distill.{unread}"]


def test_every_setting_that_needs_another_has_that_one() -> None:
    """A row whose name is wrong would be a traceback where somebody gives the setting."""
    recipe = Recipe()
    for need in NEEDS:
        assert {*need.settings} <= {field.name for field in fields(need.kind)}
        other = need.other.rpartition(".")[2]
        assert "." in need.other or other in {field.name for field in fields(need.kind)}
        if "." in need.other:
            attrgetter(need.other)(recipe)


def test_a_recipe_s_other_plan_than_the_networks_is_named(
    store: Store, encoder_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Widths in a recipe's file had no effect on a trained network, without a word, while the same
    widths as a flag were refused."""
    recipe = tmp_path / "mine.yaml"
    base = ["evaluate", "knn", "--pretrained", encoder_run, "--data", store.path]
    for widths, noted in (([4, 4, 4], True), (list(PLAN.widths), False), (None, False)):
        tell.cache_clear()
        named = {"encoder": {"widths": widths}} if widths else {"knn": {"neighbors": 1}}
        recipe.write_text(yaml.safe_dump(named))
        out = tmp_path / str(widths)
        main([str(word) for word in [*base, "--recipe", recipe, "--out", out]])
        note = f"{encoder_run}: its encoder stays as it was trained: encoder.widths [4, 6, 8]\n"
        assert (note in capsys.readouterr().err) == noted


def test_a_sweep_s_recipe_with_another_plan_than_the_networks_is_named(
    store: Store, encoder_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`skedge sweep` said nothing where `skedge evaluate` names the widths, and the input, of a
    recipe's file that the given network has not; the table is headed by that recipe."""
    tell.cache_clear()
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(yaml.safe_dump({"encoder": {"widths": [4, 4, 4]}, "input": {"frames": 24}}))
    sweep = Sweep(str(recipe), "evaluate linear", grid={"linear.optim.learning_rate": [1, 2]})
    given = Given(pretrained=encoder_run)
    check_given(sweep, points_of(sweep, store, tmp_path / "out", given=given))
    assert capsys.readouterr().err.splitlines() == [
        f"note: {encoder_run}: its input stays as it was trained: input.frames {INPUT.frames}",
        f"note: {encoder_run}: its encoder stays as it was trained: encoder.widths [4, 6, 8]",
    ]


def test_a_sweep_refuses_an_encoder_for_a_teacher_before_it_begins(
    store: Store, encoder_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a classifier for an encoder; of a teacher it names another plan, as `distill` does."""
    tell.cache_clear()
    write_classifier(tmp_path / "trained", store)
    recipe = tmp_path / "mine.yaml"
    seen = Recipe(input=INPUT).sections()["input"]
    recipe.write_text(yaml.safe_dump({"encoder": {"widths": [4, 4, 4]}, "input": seen}))

    def checked(step: str, **given: Path) -> None:
        sweep = Sweep(str(recipe), step)
        found = Given(**given)
        check_given(sweep, points_of(sweep, store, tmp_path / "out", given=found))

    with pytest.raises(InputError, match="classifier"):
        checked("evaluate linear", pretrained=tmp_path / "trained")
    with pytest.raises(InputError, match="classifier"):
        checked("distill", teacher=encoder_run)
    capsys.readouterr()
    checked("distill", teacher=tmp_path / "trained")
    assert "its encoder stays as it was trained: encoder.widths [4, 6, 8]" in (
        capsys.readouterr().err
    )


def test_settings_of_recordings_are_named_where_there_are_clips(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Noise of cameras had no effect on a student of clips, without a word."""
    words = ["distill", "--data", str(store.path), "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit, match="2"):
        main([*words, "--distill.online.camera.noise=2", "--input.protocol=nowhere"])
    note = "note: training on clips does not read distill.online.camera.noise\n"
    assert note in capsys.readouterr().err


@pytest.mark.parametrize(
    ("students", "flag", "reader"),
    [
        ("labels", "pretrain.method=asma", "run with students labels"),
        ("labels", "distill.temperature=6", "distill without --teacher"),
        ("finetune", "pretrain.method=asma", ""),
        ("finetune", "distill.label_smoothing=0.2", "distill.label_weight 0"),
        ("finetune,labels", "distill.label_smoothing=0.2", ""),
        ("finetune", "knn.neighbors=3", "run with students finetune"),
        ("finetune", "distill.online.quiet=1", "training on clips"),
    ],
)
def test_what_no_step_of_the_path_reads_is_named(
    students: str, flag: str, reader: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A method of pretraining had no effect on a path without a teacher, nor the number of
    neighbours on any, without a word."""
    words = ["run", "--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "runs")]
    with pytest.raises(SystemExit, match="2"):
        main([*words, "--students", f"[{students}]", f"--{flag}"])
    said = capsys.readouterr().err
    assert said.count("note: ") == bool(reader)
    if reader:
        assert f"note: {reader} does not read {flag.partition('=')[0]}\n" in said


def test_what_methods_read_is_what_their_rows_say(store: Store) -> None:
    """A part of `pretrain` that a method reads after all would be named as one it does not."""

    class Guarded(PretrainSettings):
        unread: tuple[str, ...] = ()

        def __getattribute__(self, name: str) -> Any:
            assert name not in type(self).unread, name
            return super().__getattribute__(name)

    for method in METHODS:
        plan = replace(
            PLAN,
            backbone=method_named(method).backbone or "st-gcn",
            transformer=TransformerSettings(8, 1, 2, 2, 3),
            sttformer=SttformerSettings(16, 2),
        )
        settings = Guarded(method, 8)
        stream: Any = "three" if method_named(method).together else "joint"
        data = replace(INPUT, frames=48, stream=stream)
        recipe = Recipe(input=data, encoder=plan, pretrain=settings)
        Guarded.unread = tuple(part for part, by in READ_BY.items() if method not in by)
        make_method(store.layout, recipe)
        Guarded.unread = ()
    assert {*READ_BY} <= {field.name for field in fields(PretrainSettings)}


def test_seeds_and_a_seed_are_refused(
    store: Store, encoder_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--compute.seed 5` had no effect beside `--seeds 0 1`, without a word."""
    words = ["evaluate", "linear", "--pretrained", encoder_run, "--data", store.path]
    words += ["--out", tmp_path / "out", "--seeds", "0", "1", "--compute.seed", "5"]
    with pytest.raises(SystemExit, match="2"):
        main([str(one) for one in words])
    assert "expected --seeds or --compute.seed, got both" in capsys.readouterr().err


def test_a_picture_of_another_input_than_the_networks_is_refused(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`skedge draw features --input.frames 30` drew what the network sees of twelve."""
    write_classifier(tmp_path / "trained", store)
    words = ["draw", "features", tmp_path / "trained", "--data", store.path]
    with pytest.raises(SystemExit, match="2"):
        main([str(one) for one in [*words, "--out", tmp_path / "a.png", "--input.frames=30"]])
    assert "expected input.frames 12, with which it was trained" in capsys.readouterr().err
