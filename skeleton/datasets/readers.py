"""The formats that `skedge data import` knows."""

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

from skeleton.datasets.pyskl import import_pyskl
from skeleton.datasets.utd_mhad import import_utd_mhad
from skeleton.errors import InputError

# Format name -> function (source, store, *, overwrite=False, and options of its own); its docstring says what it takes.
READERS: dict[str, Callable[..., None]] = {
    "pyskl": import_pyskl,
    "utd-mhad": import_utd_mhad,
}


def import_dataset(format: str, source: Path | str, store: Path | str, *, overwrite: bool = False, **options: Any) -> None:
    """Import `source`, which is in the format called `format`, into a new store; options of None are left out.

    Raises `InputError` for an unknown format, for an option that the format has not, and whatever its reader raises.
    """
    if format not in READERS:
        raise InputError(f"unknown format {format!r}: expected one of {', '.join(READERS)}")
    given = {name: value for name, value in options.items() if value is not None}
    known = [name for name in signature(READERS[format]).parameters if name not in ("source", "store", "overwrite")]
    unknown = [name for name in given if name not in known]
    if unknown:
        raise InputError(f"{format} has no option {', '.join(unknown)}; it has {', '.join(known) or 'none'}")
    READERS[format](source, store, overwrite=overwrite, **given)
