"""The progress bars of slow work on clips and files, and the console of what it says."""

from collections.abc import Iterable, Iterator
from operator import length_hint
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn

Item = TypeVar("Item")


def plain_console() -> "Console":
    """A console on stdout that prints names of files, classes and settings as they are: rich reads
    "[theta]" as its markup, of which nothing is printed, and fails at "runs[/old]"."""
    from rich.console import Console

    return Console(markup=False, emoji=False)


def bar(*columns: "str | ProgressColumn") -> "Progress":
    """A bar on stderr of which nothing remains; none where that is no terminal, as rich would
    leave an empty line there for each."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def through(
    shown: "Progress", items: Iterable[Item], title: str, total: int | None = None
) -> Iterator[Item]:
    """The items, which a bar counts while they are gone through."""
    from rich.markup import escape

    # `shown.track` waits for a thread of its own where the loop ends. After an error that may be
    # while Python itself ends, and from 3.12 on no daemon thread ends there.
    task = shown.add_task(escape(title), total=total or length_hint(items) or None)
    for item in items:
        yield item
        shown.advance(task)


def track(items: Iterable[Item], title: str) -> Iterator[Item]:
    """The items, with a bar while they are gone through: done, time left."""
    with bar() as shown:
        yield from through(shown, items, title)


def progress(
    items: Iterable[Item], title: str, total: int | None = None, unit: str = "clips"
) -> Iterator[Item]:
    """The items, with a bar while they are gone through: done, speed, time left."""
    from rich.progress import BarColumn, MofNCompleteColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Speed(TextColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed or 0:,.0f} {unit}/s")

    columns = (
        "{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        Speed(""),
        TimeRemainingColumn(),
    )
    with bar(*columns) as shown:
        yield from through(shown, items, title, total=total)
