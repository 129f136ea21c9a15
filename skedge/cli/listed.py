"""The lists below a command's flags in its help: recipes, dataset formats, sweeps."""

from skedge.cli.help import Listed

WITH_RECIPE = ("run", "pretrain", "evaluate", "distill", "finetune", "draw")


def listed(name: str) -> list[Listed]:
    """The lists of the command called `name`."""
    if name in WITH_RECIPE:
        from skedge.recipes import about, recipe_names

        return [("recipes", [(recipe, about(recipe)) for recipe in recipe_names()])]
    if name == "data import":
        from skedge.datasets.readers import described

        return [("formats", described())]
    if name == "sweep":
        from skedge.recipes import about, sweep_names

        return [("sweeps", [(sweep, about(f"sweeps/{sweep}")) for sweep in sweep_names()])]
    return []
