"""Which points a sweep file spans, and what is refused before anything runs."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from skedge.datasets.store import Store
from skedge.recipes import RECIPES
from skedge.recipes.distill_settings import student_plan
from skedge.recipes.recipe import Recipe
from skedge.skeleton import InputError
from skedge.sweep.grid import (
    Given,
    Sweep,
    folder_name,
    idle_axes,
    idle_settings,
    points_of,
    read_sweep,
    repeated,
)
from skedge.sweep.point import Point, read_recipe

OUT = Path("out")
BASE = str(RECIPES / "synthetic.yaml")
AXES: dict[str, st.SearchStrategy[Any]] = {
    "distill.temperature": st.integers(1, 99),
    "distill.label_smoothing": st.floats(1e-6, 0.9, allow_nan=False),
    "student.widths": st.lists(st.integers(1, 64), min_size=1, max_size=3),
    "distill.direction": st.sampled_from(["forward", "reverse"]),
    "distill.scale_by_temperature": st.booleans(),
}


def sweep(**changes: Any) -> Sweep:
    return replace(
        Sweep(base=BASE, step="distill labels", grid={"distill.temperature": [1, 2]}), **changes
    )


def setting(recipe: Recipe, name: str) -> Any:
    at: Any = recipe
    for part in name.split("."):
        at = getattr(at, part)
    return list(at) if isinstance(at, tuple) else at


@cache
def base_sections() -> dict[str, Any]:
    return read_recipe(BASE).sections()


@st.composite
def grids(draw: st.DrawFn) -> dict[str, list[Any]]:
    names = draw(st.lists(st.sampled_from(sorted(AXES)), unique=True, max_size=3))
    return {
        name: draw(st.lists(AXES[name], min_size=1, max_size=3, unique_by=repr)) for name in names
    }


@given(grid=grids(), seeds=st.lists(st.integers(0, 2**31), min_size=1, max_size=3, unique=True))
@settings(max_examples=10)
def test_every_combination_is_a_point_once_with_every_seed(
    grid: dict[str, list[Any]], seeds: list[int], store: Store
) -> None:
    points = points_of(sweep(grid=grid, seeds=seeds), store, OUT)
    found = [
        (*(setting(point.recipe, name) for name in grid), point.recipe.compute.seed)
        for point in points
    ]
    assert found == [
        (*values, seed) for values in itertools.product(*grid.values()) for seed in seeds
    ]
    assert len({point.folder for point in points}) == len(points)
    base = base_sections()
    for point in points:
        changed = point.recipe.sections()
        for name in [*grid, "compute.seed"]:
            section, *rest = name.split(".")
            at, usual = changed[section], base[section]
            for part in rest[:-1]:
                at, usual = at[part], usual[part]
            at[rest[-1]] = usual[rest[-1]]
        assert changed == base, "nothing else is changed"


@given(
    pairs=st.lists(
        st.tuples(st.text(min_size=1, max_size=80), st.text(min_size=1, max_size=80)),
        min_size=2,
        unique=True,
    )
)
def test_every_value_gets_a_folder_of_its_own(pairs: list[tuple[str, str]]) -> None:
    names = [folder_name(*pair) for pair in pairs]
    assert len(set(names)) == len({"=".join(pair) for pair in pairs})
    for name in names:
        assert name.isascii()
        assert name.isprintable()
        assert Path(name).parts == (name,), "no path"
        assert len(name) < 80
    assert folder_name("distill.temperature", "4") == "distill.temperature=4"


def test_values_that_change_together(store: Store) -> None:
    of_a_section = {
        "student": [{"widths": [8], "strides": [1]}, {"widths": [8, 9], "strides": [1, 2]}]
    }
    with_labels = {
        "depth": {
            1: {"student.widths": [8], "student": {"strides": [1]}, "distill.temperature": 2},
            2: {"student.widths": [8, 9], "student.strides": [1, 2]},
        }
    }
    for grid in (of_a_section, with_labels):
        plans = [point.recipe.student for point in points_of(sweep(grid=grid), store, OUT)]
        assert [(plan.widths, plan.strides) for plan in plans] == [((8,), (1,)), ((8, 9), (1, 2))]
        assert plans[0].dropout == student_plan().dropout
    labelled = points_of(sweep(grid=with_labels), store, OUT)
    assert [point.settings for point in labelled] == [{"depth": "1"}, {"depth": "2"}]
    base = read_recipe(BASE).distill
    assert [point.recipe.distill.temperature for point in labelled] == [2, base.temperature]


@pytest.mark.parametrize(
    ("axis", "value", "words"),
    [
        ("input.frames", "abc", "expected INT, got abc;"),
        ("input.stream", "jont", "expected {joint,bone,motion,three}, got jont;"),
        ("student.widths", ["a"], "expected [INT,...], got [a];"),
        ("encoder.causal", 7, "expected {true,false}, got 7;"),
        ("input.fusion", 3, "expected {NAME:NUMBER,...}, got 3;"),
        ("input.frame", 3, "no setting of a recipe;"),
        ("inputs.frames", 3, "no setting of a recipe;"),
        ("input", 3, "expected settings in this section, got 3;"),
    ],
)
def test_a_wrong_value_is_named_as_flags_name_it(
    store: Store, axis: Any, value: Any, words: str
) -> None:
    with pytest.raises(InputError) as raised:
        points_of(sweep(grid={axis: [value]}), store, OUT)
    assert str(raised.value).startswith(f"grid: {axis}: {words}")


def test_a_mapping_as_a_value(store: Store) -> None:
    weights = [{"joint": 1.0, "bone": 0.5}, {"joint": 1.0}]
    points = points_of(sweep(grid={"input.fusion": weights}), store, OUT)
    assert [point.recipe.input.fusion for point in points] == weights


@pytest.mark.parametrize(
    ("axis", "step", "reader"),
    [
        ("distill.temperature", "distill labels", "distill without --teacher"),
        ("distill.temperature", ["evaluate supervised", "distill"], ""),
        ("distill.temperature", ["evaluate supervised", "distill", "distill labels"], ""),
        ("distill.label_smoothing", ["evaluate supervised", "distill"], "distill.label_weight 0"),
        ("distill.online.quiet", "distill labels", "training on clips"),
    ],
)
def test_what_no_student_reads_is_named(axis: str, step: Any, reader: str, store: Store) -> None:
    """Temperatures of a student without a teacher, and settings of training on recordings for a
    store of clips, gave a table of equal rows, without a word; nor was a `--set` of them named."""
    along = sweep(grid={axis: [0.1, 0.2]}, step=step)
    note = f"{axis}: all values give the same figures, {reader} does not read it"
    assert [*idle_axes(along, points_of(along, store, OUT))] == ([note] if reader else [])
    everywhere = sweep(grid={}, set={axis: 0.1}, step=step)
    note = f"{reader} does not read {axis}"
    assert [*idle_settings(everywhere, points_of(everywhere, store, OUT))] == (
        [note] if reader else []
    )


def test_an_axis_without_effect_is_named(store: Store) -> None:
    """Frames a second on clips that are stretched gave a table of equal rows, without a word."""
    rates = sweep(grid={"input.hz": [10, 20]})
    (note,) = idle_axes(rates, points_of(rates, store, OUT))
    assert (
        note == "input.hz: all values give the same figures, input.time stretched does not read it"
    )
    both = replace(rates, grid={**rates.grid, "input.time": ["stretched", "rate"]})
    assert not list(idle_axes(both, points_of(both, store, OUT)))


def test_the_grid_goes_before_set_and_set_before_the_recipe(store: Store) -> None:
    given = {"distill": {"temperature": 7, "optim": {"epochs": 3}}, "student.dropout": 0.25}
    points = points_of(sweep(set=given), store, OUT)
    assert [point.recipe.distill.temperature for point in points] == [1, 2]
    assert {point.recipe.distill.optim.epochs for point in points} == {3}
    base = read_recipe(BASE).distill
    assert {point.recipe.distill.optim.batch_size for point in points} == {base.optim.batch_size}
    assert {point.recipe.student.dropout for point in points} == {0.25}


def test_without_a_grid_there_are_the_seeds(store: Store) -> None:
    points = points_of(sweep(grid={}, seeds=[5, 6]), store, OUT)
    assert [(point.folder, point.seed, point.settings) for point in points] == [
        (OUT / "all" / "seed-5", 5, {}),
        (OUT / "all" / "seed-6", 6, {}),
    ]


@pytest.mark.parametrize(
    ("steps", "given", "sources"),
    [
        (["pretrain", "evaluate linear", "distill"], (), [None, "pretrain", "evaluate-linear"]),
        (
            [
                "pretrain",
                "evaluate linear",
                "evaluate partial-body",
                "evaluate finetune",
                "distill",
            ],
            (),
            [None, "pretrain", "evaluate-linear", "pretrain", "evaluate-finetune"],
        ),
        (
            ["evaluate knn", "evaluate finetune", "distill"],
            ("pretrained",),
            ["TRAINED", "TRAINED", "evaluate-finetune"],
        ),
        (["distill", "distill labels", "evaluate ridge"], ("teacher",), ["TRAINED", None, None]),
        (["evaluate supervised", "distill"], (), [None, "evaluate-supervised"]),
        (["evaluate partial-body"], ("teacher",), ["TRAINED"]),
    ],
)
def test_a_step_starts_from_the_newest_folder_that_fits(
    steps: list[str], given: tuple[str, ...], sources: list[str | None], store: Store, trained: Path
) -> None:
    point = points_of(
        sweep(step=steps, grid={}), store, OUT, given=Given(**dict.fromkeys(given, trained))
    )[0]
    assert [step.source for step in point.steps] == [
        str(trained) if source == "TRAINED" else source for source in sources
    ]


def test_a_note_says_what_is_trained_again_and_again(store: Store, trained: Path) -> None:
    chain = ["pretrain", "evaluate linear", "distill"]
    notes = list(repeated(points_of(sweep(step=chain, seeds=[0, 1]), store, OUT)))
    assert [("--pretrained" in note, "--teacher" in note) for note in notes] == [
        (True, False),
        (False, True),
    ]
    grid = {"pretrain.redundancy": [1e-3, 1e-2]}
    assert not list(repeated(points_of(sweep(step=chain, grid=grid), store, OUT)))
    (note,) = repeated(
        points_of(sweep(step=chain, grid={"linear.optim.epochs": [1, 2]}), store, OUT)
    )
    assert "--pretrained" in note


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"grid": {"distill.temperatur": [1]}}, ["grid", "temperatur"]),
        ({"grid": {"distill.temperature": ["warm"]}}, ["grid", "distill.temperature", "warm"]),
        ({"grid": {"distill.temperature": [None]}}, ["distill.temperature", "null"]),
        ({"grid": {"distill.optim.epochs": [1.5]}}, ["distill.optim.epochs", "1.5"]),
        ({"grid": {"distill.temperature": 3}}, ["distill.temperature", "list", "3"]),
        ({"grid": {"distill.temperature": []}}, ["distill.temperature", "list"]),
        ({"grid": {"distill": {"temperature": [1, 2]}}}, ["distill", "list"]),
        ({"grid": {"distill.temperature": [1, 1]}}, ["distill.temperature", "twice"]),
        ({"grid": {"student": [{"widths": [8]}, {"width": [9]}]}}, ["student.width"]),
        ({"grid": {"depth": {2: {"student.widths": [3, "x"]}}}}, ["student.widths", "x"]),
        (
            {"grid": {"a": {1: {"student.widths": [3]}}, "student.widths": [[2]]}},
            ["a", "student.widths", "both"],
        ),
        (
            {"grid": {"input": [{"fusion": {"joint": 1}}], "input.fusion": [{"bone": 1}]}},
            ["input.fusion", "both"],
        ),
        ({"grid": {"compute.seed": [1]}}, ["compute.seed", "seeds"]),
        (
            {"grid": {"linear.optim.epochs": [1, 2]}},
            ["linear.optim.epochs", "distill labels", "same figures"],
        ),
        ({"set": {"distill.optim": {"epoch": 3}}}, ["set", "epoch"]),
        ({"set": {"distill": 5}}, ["set", "distill", "5"]),
        ({"set": {3: 4}}, ["set", "3"]),
        ({"set": {"input.protocol": "xview"}}, ["xview", "xsub"]),
        ({"grid": {"input.part": ["val", "train"]}}, ["input.part", "train"]),
        ({"seeds": []}, ["seeds"]),
        ({"seeds": [1, 1]}, ["seeds", "1"]),
        ({"seeds": [-1]}, ["seeds", "-1"]),
        ({"step": "dance"}, ["dance", "pretrain", "evaluate linear", "distill"]),
        ({"step": []}, ["step", "pretrain"]),
        ({"step": ["pretrain", "pretrain"]}, ["pretrain", "twice"]),
        ({"step": "distill"}, ["distill", "--teacher"]),
        ({"step": ["evaluate knn", "pretrain"]}, ["evaluate knn", "--pretrained"]),
        ({"step": ["pretrain", "distill"]}, ["distill", "--teacher"]),
        ({"step": ["pretrain", "evaluate knn", "distill"]}, ["distill", "--teacher"]),
    ],
)
def test_what_a_recipe_does_not_take_is_named_in_one_line(
    changes: dict[str, Any], words: list[str], store: Store
) -> None:
    with pytest.raises(InputError) as refused:
        points_of(sweep(**changes), store, OUT)
    assert "\n" not in str(refused.value)
    for word in words:
        assert word in str(refused.value)


def test_a_folder_from_outside_must_be_trained_and_used(
    store: Store, trained: Path, tmp_path: Path
) -> None:
    for flag in ("pretrained", "teacher"):
        with pytest.raises(InputError, match=f"--{flag} .*no weights"):
            points_of(sweep(), store, OUT, given=Given(**{flag: tmp_path}))
        with pytest.raises(InputError, match=f"--{flag}: .*leave it out"):
            points_of(
                sweep(step=["pretrain", "evaluate linear", "distill"]),
                store,
                OUT,
                given=Given(**{flag: trained}),
            )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["nothing"]),
        ("- 1", ["list"]),
        ("base: [", ["line 2"]),  # the text's end is a line of its own
        ("base: ]", ["line 1"]),
        ("{base: synthetic, step: distill, set: {name: 2026-02-30}}", ["day is out of range"]),
        ("[" * 3000, ["nesting depth"]),
        ("{base: synthetic, step: distill, set: &a {input.frames: *a}}", ["contains itself"]),
        ("{base: synthetic, step: distill, seeds: &a [*a]}", ["contains itself"]),
        (
            "{base: synthetic, step: distill, grid: {input.frames: [8], input.frames: [16]}}",
            ["input.frames twice", "line 1"],
        ),
        ("base: synthetic", ["step"]),
        ("{base: synthetic, step: distill, sedes: [1]}", ["sedes"]),
        ("{base: synthetic, step: distill, seeds: 3}", ["seeds"]),
        ("{base: synthetic, step: distill, grid: 5}", ["grid"]),
        ("{base: nothing, step: distill}", ["nothing", "synthetic"]),
    ],
)
def test_a_file_that_is_no_sweep(text: str, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "my sweep.yaml").write_text(text)
    with pytest.raises(InputError) as refused:
        read_sweep(str(tmp_path / "my sweep.yaml"), RECIPES)
    assert "\n" not in str(refused.value)
    for word in words:
        assert word in str(refused.value)


def test_files_in_another_encoding_are_said_in_words(tmp_path: Path, store: Store) -> None:
    """A recipe in Latin-1 was a traceback, and a sweep's file a codec's message."""
    file = tmp_path / "own.yaml"
    file.write_bytes("name: caf\u00e9".encode("latin-1"))
    with pytest.raises(InputError, match=r"own.yaml: expected base.*: it is not text in UTF-8$"):
        read_sweep(str(file), RECIPES)
    with pytest.raises(InputError, match=r"own.yaml: it is not text in UTF-8$"):
        points_of(sweep(base=str(file)), store, OUT)


def test_a_sweep_that_is_not_there() -> None:
    with pytest.raises(InputError, match=r"nowhere.*temperature"):
        read_sweep("nowhere", RECIPES)


def test_what_the_command_line_adds(tmp_path: Path, store: Store) -> None:
    file = {
        "base": "utd_mhad",
        "step": "distill labels",
        "set": {"student.dropout": 0.5, "distill.temperature": 3},
        "seeds": [1],
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(file))
    made, name = read_sweep(
        str(tmp_path / "mine.yaml"),
        RECIPES,
        base="synthetic",
        settings={"distill.temperature": 9},
        seeds=[4, 5],
    )
    assert name == "mine"
    points = points_of(made, store, OUT)
    assert [point.seed for point in points] == [4, 5]
    assert points[0].recipe.name == "synthetic"
    assert (points[0].recipe.student.dropout, points[0].recipe.distill.temperature) == (0.5, 9)


@pytest.mark.parametrize("name", sorted(file.stem for file in (RECIPES / "sweeps").glob("*.yaml")))
def test_a_shipped_sweep(name: str, store: Store, trained: Path) -> None:
    made, _ = read_sweep(name, RECIPES)
    points = points_of(
        made, store, OUT, given=Given(teacher=None if name in ("plans", "stream") else trained)
    )
    assert {point.seed for point in points} == {0, 1, 2}
    CHECKS[name]([point for point in points if point.seed == 0])


def _check_temperature(points: list[Point]) -> None:
    assert [point.recipe.distill.temperature for point in points] == list(range(1, 11))


def _check_depth(points: list[Point]) -> None:
    plans = [point.recipe.student for point in points]
    assert [plan.widths for plan in plans] == [
        (16,) * (depth - 1) + (128,) for depth in range(2, 8)
    ]
    assert [plan.strides for plan in plans] == [(1,) * depth for depth in range(2, 8)]
    assert plans[3] == student_plan()


def _check_losses(points: list[Point]) -> None:
    taught = [point.recipe.distill for point in points]
    weights = [(one.logit_weight, one.feature_weight, one.label_weight) for one in taught]
    assert weights == [(1, 0, 0), (1, 0, 0), (1, 1, 0), (1, 0, 1), (0, 1, 1)]
    assert [(one.direction, one.scale_by_temperature) for one in taught[:2]] == [
        ("forward", True),
        ("reverse", False),
    ]


def _check_plans(points: list[Point]) -> None:
    students = [point.recipe.student for point in points]
    assert students[0] == replace(student_plan(), dropout=0)
    assert all(len(one.widths) == len(one.strides) <= 5 for one in students)
    assert {(point.recipe.input.protocol, point.recipe.input.part) for point in points} == {
        ("xsub-val", "val")
    }


def _check_stream(points: list[Point]) -> None:
    recipes = [point.recipe for point in points]
    assert {(one.input.protocol, one.input.part, one.input.time) for one in recipes} == {
        ("xsub-val", "val", "rate")
    }
    assert {one.input.normalization for one in recipes} == {
        "per-frame",
        "root-relative",
        "first-frame",
    }
    pooled = [one.input.frames - 8 * len(one.student.widths) for one in recipes]
    assert pooled == [50, 50, 50, 50, 30, 30, 30, 30, 30, 30]
    shipped = read_recipe(str(RECIPES / "utd_mhad_stream.yaml"))
    meant = (
        replace(shipped.input, protocol="xsub-val", part="val"),
        shipped.student,
        shipped.distill,
    )
    assert [(one.input, one.student, one.distill) for one in recipes].count(meant) == 1


CHECKS: dict[str, Callable[[list[Point]], None]] = {
    "temperature": _check_temperature,
    "depth": _check_depth,
    "losses": _check_losses,
    "plans": _check_plans,
    "stream": _check_stream,
}
