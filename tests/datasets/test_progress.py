"""The progress bars of slow work."""

from io import StringIO

from rich.console import Console
from rich.progress import Progress

from skedge.datasets.progress import through


def test_a_title_in_brackets_is_shown_as_it_is() -> None:
    """Names of stores and sets are titles: rich took "[theta]" for its markup, and failed at
    "[/x]"."""
    console = Console(file=StringIO(), force_terminal=True, width=80)
    shown = Progress("{task.description}", console=console)
    with shown:
        assert list(through(shown, [1, 2], "[theta] [/x]")) == [1, 2]
    assert "[theta] [/x]" in console.file.getvalue()
