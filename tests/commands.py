"""Commands of pages, parsed as the command line parses them.

Each command's parser is made once, and each recipe is read once: a command line is then what it
changes of them.
"""

from functools import cache
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from skedge.cli.arguments import as_registered
from skedge.cli.main import COMMANDS
from skedge.cli.options import recipe_of


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
    parser = parser_of(name)
    changes, rest = apart(words[len(name.split()) :])
    args = without_settings(name, rest)
    if changes and "--recipe" in rest:
        # What the recipe says is there already: reading it again takes most of the time.
        place = rest.index("--recipe")
        again = as_registered(parser, [*rest[:place], *rest[place + 2 :], *changes])
        args = parser.parse_args(again, namespace=args.clone(), defaults=False)
    elif changes:
        args = without_settings(name, (*rest, *changes))
    # A sweep's recipe is only what its grid starts from.
    return recipe_of(parser, args) if "--recipe" in rest and name != "sweep" else args


def apart(words: tuple[str, ...]) -> tuple[list[str], tuple[str, ...]]:
    """The words that change a recipe's setting, such as `--pretrain.optim.epochs 3`; the others."""
    changes: list[str] = []
    others: list[str] = []
    rest = iter(words)
    for word in rest:
        flag, equals, _ = word.partition("=")
        if flag.startswith("--") and "." in flag:
            changes += [word] if equals else [word, next(rest)]
        else:
            others.append(word)
    return changes, tuple(others)
