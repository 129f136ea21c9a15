"""A small board's limits: it works under those that are promised, and says so under smaller ones
before anything dies."""

import subprocess
import sys
from pathlib import Path

import pytest

from skedge.edge_runtime.backends import memory
from skedge.edge_runtime.backends.onnx_runtime import MEMORY
from skedge.edge_runtime.models import find, find_beside_pose
from skedge.skeleton.errors import InputError
from tests.edge_runtime.edge_models import metadata, write_model
from tests.edge_runtime.edge_tflite import write_tflite

ROOT = Path(__file__).parents[2]
MEBIBYTE = 2**20
CHILD = """
import resource, sys
limit, path = int(sys.argv[1]), sys.argv[2]
if limit > 0:
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
from skedge import Recognizer
import numpy as np
if limit < 0:
    with open("/proc/self/status") as status:
        size = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmSize"))
    resource.setrlimit(resource.RLIMIT_AS, (size - limit, size - limit))
try:
    recognizer = Recognizer.load(path)
    recognizer.checks_bodies = False
except ValueError as error:
    print(error)
    sys.exit(2)
print(recognizer.predict(np.random.default_rng(0).normal(size=(60, 25, 3))).sum())
"""


@pytest.fixture(scope="module", params=["onnx", "tflite"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / f"student.{request.param}"
    if request.param == "onnx":
        return write_model(path, metadata(frames=50), padding=1)
    return write_tflite(path, metadata(frames=50, labels=tuple(f"action {i}" for i in range(50))))


def run(model: Path, limit: int) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", CHILD, str(limit), str(model)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def test_256_mib_of_address_space_are_enough(model: Path) -> None:
    done = run(model, 256 * MEBIBYTE)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(1, abs=1e-5)


def test_too_little_address_space_is_told(model: Path) -> None:
    done = run(model, -10 * MEBIBYTE)
    assert done.returncode == 2, done.stderr
    (line,) = done.stdout.splitlines()
    assert "limit of the address space (ulimit -v)" in line
    assert str(model) in line
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("4:memory:/a/b\n0::/", {"memory/a/memory.limit_in_bytes": "128000000"}, [128.0]),
        (
            "4:memory:/a/b",
            {
                "memory/memory.limit_in_bytes": "64000000",
                "memory/a/b/memory.limit_in_bytes": "96000000",
            },
            [96, 64],
        ),
        (
            "0::/user.slice/x",
            {"user.slice/memory.max": "50000000", "user.slice/x/memory.max": "max"},
            [50],
        ),
        ("3:cpu:/a", {"memory/a/memory.limit_in_bytes": "1"}, []),
        ("nonsense", {}, []),
    ],
)
def test_limits_of_control_groups(
    tmp_path: Path, groups: str, files: dict[str, str], expected: list[float]
) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(groups)
    for name, text in files.items():
        (tmp_path / "sys/fs/cgroup" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sys/fs/cgroup" / name).write_text(text + "\n")
    assert memory.groups(tmp_path) == expected


@pytest.mark.parametrize(("limit", "fits"), [(128, True), (48, False)])
def test_a_group_with_too_little_is_told(
    model: Path, tmp_path: Path, limit: int, fits: bool
) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/")
    (tmp_path / "proc/self/status").write_text("VmSize:\t 106000 kB\nVmRSS:\t 34000 kB\n")
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/memory.max").write_text(str(limit * 10**6))
    if fits:
        memory.check(model, MEMORY, imported=False, root=tmp_path)
    else:
        with pytest.raises(
            InputError, match="limit of the control group is 48 MB and 35 MB are taken"
        ):
            memory.check(model, MEMORY, imported=False, root=tmp_path)


def test_a_machine_without_memory_is_told(model: Path, tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemAvailable:      20000 kB\n")
    with pytest.raises(InputError, match="the machine has 20 MB left"):
        memory.check(model, MEMORY, imported=False, root=tmp_path)


def test_the_live_view_loads_one_runtime_and_no_random_numbers() -> None:
    """Beside the pose estimator's LiteRT, onnxruntime is 30 MB and numpy.random 6."""
    pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")
    pytest.importorskip("ai_edge_litert", reason="needs LiteRT: pip install 'skedge[live]'")
    code = """
import sys
import skedge.edge_runtime.live.run, skedge.edge_runtime.pose.blazepose
from skedge import Recognizer
from skedge.edge_runtime.models import find_beside_pose
assert Recognizer.load(find_beside_pose("default"), taught=False).labels
print(sorted({"onnxruntime", "numpy.random"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
    assert find_beside_pose("default.onnx") == find("default.onnx")
    assert find_beside_pose("mine.onnx") == Path("mine.onnx")
