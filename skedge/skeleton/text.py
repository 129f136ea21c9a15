"""Words for people: those from files and devices, made harmless for a terminal and a page, those
that go with a number, commands to type, and notes."""

import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

# Names that one line of a message gives: as many as the classes of UTD-MHAD, not those of NTU.
NAMED = 30


def printable(text: str) -> str:
    """The text with every character that is not for reading replaced: control codes, which a
    terminal would obey, and marks that turn the direction of a line."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def one_line(text: str) -> str:
    """The printable text without its line breaks, which the name of a file may have, too."""
    return printable(" ".join(text.split()))


def counted(count: int, one: str, several: str = "") -> str:
    """A number with the words that go with it, such as "1 clip" and "2 clips": those for `one`, or
    for any other number; by default the same words with an s."""
    return f"{count} {one if count == 1 else several or f'{one}s'}"


def typed(command: str, *words: str | Path) -> str:
    """A command, or a part of it, with more words behind it as a person types them: in quotes where
    a shell would take them for something else."""
    return f"{command} {shlex.join(map(str, words))}"


def say(*notes: str) -> None:
    """Say what should be known where a command goes on, each a line on stderr."""
    for note in notes:
        print(f"note: {one_line(note)}", file=sys.stderr)


def shortened(names: Iterable[str]) -> str:
    """The names in one line, such as "bow, clap, wave"; of more than `NAMED` the first of them and
    how many more there are."""
    names = [*names]
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
