"""The import contracts of pyproject.toml hold for every file there is."""

from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]


def test_the_contracts_see_every_module() -> None:
    """A folder without `__init__.py` would be outside all of them."""
    files = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / "skedge").rglob("*.py")]
    named = {".".join(path.parts).removesuffix(".__init__") for path in files}
    assert grimp.build_graph("skedge", cache_dir=None).modules == named
