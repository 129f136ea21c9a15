"""Help texts: one of each command, of each group of commands, and of all of them."""

import re
import shutil
import sys
import textwrap
from argparse import SUPPRESS, Action, HelpFormatter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from skedge.cli.arguments import hyphened, positionals
from skedge.recipes.values import value_name

Build = Callable[[ArgumentParser], Callable[[Any], None]]
# A list below the flags: of formats, of recipes; its title and (name, text) rows.
Listed = tuple[str, Sequence[tuple[str, str]]]

# Why texts are missing that docstrings give.
_MISSING = "Python's -OO leaves out what commands and settings do; without it, it is said here."
_STRIPPED = sys.flags.optimize > 1

# The most that the help of a step says about one setting of a recipe, in characters.
BRIEF = 100


class _Formatter(HelpFormatter):
    """Lays out flags with hyphens, types by name, and defaults where they say something."""

    def __init__(self, prog: str, brief: bool) -> None:
        super().__init__(prog, max_help_position=30 if brief else 28, width=width())
        self._brief = brief

    def _format_action_invocation(self, action: Action) -> str:
        if isinstance(action, _Row):
            return action.dest
        if not action.option_strings:
            return action.dest.upper()
        flag = hyphened(action.option_strings[0])
        if action.nargs == 0 or action.dest == "print_config":
            return flag
        name = _short(value_name(action))
        return f"{flag} {name}{' ...' if action.nargs in ('+', '*') else ''}"

    def _expand_help(self, action: Action) -> str:
        text = " ".join((action.help or "").split())
        text = text if text.endswith("...") else text.removesuffix(".")
        if action.dest == "print_config":
            return "print all settings as a recipe, and stop"
        if self._brief and "." in action.dest:
            first = re.sub(r" \([^()]*\)", "", text).partition("; ")[0]
            text = textwrap.shorten(first, BRIEF, placeholder=" ...")
        taken = "" if isinstance(action, _Row) or action.nargs == 0 else value_name(action)
        # Behind a flag all choices are shown already: --rotate {0,90,180,270}.
        if taken.startswith("{") and (not action.option_strings or _short(taken) != taken):
            missing = [one for one in taken[1:-1].split(",") if one not in text]
            text += f": {', '.join(taken[1:-1].split(','))}" if missing else ""
        default = _default(action)
        return text + (f" (default: {default})" if default and "default" not in text else "")


def command_help(
    parser: ArgumentParser,
    build: Build,
    sections: Sequence[str] | None,
    more: Iterable[str],
    listed: Iterable[Listed],
) -> str:
    """The help of one command.

    Of a recipe's settings only those of `sections` are shown (None: all), of their parts only the
    names, unless a section is named itself, such as `pretrain.contrast`.
    """
    said = build.__doc__ or _MISSING
    summary, _, example = (" ".join(part.split()) for part in said.partition("\n\n"))
    formatter = _Formatter(parser.prog, brief=sections is not None)
    formatter.add_usage(_usage(parser), [], [], "usage: ")
    formatter.add_text(summary)
    for title, actions in _arranged(parser, sections):
        formatter.start_section(title)
        formatter.add_arguments(actions)
        formatter.end_section()
    for title, rows in listed:
        formatter.start_section(title)
        formatter.add_arguments([_Row(name, text) for name, text in rows])
        formatter.end_section()
    for line in (*more, example):
        formatter.add_text(line)
    return formatter.format_help()


def overview(groups: Mapping[str, Mapping[str, Build]]) -> str:
    """All commands by group, each with its first sentence."""
    lines = [
        "skedge: skeleton action recognition at the edge",
        "",
        "usage: skedge COMMAND ...    (skedge COMMAND --help says more)",
    ]
    for title, commands in groups.items():
        lines += ["", title, *_table(commands)]
    return "\n".join([*lines, *_why_bare()])


def group_help(name: str, commands: Mapping[str, Build]) -> str:
    """The commands of one group, such as `data`."""
    own = {other: build for other, build in commands.items() if other.split()[0] == name}
    usage = f"usage: skedge {name} COMMAND ...    (skedge {name} COMMAND --help says more)"
    return "\n".join([usage, "", *_table(own), *_why_bare()])


def first_sentence(build: Build) -> str:
    """What the command does, in one short sentence; nothing where docstrings are left out."""
    text = " ".join((build.__doc__ or "").split("\n\n")[0].split())
    return text and text.partition(". ")[0].removesuffix(".") + "."


def width() -> int:
    """Columns of a text: as many as the terminal has, within what can be read in columns."""
    return min(max(shutil.get_terminal_size().columns, 40), 100) - 2


def _why_bare() -> list[str]:
    return ["", textwrap.fill(_MISSING, width())] if _STRIPPED else []


def _table(commands: Mapping[str, Build]) -> list[str]:
    return [
        textwrap.fill(
            f"  {name:<18} {first_sentence(build)}", width() + 2, subsequent_indent=" " * 21
        )
        for name, build in commands.items()
    ]


class _Row(Action):
    """A name and a text, laid out as a flag and its help are."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__([], name, help=text)


def _usage(parser: ArgumentParser) -> str:
    shown = {"+": "{}...", "*": "[{}...]"}
    parts = [
        shown.get(str(action.nargs), "{}").format(action.dest.upper())
        for action in positionals(parser)
    ]
    parts += [
        f"{hyphened(action.option_strings[0])} {_short(value_name(action))}"
        for action in parser._actions
        if action.option_strings and action.required
    ]
    lines = textwrap.wrap(
        " ".join([parser.prog, *parts, "[flags]"]), width() - 7, break_on_hyphens=False
    )
    return "\n       ".join(lines)


def _arranged(
    parser: ArgumentParser, sections: Sequence[str] | None
) -> list[tuple[str, list[Action]]]:
    """Titles, and the actions below each: what the command takes by its place, its flags, and the
    recipe's sections."""
    titles = _titles(parser)
    own = _own(parser, titles, sections)
    return [
        ("arguments", [action for action in own if not action.option_strings]),
        ("flags", [action for action in own if action.option_strings]),
        *(
            (_heading(dest, title), _settings(dest, parser, titles, sections=sections))
            for dest, title in titles.items()
            if _is_shown(dest, sections)
        ),
    ]


def _titles(parser: ArgumentParser) -> dict[str, str]:
    """The title of each section of the recipe, and of each section inside of one."""
    held = [action.dest for action in parser._actions]
    return {
        action.dest: "settings" if _STRIPPED else (group.title or "").rstrip(".")
        for group in parser._action_groups
        for action in group._group_actions
        if any(dest.startswith(f"{action.dest}.") for dest in held)
    }


def _own(
    parser: ArgumentParser, titles: Mapping[str, str], sections: Sequence[str] | None
) -> list[Action]:
    """What the command takes that is in no section."""
    of_recipe = {"name", "students"}
    takes_recipe = any(action.dest == "recipe" for action in parser._actions)
    no_use = {"help"} if takes_recipe else {"help", "print_config"}
    return [
        action
        for action in parser._actions
        if "." not in action.dest
        and action.dest not in {*titles, *no_use}
        and (action.dest not in of_recipe or _is_shown(action.dest, sections))
    ]


def _heading(dest: str, title: str) -> str:
    return textwrap.shorten(f"{hyphened(dest)}, {title}", width() - 1, placeholder=" ...")


def _settings(
    dest: str,
    parser: ArgumentParser,
    titles: Mapping[str, str],
    *,
    sections: Sequence[str] | None,
) -> list[Action]:
    """The settings of a section, and a row for each section inside of it that is not shown."""
    inside = [part for part in titles if part.rpartition(".")[0] == dest]
    return [
        *(
            action
            for action in parser._actions
            if action.dest not in titles and action.dest.rpartition(".")[0] == dest
        ),
        *(
            _Row(f"--{hyphened(part)}.*", titles[part])
            for part in inside
            if not _is_shown(part, sections)
        ),
    ]


def _is_shown(dest: str, sections: Sequence[str] | None) -> bool:
    if sections is None or dest in sections:
        return True
    return any("." in one and dest.startswith(f"{one}.") for one in sections)


def _short(name: str) -> str:
    """Choices that would fill the line are told in the text instead."""
    return "WORD" if len(name) > 20 and name.startswith("{") else name


def _default(action: Action) -> str:
    value = action.default
    if value is None or value is False or isinstance(value, Path):
        return ""
    if value in ("", SUPPRESS, (), []):
        return ""
    if isinstance(value, list) and action.nargs == "+":
        return " ".join(map(str, value))
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(str, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {one}' for key, one in value.items())}}}"
    return "true" if value is True else str(value)
