"""Recipes: one YAML file per experiment, and the dataclasses of its settings."""

from pathlib import Path

RECIPES = Path(__file__).parent


def recipe_names() -> list[str]:
    """The recipes that come with skedge."""
    return sorted(file.stem for file in RECIPES.glob("*.yaml"))


def sweep_names() -> list[str]:
    """The sweeps that come with skedge."""
    return sorted(file.stem for file in (RECIPES / "sweeps").glob("*.yaml"))


def about(name: str) -> str:
    """The purpose of the recipe, or of the sweep called `sweeps/NAME`: the first line of its
    file."""
    with (RECIPES / f"{name}.yaml").open(encoding="utf-8") as file:
        return file.readline().lstrip("# ").strip()
