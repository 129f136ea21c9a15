"""The places where points run: processes on this machine, or jobs on a SLURM cluster."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from skedge.skeleton.errors import InputError
from skedge.sweep.grid import line
from skedge.sweep.point import Point

LOG, JOB = "log.txt", "job.txt"
# submitit's words for what every cluster knows; SLURM's own get a prefix.
SHARED = (
    "name",
    "timeout_min",
    "mem_gb",
    "nodes",
    "cpus_per_task",
    "gpus_per_node",
    "tasks_per_node",
    "stderr_to_stdout",
)
_IN_YAML = re.compile(r"[Tt]rue|[Ff]alse|-?(0|[1-9]\d*|\d+\.\d+)|[\[{\"'].*")
WORKER = [sys.executable, "-P", "-m", "skedge.sweep.worker"]

Ended = Callable[[Point, Path, str], None]
"""Called with every point that has ended, its log, and what its process or job says of the end."""


def run_here(points: Sequence[Point], jobs: int | None, ended: Ended) -> None:
    """Run points in processes of their own, `jobs` at a time; by default one per GPU, or one.

    Cores are divided among them, and GPUs if there are any. Ctrl-C lets every process stop behind a
    checkpoint; a second one kills them.
    """
    places = _places(points, jobs)
    free = deque(range(len(places)))
    waiting = deque(points)
    running: dict[subprocess.Popen[bytes], tuple[Point, int]] = {}
    try:
        while waiting or running:
            while waiting and free:
                point = waiting.popleft()
                place = free.popleft()
                running[_start(point, places[place])] = point, place
            for process in [process for process in running if process.poll() is not None]:
                point, place = running.pop(process)
                free.append(place)
                code = process.returncode
                ended(
                    point,
                    point.folder / LOG,
                    f"killed by signal {-code}" if code < 0 else f"exit code {code}",
                )
            time.sleep(0.1)
    except BaseException:
        try:
            _stop(running, signal.SIGINT)
        except KeyboardInterrupt:
            _stop(running, signal.SIGKILL)
        raise


def _start(point: Point, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    point.write()
    with (point.folder / LOG).open("wb") as log:
        # In a session of its own: the terminal's Ctrl-C comes to this process alone, which passes
        # it on once.
        return subprocess.Popen(
            [*WORKER, str(point.folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )


def _stop(running: dict[subprocess.Popen[bytes], tuple[Point, int]], how: signal.Signals) -> None:
    for process in running:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
    for process in running:
        process.wait()


def _places(points: Sequence[Point], jobs: int | None) -> list[dict[str, str]]:
    """The environment of every process that may run at the same time."""
    gpus = _gpus() if any(point.recipe.compute.accelerator != "cpu" for point in points) else []
    each = max((point.recipe.compute.devices for point in points), default=1)
    count = jobs or max(1, len(gpus) // each)
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    shared = {"OMP_NUM_THREADS": str(max(1, cores // count))} | os.environ
    if not gpus:
        return [shared] * count
    own = ([gpus[(place * each + i) % len(gpus)] for i in range(each)] for place in range(count))
    return [shared | {"CUDA_VISIBLE_DEVICES": ",".join(dict.fromkeys(names))} for names in own]


def _gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES calls them."""
    import torch

    count = torch.cuda.device_count()
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",")[:count] if named else [str(i) for i in range(count)]


def slurm_settings(text: str) -> dict[str, Any]:
    """The settings of --slurm, as submitit takes them: "partition=gpu,gpus_per_node=1";
    `InputError` where it is something else."""
    pairs = [part.split("=", 1) for part in text.split(",")]
    if not all(len(pair) == 2 and all(pair) for pair in pairs):
        raise InputError(f"--slurm: expected name=value,name=value, got {text}")
    return {name.strip(): _value(value.strip()) for name, value in pairs}


def _value(text: str) -> Any:
    """What a setting's text means: a number, true, false, a list or a text in quotes, and anything
    else as it is written, since YAML takes 12:00:00 for a number, and 0123 for 83."""
    if not _IN_YAML.fullmatch(text):
        return text
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"--slurm: {text}: {line(error)}") from None


def slurm_executor(folder: Path, name: str, settings: dict[str, Any], *, jobs: int | None) -> Any:
    """submitit's executor for SLURM, at most `jobs` points at a time; `settings` are those of one
    point, in submitit's words.

    Raises `InputError` where there is no SLURM or it does not know a setting.
    """
    import submitit

    limit = settings.get("timeout_min", settings.get("time"))
    if not isinstance(limit, int):
        raise InputError(
            "--slurm: expected timeout_min=MINUTES, how long a point may run before it is queued"
            f" again, got {'none' if limit is None else limit}"
        )
    words = {"name": f"skedge-{name}", "stderr_to_stdout": True} | settings
    if jobs is not None:
        words["array_parallelism"] = jobs
    try:
        executor = submitit.AutoExecutor(folder, cluster="slurm")
        executor.update_parameters(
            **{word if word in SHARED else f"slurm_{word}": value for word, value in words.items()}
        )
    except RuntimeError as error:
        raise InputError(
            f"--slurm: expected a machine from which SLURM's jobs are started: {line(error)}"
        ) from None
    except (NameError, AssertionError, ValueError, TypeError) as error:
        raise InputError(f"--slurm: {line(error)}") from None
    return executor


class Job:
    """The job that submitit runs for a point; at a time limit or when preempted it is queued again
    and goes on from its checkpoint."""

    def __call__(self, folder: str) -> None:
        Point.read(Path(folder)).run()

    def checkpoint(self, folder: str) -> Any:
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, folder)


def run_on_cluster(points: Sequence[Point], executor: Any, ended: Ended) -> None:
    """Run points through a submitit executor, as one array; jobs that an earlier call left at work
    are waited for.

    Ctrl-C cancels them all.
    """
    jobs = {job: point for point in points if (job := _at_work(executor, point)) is not None}
    try:
        new = [point for point in points if point not in jobs.values()]
        if new:
            submitted = []
            with executor.batch():
                for point in new:
                    point.write()
                    submitted.append(executor.submit(Job(), os.path.abspath(point.folder)))
            jobs |= zip(submitted, new, strict=True)
            for job, point in jobs.items():
                (point.folder / JOB).write_text(job.job_id)
        while jobs:
            for job in [job for job in jobs if job.done()]:
                point = jobs.pop(job)
                _wait_for_files(job, point)
                ended(point, job.paths.stdout, f"job {job.job_id}: {job.state}")
            time.sleep(0.5)
    except BaseException:
        for job in jobs:
            job.cancel(check=False)
        raise


def _at_work(executor: Any, point: Point) -> Any:
    """The job that an earlier call submitted to SLURM for a point, if it waits or runs."""
    import submitit

    file = point.folder / JOB
    if executor.cluster != "slurm" or not file.is_file():
        return None
    job: Any = submitit.SlurmJob(executor.folder, file.read_text("utf-8"))
    return job if job.state in ("PENDING", "RUNNING", "REQUEUED", "COMPLETING") else None


def _wait_for_files(job: Any, point: Point) -> None:
    """Wait for files of another machine: a network's file system may show them a minute later."""
    until = time.monotonic() + 60
    while (
        job.paths.result_pickle.is_file() and job.exception() is None and time.monotonic() < until
    ):
        if point.result() is not None:
            return
        time.sleep(1)
