"""Signatures stay short, and a call names what is not plain from its place."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_PARAMETERS = 7
MOST_BY_PLACE = 3
# Of torch and OpenCV; skedge has functions of the same name.
FOREIGN_METHODS = {"view", "line"}
FILES = {
    str(path.relative_to(ROOT)): ast.parse(path.read_text())
    for path in sorted((ROOT / "skedge").rglob("*.py"))
}
Function = ast.FunctionDef | ast.AsyncFunctionDef
OWN = {
    node.name
    for tree in FILES.values()
    for node in ast.walk(tree)
    if isinstance(node, Function | ast.ClassDef)
}


def parameters(function: Function) -> int:
    """How many a caller sees: the instance is none, `*args` and `**kwargs` are one each."""
    told = function.args
    named = [one.arg for one in (*told.posonlyargs, *told.args, *told.kwonlyargs)]
    return len([name for name in named if name not in ("self", "cls")]) + sum(
        one is not None for one in (told.vararg, told.kwarg)
    )


def long_signatures(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, Function) and parameters(node) > MOST_PARAMETERS:
            yield f"line {node.lineno}: {node.name} has {parameters(node)} parameters"


def calls_by_place(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        places = [one for one in node.args if not isinstance(one, ast.Starred)]
        if len(places) <= MOST_BY_PLACE:
            continue
        called = ast.unparse(node.func)
        name = called.rpartition(".")[2]
        own = name in OWN and not ("." in called and name in FOREIGN_METHODS)
        if own or called in ("cls", "super().__init__"):
            yield f"line {node.lineno}: {called} gets {len(places)} arguments by their places"


@pytest.mark.parametrize("file", FILES)
def test_signatures_are_short_and_calls_name_their_arguments(file: str) -> None:
    assert list(long_signatures(FILES[file])) == []
    assert list(calls_by_place(FILES[file])) == []


def test_both_rules_find_what_they_are_for() -> None:
    long = ast.parse("def f(self, a, b, c, *d, e, f, g, **h): pass")
    assert list(long_signatures(long)) == ["line 1: f has 8 parameters"]
    by_place = ast.parse("evaluate(1, 2, 3, 4); np.stack(1, 2, 3, 4); evaluate(1, 2, 3, d=4)")
    assert list(calls_by_place(by_place)) == ["line 1: evaluate gets 4 arguments by their places"]
