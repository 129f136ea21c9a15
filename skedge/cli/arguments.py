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

from skedge.recipes import RECIPES, recipe_names
from skedge.recipes.values import value_name
from skedge.recipes.yaml_text import load_yaml
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
    parts: list[list[str]] = []  # a word in its place, or a flag with its values
    named: dict[str, list[str]] = {}
    rest = deque(arguments)
    while rest:
        word = rest.popleft()
        flag, equals, value = word.partition("=")
        name = hyphened(flag)
        if not word.startswith("--"):
            parts.append([word])
        elif name in places and name not in known:
            action = places[name]
            many = action.nargs in ("+", "*")
            given = [value] if equals else _values(rest, None if many else 1)
            _check_path(action, given)
            # --data=-x.npy is no flag called -x.npy
            path = _is_path(action)
            named[action.dest] = [f"./{w}" if path and w.startswith("-") else w for w in given]
        elif name not in known:
            parts.append([word])
        elif equals and known[name][1].const is True:
            # The last one counts, as of every flag: this switches off what a file switched on.
            parts = [one for one in parts if one != [known[name][0]]]
            parts += [[known[name][0]]] if _truth(name, value) else []
        else:
            parts.append(_with_values(*known[name], [value] if equals else None, rest=rest))
    loose = [word for word, *_ in parts if not word.startswith("--")]
    if "" in loose and any(map(_is_path, places.values())):
        expected = " ".join(action.dest.upper() for action in places.values())
        raise InputError(f"expected {expected}, got an empty word among them")
    if named:
        # Before the flags: one that takes several values would take these, too.
        flags = [part for part in parts if part[0].startswith("--")]
        parts = [_placed(places, named, loose), *flags]
    in_order = [word for part in parts for word in part]
    takes_recipe = any(isinstance(action, ActionConfigFile) for action in parser._actions)
    return _recipe_first(in_order) if takes_recipe else in_order


def _truth(name: str, value: str) -> bool:
    """What a switch is set to; raises `InputError` for anything but true and false."""
    if value not in ("true", "false"):
        raise InputError(f"{name}: expected true or false, got {value!r}")
    return value == "true"


def _with_values(flag: str, owner: Action, given: list[str] | None, rest: deque[str]) -> list[str]:
    """A flag with the value that was `given` behind an equals sign, or with those that follow."""
    values = _values(rest, _count(owner)) if given is None else given
    _check_path(owner, values)
    if given or (len(values) == 1 and values[0].startswith("-")):  # --up -y is no flag called -y
        return [f"{flag}={values[0]}"]
    return [flag, *values]


def _check_path(action: Action, values: list[str]) -> None:
    """Raise `InputError` for an empty path: it would be the folder that one is in."""
    if "" in values and _is_path(action):
        flag = action.option_strings[0] if action.option_strings else f"--{action.dest}"
        raise InputError(f"{hyphened(flag)}: expected {value_name(action)}, got an empty name")


def _is_path(action: Action) -> bool:
    return getattr(action, "_typehint", action.type) is Path


def settings_named(parser: ArgumentParser, words: Iterable[str]) -> set[str]:
    """The settings that flags set, by their dotted names: `--input.frames 30` and
    `--input '{frames: 30}'` both give input.frames; so does a YAML file in the place of the
    mapping. The parser says which flags are settings: `--out runs.yaml` names a folder."""
    sections = {action.dest.partition(".")[0] for action in parser._actions if "." in action.dest}
    sections |= {action.dest for action in parser._actions if isinstance(action, ActionConfigFile)}
    found: set[str] = set()
    for word, following in pairwise([*words, ""]):
        flag, equals, value = word.removeprefix("--").partition("=")
        if word.startswith("--") and flag.partition(".")[0] in sections:
            found |= {name for name in _named(flag, value if equals else following) if "." in name}
    return found


def _named(flag: str, text: str) -> Iterator[str]:
    try:
        value = load_yaml(
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
