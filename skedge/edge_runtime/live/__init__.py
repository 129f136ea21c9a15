"""A camera's picture, the people in it and what they do, as it happens: in the terminal, on a page,
to a program."""

from skedge.edge_runtime.live.crew import LiveError
from skedge.edge_runtime.live.pipeline import Live

__all__ = ["Live", "LiveError"]
