"""skedge: skeleton action recognition at the edge."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skedge.edge_runtime.events import Event as Event
    from skedge.edge_runtime.recognizer import Recognizer as Recognizer
    from skedge.edge_runtime.recognizer import Result as Result

__version__ = "0.2.0"
__all__ = ["Event", "Recognizer", "Result", "__version__"]


def __getattr__(name: str) -> Any:
    # Loaded at first use: `import skedge` alone needs neither NumPy nor a runtime.
    if name in ("Event", "Recognizer", "Result"):
        return getattr(import_module("skedge.edge_runtime"), name)
    raise AttributeError(f"module 'skedge' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
