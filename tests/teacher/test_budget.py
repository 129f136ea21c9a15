"""Training that ends well on any set: enough steps, classes to tell apart, a loss that is a
number."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from skedge.datasets.store import Store, StoreWriter
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import FinetuneSettings, LinearSettings
from skedge.skeleton import InputError, load_layout
from skedge.teacher.clips import Clips
from skedge.teacher.pictures import confusion_matrix
from skedge.teacher.pretrain import pretrain
from skedge.teacher.protocols.classify import Classification
from skedge.teacher.protocols.continued import continue_training
from skedge.teacher.protocols.evaluate import check_classes
from skedge.teacher.protocols.finetune import finetune
from skedge.teacher.protocols.linear import linear
from skedge.teacher.runs.folder import CHECKPOINT, Run, read_run
from skedge.teacher.training import fit
from tests.skeleton.people import people
from tests.teacher.tiny import COMPUTE, INPUT, PRETRAINED, motion, optim

NTU = load_layout("ntu25")


def test_a_small_set_gets_its_steps_and_a_large_one_no_more() -> None:
    settings = optim(epochs=60, warmup_epochs=6, batch_size=16, least_steps=2000, most_steps=40_000)
    small = settings.for_clips(100)  # 7 steps an epoch
    assert (small.epochs, small.warmup_epochs) == (286, pytest.approx(28.6))
    assert settings.for_clips(1000) is settings
    assert settings.for_clips(1_000_000).epochs == 1
    assert optim(epochs=2).for_clips(3).epochs == 2
    assert settings.for_clips(5).epochs == 2000, "a set smaller than a batch is one step an epoch"


def test_a_longer_training_falls_at_the_same_shares_of_it() -> None:
    """Milestones at epochs of the shorter one would leave most of the steps to a tenth, or a
    hundredth, of the rate."""
    settings = optim(epochs=100, milestones=(60, 90), batch_size=10, least_steps=2000)
    longer = settings.for_clips(100)
    assert (longer.epochs, *longer.milestones) == (200, pytest.approx(120), pytest.approx(180))


@pytest.mark.parametrize("step", ["pretrain", "linear", "finetune", "on"])
def test_every_training_takes_the_least_steps(
    step: str, store: Store, encoder_run: Path, teacher_run: Path, tmp_path: Path
) -> None:
    """Only supervised training and students did; the others passed the setting over."""
    steps = optim(epochs=1, least_steps=6)  # two an epoch of twelve clips, pretraining one
    recipe = replace(
        PRETRAINED,
        pretrain=replace(PRETRAINED.pretrain, optim=steps),
        linear=LinearSettings(optim=steps),
        finetune=FinetuneSettings(optim=steps),
    )
    if step == "pretrain":
        pretrain(store, tmp_path, recipe)
    elif step == "linear":
        linear(store, tmp_path, recipe, encoder_run)
    elif step == "finetune":
        finetune(store, tmp_path, recipe, encoder_run)
    else:
        continue_training(store, tmp_path, recipe, teacher_run)
    trained = read_run(tmp_path)[0].provenance["settings"]["optim"]["epochs"]
    assert trained == (6 if step == "pretrain" else 3)
    rows = (tmp_path / "log" / "metrics.csv").read_text().splitlines()
    assert [row.split(",") for row in rows][-1][rows[0].split(",").index("step")] == "5"


def test_a_loss_that_is_no_number_ends_the_training_and_says_where(tmp_path: Path) -> None:
    x = torch.randn(12, 3, generator=torch.Generator().manual_seed(5))
    clips = Clips(x, (x[:, 0] > 0).long())
    layer = nn.Linear(3, 2)
    module = Classification(layer, layer, optim(learning_rate=1e38, epochs=9, optimizer="sgd"))
    with pytest.raises(InputError, match=r"not a number since epoch \d+, step \d+.*learning_rate"):
        fit(module, clips.loader(4), Run(tmp_path, Recipe(compute=COMPUTE)), title="Line")
    assert not (tmp_path / CHECKPOINT).exists(), "there is nothing to go on from"


def _store(path: Path, labels: list[int], absent: tuple[int, ...] = ()) -> Store:
    with StoreWriter(path, name="own", layout=NTU, labels="abc", rate=None) as writer:
        for number, label in enumerate(labels):
            clip = motion(NTU, label, number)[None]
            writer.add(
                f"c{number}", np.full_like(clip, np.nan) if number in absent else clip, label=label
            )
        writer.protocol("xsub", lambda index: np.ones(len(index), np.int8))
    return Store(path)


def test_one_class_is_refused_before_training_and_empty_ones_are_told(tmp_path, capsys) -> None:
    one = _store(tmp_path / "one", [1, 1])
    with pytest.raises(InputError, match="two classes at least, got those of 'b'; add clips"):
        check_classes(one, one.split("xsub", "train"), 1)
    two = _store(tmp_path / "two", [0, 1])
    check_classes(two, two.split("xsub", "train"), 1)
    told = capsys.readouterr().err
    assert "no training clips of 1 class: c" in told
    assert "does not know its rate" in told


def test_recordings_are_sent_to_the_command_that_trains_on_them(tmp_path: Path) -> None:
    """`evaluate` and `run` said that there are clips of one class alone."""
    with StoreWriter(tmp_path / "a", name="own", layout=NTU, labels="abc", rate=30) as writer:
        writer.add("day", motion(NTU, 0, 0)[None], label=2, intervals=[(0, 1, 4), (1, 5, 9)])
        writer.protocol("xsub", lambda index: np.ones(len(index), np.int8))
    recordings = Store(tmp_path / "a")
    with pytest.raises(InputError, match=r"clips of one action each, got recordings.*distill"):
        check_classes(recordings, recordings.split("xsub", "train"), 1)
    # Pretraining, and `distill --unlabelled`, squeezed a recording of minutes into one clip.
    with pytest.raises(InputError, match=r"one clip of .* windows of them with --input\.time rate"):
        Clips.read(recordings, [0], INPUT)
    windows = replace(INPUT, time="rate", hz=10)
    assert len(Clips.read(recordings, [0], windows)) == 1


def test_a_clip_of_nobody_is_left_out_by_name(tmp_path, capsys) -> None:
    store = _store(tmp_path / "set", [0, 1, 2], absent=(1,))
    clips = Clips.read(store, [0, 1, 2], replace(INPUT))
    assert clips.labels.tolist() == [0, 2]
    assert "1 clip left out, in which nobody is seen, such as c1" in capsys.readouterr().err
    with pytest.raises(InputError, match="NaN everywhere"):
        Clips.read(store, [1], INPUT)


def test_a_clip_with_other_bytes_is_left_out_by_name_and_not_the_whole_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = _store(tmp_path / "set", [0, 1, 2, 0])
    row = int(store.index["offset"][2])
    joints = np.load(store.path / "joints.npy", mmap_mode="r+")
    joints[row] += 100
    joints.flush()
    clips = Clips.read(store, [0, 1, 2, 3], INPUT)
    assert clips.labels.tolist() == [0, 1, 0]
    told = capsys.readouterr().err
    assert "1 clip left out, with bytes that are not what was written" in told
    assert "such as c2" in told
    with pytest.raises(InputError, match="or damaged, such as c2"):
        Clips.read(store, [2], INPUT)


def test_wrong_bodies_are_told_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A store that was written from a program, in millimetres, trains and says so."""
    with StoreWriter(tmp_path / "mm", name="mm", layout=NTU, labels="ab", rate=30) as writer:
        for number, clip in enumerate(people()):
            writer.add(f"c{number}", 1000 * clip, label=number % 2)
    Clips.read(Store(tmp_path / "mm"), range(12), INPUT)
    assert "are these millimetres?; --unit mm" in capsys.readouterr().err


def test_a_thousand_classes_make_a_small_picture(tmp_path: Path) -> None:
    from PIL import Image

    labels = [f"class {i}" for i in range(1000)]
    confusion_matrix(np.eye(1000, dtype=int), labels, tmp_path / "confusion.png")
    assert max(Image.open(tmp_path / "confusion.png").size) < 3000
