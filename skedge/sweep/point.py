"""One point of a grid: its steps, what they depend on, and how they are taken."""

import json
import os
import shutil
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any, cast

from jsonargparse import ArgumentParser, Namespace

from skedge import steps
from skedge.datasets.store import Store
from skedge.recipes.recipe import Protocol, Recipe
from skedge.recipes.values import value_name
from skedge.skeleton.files import read_json, write_json
from skedge.teacher.runs.asked import ASKED, finished, question

POINT = "point.json"


@cache
def parser() -> ArgumentParser:
    """Knows the recipe's settings, as the command line does."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Recipe)
    return parser


@cache
def _parser_of(section: str) -> ArgumentParser:
    """Knows the settings of one section alone, which takes a fraction of the time; of all where
    there is no such section."""
    kind = type(getattr(Recipe(), section, None))
    if not is_dataclass(kind):
        return parser()
    alone = ArgumentParser(exit_on_error=False)
    alone.add_class_arguments(kind, section)
    return alone


def typed_setting(name: str, value: Any) -> Any:
    """One setting by its dotted name, as the recipe takes it; jsonargparse's errors for another."""
    parser = _parser_of(str(name).partition(".")[0])
    return attrgetter(name)(parser.instantiate(parser.parse_object({name: value})))


def setting_takes(name: str) -> str:
    """What a setting takes, by its dotted name, in the words of the command line, such as INT or
    {a,b}; empty where there is no such setting."""
    every = _parser_of(name.partition(".")[0])._actions
    return next((value_name(action) for action in every if action.dest == name), "")


def make_recipe(settings: dict[str, Any]) -> Recipe:
    """The recipe of settings by their dotted names or nested; jsonargparse's errors for wrong
    ones."""
    return _recipe(parser().parse_object(settings))


def read_recipe(file: str) -> Recipe:
    """The recipe of a YAML file; jsonargparse's errors for wrong settings."""
    return _recipe(parser().parse_path(file))


def _recipe(parsed: Namespace) -> Recipe:
    made = parser().instantiate(parsed)
    return Recipe(**{known.name: made[known.name] for known in fields(Recipe)})


@dataclass(frozen=True)
class Step:
    """One command; `source` is where it starts from: an earlier step's folder, an absolute path, or
    None."""

    command: str
    source: str | None

    @property
    def name(self) -> str:
        return self.command.replace(" ", "-")


@dataclass(frozen=True)
class Point:
    """One combination of the grid's values with one seed; `settings` are the labels of the values,
    by axis."""

    folder: Path
    settings: dict[str, str]
    seed: int
    recipe: Recipe
    steps: tuple[Step, ...]
    store: Store

    @property
    def title(self) -> str:
        return ", ".join(
            [*(f"{axis} {label}" for axis, label in self.settings.items()), f"seed {self.seed}"]
        )

    def write(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        document = {
            "settings": self.settings,
            "seed": self.seed,
            "recipe": self.recipe.sections(),
            "steps": [asdict(step) for step in self.steps],
            "store": os.path.abspath(self.store.path),
        }
        write_json(self.folder / POINT, document)

    @classmethod
    def read(cls, folder: Path) -> "Point":
        document = json.loads((folder / POINT).read_text("utf-8"))
        recipe = make_recipe(document["recipe"])
        steps = tuple(Step(**step) for step in document["steps"])
        return cls(
            folder,
            settings=document["settings"],
            seed=document["seed"],
            recipe=recipe,
            steps=steps,
            store=Store(document["store"]),
        )

    def asked(self, step: Step) -> dict[str, Any]:
        """All that the step's result depends on."""
        runs = [] if step.source is None else [self.folder / step.source]
        command = step.command.removesuffix(" labels")
        return question(command, [self.store], self.recipe, runs=runs)

    def metrics(self, step: Step) -> dict[str, Any] | None:
        """The step's metrics, if it is complete with these settings."""
        return finished(self.folder / step.name, self.asked(step))

    def result(self) -> dict[str, dict[str, Any]] | None:
        """Every step's metrics by its command, if all are complete with these settings."""
        found = {
            step.command: metrics
            for step in self.steps
            if (metrics := self.metrics(step)) is not None
        }
        return found if len(found) == len(self.steps) else None

    def run(self) -> None:
        """Take the steps that are not complete; an interrupted one goes on from its checkpoint if
        its settings are the same."""
        for step in self.steps:
            if self.metrics(step) is None:
                self._take(step)

    def _take(self, step: Step) -> None:
        folder = self.folder / step.name
        resume = read_json(folder / ASKED) == self.asked(step)
        if not resume:
            shutil.rmtree(folder, ignore_errors=True)
        source = None if step.source is None else self.folder / step.source
        command, _, protocol = step.command.partition(" ")
        if command == "pretrain":
            steps.pretrain(self.store, folder, self.recipe, resume=resume)
        elif command == "evaluate":
            steps.evaluate(
                self.store,
                folder,
                self.recipe,
                protocol=cast(Protocol, protocol),
                pretrained=source,
                resume=resume,
            )
        else:
            teachers = [] if source is None else [source]
            steps.distill(self.store, folder, self.recipe, teachers=teachers, resume=resume)
