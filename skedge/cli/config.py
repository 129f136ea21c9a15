"""A file that holds what flags say: `skedge live --config skedge.toml`."""

import tomllib
from argparse import Action
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from skedge.cli.arguments import hyphened, nearest
from skedge.skeleton.errors import InputError, reason

FLAG = "--config"


def add_config(parser: ArgumentParser) -> None:
    parser.add_argument(
        FLAG,
        type=Path,
        metavar="FILE",
        help="TOML file with flags by name (no-page = true); typed ones go first: --no-page=false",
    )


def with_config(parser: ArgumentParser, arguments: list[str]) -> list[str]:
    """The arguments with those of the file that `--config` names before them, so that the ones that
    were typed override the file's.

    Raises `InputError` for a file that is not there or no TOML, and for keys that are no flags.
    """
    if not any(FLAG in action.option_strings for action in parser._actions):
        return arguments
    for at, word in enumerate(arguments):
        flag, equals, value = word.partition("=")
        if flag == FLAG and (equals or at + 1 < len(arguments)):
            path = Path(value if equals else arguments[at + 1])
            return [*_flags(parser, path), *arguments]
    return arguments


def _flags(parser: ArgumentParser, path: Path) -> list[str]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{FLAG} {path}: expected a file: {reason(error)}") from None
    except ValueError as error:
        raise InputError(f"{FLAG} {path}: expected TOML: {reason(error)}") from None
    known = {
        hyphened(flag).removeprefix("--"): action
        for action in parser._actions
        for flag in action.option_strings
        if flag.startswith("--") and flag not in (FLAG, "--help", "--print-config")
    }
    flags = []
    for name, value in document.items():
        action = known.get(hyphened(name))
        if action is None:
            raise InputError(
                f"{FLAG} {path}: expected the name of a flag, got {name!r}"
                f"{nearest(hyphened(name), known)}"
            )
        flags += _words(action, value, source=f"{FLAG} {path}: {name}")
    return flags


def _words(action: Action, value: Any, *, source: str) -> list[str]:
    """A flag and its values as a person would type them."""
    flag = action.option_strings[-1]
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise InputError(f"{source}: expected true or false, got {value!r}")
        return [flag] if value else []
    values = value if isinstance(value, list) and action.nargs in ("+", "*") else [value]
    for one in values:
        if isinstance(one, bool) or not isinstance(one, str | int | float):
            raise InputError(f"{source}: expected a text or a number, got {one!r}")
    return [f"{flag}={values[0]}"] if len(values) == 1 else [flag, *map(str, values)]
