"""The numbers that a setting may be, said once in its type, and refused in one line elsewhere."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, is_dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from skedge.skeleton.errors import InputError


@dataclass(frozen=True)
class Range:
    """The numbers from `least` to `most`; `above` without the least one, `below` without the
    most. `hint` is said with them."""

    least: float = -math.inf
    most: float = math.inf
    above: bool = False
    below: bool = False
    hint: str = ""

    def __contains__(self, number: float) -> bool:
        low = number > self.least if self.above else number >= self.least
        high = number < self.most if self.below else number <= self.most
        return low and high and math.isfinite(number)

    def __str__(self) -> str:
        if math.isinf(self.least):
            return "a finite number"
        low = f"above {self.least:.10g}" if self.above else f"{self.least:.10g}"
        if math.isinf(self.most):
            return low if self.above else f"{low} or more"
        high = f"below {self.most:.10g}" if self.below else f"{self.most:.10g}"
        return (
            f"{low}, {'' if self.below else 'up to '}{high}" if self.above else f"{low} to {high}"
        )


Finite = Annotated[float, Range()]
NotNegative = Annotated[float, Range(0)]
Positive = Annotated[float, Range(0, above=True)]
Share = Annotated[float, Range(0, 1)]
ShareBelowOne = Annotated[float, Range(0, 1, below=True)]
ShareAboveZero = Annotated[float, Range(0, 1, above=True)]
ShareBetween = Annotated[float, Range(0, 1, above=True, below=True)]
Count = Annotated[int, Range(1)]
WholeNumber = Annotated[int, Range(0)]
Seed = Annotated[int, Range(0, 2**32 - 1)]


def check(settings: Any, section: str = "") -> None:
    """Raise `InputError` for the first number in a dataclass of settings, or in one inside it, that
    is out of the range in its type."""
    kind: Any = type(settings)
    for name, type_ in _types(kind).items():
        value = getattr(settings, name)
        dotted = f"{section}.{name}" if section else name
        if is_dataclass(value):
            check(value, dotted)
        else:
            check_value(value, type_, dotted)


def check_value(value: Any, type_: Any, name: str) -> None:
    """Raise `InputError` where a value, or a number in it, is out of the range in its type."""
    for number, range_, place in _numbers(value, type_):
        if number not in range_:
            raise InputError(f"{name}: expected {range_}{range_.hint}, got {number}{place}")


def check_kinds(settings: Any) -> None:
    """Raise `TypeError` for the first value in a dataclass, or in one inside it, that is of another
    kind than its type says, as JSON may have it; a list may take the place of a tuple."""
    kind: Any = type(settings)
    for name, type_ in _types(kind).items():
        value = getattr(settings, name)
        if not _is_of(value, type_):
            raise TypeError(f"{name} is {str(value)[:40]!r}")
        if is_dataclass(value):
            check_kinds(value)


def _is_of(value: Any, type_: Any) -> bool:
    origin, parts = get_origin(type_), get_args(type_)
    if origin is Annotated:
        return _is_of(value, parts[0])
    if origin is Literal:  # a name may be in a table of somebody's own
        return type(value) in map(type, parts)
    if origin in (Union, UnionType):
        return any(_is_of(value, part) for part in parts)
    if origin is dict:
        return isinstance(value, dict) and all(
            _is_of(key, parts[0]) and _is_of(one, parts[1]) for key, one in value.items()
        )
    if origin in (list, tuple):
        return isinstance(value, list | tuple) and all(_is_of(one, parts[0]) for one in value)
    if type_ in (int, float):
        return isinstance(value, int | type_) and not isinstance(value, bool)
    return type_ is Any or not isinstance(type_, type) or isinstance(value, type_)


def _numbers(value: Any, type_: Any, place: str = "") -> Iterator[tuple[float, Range, str]]:
    """The numbers in a value, each with the range in its part of the type, and its place."""
    origin, parts = get_origin(type_), get_args(type_)
    if value is None:
        return
    if origin is Annotated:
        yield from ((value, one, place) for one in parts[1:] if isinstance(one, Range))
    elif origin in (Union, UnionType):
        for part in parts:
            yield from _numbers(value, part)
    elif origin is dict:
        for key, one in value.items():
            yield from _numbers(one, parts[1], f" of {key}")
    elif origin in (list, tuple):
        each = parts if origin is tuple and parts[-1] is not ... else [parts[0]] * len(value)
        for one, part in zip(value, each, strict=False):
            yield from _numbers(one, part, f" in {list(value)}")


@cache
def _types(kind: Callable[..., Any]) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)
