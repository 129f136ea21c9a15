"""`python -m skedge`: the command line."""

from skedge.cli import main

if __name__ == "__main__":
    main()
