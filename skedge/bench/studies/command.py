"""What the studies share that are started as `python -m skedge.bench.studies.NAME`."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from skedge.skeleton.errors import InputError, reason


def parser_of(study: str, about: str | None) -> argparse.ArgumentParser:
    """The parser of a study's arguments; `about` is what its help says."""
    return argparse.ArgumentParser(
        prog=f"python -m skedge.bench.studies.{study}", description=about
    )


@contextmanager
def one_line(parser: argparse.ArgumentParser) -> Iterator[None]:
    """Ends the study with 2 and one line for wrong input, and for files that are not there."""
    try:
        yield
    except InputError as error:
        said = str(error)
    except OSError as error:
        said = f"{error.filename}: {reason(error)}" if error.filename else reason(error)
    else:
        return
    parser.exit(2, f"{parser.prog.rpartition(' ')[2]}: {said}\n")
