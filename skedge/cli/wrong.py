"""Says in one line what is wrong with a command's arguments, with the nearest right word."""

import re
from collections.abc import Callable

from jsonargparse import ArgumentParser

from skedge.cli.arguments import hyphened, nearest, positionals
from skedge.recipes.values import value_name


def explain(message: str, parser: ArgumentParser) -> str:
    """The parser's error message as one line in the words of the command line."""
    line = " ".join(message.split())
    for pattern, explained in _EXPLAINED.items():
        if found := re.search(pattern, line):
            return explained(parser, *found.groups())
    return line


def _unknown(parser: ArgumentParser, words: str) -> str:
    flags = [word.partition("=")[0] for word in words.split() if word.startswith("-")]
    if not flags:
        return f"expected {_takes(parser)}, got one more: {words}"
    known = [hyphened(flag) for action in parser._actions for flag in action.option_strings]
    known += [hyphened(f"--{action.dest}") for action in positionals(parser)]
    return f"unknown flag {flags[0]}{nearest(hyphened(flags[0]), known)}"


def _takes(parser: ArgumentParser) -> str:
    return " ".join(action.dest.upper() for action in positionals(parser)) or "flags only"


def _spelt(parser: ArgumentParser, name: str) -> str:
    """A flag, or what has a place, as help texts spell it."""
    places = {action.dest for action in positionals(parser)}
    return name.upper() if name in places else hyphened(f"--{name}")


def _missing(parser: ArgumentParser, names: str) -> str:
    return f"missing {', '.join(_spelt(parser, name) for name in names.split(', '))}"


def _choice(_: ArgumentParser, name: str, got: str, choices: str) -> str:
    known = re.findall(r"[\w.-]+", choices)
    where = hyphened(name) if name.startswith("-") else name.upper()
    return f"{where}: expected one of {', '.join(known)}, got {got}{nearest(got, known)}"


def _value(parser: ArgumentParser, key: str, got: str) -> str:
    action = next((one for one in parser._actions if one.dest == key), None)
    takes = "another value" if action is None else value_name(action)
    near = nearest(got, re.findall(r"[\w.-]+", takes)) if takes.startswith("{") else ""
    return f"{_spelt(parser, key)}: expected {takes}, got {got}{near}"


def _not_utf8(parser: ArgumentParser, key: str) -> str:
    where = _spelt(parser, key)
    return f"{where}: expected a name in UTF-8, got one in another encoding; rename it"


def _no_value(parser: ArgumentParser, name: str) -> str:
    action = next((one for one in parser._actions if name in one.option_strings), None)
    takes = "a value" if action is None else value_name(action)
    return f"{hyphened(name)}: expected {takes} after it, got nothing"


def _setting(_: ArgumentParser, section: str, name: str) -> str:
    return f"the recipe's section {section} has no setting {name}"


def _no_yaml(_: ArgumentParser, wrong: str, where: str) -> str:
    return f"expected settings in YAML: {wrong} ({where})"


_EXPLAINED: dict[str, Callable[..., str]] = {
    r"unrecognized arguments: (.*)": _unknown,
    r"following arguments are required: (.*)": _missing,
    r"argument (\S+): invalid choice: '?(.*?)'? \(choose from (.*)\)": _choice,
    r'Parser key "([\w.]+)"(?: element \d+)?: (?:Expected|Does not).*Got value: (.*)': _value,
    r'Parser key "([\w.]+)"(?: element \d+)?: Does not validate.* Given value: (.*)': _value,
    r"""Parser key "([\w.]+)"(?: element \d+)?: 'utf-8' codec can't encode""": _not_utf8,
    r"argument (\S+): expected (?:one|at least one) argument": _no_value,
    r'Problems parsing config: (.*) in "<unicode string>", (line \d+, column \d+)': _no_yaml,
    r"Group '([\w.]+)' does not accept option '(\w+)'": _setting,
}
