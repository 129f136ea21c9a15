"""The command line: `main`, and one module per group of commands."""

from skedge.cli.main import main

__all__ = ["main"]
