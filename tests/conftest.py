"""What the tests of all rooms share."""

import fcntl
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from tests.edge_runtime.chromium import Chromium, find_chromium

# No deadline: the machines that run the tests are small and busy. In continuous integration the
# same examples every time: what is looked for there is what a change broke.
settings.register_profile("skedge", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("skedge")

MadeOnce = Callable[[str, Callable[[Path], object]], Path]


# The files that take longest. With several processes each gets whole files; a long one that came
# last would keep one core busy while the others have nothing left.
LONGEST = (
    "bench/test_soak.py",
    "datasets/test_fuzz.py",
    "packaging/test_readme_installs.py",
    "teacher/test_learning.py",
    "export/test_file_formats.py",
    "export/test_stream_file.py",
    "test_path.py",
    "cli/test_several_processes.py",
    "cli/test_training_commands.py",
    "teacher/test_distributed.py",
    "cli/test_commands.py",
    "student/test_counting.py",
    "packaging/test_installed.py",
    "export/test_exporter.py",
    "test_reproduce.py",
    "edge_runtime/test_live_browser.py",
    "edge_runtime/test_pose_film.py",
    "edge_runtime/test_damaged_files.py",
    "edge_runtime/test_killed.py",
    "teacher/test_contrast.py",
    "edge_runtime/test_teach.py",
)


# Files and tests that take half of the time, and are left to continuous integration by default: they
# train until something is learned, install, convert to int8, or kill one process after another.
SLOW = (
    "bench/test_soak.py",
    "bench/test_throughput.py",
    "cli/test_commands.py::test_a_changed_setting_trains_what_depends_on_it",
    "cli/test_commands.py::test_a_second_run_trains_nothing_again",
    "cli/test_data_commands.py::test_ctrl_c_in_an_import_leaves_no_store_and_it_goes_on",
    "cli/test_several_processes.py",
    "cli/test_training_commands.py",
    "datasets/test_import.py::test_a_killed_import_leaves_no_store_and_goes_on",
    "edge_runtime/test_guard.py::test_no_cameras_pace_is_refused",
    "edge_runtime/test_killed.py",
    "edge_runtime/test_live_run.py::test_a_slow_hook_gets_all_events_of_a_film",
    "edge_runtime/test_live_control.py::test_an_action_that_the_model_knows_may_be_taught_as_somebody_does_it",
    "edge_runtime/test_recognizer.py::test_memory_stays_bounded",
    "edge_runtime/test_repetitions.py::test_people_before_a_camera_are_counted",
    "edge_runtime/test_segments.py::test_every_film_survives_being_killed",
    "edge_runtime/test_two_dimensional.py::test_a_student_of_pixels_and_scores_runs_live",
    "edge_runtime/test_week.py",
    "examples/test_examples.py::test_wrong_arguments_end_without_a_traceback",
    "export/test_exporter.py::test_an_aligned_teacher_of_three_streams_in_a_file",
    "export/test_file_formats.py",
    "export/test_masked_files.py",
    "export/test_table.py",
    "packaging/test_installed.py",
    "packaging/test_readme_installs.py",
    "student/test_counting.py::test_training_learns_to_count",
    "sweep/test_cluster.py",
    "sweep/test_command.py",
    "sweep/test_running.py",
    "teacher/test_contrast.py",
    "teacher/test_distributed.py",
    "teacher/test_learning.py",
    "test_path.py::test_the_whole_path_of_aligned_streams",
    "test_reproduce.py",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: some tests wait for a browser, a broker, pip or a
    process that they stop."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what is marked
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    room = Path(__file__).parent
    for item in items:
        file = item.path.relative_to(room).as_posix()
        if {file, f"{file}::{item.name.partition('[')[0]}"} & {*SLOW}:
            item.add_marker("slow")
    order = {room / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


@pytest.fixture(scope="session", autouse=True)
def any_body() -> Iterator[None]:
    """Models of a few numbers are asked about joints that are no bodies; `test_guard` looks at
    bodies."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr("skedge.edge_runtime.recognizer.Recognizer.checks_bodies", False)
        yield


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> MadeOnce:
    """Makes what a name stands for once for all processes of this run: the first one that asks
    fills the folder, the others wait for it. For reading only."""
    room = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        room = room.parent

    def made(name: str, make: Callable[[Path], object]) -> Path:
        folder = room / "made once" / name
        folder.parent.mkdir(exist_ok=True)
        with (folder.parent / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                draft = folder.parent / f"{name}.draft"
                draft.mkdir()
                make(draft)
                draft.rename(folder)
        return folder

    return made


@pytest.fixture(scope="session")
def one_registry() -> Iterator[None]:
    """torch's exporter reads the source of its five hundred functions at every export, which takes
    as long as the rest of a small one; with this it reads them once a process."""
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    with pytest.MonkeyPatch.context() as changed:
        read_once = staticmethod(cache(ONNXRegistry.from_torchlib))
        changed.setattr(ONNXRegistry, "from_torchlib", read_once)
        yield


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder with the public data sets; the test is skipped where it is not at hand."""
    folder = os.environ.get("SKEDGE_TEST_DATA")
    if not folder:
        pytest.skip("needs the public data sets: set SKEDGE_TEST_DATA to their folder")
    return Path(folder).resolve()


@pytest.fixture(scope="session")
def dataset(test_data: Path) -> Callable[[str], Path]:
    """The folder of one data set by its name; the test is skipped where that one is not at hand."""

    def folder(name: str) -> Path:
        path = test_data / name
        if not path.exists():
            pytest.skip(f"needs {name}, which is not in SKEDGE_TEST_DATA")
        return path

    return folder


@pytest.fixture(scope="session")
def utd_store(dataset: Callable[[str], Path], made_once: MadeOnce) -> Path:
    """UTD-MHAD imported into a packed store; for reading only."""
    from skedge.datasets.readers import import_dataset

    raw = dataset("utd-mhad")
    return (
        made_once("utd mhad", lambda room: import_dataset("utd-mhad", raw, room / "utd mhad"))
        / "utd mhad"
    )


@pytest.fixture(scope="session")
def networks() -> Path:
    """The folder of the pose estimator's networks; the test is skipped where nobody has fetched
    them."""
    from skedge.edge_runtime.pose.models import MODELS, default_folder

    folder = default_folder()
    if not all((folder / one.name).is_file() for one in MODELS.values()):
        pytest.skip("needs the pose estimator's networks: run `skedge pose fetch`")
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A headless browser; the test is skipped where there is none."""
    program = find_chromium()
    if program is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with Chromium(program, tmp_path_factory.mktemp("profile")) as browser:
        yield browser
