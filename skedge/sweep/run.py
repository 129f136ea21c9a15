"""A sweep from its points to its report."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from skedge.datasets.progress import plain_console
from skedge.datasets.store import Store
from skedge.skeleton.errors import InputError
from skedge.skeleton.files import check_folder, locked
from skedge.sweep.grid import (
    Given,
    Sweep,
    check_given,
    idle_axes,
    idle_settings,
    points_of,
    repeated,
)
from skedge.sweep.jobs import run_here, run_on_cluster, slurm_executor
from skedge.sweep.point import Point
from skedge.sweep.report import Outcome, Report


def run(
    name: str,
    sweep: Sweep,
    store: Store,
    out: Path,
    *,
    given: Given | None = None,
    jobs: int | None = None,
    slurm: dict[str, Any] | None = None,
) -> Report:
    """The report of a sweep, behind all points that were not complete; it is written to `out` as
    sweep.json, sweep.md and sweep.png.

    A point that fails does not stop the others; the report names it.

    Args:
        name: of the sweep.
        sweep: what to run; its base is a path.
        store: the data.
        out: the folder that gets a folder for every point.
        given: the networks from which steps start where no step before them makes one.
        jobs: points at the same time; by default one a GPU, or one; on a cluster as many as it
            allows.
        slurm: what submitit is to ask SLURM for, for every point; None runs on this machine.

    Raises:
        InputError: for wrong settings, before anything runs.
        KeyboardInterrupt: on Ctrl-C, when the points at work have stopped behind their checkpoints.
    """
    if jobs is not None and jobs < 1:
        raise InputError(f"--jobs: expected at least 1, got {jobs}")
    given = given or Given()
    points = points_of(sweep, store, out, given=given)
    if find_spec("lightning") is None:
        raise ModuleNotFoundError("a sweep trains", name="lightning")
    check_given(sweep, points)
    check_folder(out)
    console = plain_console()
    taken = f"{out}: expected one sweep at a time in a folder, another one is at work there"
    with locked(out / ".lock", taken):
        executor = None if slurm is None else slurm_executor(out / "slurm", name, slurm, jobs=jobs)
        outcomes = {point.folder: Outcome.of(point) for point in points}
        waiting = [point for point in points if outcomes[point.folder].metrics is None]
        for note in (*repeated(points), *idle_settings(sweep, points), *idle_axes(sweep, points)):
            console.print(f"note: {note}", soft_wrap=True, style="dim")
        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        progress = Progress(
            TextColumn("{task.description}", markup=False), *columns, console=console
        )
        task = progress.add_task(name, total=len(points), completed=len(points) - len(waiting))

        def ended(point: Point, log: Path, said: str) -> None:
            outcome = outcomes[point.folder] = Outcome.of(point, log, said)
            top1 = [f"{step} {value:.1f}" for step, value in outcome.figures("top1").items()]
            shown = outcome.error or ", ".join(top1) or "complete"
            console.print(
                f"{point.title}: {shown}",
                soft_wrap=True,
                style="red" if outcome.error else None,
            )
            progress.advance(task)

        try:
            with progress:
                if executor is None:
                    run_here(waiting, jobs, ended)
                else:
                    run_on_cluster(waiting, executor, ended)
        finally:
            # Behind Ctrl-C some may have come to their end without being seen.
            every = [
                one if one.metrics or one.error else Outcome.of(one.point)
                for one in outcomes.values()
            ]
            report = Report(name, sweep, store, outcomes=every, given=given)
            report.write(out)
    console.print(report.printed())
    # No caption of the table, which would be as narrow as that.
    for note in (report.notes[0], *report.no_difference):
        console.print(note, soft_wrap=True)
    console.print(f"Report: {out / 'sweep.md'}", soft_wrap=True)
    return report
