"""Numbers that a setting cannot be are refused before anything is trained."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import pytest

from skedge.cli.main import parse
from skedge.recipes import RECIPES, recipe_names
from skedge.recipes.ranges import Range, check_value
from skedge.recipes.recipe import Recipe
from skedge.skeleton import InputError
from skedge.sweep.point import read_recipe
from tests.commands import with_setting


def settings(kind: Any, section: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting of a dataclass and of those inside it, by its dotted name, with its type."""
    types = get_type_hints(kind, include_extras=True)
    for each in fields(kind):
        if is_dataclass(types[each.name]):
            yield from settings(types[each.name], f"{section}{each.name}.")
        else:
            yield f"{section}{each.name}", types[each.name]


def numbers(type_: Any) -> Iterator[Range | None]:
    """The range of every number in a type, None for one without."""
    if type_ in (int, float):
        yield None
    elif isinstance(found := getattr(type_, "__metadata__", (None,))[0], Range):
        yield found
    else:
        for part in get_args(type_):
            yield from numbers(part)


NUMBERS = [name for name, type_ in settings(Recipe) if [*numbers(type_)]]


def first_number(type_: Any, value: Any, number: float) -> Any:
    """A value of the type with another first number."""
    if isinstance(value, tuple):
        return (number, *value[1:])
    return {**value, "joint": number} if isinstance(value, dict) else number


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_that_the_setting_cannot_be_is_refused_by_its_name(name: str) -> None:
    """Batches of no clips, a learning rate of nan and a dropout of 2 ended in a traceback, or were
    trained with."""
    type_ = dict(settings(Recipe))[name]
    ranges = [*numbers(type_)]
    assert None not in ranges, "a new setting says in its type which numbers it can be"
    (range_,) = {range_ for range_ in ranges if range_ is not None}
    value: Any = Recipe()
    for part in name.split("."):
        value = getattr(value, part)
    outside = [float("nan"), float("inf"), -float("inf"), range_.least - 1, range_.most + 1]
    outside += [range_.least] * range_.above + [range_.most] * range_.below
    for number in outside:
        with pytest.raises(InputError, match=rf"^{name}: expected .*, got "):
            with_setting(Recipe(), name, first_number(type_, value, number))


@pytest.mark.parametrize("name", recipe_names())
def test_all_recipes_are_in_range(name: str) -> None:
    read_recipe(str(RECIPES / f"{name}.yaml"))


@pytest.mark.parametrize(
    ("command", "flag", "words"),
    [
        (
            "run",
            "--distill.optim.batch-size=0",
            "--distill.optim.batch-size: expected 1 or more, got 0",
        ),
        (
            "distill",
            "--student.strides=[1,0]",
            "--student.strides: expected 1 or more, got 0 in [1, 0]",
        ),
        ("pretrain", "--input.hz=0", "--input.hz: expected above 0, up to 240, got 0.0"),
        ("distill", "--student.dropout=2", "--student.dropout: expected 0 to below 1, got 2.0"),
        (
            "run",
            "--compute.precision=foo",
            "--compute.precision: expected {auto,32-true,bf16-mixed",
        ),
        (
            "pretrain",
            "--compute.accelerator=foo",
            "--compute.accelerator: expected {auto,cpu,gpu}, got foo",
        ),
    ],
)
def test_the_command_line_refuses_it_before_it_starts(
    command: str, flag: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as refused:
        parse(command, ["--data", "store", "--out", str(tmp_path / "out"), flag])
    assert str(refused.value).startswith(words)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("command", "words", "flag", "legal"),
    [
        ("data import", ["arrays", "source", "out"], "--processes=0", "1 or more"),
        ("data synth", ["out"], "--processes=-1", "1 or more"),
        ("data split", ["store", "name", "--folds=3"], "--seed=-1", "0 to 4294967295"),
        ("draw", ["features", "run", "--out=a.png"], "--classes=0", "1 or more"),
    ],
)
def test_numbers_of_other_flags(command: str, words: list[str], flag: str, legal: str) -> None:
    """Seeds below 0 and pictures of no classes ended in tracebacks."""
    name, _, value = flag.partition("=")
    with pytest.raises(InputError, match=f"^{name}: expected {legal}, got {value}$"):
        parse(command, [*words, flag])


def test_so_does_a_recipe_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("pretrain: {contrast: {momentum: 2}}\n")
    words = "--pretrain.contrast.momentum: expected 0 to 1, got 2.0"
    with pytest.raises(InputError, match=words):
        parse("pretrain", ["--data", "store", "--out", "out", "--recipe", str(file)])


@pytest.mark.parametrize(
    ("range_", "words"),
    [
        (Range(), "a finite number"),
        (Range(1), "1 or more"),
        (Range(0, above=True), "above 0"),
        (Range(0, 1), "0 to 1"),
        (Range(0, 1, below=True), "0 to below 1"),
        (Range(0, 1, above=True), "above 0, up to 1"),
        (Range(0, 1, above=True, below=True), "above 0, below 1"),
        (Range(0, 2**32 - 1), "0 to 4294967295"),
    ],
)
def test_how_a_range_is_said(range_: Range, words: str) -> None:
    with pytest.raises(InputError, match=f"^x: expected {words}, got nan$"):
        check_value(float("nan"), Annotated[float, range_], "x")
