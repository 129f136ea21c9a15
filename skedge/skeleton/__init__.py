"""The vocabulary of skeletons, on NumPy alone: layouts, graph, streams, normalisation, time,
preparation."""

from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout, layout_names, load_layout
from skedge.skeleton.prepare import prepare
from skedge.skeleton.retarget import retarget

__all__ = ["InputError", "Layout", "layout_names", "load_layout", "prepare", "retarget"]
