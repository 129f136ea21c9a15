"""Commands of pages, parsed as the command line parses them; each command's parser is made once."""

from functools import cache
from typing import Any

from jsonargparse import ArgumentParser

from skedge.cli.arguments import as_registered
from skedge.cli.main import COMMANDS
from skedge.cli.options import recipe_of


@cache
def parser_of(name: str) -> ArgumentParser:
    parser = ArgumentParser(exit_on_error=False, allow_abbrev=False)
    COMMANDS[name](parser)
    return parser


def settings(words: tuple[str, ...]) -> Any:
    """The recipe of a command's words where they name one, else its arguments.

    Raises what the command line would end with, and `LookupError` for an unknown command.
    """
    known = [name for name in COMMANDS if tuple(name.split()) == words[: len(name.split())]]
    if not known:
        raise LookupError(" ".join(words))
    name = max(known, key=len)
    rest = list(words[len(name.split()) :])
    parser = parser_of(name)
    args = parser.parse_args(as_registered(parser, rest))
    # A sweep's recipe is only what its grid starts from.
    return recipe_of(parser, args) if "--recipe" in rest and name != "sweep" else args
