"""The recipes of Skeleton2vec, MAMP and SkeletonMAE: the papers' settings, and nothing left over
from other methods."""

from typing import Any

import pytest
from jsonargparse import ArgumentParser

from skedge.cli.arguments import as_registered
from skedge.cli.main import COMMANDS
from skedge.cli.options import recipe_of
from skedge.recipes import recipe_names
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import AugmentSettings
from skedge.skeleton import load_layout
from skedge.teacher.methods.registry import make_method, method_named

RECIPES = [
    name
    for name in recipe_names()
    if "skeleton2vec" in name or "skeletonmae" in name or "mamp" in name
]


@pytest.fixture(scope="module")
def parser() -> ArgumentParser:
    parser = ArgumentParser(exit_on_error=False)
    COMMANDS["pretrain"](parser)
    return parser


def read(parser: ArgumentParser, name: str, *flags: str) -> Any:
    arguments = ["--recipe", name, "--data", "x", "--out", "y", *flags]
    return recipe_of(parser, parser.parse_args(as_registered(parser, arguments)))


# Written from methods.md, sections 4 and 5; not from the recipes.
SKELETON2VEC: dict[str, Any] = {
    "input.frames": 90, "input.time": "uniform", "input.test_clips": 10, "encoder.transformer.width": 256,
    "encoder.transformer.depth": 8, "encoder.transformer.heads": 8, "encoder.transformer.hidden": 4,
    "encoder.transformer.segment": 3, "encoder.head": "mlp", "pretrain.method": "skeleton2vec",
    "pretrain.skeleton2vec.decoder_depth": 3, "pretrain.skeleton2vec.ema": 0.9999,
    "pretrain.skeleton2vec.mask.strategy": "multi-tube", "pretrain.skeleton2vec.mask.ratio": 0.9,
    "pretrain.skeleton2vec.mask.tube": 5, "pretrain.skeleton2vec.mask.beta": 0.1, "pretrain.optim.epochs": 600,
    "pretrain.optim.batch_size": 128, "pretrain.optim.learning_rate": 1e-3, "pretrain.optim.final_rate": 1e-5,
    "pretrain.optim.weight_decay": 0.05, "pretrain.optim.warmup_epochs": 20, "pretrain.optim.optimizer": "adamw",
    "pretrain.optim.betas": (0.9, 0.95), "linear.batch_norm": True, "linear.optim.optimizer": "sgd",
    "linear.optim.epochs": 100, "linear.optim.batch_size": 256, "finetune.optim.learning_rate": 3e-4,
    "finetune.optim.final_rate": 1e-5, "finetune.optim.epochs": 100, "finetune.optim.batch_size": 48,
    "finetune.optim.warmup_epochs": 5, "finetune.optim.weight_decay": 0.05, "finetune.layer_decay": 0.8,
    "finetune.drop_path": 0.3,
}  # fmt: skip
DOWN: dict[str, Any] = {
    "epochs": 200, "batch_size": 64, "learning_rate": 5e-3, "weight_decay": 1e-4, "optimizer": "adam", "warmup_epochs": 0,
    "milestones": (60, 90, 110),
}  # fmt: skip
SKELETONMAE: dict[str, Any] = {
    "input.frames": 20, "encoder.sttformer.width": 256, "encoder.sttformer.frames": 2, "pretrain.method": "skeletonmae",
    "pretrain.skeletonmae.frame_ratio": 0.5, "pretrain.skeletonmae.joint_ratio": 0.5, "pretrain.skeletonmae.joints": "fresh",
    "pretrain.skeletonmae.decoder_depth": 9, "finetune.label_smoothing": 0.1, "finetune.augment": AugmentSettings(),
    **{f"{step}.optim.{name}": value for step in ("pretrain", "finetune") for name, value in DOWN.items()},
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "paper"), [("paper_skeleton2vec", SKELETON2VEC), ("paper_skeletonmae", SKELETONMAE)]
)
def test_a_recipe_holds_its_papers_settings(
    parser: ArgumentParser, name: str, paper: dict[str, Any]
) -> None:
    recipe = read(parser, name)
    for path, expected in paper.items():
        value = recipe
        for part in path.split("."):
            value = getattr(value, part)
        assert (tuple(value) if isinstance(value, list) else value) == expected, path


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_can_be_built(parser: ArgumentParser, name: str) -> None:
    recipe = read(parser, name)
    assert recipe.name == name
    assert recipe.encoder.backbone == method_named(recipe.pretrain.method).backbone
    left = recipe.pretrain.augment
    assert (left.temporal_padding, left.shear, left.rotation, left.flip) == (
        0,
        0,
        0,
        0,
    ), "PSTL's are the defaults"
    if not name.startswith("paper"):
        layout = load_layout("kinect20" if name.startswith("synthetic") else "utd-mhad20")
        make_method(
            layout, Recipe(input=recipe.input, encoder=recipe.encoder, pretrain=recipe.pretrain)
        )
        assert recipe.student.backbone == "st-gcn"


def test_mamp_by_one_flag(parser: ArgumentParser) -> None:
    recipe = read(parser, "utd_mhad_skeleton2vec", "--pretrain.method", "mamp")
    make_method(
        load_layout("utd-mhad20"),
        Recipe(input=recipe.input, encoder=recipe.encoder, pretrain=recipe.pretrain),
    )
    assert recipe.pretrain.mamp.mask.strategy == "motion-softmax"
