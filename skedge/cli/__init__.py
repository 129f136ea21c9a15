"""The command line: `main`, and one module per group of commands."""

import sys

try:
    from skedge.cli.main import main
except KeyboardInterrupt:  # importing takes a second or more on a small board
    print("skedge: interrupted", file=sys.stderr)
    sys.exit(130)

__all__ = ["main"]
