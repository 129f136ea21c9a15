"""The sweep file and the points it spans; all mistakes in it are found here, before anything
runs."""

import hashlib
import itertools
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, cast, get_args

import yaml
from jsonargparse import ArgumentError, ArgumentParser

from skedge.datasets.store import Store
from skedge.recipes.recipe import (
    Protocol,
    Recipe,
    idle,
    idle_in_distilling,
    idle_on_clips,
    unread,
)
from skedge.recipes.yaml_text import load_yaml
from skedge.skeleton.errors import InputError, reason
from skedge.steps import check_asked, tell_plan
from skedge.sweep.point import Point, Step, read_recipe, setting_takes, typed_setting
from skedge.teacher.runs.asked import inside, weights

FROM_NOTHING = ("pretrain", "evaluate supervised", "evaluate ridge", "distill labels")
FROM_CLASSIFIER = ("distill", "evaluate partial-body")
CLASSIFIERS = tuple(
    f"evaluate {protocol}" for protocol in ("linear", "finetune", "semi", "transfer", "supervised")
)
COMMANDS = (
    "pretrain",
    *(f"evaluate {protocol}" for protocol in get_args(Protocol)),
    "distill",
    "distill labels",
)


@dataclass(frozen=True)
class Given:
    """The run folders from which steps start where no step before them makes one: an encoder, and a
    teacher for `distill`."""

    pretrained: Path | None = None
    teacher: Path | None = None


@dataclass
class Sweep:
    """The content of a sweep file.

    Args:
        base: the recipe that every point starts from, a name or a file.
        step: what every point does, in this order: pretrain, evaluate PROTOCOL, distill, distill
            labels (without a teacher).
        set: settings of all points, by their dotted names in the recipe.
        grid: the axes; every combination of their values is a point. An axis is a setting's dotted
            name with a list of values (a mapping as value sets several settings below that name),
            or a word of one's own with a mapping from labels to settings.
        seeds: every point is run with each.
    """

    base: str
    step: str | list[str]
    set: dict[str, Any] = field(default_factory=dict)
    grid: dict[str, Any] = field(default_factory=dict)
    seeds: list[int] = field(default_factory=lambda: [0])

    @property
    def commands(self) -> list[str]:
        return [self.step] if isinstance(self.step, str) else self.step


def read_sweep(
    file: str,
    recipes: Path,
    *,
    base: str | None = None,
    settings: dict[str, Any] | None = None,
    seeds: list[int] | None = None,
) -> tuple[Sweep, str]:
    """The sweep in a file, or of that name in `recipes`/sweeps, and its name; its base is a path.

    `base` and `seeds` replace what the file says, `settings` are added to its `set`. Raises
    `InputError` for a file that is no sweep.
    """
    path = _find(file, recipes / "sweeps", "a sweep")
    reader = ArgumentParser(exit_on_error=False)
    reader.add_class_arguments(Sweep)
    try:
        document = load_yaml(path.read_text("utf-8"))
        if not isinstance(document, dict):
            raise TypeError(f"got {'nothing' if document is None else type(document).__name__}")
        made = reader.instantiate(reader.parse_object(document))
    except (
        ArgumentError,
        TypeError,
        AttributeError,
        yaml.YAMLError,
        ValueError,  # a date such as February 30th, and what is no UTF-8
        RecursionError,
    ) as error:
        raise InputError(
            f"{file}: expected base, step, set, grid and seeds as in docs/sweeps.md: {line(error)}"
        ) from None
    sweep = Sweep(**{known.name: made[known.name] for known in fields(Sweep)})
    sweep.base = str(_find(base or sweep.base, recipes, "a recipe"))
    return (
        replace(
            sweep, set=sweep.set | (settings or {}), seeds=sweep.seeds if seeds is None else seeds
        ),
        path.stem,
    )


def points_of(
    sweep: Sweep,
    store: Store,
    out: Path,
    *,
    given: Given | None = None,
) -> list[Point]:
    """Every combination of the grid with every seed, seeds innermost.

    Raises `InputError` for a setting that the recipe does not know or take, axes that set the same
    one, an axis that no step reads, a chain of steps that lacks its encoder or teacher, and a split
    that the store has not.
    """
    steps = _chain(sweep.commands, given or Given())
    axes = {axis: _axis(axis, values) for axis, values in sweep.grid.items()}
    _check_apart(axes)
    if not sweep.seeds or len(set(sweep.seeds)) < len(sweep.seeds) or min(sweep.seeds) < 0:
        raise InputError(f"seeds: expected different numbers from 0, got {_label(sweep.seeds)}")
    start = _read_base(sweep.base)
    everywhere = _typed(_all_flat(sweep.set.items()), "set")
    typed = _typed_axes(axes, sweep.commands)
    points = []
    for labels in itertools.product(*axes.values()):
        shown = dict(zip(axes, labels, strict=True))
        recipe = start
        for settings in (everywhere, *(typed[axis][label] for axis, label in shown.items())):
            for name, value in settings.items():
                recipe = _put(recipe, name, value)
        folder = out / (
            ",".join(folder_name(axis, label) for axis, label in shown.items()) or "all"
        )
        points += [
            Point(
                folder / f"seed-{seed}",
                settings=shown,
                seed=seed,
                recipe=_put(recipe, "compute.seed", seed),
                steps=steps,
                store=store,
            )
            for seed in sweep.seeds
        ]
    for protocol, part in {
        (point.recipe.input.protocol, point.recipe.input.part) for point in points
    }:
        store.split(protocol, "train")
        store.split(protocol, part)
    return points


def check_given(sweep: Sweep, points: Sequence[Point]) -> None:
    """Raise `InputError` where a network from outside is of the wrong kind, where its evaluation is
    asked for what it was not trained with, and where a teacher sees other clips.

    Settings of the sweep's recipe that such a network has otherwise, and keeps, are said.
    """
    from skedge.student.distill import check_teacher
    from skedge.teacher.protocols.evaluate import as_trained
    from skedge.teacher.runs.load import check_kind, read_card

    of_file = _all_flat((load_yaml(Path(sweep.base).read_text("utf-8")) or {}).items()).keys()
    named = set(_all_flat(sweep.set.items()))
    for axis, values in sweep.grid.items():
        named.update(*_axis(axis, values).values())
    for point in points:
        if point.seed != points[0].seed:
            continue
        for step in point.steps:
            if step.source is None or not os.path.isabs(step.source):
                continue
            source, (command, _, protocol) = Path(step.source), step.command.partition(" ")
            data = point.recipe.input
            card = read_card(source, data.stream)
            check_kind(card, "classifier" if step.command in FROM_CLASSIFIER else "encoder", source)
            if command == "evaluate":
                check_asked(source, point.recipe, named, protocol=cast(Protocol, protocol))
                as_trained(point.recipe, card, source)
                tell_plan(source, point.recipe, of_file, protocol=cast(Protocol, protocol))
            else:
                check_teacher(point.store, card, data, source=source)
                tell_plan(source, point.recipe, of_file)


def repeated(points: Sequence[Point]) -> Iterator[str]:
    """Notes on steps that all points take with the same settings, though one would do."""
    points = [point for point in points if point.seed == points[0].seed]
    for i, (step, following) in enumerate(itertools.pairwise(points[0].steps)):
        flag = "--pretrained" if step.command == "pretrain" else "--teacher"
        before = {
            json.dumps([point.asked(one)["recipe"] for one in point.steps[: i + 1]])
            for point in points
        }
        if following.source == step.name and len(before) == 1 < len(points):
            yield (
                f"{step.command} is the same at all {len(points)} points; trained once, it can be"
                f" given with {flag}"
            )


def idle_settings(sweep: Sweep, points: Sequence[Point]) -> Iterator[str]:
    """Notes on settings of all points that no step reads, or that have no effect at any point."""
    names = {*_all_flat(sweep.set.items())}
    if outside := unread(sweep.commands, names):
        yield f"{', '.join(sweep.commands)}: no step reads {', '.join(outside)}"
    found = [_idle(sweep, point, names - {*outside}) for point in points]
    for reader, given in found[0].items():
        everywhere = [one for one in given if all(one in each.get(reader, ()) for each in found)]
        if everywhere:
            yield f"{reader} does not read {', '.join(everywhere)}"


def idle_axes(sweep: Sweep, points: Sequence[Point]) -> Iterator[str]:
    """Notes on axes whose settings have no effect at any point."""
    for axis, values in sweep.grid.items():
        names = {name for settings in _axis(axis, values).values() for name in settings}
        found = [_idle(sweep, point, names) for point in points]
        if all(names <= {name for unread in one.values() for name in unread} for one in found):
            readers = ", ".join(found[0])
            yield f"{axis}: all values give the same figures, {readers} does not read it"


def _idle(sweep: Sweep, point: Point, names: set[str]) -> dict[str, list[str]]:
    found = idle(point.recipe, names)
    taught = [command == "distill" for command in sweep.commands if command.startswith("distill")]
    if not taught:
        return found
    online = {} if len(point.store.intervals) else idle_on_clips(names)
    return found | idle_in_distilling(point.recipe, names, taught) | online


def _read_base(base: str) -> Recipe:
    try:
        return read_recipe(base)
    except (ArgumentError, UnicodeDecodeError) as error:
        raise InputError(f"{base}: {line(error)}") from None


def _typed_axes(
    axes: Mapping[str, Mapping[str, dict[str, Any]]], commands: Sequence[str]
) -> dict[str, dict[str, dict[str, Any]]]:
    """The settings of every value of every axis, of their types; raises `InputError` for an axis of
    which no step reads a setting."""
    typed = {
        axis: {label: _typed(settings, "grid") for label, settings in values.items()}
        for axis, values in axes.items()
    }
    for axis, values in typed.items():
        names = {name for settings in values.values() for name in settings}
        if len(unread(commands, names)) == len(names):
            raise InputError(
                f"grid: {axis}: expected settings that a step reads ({', '.join(commands)}),"
                f" got {', '.join(sorted(names))}; all values would give the same figures"
            )
    return typed


def line(error: Exception) -> str:
    """The text of an error, in one line."""
    return " ".join(reason(error).split())


def _find(name: str, folder: Path, kind: str) -> Path:
    known = sorted(file.stem for file in folder.glob("*.yaml"))
    path = folder / f"{name}.yaml" if name in known else Path(name)
    if not path.is_file():
        raise InputError(f"{name}: expected {kind}'s file or one of {', '.join(known)}")
    return path


def _chain(commands: Sequence[str], given: Given) -> tuple[Step, ...]:
    """The steps, each with the newest folder before it that it can start from; what is given from
    outside comes first."""
    folders = {"--pretrained": given.pretrained, "--teacher": given.teacher}
    for flag, folder in folders.items():
        if folder is not None and not weights(folder):
            raise InputError(
                f"{flag} {folder}: expected the folder of a finished run, found no weights;"
                f" {inside(folder)}"
            )
    encoder, classifier = outside = [
        None if folder is None else os.path.abspath(folder) for folder in folders.values()
    ]
    steps: list[Step] = []
    for command in commands:
        if command not in COMMANDS:
            raise InputError(f"step: {command}: expected one of {', '.join(COMMANDS)}")
        if command in [step.command for step in steps]:
            raise InputError(f"step: expected every step once, got {command} twice")
        source = _source(command, encoder, classifier)
        steps.append(Step(command, source))
        if command == "pretrain":
            encoder = steps[-1].name
        elif command in CLASSIFIERS:
            classifier = steps[-1].name
    if not steps:
        raise InputError(f"step: expected at least one of {', '.join(COMMANDS)}")
    for flag, path in zip(folders, outside, strict=True):
        if path is not None and path not in [step.source for step in steps]:
            raise InputError(
                f"{flag}: expected a step that starts from it, got {', '.join(commands)}; leave"
                " it out"
            )
    return tuple(steps)


def _source(command: str, encoder: str | None, classifier: str | None) -> str | None:
    """What a step starts from, of the encoder and the classifier before it; nothing for some."""
    if command in FROM_NOTHING:
        return None
    from_classifier = command in FROM_CLASSIFIER
    source = classifier if from_classifier else encoder
    if source is None:
        what, flag, step = (
            ("a classifier", "--teacher", "evaluate linear")
            if from_classifier
            else ("an encoder", "--pretrained", "pretrain")
        )
        raise InputError(
            f"step: {command}: expected {what}: give {flag} FOLDER, or put {step} before it"
        )
    return source


def _axis(axis: str, values: Any) -> dict[str, dict[str, Any]]:
    """The settings of every value of an axis, by the value's label."""
    if (
        isinstance(values, dict)
        and values
        and all(isinstance(settings, dict) and settings for settings in values.values())
    ):
        pairs = [(_label(label), list(settings.items())) for label, settings in values.items()]
    elif isinstance(values, list) and values:
        pairs = [(_label(value), [(axis, value)]) for value in values]
    else:
        raise InputError(
            f"grid: {axis}: expected a list of values, or labels with the settings of each "
            f"(2: {{student.widths: [16, 128]}}), got {_label(values)}"
        )
    found: dict[str, dict[str, Any]] = {}
    for label, settings in pairs:
        if label in found:
            raise InputError(f"grid: {axis}: expected every value once, got {label} twice")
        found[label] = _all_flat(settings)
    return found


def _flat(key: str, value: Any) -> dict[str, Any]:
    """A setting by its dotted name, or all those that a mapping sets in a section."""
    if not (isinstance(value, dict) and is_dataclass(_usual(key))):
        return {key: value}
    return {
        name: leaf
        for below, inner in value.items()
        for name, leaf in _flat(f"{key}.{below}", inner).items()
    }


def _all_flat(settings: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for key, given in settings for name, value in _flat(key, given).items()}


def _label(value: Any) -> str:
    if isinstance(value, str):
        return value
    return (
        yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6)
        .removesuffix("...\n")
        .strip()
    )


def folder_name(axis: str, label: str) -> str:
    """For a value of an axis: the same in every sweep, and never that of another value."""
    plain = f"{axis}={label}"
    if re.fullmatch(r"[A-Za-z0-9_.=+-]{1,60}", plain):
        return plain
    readable = re.sub(r"[^A-Za-z0-9_.=+-]+", "-", plain)[:50]
    return f"{readable}-{hashlib.sha256(plain.encode()).hexdigest()[:8]}"


def _check_apart(axes: dict[str, dict[str, dict[str, Any]]]) -> None:
    names = {
        axis: {name for settings in values.values() for name in settings}
        for axis, values in axes.items()
    }
    for one, other in itertools.combinations(names, 2):
        for first, second in itertools.product(names[one], names[other]):
            if f"{first}.".startswith(f"{second}.") or f"{second}.".startswith(f"{first}."):
                raise InputError(
                    f"grid: expected axes that set different settings, {one} and {other} both set"
                    f" {first}"
                )


def _typed(settings: dict[str, Any], where: str) -> dict[str, Any]:
    """The settings as the recipe takes them; raises `InputError` naming the first that it does not
    take."""
    typed = {}
    for name, value in settings.items():
        if name == "compute.seed":
            raise InputError(f"{where}: compute.seed: expected the seeds under seeds")
        try:
            if is_dataclass(_usual(name)):
                raise TypeError(f"expected settings in this section, got {_label(value)}")
            made = typed_setting(name, value)
            if value is None and _usual(name) is not None:
                raise TypeError("expected a value, got null")
            typed[name] = made
        except ArgumentError:
            takes = setting_takes(str(name))
            wrong = f"expected {takes}, got {_label(value)}" if takes else "no setting of a recipe"
            raise InputError(
                f"{where}: {name}: {wrong}; skedge run --help lists the settings"
            ) from None
        except (TypeError, AttributeError, KeyError, ValueError) as error:
            raise InputError(
                f"{where}: {name}: {line(error)}; skedge run --help lists the settings"
            ) from None
    return typed


def _put(settings: Any, name: str, value: Any) -> Any:
    """A copy of settings with another value for one of them, by its dotted name."""
    first, _, rest = name.partition(".")
    return replace(
        settings, **{first: _put(getattr(settings, first), rest, value) if rest else value}
    )


def _usual(name: str) -> Any:
    """The default of a setting or section; something else than None where there is no such
    setting."""
    at: Any = Recipe()
    for part in str(name).split("."):
        at = getattr(at, part, "")
    return at
