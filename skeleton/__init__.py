"""The vocabulary of skeletons, on NumPy alone: layouts, graph, streams, normalisation, time, preparation."""

from skeleton.errors import InputError
from skeleton.layout import Layout, layout_names, load_layout
from skeleton.prepare import prepare
from skeleton.retarget import retarget

__all__ = ["InputError", "Layout", "layout_names", "load_layout", "prepare", "retarget"]
