"""`--resume` goes on with what was asked for, and with nothing else."""

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from skedge import steps
from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import AugmentSettings, FinetuneSettings, LinearSettings
from skedge.skeleton import InputError
from skedge.teacher.pretrain import pretrain
from skedge.teacher.protocols.evaluate import Job, Sets
from skedge.teacher.runs.folder import CHECKPOINT, METRICS, only_training
from tests.teacher.tiny import COMPUTE, INPUT, PLAN, PRETRAINED, make_store, optim

RECIPE = replace(
    PRETRAINED,
    linear=LinearSettings(optim(epochs=1)),
    finetune=FinetuneSettings(optim=optim(epochs=1)),
)
SUPERVISED: Any = {"protocol": "supervised"}


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs a step that is stopped before what its training number `number` made is tested."""

    def interrupted(step: Callable[[], Any], number: int = 1) -> None:
        finish = Job.finish
        done: list[Job[Any]] = []

        def stopped(job: Job[Any], *arguments: Any) -> Any:
            done.append(job)
            if len(done) == number:
                raise KeyboardInterrupt
            return finish(job, *arguments)

        with monkeypatch.context() as changed:
            changed.setattr(Job, "finish", stopped)
            with pytest.raises(KeyboardInterrupt):
                step()

    return interrupted


def refused(step: Callable[[], Any], *words: str) -> None:
    with pytest.raises(InputError) as error:
        step()
    message = str(error.value)
    assert "\n" not in message
    for word in (*words, "train without --resume"):
        assert word in message


@pytest.mark.parametrize(
    ("name", "changed"),
    {
        "finetune.label_smoothing": {"finetune": replace(RECIPE.finetune, label_smoothing=0.3)},
        "finetune.augment.mirror": {
            "finetune": replace(RECIPE.finetune, augment=AugmentSettings(mirror=0.5))
        },
        "finetune.optim.epochs": {"finetune": FinetuneSettings(optim=optim(epochs=9))},
        "encoder.dropout": {"encoder": replace(PLAN, dropout=0.4)},
        "input.normalization": {"input": replace(INPUT, normalization="none")},
        "compute.precision": {"compute": replace(COMPUTE, precision="bf16-mixed")},
        "compute.seed": {"compute": replace(COMPUTE, seed=8)},
    }.items(),
)
def test_an_interrupted_training_goes_on_under_the_same_settings_only(
    name: str, changed: dict[str, Any], store: Store, tmp_path: Path, interrupted: Any
) -> None:
    """All but the data's, the input's and the optimiser's settings could differ without a word."""
    train = partial(steps.evaluate, store, tmp_path, **SUPERVISED)
    interrupted(partial(train, RECIPE))
    refused(partial(train, replace(RECIPE, **changed), resume=True), f"got other {name};")
    assert (tmp_path / CHECKPOINT).is_file(), "the same command can still go on"
    elsewhere = replace(RECIPE, compute=replace(COMPUTE, accelerator="auto", strategy="auto"))
    assert train(elsewhere, resume=True)["top1"] >= 0, "where it runs makes no difference"


def test_a_full_disk_leaves_the_last_checkpoint(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lightning copied the new one over it from the folder for passing files, and that is what the
    message named: nothing was left to go on with."""
    sizes: list[int] = []
    fsync = os.fsync

    def full(file: int) -> None:
        if os.fstat(file).st_size > 5000:  # a checkpoint, not what was asked for
            sizes.append(os.fstat(file).st_size)
            if len(sizes) > 3:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(file)

    recipe = replace(RECIPE, finetune=FinetuneSettings(optim=optim(epochs=20)))
    train = partial(steps.evaluate, store, tmp_path, recipe, **SUPERVISED)
    with monkeypatch.context() as changed:
        changed.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left") as error:
            train()
    assert error.value.filename == str(tmp_path / CHECKPOINT)
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["epoch"] == 5, "from 0"
    assert not list(tmp_path.glob(f".{CHECKPOINT}*"))
    assert train(resume=True)["top1"] >= 0


def test_another_method_of_pretraining_does_not_go_on(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as changed:
        changed.setattr("skedge.teacher.pretrain.write_run", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            steps.pretrain(store, tmp_path, RECIPE)
    other = replace(RECIPE, pretrain=replace(RECIPE.pretrain, method="skeleton-bt"))
    train = partial(steps.pretrain, store, tmp_path, resume=True)
    refused(partial(train, recipe=other), "got other pretrain.method;")
    refused(partial(train, recipe=Recipe()), "and ", " more;")
    assert train(recipe=RECIPE)["method"] == "pstl"


def _interrupt(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_other_data_another_encoder_and_another_command_do_not_go_on(
    store: Store, encoder_run: Path, tmp_path: Path, interrupted: Any
) -> None:
    linear = partial(
        steps.evaluate, recipe=RECIPE, folder=tmp_path / "run", protocol="linear", resume=True
    )
    interrupted(partial(linear, store, pretrained=encoder_run))
    other = replace(RECIPE, compute=replace(COMPUTE, seed=9))
    pretrain(store, tmp_path / "encoder", other)
    start = "got other networks to start from;"
    refused(partial(linear, store, pretrained=tmp_path / "encoder"), start)
    more = make_store(tmp_path / "more", subjects=10)
    refused(partial(linear, more, pretrained=encoder_run), "got other data;")
    finetune = partial(linear, store, pretrained=encoder_run, protocol="finetune")
    refused(finetune, "command (evaluate linear, not evaluate finetune)")
    assert linear(store, pretrained=encoder_run)["top1"] >= 0


def test_a_run_inside_the_folder_that_it_starts_from_goes_on(
    store: Store, tmp_path: Path, interrupted: Any
) -> None:
    """What it has written there itself is no other encoder."""
    start = tmp_path / "encoder"
    pretrain(store, start, RECIPE)
    linear = partial(
        steps.evaluate, store, start / "linear", RECIPE, protocol="linear", pretrained=start
    )
    interrupted(partial(linear, untrained=True), number=2)
    assert set(linear(untrained=True, resume=True)["untrained"]) == {"initialised", "statistics"}


def test_a_network_is_not_trained_on_in_its_own_folder(
    store: Store, encoder_run: Path, tmp_path: Path
) -> None:
    """The encoder was gone, and what had become of it could not be resumed or made again."""
    folder = tmp_path / "run"
    shutil.copytree(encoder_run, folder)
    same = folder.parent / "there" / ".." / folder.name
    same.parent.parent.mkdir()
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    for step in (
        partial(steps.evaluate, store, folder, RECIPE, protocol="linear", pretrained=same),
        partial(steps.distill, store, folder, RECIPE, [same]),
        partial(steps.distill, store, same, RECIPE, [], pretrained=folder),
    ):
        with pytest.raises(InputError, match=r"expected a folder of its own .* with --out"):
            step()
    run = tmp_path / "classifier"
    steps.evaluate(store, run, RECIPE, **SUPERVISED)
    with pytest.raises(InputError, match=r"expected a folder of its own .* with --out"):
        steps.finetune(store, run, RECIPE, run)
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before


def test_a_stream_is_not_trained_on_in_its_own_place(
    store: Store, encoder_run: Path, tmp_path: Path
) -> None:
    """A stream of the network to start from was replaced by what started from it."""
    three = tmp_path / "three"
    for stream in ("joint", "seed-1/bone"):
        shutil.copytree(encoder_run, three / stream)
    before = {file: file.read_bytes() for file in three.rglob("*") if file.is_file()}
    for out, start in (
        (three / "joint", three),
        (three / "seed-1" / "bone", three),
        (three, three / "joint"),
        (three, three / "seed-1" / "bone"),
    ):
        for step in (
            partial(steps.evaluate, store, out, RECIPE, protocol="linear", pretrained=start),
            partial(steps.distill, store, out, RECIPE, [start]),
        ):
            with pytest.raises(InputError, match=r"of its own .* shared with .* with --out"):
                step()
    assert {file: file.read_bytes() for file in three.rglob("*") if file.is_file()} == before


def test_a_teacher_or_temperature_of_another_student_is_refused(
    store: Store, teacher_run: Path, tmp_path: Path, interrupted: Any
) -> None:
    recipe = replace(RECIPE, student=PLAN, distill=replace(RECIPE.distill, optim=optim(epochs=1)))
    distill = partial(steps.distill, store, tmp_path, teachers=[teacher_run])
    interrupted(partial(distill, recipe))
    warmer = replace(recipe, distill=replace(recipe.distill, temperature=9.0))
    refused(partial(distill, warmer, resume=True), "got other distill.temperature;")
    labels = partial(distill, recipe, teachers=[], resume=True)
    refused(labels, "got other networks to start from;")
    refused(partial(distill, recipe, unlabelled=[store], resume=True), "got other data;")
    assert distill(recipe, resume=True)["protocol"] == "distill"


def test_finished_seeds_count_under_their_own_settings_only(
    store: Store, tmp_path: Path, interrupted: Any
) -> None:
    """A mean could be that of seeds with different settings."""
    step = partial(steps.evaluate, store, **SUPERVISED)
    over = partial(steps.over_seeds, tmp_path, step=step, resume=True)
    interrupted(partial(over, recipe=RECIPE, seeds=[0, 1]), number=2)
    stamp = (tmp_path / "seed-0" / METRICS).stat().st_mtime_ns
    other = replace(RECIPE, finetune=replace(RECIPE.finetune, label_smoothing=0.3))
    refused(partial(over, recipe=other, seeds=[0, 1]), "seed-0", "finetune.label_smoothing")
    assert over(recipe=RECIPE, seeds=[0, 1])["seeds"] == [0, 1]
    assert over(recipe=RECIPE, seeds=[0, 1, 2])["seeds"] == [0, 1, 2]
    assert (tmp_path / "seed-0" / METRICS).stat().st_mtime_ns == stamp, "trained once"


def test_a_seed_twice_is_refused(store: Store, tmp_path: Path) -> None:
    """It counted twice in the mean, and made the deviation small."""
    step = partial(steps.evaluate, store, protocol="ridge")
    with pytest.raises(InputError, match="seeds: expected different ones, got 1 twice"):
        steps.over_seeds(tmp_path, RECIPE, [0, 1, 1], step=step)
    assert not list(tmp_path.iterdir())


def test_a_run_is_finished_when_its_untrained_encoder_is_measured_too(
    store: Store, encoder_run: Path, tmp_path: Path, interrupted: Any
) -> None:
    """Stopped between the two, a seed was taken for a finished one, without the untrained
    encoder."""
    step = partial(steps.evaluate, store, protocol="linear", pretrained=encoder_run, untrained=True)
    over = partial(steps.over_seeds, tmp_path, RECIPE, [0, 1], step=step)
    interrupted(over, number=2)
    assert not (tmp_path / "seed-0" / METRICS).exists()
    found = over(resume=True)
    assert set(found["untrained"]) == {"initialised", "statistics"}


def test_a_refused_command_can_be_mended_with_resume(store: Store, tmp_path: Path) -> None:
    """A script that always says --resume; nothing was trained, so there is nothing to differ
    from."""
    train = partial(steps.evaluate, store, tmp_path, resume=True, **SUPERVISED)
    wrong = replace(RECIPE, input=replace(INPUT, protocol="xview"))
    with pytest.raises(InputError, match="xview"):
        train(wrong)
    assert train(RECIPE)["top1"] >= 0


@pytest.mark.parametrize("seeds", [False, True])
def test_a_refused_command_leaves_what_is_there(
    seeds: bool, store: Store, tmp_path: Path, interrupted: Any
) -> None:
    """A wrong setting that was found late took the figures of the finished run in the folder, and
    the checkpoint of an interrupted one."""
    step = partial(steps.evaluate, store, **SUPERVISED)
    train: Any = partial(steps.over_seeds, seeds=[0, 1], step=step) if seeds else step
    train = partial(train, tmp_path)

    def files() -> dict[Path, bytes]:
        return {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}

    train(RECIPE)
    finished = files()
    wrong = replace(RECIPE, input=replace(INPUT, protocol="xview"))
    with pytest.raises(InputError, match="xview"):
        train(wrong)
    assert files() == finished
    interrupted(partial(train, RECIPE))
    before = files()
    assert any(file.name == CHECKPOINT for file in before)
    with pytest.raises(InputError, match="xview"):
        train(wrong)
    assert files() == before


@pytest.mark.parametrize("seeds", [False, True])
def test_a_refused_command_leaves_no_folder(seeds: bool, store: Store, tmp_path: Path) -> None:
    """A folder with `asked.json` alone was left, which looks like a run."""
    wrong = replace(RECIPE, finetune=replace(RECIPE.finetune, drop_path=0.2))
    step = partial(steps.evaluate, store, **SUPERVISED)
    train: Any = partial(steps.over_seeds, seeds=[0, 1], step=step) if seeds else step
    with pytest.raises(InputError, match="drop_path"):
        train(tmp_path / "run", wrong)
    assert not list(tmp_path.iterdir())


def test_ctrl_c_before_anything_is_trained_leaves_what_is_there(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupted: Any
) -> None:
    """Who had forgotten --resume, and stopped it at once, had lost the checkpoint."""
    train = partial(steps.evaluate, store, tmp_path, RECIPE, **SUPERVISED)
    interrupted(train)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}

    def pressed(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as changed:
        changed.setattr(Sets, "read", pressed)
        with pytest.raises(KeyboardInterrupt):
            train()
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
    assert train(resume=True)["top1"] >= 0


def test_a_training_again_that_is_killed_leaves_nothing_aside(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupted: Any
) -> None:
    """The metrics of the finished run before stayed under another name for ever, and the run was
    an unfinished one although it was whole."""
    folder = tmp_path / "run"
    train = partial(steps.evaluate, store, folder, RECIPE, **SUPERVISED)

    def files() -> dict[Path, bytes]:
        return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}

    class Killed(BaseException):
        pass

    def kill(*_: Any, **__: Any) -> Any:
        monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)  # nothing is tidied up
        raise Killed

    train()
    (folder / "notes.earlier").write_text("somebody's own")
    before = files()
    for where, what in ((Sets, "read"), (Job, "finish")):  # nothing is trained yet, or all
        with monkeypatch.context() as monkeypatch:
            monkeypatch.setattr(where, what, kill)
            with pytest.raises(Killed):
                train()
        assert (folder / "metrics.json.earlier").exists()
        assert not (folder / METRICS).exists()
        with only_training(folder):
            assert [one.name for one in folder.glob("*.earlier")] == ["notes.earlier"]
            if where is Sets:
                assert files() == before
        if where is Sets:
            continue
        assert not (folder / METRICS).exists()
        assert train(resume=True)["top1"] >= 0


def test_a_training_again_forgets_the_one_before(
    store: Store, tmp_path: Path, interrupted: Any
) -> None:
    train = partial(steps.evaluate, store, tmp_path, **SUPERVISED)
    train(RECIPE)
    other = replace(RECIPE, finetune=replace(RECIPE.finetune, label_smoothing=0.3))
    interrupted(partial(train, other))
    assert not (tmp_path / METRICS).exists()
    refused(partial(train, RECIPE, resume=True), "finetune.label_smoothing")


def test_seeds_again_forget_the_means_and_the_network_before(
    store: Store, tmp_path: Path, interrupted: Any
) -> None:
    """Stopped after the first seed, a folder kept the means of other settings as a finished run's;
    and the network of one seed stayed beside the means of several, to be exported with them."""
    train = partial(steps.evaluate, store, **SUPERVISED)
    over = partial(steps.over_seeds, tmp_path, seeds=[0, 1], step=train)
    train(tmp_path, RECIPE)
    over(RECIPE)
    assert {file.name for file in tmp_path.glob("*.*")} == {"confusion.png", METRICS}
    other = replace(RECIPE, finetune=replace(RECIPE.finetune, label_smoothing=0.3))
    interrupted(partial(over, other), number=2)
    assert not (tmp_path / METRICS).exists()
    assert over(other, resume=True)["seeds"] == [0, 1]
