"""`python -m skedge`: the command line."""

import sys
from pathlib import Path

try:
    from skedge.cli import main
except ModuleNotFoundError as error:  # in a checkout that nobody installed
    print(
        f"skedge: it needs {error.name}, which is not installed here:"
        f' {sys.executable} -m pip install "{Path(__file__).parents[1]}"',
        file=sys.stderr,
    )
    sys.exit(2)

if __name__ == "__main__":
    main()
