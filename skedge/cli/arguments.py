"""Brings arguments as a person types them into the form that a command's parser has."""

from argparse import SUPPRESS, Action, ArgumentError
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ActionConfigFile, ArgumentParser

from skedge.cli.types import value_name
from skedge.recipes import RECIPES, recipe_names
from skedge.skeleton.errors import InputError


def hyphened(flag: str) -> str:
    """The flag as help texts spell it: `--input.test_clips` is `--input.test-clips`."""
    return flag.replace("_", "-")


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean KNOWN?`, or nothing where no known word is near."""
    bare = {one.lstrip("-"): one for one in known}
    found = get_close_matches(word.lstrip("-"), list(bare), n=1, cutoff=0.6)
    return f"; did you mean {bare[found[0]]}?" if found else ""


def positionals(parser: ArgumentParser) -> list[Action]:
    """What the command takes by its place, in order."""
    return [a for a in parser._actions if not a.option_strings and a.dest != SUPPRESS]


def as_registered(parser: ArgumentParser, arguments: list[str]) -> list[str]:
    """The arguments with each flag spelt as the parser spells it, positionals in their places, and
    the recipe first.

    Hyphens and underscores in a flag mean the same. `--model FILE` is the same as FILE where the
    command takes MODEL by its place. A switch may be spelt as in a file, `--wait=false`. A recipe
    comes before all other flags, so that they override it wherever they are. Raises `InputError`
    for an unknown recipe, an empty path or a switch that is neither true nor false, and argparse's
    error for a missing positional.
    """
    places = {hyphened(f"--{action.dest}"): action for action in positionals(parser)}
    known = {hyphened(flag): (flag, a) for a in parser._actions for flag in a.option_strings}
    options: list[str] = []
    loose: list[str] = []
    named: dict[str, list[str]] = {}
    in_order: list[str] = []
    rest = deque(arguments)
    while rest:
        word = rest.popleft()
        name, equals, value = word.partition("=")
        name = hyphened(name)
        if not word.startswith("--"):
            loose.append(word)
            in_order.append(word)
        elif name in places and name not in known:
            action = places[name]
            many = action.nargs in ("+", "*")
            named[action.dest] = [value] if equals else _values(rest, None if many else 1)
            _check_path(action, named[action.dest])
        else:
            flag, owner = known.get(name, (word.partition("=")[0], None))
            taken = [] if equals or owner is None else _values(rest, _count(owner))
            if len(taken) == 1 and taken[0].startswith("-"):  # --up -y is no flag called -y
                equals, value = "=", taken.pop()
            if owner is not None:
                _check_path(owner, [value] if equals else taken)
            words = [f"{flag}={value}" if equals else flag, *taken]
            if equals and owner is not None and owner.const is True:
                if value not in ("true", "false"):
                    raise InputError(f"{name}: expected true or false, got {value!r}")
                # The last one counts, as of every flag: this switches off what a file switched on.
                options = [one for one in options if one != flag]
                in_order = [one for one in in_order if one != flag]
                words = [flag] if value == "true" else []
            options += words
            in_order += words
    if "" in loose and any(map(_is_path, places.values())):
        expected = " ".join(action.dest.upper() for action in places.values())
        raise InputError(f"expected {expected}, got an empty word among them")
    if named:
        # Before the flags: one that takes several values would take these, too.
        in_order = [*_placed(places, named, loose), *options]
    takes_recipe = any(isinstance(action, ActionConfigFile) for action in parser._actions)
    return _recipe_first(in_order) if takes_recipe else in_order


def _check_path(action: Action, values: list[str]) -> None:
    """Raise `InputError` for an empty path: it would be the folder that one is in."""
    if "" in values and _is_path(action):
        flag = action.option_strings[0] if action.option_strings else f"--{action.dest}"
        raise InputError(f"{hyphened(flag)}: expected {value_name(action)}, got an empty name")


def _is_path(action: Action) -> bool:
    return getattr(action, "_typehint", action.type) is Path


def settings_named(words: Iterable[str]) -> set[str]:
    """The settings that flags set, by their dotted names: `--input.frames 30` and
    `--input '{frames: 30}'` both give input.frames; so does a YAML file in the place of the
    mapping."""
    found: set[str] = set()
    for word, following in pairwise([*words, ""]):
        if word.startswith("--"):
            flag, equals, value = word[2:].partition("=")
            found |= {name for name in _named(flag, value if equals else following) if "." in name}
    return found


def _named(flag: str, text: str) -> Iterator[str]:
    try:
        value = yaml.safe_load(
            Path(text).read_text("utf-8") if text.endswith((".yaml", ".yml")) else text
        )
    except (OSError, ValueError, yaml.YAMLError):  # no mapping, whatever else it is
        value = None
    yield from _dotted(flag, value)


def _dotted(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for below, inner in value.items():
            yield from _dotted(f"{name}.{below}", inner)
    else:
        yield name


def file_of(words: Iterable[str], content: bytes) -> Path | None:
    """The file with this content that the words of a command name."""
    for word in words:
        file = Path(word.partition("=")[2] if word.startswith("--") else word)
        with suppress(OSError):  # such as settings that are too long for a file's name
            if file.stat().st_size == len(content) and file.read_bytes() == content:
                return file
    return None


def _count(action: Action) -> int | None:
    """How many values the flag takes; None: all up to the next flag."""
    if action.dest == "print_config" or action.nargs == 0:
        return 0
    return None if action.nargs in ("+", "*") else 1


def _values(rest: deque[str], count: int | None) -> list[str]:
    found: list[str] = []
    while rest and not rest[0].startswith("--") and (count is None or len(found) < count):
        found.append(rest.popleft())
    return found


def _placed(places: dict[str, Action], named: dict[str, list[str]], loose: list[str]) -> list[str]:
    """The positionals in order: those given by name, and the loose words for the others."""
    found: list[str] = []
    words = deque(loose)
    open_places = [action for action in places.values() if action.dest not in named]
    for action in places.values():
        if action.dest in named:
            found += named[action.dest]
            continue
        open_places.remove(action)
        many = action.nargs in ("+", "*")
        count = max(0, len(words) - len(open_places)) if many else 1
        if len(words) < count or (count == 0 and action.nargs == "+"):
            raise ArgumentError(None, f"the following arguments are required: {action.dest}")
        found += [words.popleft() for _ in range(count)]
    return [*found, *words]


def _recipe_first(arguments: list[str]) -> list[str]:
    arguments = [
        part
        for argument in arguments
        for part in (
            argument.split("=", 1) if argument.startswith(("--recipe=", "--films=")) else [argument]
        )
    ]
    if "--films" in arguments and "--recipe" not in arguments:
        arguments = ["--recipe", "own", *arguments]
    if "--recipe" not in arguments[:-1]:
        return arguments
    at = arguments.index("--recipe")
    name = arguments[at + 1]
    path = str(RECIPES / f"{name}.yaml") if name in recipe_names() else name
    if not Path(path).is_file():
        raise InputError(
            f"{name}: expected a recipe's file or one of {', '.join(recipe_names())}"
            f"{nearest(name, recipe_names())}"
        )
    return ["--recipe", path, *arguments[:at], *arguments[at + 2 :]]
