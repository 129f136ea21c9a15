"""What a run was asked for, in its folder: a result is kept, and an interrupted training goes on,
only where it is asked for the same."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe, sections_read
from skedge.skeleton import InputError
from skedge.skeleton.files import read_json, write_json

ASKED, METRICS, WEIGHTS = "asked.json", "metrics.json", "weights.safetensors"
# Where an unfinished training can go on.
CHECKPOINT = "last.ckpt"
# In a folder that holds one run folder a stream: what each stream counts in their fusion.
STREAMS = "streams.json"
# Settings that say where a training runs, not what comes of it.
MACHINE = ("accelerator", "devices", "nodes", "strategy")
# Differences that a message names.
NAMED = 5


class ResumableError(KeyboardInterrupt):
    """Ctrl-C in a run that the same command with `resume` can finish."""


def question(
    command: str, stores: Sequence[Store], recipe: Recipe, *, runs: Sequence[Path] = ()
) -> dict[str, Any]:
    """All that a step's result depends on, as JSON types: the sections that its command reads, the
    stores, and the networks of the runs that it starts from."""
    sections = recipe.sections(*sections_read(command))
    for name in MACHINE:
        sections.get("compute", {}).pop(name, None)
    return {
        "command": command,
        "data": [store.fingerprint for store in stores],
        "networks to start from": [hash_of_weights(run) for run in runs],
        "recipe": sections,
    }


@contextmanager
def begun(
    folder: Path, asked: dict[str, Any], *, resume: bool, runs: Sequence[Path] = ()
) -> Iterator[None]:
    """Holds, for the length of a `with` block, a run's folder in which is noted what it is asked
    for, without what an earlier run left; with `resume` that stays.

    A run that is refused, or stopped, before it has trained anything leaves the folder as it was.
    Raises `InputError` where the earlier run was asked for something else, where the folder is one
    of the `runs` to start from or holds one or is in one as its part (a stream, a seed), and
    `ResumableError` on Ctrl-C where what is in the folder then can be resumed.
    """
    from skedge.teacher.runs.folder import left_over, read_metrics, set_aside, with_parts

    for run in runs:
        if run.resolve() in with_parts(folder) or folder.resolve() in with_parts(run):
            raise InputError(
                f"{folder}: expected a folder of its own for what is trained, got one"
                f" shared with {run}, a network to start from; name another with --out"
            )
    left = list(left_over(folder))
    before = read_json(folder / ASKED)
    if resume and left and before != asked:
        raise InputError(
            f"{folder}: expected what the interrupted run was asked for, got other"
            f" {_differences(before, asked)}; resume with the same, or train without --resume"
            if isinstance(before, dict)
            else f"{folder}: expected {ASKED}, which says what the interrupted run was asked for,"
            " found none; train without --resume"
        )
    try:
        with set_aside(folder, [] if resume and left else [*left, folder / ASKED]):
            write_json(folder / ASKED, asked)
            yield
    except KeyboardInterrupt:
        unfinished = read_metrics(folder) is None and any(left_over(folder))
        if unfinished and read_json(folder / ASKED) == asked:
            raise ResumableError from None
        raise


def finished(folder: Path, asked: dict[str, Any]) -> dict[str, Any] | None:
    """The metrics of a complete step that was asked for just this, else None."""
    metrics = read_json(folder / METRICS) if read_json(folder / ASKED) == asked else None
    return metrics if isinstance(metrics, dict) else None


def weights(folder: Path) -> list[Path]:
    """The weights of the network in a run's folder, of streams those of each."""
    streams = read_json(folder / STREAMS)
    parts = [folder / name for name in streams] if isinstance(streams, dict) else [folder]
    return [file for part in parts if (file := part / WEIGHTS).is_file()]


def inside(folder: Path) -> str:
    """What to do where a folder is no finished run's: finish it, name one of the runs in it, or
    train."""
    if (folder / ASKED).is_file() and any(folder.rglob(CHECKPOINT)):
        return "it holds an interrupted one, which the same command with --resume finishes"
    runs = sorted(one for one in folder.iterdir() if weights(one)) if folder.is_dir() else []
    named = ", ".join(map(str, runs[:3])) + (f" and {len(runs) - 3} more" if len(runs) > 3 else "")
    return f"name one of the runs in it: {named}" if runs else "train first, or name another"


def hash_of_weights(folder: Path) -> str:
    """SHA-256 of the network in a run's folder: its weights, and what streams count."""
    digests = [repr(read_json(folder / STREAMS))]
    for file in weights(folder):
        found = file.stat()
        digests.append(_hash_of_file(file, found.st_mtime_ns, found.st_size))
    return sha256("".join(digests).encode()).hexdigest()


@cache
def _hash_of_file(file: Path, _changed: int, _size: int) -> str:
    return sha256(file.read_bytes()).hexdigest()


def _differences(before: dict[str, Any], asked: dict[str, Any]) -> str:
    """The names of what two questions differ in, as flags name settings; of two commands that
    alone."""
    theirs, ours = dict(_flat(before)), dict(_flat(asked))
    names = [
        name.removeprefix("recipe.")
        for name in {**ours, **theirs}
        if theirs.get(name) != ours.get(name)
    ]
    if "command" in names:
        return f"command ({theirs.get('command')}, not {ours['command']})"
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _flat(document: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
