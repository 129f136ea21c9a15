"""Semi-supervised evaluation: finetuning on a part of the labels."""

from pathlib import Path
from typing import Any

from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.teacher.protocols.finetune import finetune


def semi(
    store: Store, folder: Path, recipe: Recipe, encoder: Path, *, resume: bool = False
) -> dict[str, Any]:
    """The metrics of a pretrained encoder finetuned on the recipe's share of every class's training
    clips."""
    share = recipe.semi.share
    return finetune(store, folder, recipe, encoder=encoder, resume=resume, share=share)
