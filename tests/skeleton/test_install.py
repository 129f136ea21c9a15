"""The hint to install something is a command that works for this installation."""

import json
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from skedge.skeleton import install
from skedge.skeleton.install import install_hint


class Installed:
    """A distribution whose direct_url.json says where it came from."""

    def __init__(self, origin: dict[str, Any] | None) -> None:
        self.origin = origin

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return None if self.origin is None else json.dumps(self.origin)


@pytest.fixture
def came_from(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(install.shutil, "which", lambda _: str(Path(sys.executable).parent / "pip"))
    return lambda origin: monkeypatch.setattr(install, "distribution", lambda _: Installed(origin))


def test_a_checkout_is_named(tmp_path: Path, came_from: Any) -> None:
    tree = tmp_path / "my tree"
    tree.mkdir()
    came_from({"url": tree.as_uri(), "dir_info": {}})
    assert install_hint("live") == f'pip install "{tree}[live]"'
    assert install_hint() == f"pip install '{tree}'"
    came_from({"url": tree.as_uri(), "dir_info": {"editable": True}})
    assert install_hint("train") == f'pip install --editable "{tree}[train]"'


def test_a_wheel_is_named_while_it_is_there(tmp_path: Path, came_from: Any) -> None:
    wheel = tmp_path / "skedge-0.2.0-py3-none-any.whl"
    wheel.touch()
    came_from({"url": wheel.as_uri(), "archive_info": {}})
    assert install_hint("tflite") == f'pip install "{wheel}[tflite]"'
    wheel.unlink()
    assert install_hint("tflite") == 'pip install "skedge[tflite]"'


def test_what_came_from_an_index_is_named_as_there(came_from: Any) -> None:
    came_from(None)
    assert install_hint("live") == 'pip install "skedge[live]"'


def test_a_tree_that_nobody_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise PackageNotFoundError

    monkeypatch.setattr(install, "distribution", missing)
    monkeypatch.setattr(install.shutil, "which", lambda _: "/elsewhere/pip")
    tree = Path(__file__).parents[2]
    assert install_hint("live") == f'{sys.executable} -m pip install "{tree}[live]"'
