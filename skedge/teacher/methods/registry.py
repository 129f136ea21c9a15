"""The methods of pretraining by their names in a recipe."""

from importlib import import_module

from skedge.recipes.methods import METHODS
from skedge.recipes.recipe import Recipe
from skedge.skeleton import InputError, Layout
from skedge.teacher.methods.method import Method


def method_named(name: str) -> type[Method]:
    """The class of a method; `InputError` for a name that has no row in
    `skedge.recipes.methods.METHODS`."""
    if name not in METHODS:
        raise InputError(f"pretrain.method: expected one of {', '.join(METHODS)}, got {name!r}")
    module, _, kind = METHODS[name].partition(":")
    method: type[Method] = getattr(import_module(module), kind)
    return method


def make_method(layout: Layout, recipe: Recipe) -> Method:
    """The recipe's method, its encoders untrained.

    Raises `InputError` for one stream where the method trains several together, and for a backbone
    that the method is not made for.
    """
    data = recipe.input
    name = recipe.pretrain.method
    backbone = recipe.encoder.backbone
    method = method_named(name)
    if method.backbone not in (None, backbone):
        raise InputError(
            f"pretrain.method {name}: expected encoder.backbone {method.backbone}, got"
            f" {backbone}; add --encoder.backbone {method.backbone}"
        )
    if method.together and (data.stream != "three" or len(data.fusion) < 2):
        raise InputError(
            f"pretrain.method {name}: its streams learn from each other; expected"
            " input.stream three with two or three streams in input.fusion, got"
            f" {list(data.fusion) if data.stream == 'three' else data.stream}; an evaluation can"
            " take one of them"
        )
    return method.make(layout, recipe)
