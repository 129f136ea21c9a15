"""docs/reproduce.md: the recipes hold the papers' settings, and every command on the page can be
run as it stands there."""

import re
import subprocess
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from skedge.cli.main import main
from skedge.cli.options import seeds_of
from skedge.datasets.store import Store, StoreWriter
from skedge.recipes import RECIPES
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import AugmentSettings, MaskSettings
from skedge.skeleton import load_layout
from skedge.skeleton.streams import stream
from skedge.sweep.grid import Given, points_of, read_sweep
from skedge.teacher.augment import Augment
from tests.commands import settings as parsed

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reproduce.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
COLUMNS = {
    row[0]: dict(zip(("data", "protocol", "seen", "tau"), row[1:], strict=True))
    for row in re.findall(
        r"^\| ((?:NTU-\d+|PKU-MMD) [\w ]+) \| (\w+) \| (\w+) \| ([\w-]+) \| (\d+) \|$",
        PAGE,
        re.MULTILINE,
    )
}
# Every program that the page calls says its arguments instead of working, an empty one behind the
# last.
SHELL = r"""
skedge() { printf '%s\0' skedge "$@" ''; }
python() { printf '%s\0' python "$@" ''; }
srun() { "$@"; }
torchrun() { while [ "$1" != skedge ]; do shift; done; "$@"; }
"""
Command = tuple[str, ...]


@cache
def commands(column: str) -> tuple[Command, ...]:
    """What a shell makes of all that the page shows, in one of its columns."""
    own = (
        "\n".join(f"{name}={value}" for name, value in COLUMNS[column].items())
        + "\nrun=runs/$data-$protocol\n"
    )
    script = SHELL + "\n".join(own if block.startswith("data=") else block for block in BLOCKS)
    done = subprocess.run(["bash", "-euc", script], capture_output=True, check=True)
    assert not done.stderr
    return tuple(
        tuple(said.split("\0")) for said in done.stdout.decode().removesuffix("\0\0").split("\0\0")
    )


def option(command: Command, flag: str, default: str | None = None) -> str | None:
    return command[command.index(flag) + 1] if flag in command else default


@cache
def settings(command: Command) -> Any:
    return parsed(command[1:])


def get(document: Any, path: str) -> Any:
    for part in path.split("."):
        document = getattr(document, part)
    return list(document) if isinstance(document, tuple) else document


def optim(epochs: int, rate: float, decay: float = 0.0, warmup: float = 0.0) -> dict[str, Any]:
    return {
        "epochs": epochs, "batch_size": 128, "learning_rate": rate, "weight_decay": decay, "warmup_epochs": warmup,
        "optimizer": "adam",
    }  # fmt: skip


def sgd(
    epochs: int, rate: float, milestone: int | None = None, decay: float = 0.0
) -> dict[str, Any]:
    changes = {"optimizer": "sgd", "milestones": [] if milestone is None else [milestone]}
    return optim(epochs, rate, decay) | changes


# Written from methods.md, sections 0, 1, 2, 3 and 6, and from the papers; not from the recipes.
BOTH: dict[str, Any] = {
    "input.frames": 50, "input.persons": 2, "input.normalization": "per-frame", "input.stream": "three", "input.part": "test",
    "input.fusion": {"joint": 0.6, "bone": 0.6, "motion": 0.4},
    "encoder.widths": [16, 16, 16, 16, 32, 32, 32, 64, 64, 256], "encoder.strides": [1, 1, 1, 1, 2, 1, 1, 2, 1, 1],
    "encoder.dropout": 0.5, "encoder.distances": "one-hop",
    "pretrain.projector": 6144, "pretrain.redundancy": 2e-4,
    "pretrain.augment.shear": 1.0, "pretrain.augment.rotation": 30.0, "pretrain.augment.flip": 0.5,
    "pretrain.augment.mirror": 0.0, "pretrain.augment.noise": 0.0,
    **{f"pretrain.optim.{name}": value for name, value in optim(150, 5e-3, 1e-5, 10).items()},
    **{f"finetune.optim.{name}": value for name, value in optim(150, 5e-3).items()},
    "finetune.label_smoothing": 0.0, "finetune.augment": AugmentSettings(),
}  # fmt: skip
MASKED: dict[str, Any] = {
    "input.persons": 2, "input.stream": "joint", "input.part": "test", "encoder.fusion": "one",
    "pretrain.augment.temporal_padding": 0.0, "pretrain.augment.shear": 0.0, "pretrain.augment.flip": 0.0,
}  # fmt: skip
PAPERS: dict[str, dict[str, Any]] = {
    "paper_pstl": BOTH | {
        "encoder.fusion": "one", "pretrain.method": "pstl",
        "pretrain.pstl.joints": "high-degree", "pretrain.pstl.masked_joints": 9,
        "pretrain.pstl.frames": "high-motion", "pretrain.pstl.masked_frames": 10, "pretrain.pstl.random_frames": 10,
        "pretrain.pstl.motion": "squared", "pretrain.pstl.per": "sample",
        **{f"linear.optim.{name}": value for name, value in optim(150, 1e-2).items()},
    },
    "paper_asma": BOTH | {
        "encoder.fusion": "alignment", "pretrain.method": "asma", "pretrain.asma.encoders": ["theta", "phi"],
        "pretrain.asma.theta.joints": "high-degree", "pretrain.asma.theta.frames": "low-motion",
        "pretrain.asma.phi.joints": "low-degree", "pretrain.asma.phi.frames": "high-motion",
        **{
            f"pretrain.asma.{encoder}.{name}": value
            for encoder in ("theta", "phi")
            for name, value in {
                "masked_joints": 9, "masked_frames": 10, "random_frames": 0, "motion": "absolute", "per": "sample",
            }.items()
        },
        **{f"linear.optim.{name}": value for name, value in optim(150, 1e-3).items()},
        **{f"finetune.fuse.{name}": value for name, value in optim(50, 1e-4).items()},
        "student.widths": [16, 16, 16, 16, 128], "student.strides": [1, 1, 1, 1, 1], "student.distances": "one-hop",
        "student.fusion": "one",
        "distill.temperature": 8.0, "distill.direction": "reverse", "distill.scale_by_temperature": False,
        "distill.augment": AugmentSettings(),
        **{f"distill.optim.{name}": value for name, value in optim(150, 1e-2).items()},
    },
    "paper_csclr": {name: value for name, value in BOTH.items() if name.startswith(("input.", "encoder."))} | {
        "encoder.fusion": "one", "pretrain.method": "csclr",
        "pretrain.contrast.features": 128, "pretrain.contrast.temperature": 0.07, "pretrain.contrast.momentum": 0.999,
        "pretrain.contrast.queue": 32768, "pretrain.contrast.small_set": False,
        "pretrain.contrast.stages": [150, 150, 200], "pretrain.contrast.neighbors": 1, "pretrain.contrast.keep": 0.7,
        "pretrain.contrast.views": "augment",
        "pretrain.contrast.normal": AugmentSettings(temporal_padding=0.16667, shear=0.5),
        "pretrain.contrast.extreme": AugmentSettings(
            temporal_padding=0.16667, shear=0.5, flip=0.5, rotation=30, gaussian_noise=0.5, gaussian_blur=0.5, axis_mask=0.5,
        ),
        "pretrain.csclr.transform.alpha": 2.0, "pretrain.csclr.transform.mu": 1.0,
        **{f"pretrain.optim.{name}": value for name, value in sgd(500, 0.1, 250, 1e-4).items()},
        **{f"linear.optim.{name}": value for name, value in sgd(100, 3.0, 80).items()},
        **{f"finetune.optim.{name}": value for name, value in sgd(100, 0.1, None, 1e-4).items()},
        "finetune.label_smoothing": 0.0, "finetune.augment": AugmentSettings(),
    },
    "paper_skeletonmae": MASKED | {
        "input.frames": 20, "input.time": "stretched", "encoder.backbone": "sttformer", "encoder.sttformer.width": 256,
        "pretrain.method": "skeletonmae", "pretrain.skeletonmae.frame_ratio": 0.5, "pretrain.skeletonmae.joint_ratio": 0.5,
        "pretrain.skeletonmae.joints": "fresh", "pretrain.skeletonmae.decoder_depth": 9,
        **{
            f"{step}.optim.{name}": value
            for step in ("pretrain", "finetune")
            for name, value in (optim(200, 5e-3, 1e-4) | {"batch_size": 64, "milestones": [60, 90, 110]}).items()
        },
        "finetune.label_smoothing": 0.1,
    },
    "paper_skeleton2vec": MASKED | {
        "input.frames": 90, "input.time": "uniform", "input.test_clips": 10, "encoder.backbone": "transformer",
        "encoder.transformer.width": 256, "encoder.transformer.depth": 8, "encoder.transformer.heads": 8,
        "encoder.transformer.hidden": 4, "encoder.transformer.segment": 3, "encoder.head": "mlp",
        "pretrain.method": "skeleton2vec", "pretrain.skeleton2vec.decoder_depth": 3, "pretrain.skeleton2vec.ema": 0.9999,
        "pretrain.skeleton2vec.mask.strategy": "multi-tube", "pretrain.skeleton2vec.mask.ratio": 0.9,
        "pretrain.skeleton2vec.mask.tube": 5, "pretrain.skeleton2vec.mask.beta": 0.1,
        **{
            f"pretrain.optim.{name}": value
            for name, value in (
                optim(600, 1e-3, 0.05, 20) | {"optimizer": "adamw", "betas": [0.9, 0.95], "final_rate": 1e-5}
            ).items()
        },
        **{f"linear.optim.{name}": value for name, value in (sgd(100, 0.1) | {"batch_size": 256}).items()},
        "linear.batch_norm": True,
        **{
            f"finetune.optim.{name}": value
            for name, value in (
                optim(100, 3e-4, 0.05, 5) | {"optimizer": "adamw", "batch_size": 48, "final_rate": 1e-5}
            ).items()
        },
    },
}  # fmt: skip


@pytest.mark.parametrize("name", PAPERS)
def test_a_recipe_holds_its_papers_settings(name: str) -> None:
    recipe = settings(("skedge", "run", "--recipe", name))
    assert {path: get(recipe, path) for path in PAPERS[name]} == PAPERS[name]
    if recipe.pretrain.augment.temporal_padding:
        assert int(50 * recipe.pretrain.augment.temporal_padding) == 8, (
            "frames that are reflected at each end"
        )
    written = yaml.safe_load((RECIPES / f"{name}.yaml").read_text())
    assert written["name"] == name


def test_columns() -> None:
    assert {name: tuple(values.values()) for name, values in COLUMNS.items()} == {
        "NTU-60 xsub": ("ntu60", "xsub", "ntu60-xsub", "8"),
        "NTU-60 xview": ("ntu60", "xview", "ntu60-xsub", "9"),
        "NTU-120 xsub": ("ntu120", "xsub", "ntu120-xsub", "6"),
        "NTU-120 xset": ("ntu120", "xset", "ntu120-xsub", "6"),
        "PKU-MMD Part I": ("pku1", "xsub", "pku1-xsub", "8"),
        "PKU-MMD Part II": ("pku2", "xsub", "pku1-xsub", "8"),
    }


# The rows that are not their recipe as it stands: what the command of a folder sets.
ROWS: dict[str, dict[str, Any]] = {
    "skeleton-bt": {"pretrain.method": "skeleton-bt", "input.stream": "three"},
    "pstl-high-degree-none": {"pretrain.pstl.joints": "high-degree", "pretrain.pstl.frames": "none", "input.stream": "joint"},
    "pstl-none-high-motion": {"pretrain.pstl.joints": "none", "pretrain.pstl.frames": "high-motion"},
    "pstl-random-random": {"pretrain.pstl.joints": "random", "pretrain.pstl.frames": "random"},
    "pstl-random-high-motion": {"pretrain.pstl.joints": "random", "pretrain.pstl.frames": "high-motion"},
    "pstl-high-degree-random": {"pretrain.pstl.joints": "high-degree", "pretrain.pstl.frames": "random"},
    "pstl-semi-0.01": {"semi.share": 0.01},
    "pstl-semi-0.1": {"semi.share": 0.1},
    "asma-phi-linear": {"encoder.fusion": "phi"},
    "asma-theta-linear": {"encoder.fusion": "theta"},
    "asma-mean-linear": {"encoder.fusion": "mean", "input.stream": "three"},
    "asma-distill": {"distill.temperature": 8.0, "input.stream": "three"},
    **{
        f"asma-{joints}-{frames}": {
            "pretrain.asma.encoders": ["theta"], "pretrain.asma.theta.joints": joints, "pretrain.asma.theta.frames": frames,
            "pretrain.asma.theta.masked_joints": 9, "pretrain.asma.theta.masked_frames": 10, "input.stream": "joint",
        }
        for joints, frames in (
            ("random", "random"), ("low-degree", "low-motion"), ("high-degree", "high-motion"), ("high-degree", "low-motion"),
            ("low-degree", "high-motion"),
        )
    },
    **{
        f"asma-{count}-{what}": {
            f"pretrain.asma.{encoder}.masked_{kind}": count if kind == what else usual
            for encoder in ("theta", "phi")
            for kind, usual in (("joints", 9), ("frames", 10))
        } | {"input.stream": "three", "encoder.fusion": "alignment"}
        for what, counts in (("joints", (7, 8, 10)), ("frames", (7, 8, 9, 11)))
        for count in counts
    },
    "aimclr": {"pretrain.method": "aimclr", "pretrain.optim.epochs": 300, "input.stream": "three"},
    "crossclr-asma": {
        "pretrain.method": "crossclr", "pretrain.contrast.views": "masks", "pretrain.contrast.queue": 65536,
        "pretrain.optim.milestones": [], "pretrain.contrast.masks.query": MaskSettings("high-degree", "low-motion", 9, 10),
        "pretrain.contrast.masks.key": MaskSettings("low-degree", "high-motion", 9, 10),
    },
    "csclr": {"pretrain.method": "csclr", "pretrain.csclr.inter": ["joint", "bone", "motion"]},
    "csclr-intra": {"pretrain.csclr.inter": [], "pretrain.contrast.stages": [150, 350, 0]},
    "csclr-joint,motion": {"pretrain.csclr.inter": ["joint", "motion"], "pretrain.contrast.stages": [150, 150, 200]},
    "csclr-0.5-1.2": {"pretrain.csclr.transform.alpha": 0.5, "pretrain.csclr.transform.mu": 1.2},
    **{f"asma-seed-{seed}": {"compute.seed": seed, "input.stream": "three"} for seed in range(5)},
    **{
        f"asma-{backbone}": {"encoder.backbone": backbone, "pretrain.asma.encoders": ["phi"], "input.stream": "joint"}
        for backbone in ("gin", "dgcnn")
    },
    "asma-distill-features": {
        "distill.logit_weight": 0.0, "distill.feature_weight": 1.0, "distill.label_weight": 0.0,
        "distill.optim.learning_rate": 1e-3, "distill.optim.epochs": 150, "input.stream": "bone",
    },
    **{
        f"skeletonmae-{joints}-{frame}-{joint}": {
            "pretrain.skeletonmae.joints": joints, "pretrain.skeletonmae.frame_ratio": frame,
            "pretrain.skeletonmae.joint_ratio": joint,
        }
        for joints in ("fixed", "fresh") for frame in (0.4, 0.5, 0.6) for joint in (0.4, 0.5, 0.6)
    },
    **{f"skeletonmae-encoder.sttformer.width-{width}": {"encoder.sttformer.width": width} for width in (128, 512)},
    **{
        f"skeletonmae-pretrain.skeletonmae.decoder_depth-{depth}": {"pretrain.skeletonmae.decoder_depth": depth}
        for depth in (5, 7, 11)
    },
    "skeletonmae-pretrain.optim.epochs-50": {"pretrain.optim.epochs": 50, "pretrain.method": "skeletonmae"},
    "aimclr-sttformer": {
        "pretrain.method": "aimclr", "encoder.backbone": "sttformer", "input.frames": 20, "input.stream": "joint",
    },
    "crossclr-sttformer-semi-0.05": {"semi.share": 0.05, "input.stream": "three", "finetune.label_smoothing": 0.1},
    "mamp": {"pretrain.method": "mamp", "encoder.backbone": "transformer", "pretrain.mamp.decoder_depth": 5},
    **{
        f"skeleton2vec-{strategy}": {"pretrain.skeleton2vec.mask.strategy": strategy, "pretrain.skeleton2vec.mask.beta": 0.0}
        for strategy in ("random", "single-tube", "multi-tube")
    },
    **{
        f"skeleton2vec-{name}-{spelt}": {f"pretrain.skeleton2vec.mask.{name}": float(spelt), "pretrain.optim.epochs": 200}
        for name, values in (("beta", ("0.1", "0.2", "0.3")), ("ratio", ("0.80", "0.85", "0.95")), ("tube", ("1", "3", "10")))
        for spelt in values
    },
    **{f"skeleton2vec-ema-{rate}": {"pretrain.skeleton2vec.ema": float(rate)} for rate in ("0.99", "0.999", "0.99999")},
}  # fmt: skip


def test_every_command_is_understood_and_every_row_sets_what_it_says() -> None:
    found: dict[str, Recipe] = {}
    for command in commands("NTU-60 xsub"):
        if command[0] == "skedge":
            # Many commands differ by folders alone: each kind is parsed once.
            folders = ("--out", "--pretrained", "--teacher")
            read = settings(
                tuple(
                    "x" if flag in folders else part
                    for flag, part in zip(("", *command), command, strict=False)
                )
            )
            if isinstance(read, Recipe):
                found[(option(command, "--out") or "").removeprefix("runs/ntu60-xsub/")] = read
    for folder, expected in ROWS.items():
        assert {path: get(found[folder], path) for path in expected} == expected, folder


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_is_another_set_or_split_and_nothing_else(column: str) -> None:
    values, first = COLUMNS[column], COLUMNS["NTU-60 xsub"]
    own = f"{values['data']}-{values['protocol']}"
    for one, other in zip(commands("NTU-60 xsub"), commands(column), strict=True):
        differing = {(a, b) for a, b in zip(one, other, strict=True) if a != b}
        for a, b in differing:
            swapped = {
                a.replace(f"stores/{first['data']}", f"stores/{values['data']}"),
                a.replace("runs/ntu60-xsub", f"runs/{own}"),
                a.replace("runs/ntu60-xsub", f"runs/{values['seen']}"),
                a.replace("protocol: xsub", f"protocol: {values['protocol']}").replace(
                    "ature: 8", f"ature: {values['tau']}"
                ),
            }
            assert b in swapped or (a, b) in {
                (first["protocol"], values["protocol"]),
                (first["tau"], values["tau"]),
            }


def what_it_makes(command: Command) -> dict[str, str]:
    """A command's flags but for where it runs."""
    flags = {flag: value for flag, value in pairwise(command) if flag.startswith("--")}
    where = ("--compute.devices", "--compute.nodes", "--resume")
    return {"": " ".join(command[1:3]), "--input.protocol": "xsub"} | {
        k: v for k, v in flags.items() if k not in where
    }


def streams_of(command: Command) -> str:
    """The stream or streams that a command trains."""
    masked = option(command, "--recipe") in ("paper_skeletonmae", "paper_skeleton2vec")
    return str(option(command, "--input.stream", "joint" if masked else "three"))


def test_every_folder_that_a_command_starts_from_is_made_by_another() -> None:
    made: dict[str, Command] = {}
    for command in [
        one
        for column in COLUMNS
        for one in commands(column)
        if one[1] in ("pretrain", "evaluate", "distill")
    ]:
        first = made.setdefault(str(option(command, "--out")), command)
        assert what_it_makes(first) == what_it_makes(command), (
            "one folder, written twice and differently"
        )

    def source(folder: str) -> tuple[Command, str]:
        """The command that made a folder, and the stream or streams that it holds."""
        if folder in made:
            return made[folder], streams_of(made[folder])
        whole, _, one = folder.rpartition("/")
        if one == "learner":  # what Skeleton2vec leaves beside its encoder
            assert parsed(made[whole][1:]).pretrain.method == "skeleton2vec"
            return made[whole], streams_of(made[whole])
        assert streams_of(made[whole]) == "three"
        assert one in ("joint", "bone", "motion")
        return made[whole], one

    everything = {one for column in COLUMNS for one in commands(column)}
    for command in [one for one in everything if one[1] == "draw"]:
        runs = [
            part
            for part in command[3:]
            if part.startswith("runs/") and part != option(command, "--out")
        ]
        if command[2] == "reconstruction":
            assert [source(run)[0][1] for run in runs] == ["pretrain"]
            continue
        assert len(runs) == 0 if command[2] == "motion" else len(runs) >= 2
        assert all(source(run)[0][1] in ("evaluate", "distill") for run in runs)
    for command in [
        one for one in everything if one[1] in ("evaluate", "distill", "export", "sweep")
    ]:
        flag = "--pretrained" if command[1] == "evaluate" else "--teacher"
        folder = command[2] if command[1] == "export" else option(command, flag)
        if folder is None:
            assert command[2] == "supervised"
            continue
        origin, held = source(folder)
        wants_encoder = command[1] == "evaluate" and command[2] != "partial-body"
        headless = origin[1] == "pretrain" or option(origin, "--distill.logit-weight") == "0"
        assert headless == wants_encoder, command
        wanted = streams_of(command)
        if command[1] == "sweep":
            assert f"input.stream: {held}" in str(option(command, "--set")), (
                "a student of another stream than its teacher's"
            )
        elif command[1] == "distill":
            assert held == wanted, "a student of another stream than its teacher's"
            assert (option(origin, "--data"), option(origin, "--input.protocol")) == (
                option(command, "--data"), option(command, "--input.protocol"),
            )  # fmt: skip
        elif wants_encoder:
            assert held in ("three", wanted), command
            asma = origin[1] == "pretrain" and option(origin, "--recipe") == "paper_asma"
            pair = asma and "--pretrain.asma.encoders" not in origin
            usual = "alignment" if option(command, "--recipe") == "paper_asma" else "one"
            assert (option(command, "--encoder.fusion", usual) != "one") == pair, command


def test_asma_is_pretrained_on_xsub_and_part_one_alone() -> None:
    for column, values in COLUMNS.items():
        expected = {"ntu60": "ntu60-xsub", "ntu120": "ntu120-xsub"}.get(values["data"], "pku1-xsub")
        for command in commands(column):
            start, here = (
                option(command, "--pretrained"),
                option(command, "--data") == f"stores/{values['data']}",
            )
            student = str(start).endswith("asma-distill-features")  # it learns in its own column
            if (
                start
                and here
                and not student
                and option(command, "--recipe") == "paper_asma"
                and command[2] != "transfer"
            ):
                assert start.startswith(f"runs/{expected}/")


def test_joint_and_bone_do_not_ask_which_comes_first_augmentation_or_stream() -> None:
    layout = load_layout("ntu25")
    augment = Augment(
        AugmentSettings(temporal_padding=1 / 6, shear=1.0, rotation=30.0, flip=0.5), layout
    )
    joints = torch.randn(8, 2, 50, 25, 3)
    differ = {}
    for name in ("joint", "bone", "motion"):
        torch.manual_seed(1)
        here = stream(augment(joints), layout, name, torch)
        torch.manual_seed(1)
        there = augment(stream(joints, layout, name, torch))
        differ[name] = ((here - there).abs().amax((0, 1, 3, 4)) > 1e-4).nonzero().flatten().tolist()
    assert differ["joint"] == differ["bone"] == []
    assert set(differ["motion"]) <= {*range(8), *range(42, 50)}
    assert differ["motion"], "else the page warns of nothing"


TINY = [
    "--encoder.widths=[4,8]", "--encoder.strides=[2,2]", "--pretrain.projector=8", "--pretrain.optim.epochs=1",
    "--linear.optim.epochs=1", "--finetune.optim.epochs=1", "--finetune.fuse.epochs=1", "--distill.optim.epochs=1",
    "--student.widths=[4,8]", "--student.strides=[2,2]", "--compute.accelerator=cpu", "--compute.precision=32-true",
]  # fmt: skip


def make_store(path: Path, protocols: tuple[str, ...]) -> None:
    """Three actions of four subjects with one or two persons, which nothing could be learnt
    from."""
    random = np.random.default_rng(0)
    with StoreWriter(
        path, name=path.name, layout=load_layout("ntu25"), labels=["a", "b", "c"], rate=30.0
    ) as store:
        for i in range(12):
            joints = random.normal(size=(1 + i % 2, 20 + i, 25, 3)).astype(np.float32)
            store.add(
                f"clip {i}", joints, label=i % 3, subject=i // 3, camera=1 + i % 3 if i < 9 else 1
            )
        for name in protocols:
            field, train = ("subject", (0, 1)) if name == "xsub" else ("camera", (2, 3))
            store.protocol(
                name,
                lambda index, field=field, train=train: np.where(
                    np.isin(index[field], train), 1, 3
                ),
            )


def test_rows_of_asma_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page's own commands with tiny networks: pretrained on xsub, probed on xview and on Part
    II, finetuned, distilled."""
    monkeypatch.chdir(tmp_path)
    make_store(Path("stores/ntu60"), ("xsub", "xview"))
    make_store(Path("stores/pku2"), ("xsub",))
    xsub, xview = commands("NTU-60 xsub"), commands("NTU-60 xview")

    def run(column: tuple[Command, ...], out: str, *changes: str) -> dict[str, Any]:
        command = next(one for one in column if option(one, "--out") == out)
        main([*command[1:], *TINY, *changes])
        return dict(yaml.safe_load(Path(out, "metrics.json").read_text()))

    pretrained = run(xsub, "runs/ntu60-xsub/asma")
    assert set(pretrained) == {"joint", "bone", "motion"}
    probe = run(xview, "runs/ntu60-xview/asma-linear")
    assert (probe["protocol"], probe["fusion"], probe["stream"], probe["clips"]) == (
        "linear",
        "alignment",
        "three",
        6,
    )
    transfer = run(xsub, "runs/pku2-xsub/asma-from-ntu60", "--input.stream=joint")
    assert (transfer["protocol"], transfer["pretrained_on"], transfer["store"]) == (
        "transfer",
        "ntu60",
        "pku2",
    )
    assert Path("runs/pku2-xsub/asma-from-ntu60/theta/metrics.json").is_file(), (
        "first each encoder with a head of its own"
    )
    student = run(xview, "runs/ntu60-xview/asma-distill-linear")
    assert (student["stream"], set(student["streams"])) == ("three", {"joint", "bone", "motion"})
    capsys.readouterr()

    store = Store("stores/ntu60")
    temperature, depth = (settings(command) for command in xview if command[1] == "sweep")
    taus, students = (
        [
            point.recipe
            for point in points_of(
                swept,
                store,
                one.out,
                given=Given(teacher=Path("runs/ntu60-xview/asma-linear/bone")),
            )
        ]
        for one in (temperature, depth)
        for swept, _ in [
            read_sweep(one.sweep, RECIPES, base=one.recipe, settings=one.set, seeds=seeds_of(one))
        ]
    )
    assert [one.distill.temperature for one in taus] == list(range(1, 11))
    assert [(list(one.student.widths), one.distill.temperature) for one in students] == [
        ([16] * (blocks - 1) + [128], 9) for blocks in range(2, 8)
    ]
    for one in (*taus, *students):
        assert (one.input.protocol, one.input.stream, one.distill.direction) == (
            "xview",
            "bone",
            "reverse",
        )

    (code,) = {command[2] for command in xsub if command[:2] == ("python", "-c")}
    exec(code, {})
    seen = set(store.split("xview", "test")) & set(store.split("xsub", "train"))
    assert float(capsys.readouterr().out) == pytest.approx(len(seen) / 6)
