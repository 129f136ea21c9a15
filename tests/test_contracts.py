"""The import contracts of pyproject.toml hold for every file there is."""

import sys
from pathlib import Path

import grimp

from skedge.skeleton.install import EXTRAS

# What the base installation brings, and what has a message of its own where it is missing.
BASE = {"flatbuffers", "jsonargparse", "numpy", "onnxruntime", "psutil", "rich", "yaml"}
OWN_MESSAGE = {"picamera2", "tflite_runtime"}
ROOT = Path(__file__).parents[1]


def test_the_contracts_see_every_module() -> None:
    """A folder without `__init__.py` would be outside all of them."""
    files = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / "skedge").rglob("*.py")]
    named = {".".join(path.parts).removesuffix(".__init__") for path in files}
    assert grimp.build_graph("skedge", cache_dir=None).modules == named


def test_what_an_extra_brings_is_named_where_it_is_missing() -> None:
    """`skedge data show STORE CLIP FILE.gif` without Pillow ended in a traceback."""
    graph = grimp.build_graph("skedge", include_external_packages=True, cache_dir=None)
    imported = {module for module in graph.modules if graph.is_module_squashed(module)}
    assert imported - sys.stdlib_module_names - BASE - OWN_MESSAGE <= EXTRAS.keys()
