"""Semi-supervised evaluation: finetuning on a part of the labels."""

from pathlib import Path
from typing import Any

from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.skeleton import InputError
from skedge.teacher.protocols.finetune import finetune


def semi(
    store: Store, folder: Path, recipe: Recipe, encoder: Path, *, resume: bool = False
) -> dict[str, Any]:
    """The metrics of a pretrained encoder finetuned on the recipe's share of every class's training
    clips.

    Raises `InputError` for a share that is none.
    """
    share = recipe.semi.share
    if not 0 < share <= 1:
        raise InputError(
            f"semi.share: expected above 0 and up to 1, such as 0.1 for 10 %, got {share:g}"
        )
    return finetune(store, folder, recipe, encoder=encoder, resume=resume, share=share)
