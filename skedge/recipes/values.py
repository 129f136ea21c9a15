"""Names of the values that settings and flags take, as help texts and error messages spell them."""

from argparse import Action
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

_PLAIN = {bool: "{true,false}", int: "INT", float: "NUMBER", str: "TEXT", Path: "PATH"}


def value_name(action: Action) -> str:
    """What the action takes: INT, PATH, {a,b}, [INT,...]; or the name that its command gave it."""
    if isinstance(action.metavar, str) and not action.metavar.startswith(("[", "{")):
        return action.metavar
    if action.choices:
        return f"{{{','.join(map(str, action.choices))}}}"
    known = _name(getattr(action, "_typehint", action.type))
    return known or action.dest.rpartition(".")[2].upper()


def _name(type_: Any) -> str | None:
    if type_ in _PLAIN:
        return _PLAIN[type_]
    for plain in (int, float):  # jsonargparse's restricted numbers
        if isinstance(type_, type) and issubclass(type_, plain):
            return _PLAIN[plain]
    if get_origin(type_) is Annotated:
        return _name(get_args(type_)[0])
    parts = [part for part in get_args(type_) if part not in (NoneType, Ellipsis)]
    origin = get_origin(type_)
    if origin is Literal:
        return f"{{{','.join(map(str, parts))}}}"
    if origin in (Union, UnionType):
        names = [_name(part) for part in parts]
        if len(names) == 1:
            return names[0]
        if all(name and name.startswith("{") for name in names):
            return f"{{{','.join(str(name)[1:-1] for name in names)}}}"
        return None
    if origin in (list, tuple) and parts:
        return f"[{_name(parts[0]) or 'ITEM'},...]"
    if origin is dict:
        return f"{{NAME:{_name(parts[1]) or 'VALUE'},...}}"
    return None
