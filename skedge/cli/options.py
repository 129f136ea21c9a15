"""Flags that several commands share, and how a recipe and figures get in and out."""

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import ActionConfigFile, ArgumentParser, Namespace

from skedge.skeleton.errors import InputError
from skedge.skeleton.text import one_line, say

MODEL = "exported model, or default or default.tflite: the ones that come with skedge"
# What `--part` takes: a split's clips are for training, for choosing settings, or for the figures.
PARTS = ["train", "val", "test"]
# One of several thresholds: a label, in which there may be a comma, and a number.
SINGLE = re.compile(r"(.+?)=([^=,]*)(?:,(?=.)|$)")


def add_recipe(parser: ArgumentParser) -> None:
    from skedge.recipes.recipe import Recipe

    parser.add_argument(
        "--recipe",
        action=ActionConfigFile,
        metavar="RECIPE",
        help="YAML file, or one of the recipes below; flags override its settings",
    )
    parser.add_class_arguments(Recipe)


def add_training(parser: ArgumentParser) -> None:
    add_recipe(parser)
    add_data(parser, "store to train on")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="RUN", help="run folder to write"
    )
    parser.add_argument(
        "--resume", action="store_true", help="continue an interrupted run from its checkpoint"
    )
    parser.add_argument("--again", action="store_true", help="train a finished run again")


@contextmanager
def training_into(args: Any) -> Iterator[Path]:
    """The run folder of a training, held for it alone.

    Raises `InputError` where another training writes into it, and where a finished run is in it
    that may not be trained again; where an interrupted one begins anew, a note says so. A
    `KeyboardInterrupt` says what goes on from where it stopped.
    """
    from skedge.teacher.runs.asked import ResumableError
    from skedge.teacher.runs.folder import left_over, only_training, read_metrics

    with only_training(args.out):
        finished = read_metrics(args.out) is not None
        if finished and not args.again:
            raise InputError(
                f"{args.out}: expected a new or unfinished run, it holds a finished one; --again"
                " trains it again, or name another folder"
            )
        if not finished and not args.resume and any(left_over(args.out)):
            say(f"{args.out}: the interrupted training begins anew")
        try:
            yield args.out
        except ResumableError:
            raise KeyboardInterrupt(
                "; the same command with --resume goes on where it stopped"
            ) from None


def add_data(parser: ArgumentParser, text: str, required: bool = True) -> None:
    parser.add_argument("--data", type=Path, required=required, metavar="STORE", help=text)


def add_model(parser: ArgumentParser, text: str, default: str | None = None) -> None:
    parser.add_argument("--model", type=str, default=default, metavar="MODEL", help=text)


def add_split(parser: ArgumentParser) -> None:
    parser.add_argument("--protocol", help="name of the store's split (default: the model's own)")
    parser.add_argument("--part", choices=[*PARTS, "all"], help="part of it, by default test")


def add_synonyms(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--synonyms",
        type=dict[str, str],
        help="the model's names for the store's classes, such as '{boxing: punch}'",
    )


def add_events(parser: ArgumentParser) -> None:
    parser.add_argument("--threads", type=int, default=1, help="threads of the model's runtime")
    parser.add_argument("--hop", type=float, help="seconds between two answers (default: 0.1)")
    parser.add_argument(
        "--threshold",
        type=str,
        metavar="NUMBER|LABEL=NUMBER,...",
        help="least probability of an event, of all actions or of some (kick=0.99,throw=off); by"
        " default that of its class in the model's file",
    )
    parser.add_argument(
        "--patience",
        type=int,
        help="answers in a row, at ten a second, that begin an event; by default as in the model's"
        " file",
    )
    parser.add_argument(
        "--debounce",
        type=float,
        default=1.0,
        help="seconds without an action after which its event has ended",
    )


def event_settings(args: Any) -> dict[str, Any]:
    """The settings of `add_events` as `Recognizer.load` takes them; raises `InputError` for a
    threshold that is none."""
    given = {name: args[name] for name in ("threads", "hop", "patience", "debounce")}
    return given | {"threshold": None if args.threshold is None else _threshold(args.threshold)}


def _threshold(text: str) -> float | dict[str, float]:
    """The threshold of all actions, or those of some by their labels."""
    try:
        if "=" not in text:
            return float(text)
        pairs = SINGLE.findall(text)
        single = {label.strip(): _least(number.strip()) for label, number in pairs}
        if SINGLE.sub("", text) or len(single) < len(pairs):
            raise ValueError
        return single
    except ValueError:
        raise InputError(
            f"--threshold: expected a number, or such as kick=0.99,throw=off, got {text}"
        ) from None


def _least(text: str) -> float:
    """A number, or off; `ValueError` for what is neither, and for the number that means off."""
    from skedge.edge_runtime.events import NEVER

    number = NEVER if text == "off" else float(text)
    if number == NEVER and text != "off":
        raise ValueError
    return number


def add_seeds(parser: ArgumentParser, text: str) -> None:
    parser.add_argument("--seeds", type=str, nargs="+", metavar="INT", help=text)


def seeds_of(args: Any) -> list[int] | None:
    """The seeds of `--seeds 0 1 2`, or of the older `--seeds '[0, 1, 2]'`; None without the flag.

    Raises `InputError` where one is no whole number.
    """
    if args.seeds is None:
        return None
    text = " ".join(args.seeds)
    words = text.strip("[]").replace(",", " ").split()
    if not words or not all(word.isdigit() for word in words):
        raise InputError(f"--seeds: expected whole numbers such as 0 1 2, got {text}")
    return [int(word) for word in words]


def recipe_of(parser: ArgumentParser, args: Namespace) -> Any:
    from dataclasses import fields

    from skedge.recipes.recipe import Recipe

    made = parser.instantiate(args)
    return Recipe(**{field.name: made[field.name] for field in fields(Recipe)})


def recipe_to_train(command: str, parser: ArgumentParser, args: Namespace) -> Any:
    """The recipe of a command that trains.

    torchrun and SLURM give each of their processes the whole command: those behind the first one
    train along here until it ends, and exit.
    """
    from skedge.recipes.recipe import idle
    from skedge.teacher.processes import trained_along

    recipe = recipe_of(parser, args)
    if trained_along(recipe.compute):
        sys.exit(0)
    read = args.typed - tell_unread(command, args)
    if args.get("run") or args.get("pretrained"):  # whose input and plan are a trained network's
        read = {name for name in read if not name.startswith(("input.", "encoder."))}
    for reader, names in idle(recipe, read).items():
        note_unread(reader, names)
    _tell_least_steps(recipe, read)
    return recipe


def _tell_least_steps(recipe: Any, names: Iterable[str]) -> None:
    """Say where flags name epochs, among `names`, of which the recipe gives small sets more."""
    for name in sorted(names):
        optim, _, setting = name.rpartition(".")
        if setting != "epochs" or name.startswith("recipe."):  # of the recipe's file
            continue
        least = attrgetter(optim)(recipe).least_steps
        if least and f"{optim}.least_steps" not in names:
            say(
                f"{optim}.least_steps {least} gives a small set more epochs than {name}"
                f" {attrgetter(name)(recipe)}; lower it, too"
            )


def settings_of_file(args: Namespace) -> set[str]:
    """The settings that the recipe's file names, by their dotted names."""
    return {name.removeprefix("recipe.") for name in args.typed if name.startswith("recipe.")}


def check_unused(args: Any, names: Sequence[str], reason: str) -> None:
    """Raise `InputError` with the reason where one of these flags, which have no effect beside the
    others, was given; they are None where they were not."""
    given = [f"--{name.replace('_', '-')}" for name in names if args[name] is not None]
    if given:
        them = "them" if len(given) > 1 else "it"
        raise InputError(f"{' and '.join(given)}: {reason}; leave {them} out")


def tell_unread(command: str, args: Namespace) -> set[str]:
    """The settings that flags gave and the command does not read; they are said."""
    from skedge.recipes.recipe import unread

    names = unread([command], args.typed)
    if names:
        note_unread(command, names)
    return {*names}


def note_unread(reader: str, names: Iterable[str]) -> None:
    """Say which settings that flags gave have no effect on what reads the recipe."""
    say(f"{reader} does not read {', '.join(names)}")


def show(figures: dict[str, Any]) -> None:
    from rich.console import Console

    Console().print_json(
        data={
            name: value for name, value in figures.items() if name not in ("per_class", "confusion")
        }
    )


def show_store(path: Path) -> None:
    from skedge.datasets.store import Store
    from skedge.datasets.store.summary import summarize

    show(summarize(Store(path)))


def stop(code: int, message: str) -> NoReturn:
    print(f"skedge: {one_line(message)}", file=sys.stderr)
    sys.exit(code)
