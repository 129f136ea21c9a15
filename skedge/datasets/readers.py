"""The formats that `skedge data import` knows."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, NamedTuple, get_args

from skedge.datasets.formats.arrays import open_arrays
from skedge.datasets.formats.ctrgcn import open_ctrgcn
from skedge.datasets.formats.jhmdb import open_jhmdb
from skedge.datasets.formats.msr_action3d import open_msr_action3d
from skedge.datasets.formats.ntu import open_ntu
from skedge.datasets.formats.nw_ucla import open_nw_ucla
from skedge.datasets.formats.pku_mmd import open_pku_mmd
from skedge.datasets.formats.poses import open_poses
from skedge.datasets.formats.pyskl import open_pyskl
from skedge.datasets.formats.sbu import open_sbu
from skedge.datasets.formats.stgcn import open_stgcn
from skedge.datasets.formats.utd_mhad import open_utd_mhad
from skedge.datasets.importer import AS_USUAL, Dataset, Importing, run_import
from skedge.datasets.mending import AS_GIVEN, Mending
from skedge.skeleton.errors import InputError

# Each finds what there is to read in a source. Its keyword arguments are the options of
# `skedge data import`, its docstring what `--help` says of the format.
FORMATS: dict[str, Callable[..., Dataset]] = {
    "arrays": open_arrays,
    "ctrgcn": open_ctrgcn,
    "jhmdb": open_jhmdb,
    "msr-action3d": open_msr_action3d,
    "ntu60": partial(open_ntu, "ntu60"),
    "ntu120": partial(open_ntu, "ntu120"),
    "nw-ucla": open_nw_ucla,
    "pku-mmd": open_pku_mmd,
    "poses": open_poses,
    "pyskl": open_pyskl,
    "sbu": open_sbu,
    "stgcn": open_stgcn,
    "utd-mhad": open_utd_mhad,
}


def add_format(name: str, format: Callable[..., Dataset]) -> None:
    """Make a format known to `import_dataset` and to the command line."""
    FORMATS[name] = format


def import_dataset(
    format: str,
    source: Path | str,
    store: Path | str,
    *,
    how: Importing = AS_USUAL,
    mending: Mending = AS_GIVEN,
    **options: Any,
) -> dict[str, Any]:
    """Import `source`, which is in the format called `format`, into a new store; options of None
    are left out.

    Returns the report of `run_import`. Raises `InputError` for an unknown format, for an option
    that the format has not, for pose recordings inside the store, and whatever its reader and
    `run_import` raise.
    """
    if format not in FORMATS:
        raise InputError(f"unknown format {format!r}: expected one of {', '.join(FORMATS)}")
    given = {name: value for name, value in options.items() if value is not None}
    known = [name for name in signature(FORMATS[format]).parameters if name != "source"]
    unknown = [name for name in given if name not in known]
    if unknown:
        raise InputError(
            f"{format} has no option {', '.join(unknown)}; it has {', '.join(known) or 'none'}"
        )
    rate = given.get("rate")
    if rate is not None and not 1 <= rate <= 1000:
        seconds = f"; is that the seconds of a frame? --rate {1 / rate:.3g}" if 0 < rate < 1 else ""
        raise InputError(f"expected a rate from 1 to 1000 frames per second, got {rate:g}{seconds}")
    _check_apart(store, given.get("poses"))
    source = Path(source)
    dataset = FORMATS[format](source, **given)
    usual = asdict(AS_GIVEN)
    asked = {name: value for name, value in asdict(mending).items() if value != usual[name]}
    return run_import(
        dataset,
        store,
        made_by={"format": format, "source": source.name, **_plain(given), **asked},
        how=how,
        mending=mending,
    )


def _check_apart(store: Path | str, poses: Path | None) -> None:
    """Raise `InputError` for pose recordings in the store's own place: before hours of films, not
    where the store is to be put there."""
    if poses is None:
        return
    inside, place = Path(poses).resolve(), Path(store).resolve()
    if place in (inside, *inside.parents):
        raise InputError(
            f"--poses {poses}: expected a folder outside of the store {store}, got one in it; name"
            " another"
        )


class Option(NamedTuple):
    """An option of some formats: its type, what it is for, and which formats have it."""

    type: type
    about: str
    formats: list[str]


_ABOUT = {
    "layout": "layout of the source's joints, a name or a JSON file",
    "labels": "text file with one class name per line",
    "rate": "frames per second of the source",
    "missing": "the set's list of samples without skeletons, which are left out",
    "bodies": "how persons are chosen: denoise (the default) or first-two",
    "everyone": "all persons, in place of the one who moves most",
    "poses": "folder in which pose recordings are kept, and found again",
    "pose": "pose estimator of your own, as module:function",
    "shard": "part of the films to read, such as 3/16",
    "continuous": "whole recordings with labelled intervals, in place of clips",
}


def options() -> dict[str, Option]:
    """Every option that a format has, by name: what its function takes beside the source."""
    found: dict[str, Option] = {}
    for format, read in FORMATS.items():
        for name, parameter in signature(read, eval_str=True).parameters.items():
            if name == "source":
                continue
            kinds = [kind for kind in (bool, float, int, Path) if _takes(parameter, kind)]
            empty = Option(kinds[0] if kinds else str, _ABOUT.get(name, "see the format"), [])
            found.setdefault(name, empty).formats.append(format)
    return found


def described() -> list[tuple[str, str]]:
    """Every format's name, what it reads, and its options."""
    rows = []
    for format, read in FORMATS.items():
        function = read.func if isinstance(read, partial) else read
        about = " ".join((function.__doc__ or "").split("\n\n")[0].split())
        own = [f"--{name}" for name, option in options().items() if format in option.formats]
        rows.append((format, f"{about.rstrip('.')} ({', '.join(own) or 'no options'})"))
    return rows


def _takes(parameter: Parameter, kind: type) -> bool:
    return kind in (parameter.annotation, *get_args(parameter.annotation))


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """Options as JSON; of a path only the name, a store tells nothing of the machine that it was
    made on."""
    return {
        name: Path(value).name if isinstance(value, Path) else value
        for name, value in options.items()
    }
