"""Commands of pages, parsed as the command line parses them.

Each command's parser is made once, each recipe is read once, and so is each flag that changes one
of its settings: a parser of all settings takes a fifth of a second for a flag, one of its section
a fiftieth.
"""

from dataclasses import replace
from functools import cache
from operator import attrgetter
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from skedge.cli.arguments import as_registered
from skedge.cli.main import COMMANDS
from skedge.cli.options import recipe_of
from skedge.recipes.recipe import Recipe


@cache
def parser_of(name: str) -> ArgumentParser:
    parser = ArgumentParser(exit_on_error=False, allow_abbrev=False)
    COMMANDS[name](parser)
    return parser


@cache
def without_settings(name: str, words: tuple[str, ...]) -> Namespace:
    """The arguments of the command `name` with its recipe as it is."""
    parser = parser_of(name)
    return parser.parse_args(as_registered(parser, list(words)))


def settings(words: tuple[str, ...]) -> Any:
    """The recipe of a command's words where they name one, else its arguments.

    Raises what the command line would end with, and `LookupError` for an unknown command.
    """
    known = [name for name in COMMANDS if tuple(name.split()) == words[: len(name.split())]]
    if not known:
        raise LookupError(" ".join(words))
    name = max(known, key=len)
    changes, rest = apart(words[len(name.split()) :])
    # A sweep's recipe is only what its grid starts from.
    if "--recipe" not in rest or name == "sweep":
        return without_settings(name, (*rest, *changes))
    recipe = recipe_without_settings(name, rest)
    for flag, value in zip(changes[::2], changes[1::2], strict=True):
        setting, given = one_setting(flag, value)
        recipe = with_setting(recipe, setting, given)
    return recipe


@cache
def recipe_without_settings(name: str, words: tuple[str, ...]) -> Recipe:
    return recipe_of(parser_of(name), without_settings(name, words))


@cache
def section_parser(section: str) -> ArgumentParser:
    parser = ArgumentParser(exit_on_error=False, allow_abbrev=False)
    parser.add_class_arguments(type(getattr(Recipe(), section)), section)
    return parser


@cache
def one_setting(flag: str, value: str) -> tuple[str, Any]:
    """The name and the typed value of a flag such as `--pretrain.optim.epochs`."""
    parser = section_parser(flag.removeprefix("--").partition(".")[0])
    (registered, _) = as_registered(parser, [flag, value])
    made = parser.instantiate(parser.parse_args([registered, value]))
    name = registered.removeprefix("--")
    return name, attrgetter(name)(made)


def with_setting(settings: Any, name: str, value: Any) -> Any:
    """A copy of settings with another value for one of them, by its dotted name."""
    first, _, rest = name.partition(".")
    inner = with_setting(getattr(settings, first), rest, value) if rest else value
    return replace(settings, **{first: inner})


def apart(words: tuple[str, ...]) -> tuple[list[str], tuple[str, ...]]:
    """The words that change a recipe's setting, such as `--pretrain.optim.epochs 3`; the others."""
    changes: list[str] = []
    others: list[str] = []
    rest = iter(words)
    for word in rest:
        flag, equals, _ = word.partition("=")
        if flag.startswith("--") and "." in flag:
            changes += word.split("=", 1) if equals else [word, next(rest)]
        else:
            others.append(word)
    return changes, tuple(others)
