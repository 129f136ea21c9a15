"""Options that several commands share, and how a recipe and figures get in and out."""

import sys
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import ActionConfigFile, ArgumentParser, Namespace

from skedge.recipes import RECIPES
from skedge.skeleton.errors import InputError


def add_recipe(parser: ArgumentParser) -> None:
    from skedge.recipes.recipe import Recipe

    parser.add_argument(
        "--recipe",
        action=ActionConfigFile,
        help=f"a YAML file, or one of {', '.join(recipe_names())}; flags override it",
    )
    parser.add_class_arguments(Recipe)


def add_training(parser: ArgumentParser) -> None:
    add_recipe(parser)
    parser.add_argument("--data", type=Path, required=True, help="the store")
    parser.add_argument("--out", type=Path, required=True, help="the run folder to write")
    parser.add_argument(
        "--resume", action="store_true", help="go on from an interrupted run's checkpoint"
    )


def add_events(parser: ArgumentParser) -> None:
    parser.add_argument("--threads", type=int, default=1, help="of the model's runtime")
    parser.add_argument("--hop", type=float, help="seconds between two answers; by default 0.1")
    parser.add_argument("--threshold", type=float, default=0.5, help="an event's least probability")
    parser.add_argument(
        "--patience", type=int, default=3, help="answers in a row that make an event"
    )
    parser.add_argument(
        "--debounce", type=float, default=1.0, help="seconds until the same event can come again"
    )


def event_settings(args: Any) -> dict[str, Any]:
    return {name: args[name] for name in ("threads", "hop", "threshold", "patience", "debounce")}


def recipe_of(parser: ArgumentParser, args: Namespace) -> Any:
    from dataclasses import fields

    from skedge.recipes.recipe import Recipe

    made = parser.instantiate(args)
    return Recipe(**{field.name: made[field.name] for field in fields(Recipe)})


def recipe_names() -> list[str]:
    return sorted(file.stem for file in RECIPES.glob("*.yaml"))


def recipe_first(arguments: list[str]) -> list[str]:
    """The arguments with the recipe before all else, so that flags override it wherever they stand,
    and its name as a path."""
    arguments = [
        part
        for argument in arguments
        for part in (argument.split("=", 1) if argument.startswith("--recipe=") else [argument])
    ]
    if "--recipe" not in arguments[:-1]:
        return arguments
    at = arguments.index("--recipe")
    name = arguments[at + 1]
    path = str(RECIPES / f"{name}.yaml") if name in recipe_names() else name
    if not Path(path).is_file():
        raise InputError(f"{name}: expected a recipe's file or one of {', '.join(recipe_names())}")
    return ["--recipe", path, *arguments[:at], *arguments[at + 2 :]]


def show(figures: dict[str, Any]) -> None:
    from rich.console import Console

    Console().print_json(
        data={
            name: value for name, value in figures.items() if name not in ("per_class", "confusion")
        }
    )


def show_store(path: Path) -> None:
    from skedge.datasets.store import Store
    from skedge.datasets.store.summary import summarize

    show(summarize(Store(path)))


def stop(code: int, message: str) -> NoReturn:
    print(f"skedge: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)
