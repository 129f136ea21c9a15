"""What somebody gets who installs the wheel: one name, its types, the edge, nothing else."""

import json
import re
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np

import skedge
from skedge.datasets.synthetic.synthesize import synthesize
from skedge.edge_runtime.models import find
from skedge.edge_runtime.scoring.predict import predict_store
from tests.edge_runtime.edge_tflite import write_tflite
from tests.packaging.conftest import ROOT, Environment

EDGE = {
    "numpy", "onnxruntime", "psutil", "jsonargparse", "PyYAML", "rich",  # what the architecture names
    "flatbuffers", "protobuf", "packaging", "ml_dtypes",  # onnxruntime's
    "markdown-it-py", "mdurl", "Pygments",  # rich's
    "skedge", "pip", "setuptools",
}  # fmt: skip
DECOYS = ("skeleton", "bench", "report", "export", "teacher", "student", "recipes", "edge_runtime")
SCRIPT = """
import numpy as np
from skedge import Recognizer

recognizer = Recognizer.load({model!r})
result = recognizer.update(np.zeros((25, 3), np.float32) + 0.1, 0.0)
print(type(result).__name__, len(recognizer.labels))
"""
TYPED = """
import numpy as np
from skedge import Event, Recognizer, Result

recognizer = Recognizer.load("default", threads=1)
reveal_type(recognizer)
result = recognizer.update(np.zeros((25, 3)), 0.0)
reveal_type(result)
reveal_type(recognizer.predict(np.zeros((9, 25, 3)), rate=30.0))
recognizer.no_such_method()
"""


def test_the_wheel_has_one_name_and_all_that_belongs_to_it(
    sdist_and_wheel: tuple[Path, Path],
) -> None:
    names = zipfile.ZipFile(sdist_and_wheel[1]).namelist()
    inside = [name for name in names if not name.startswith("skedge-")]
    assert {name.split("/")[0] for name in inside} == {"skedge"}
    tracked = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "skedge").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    assert sorted(inside) == sorted(tracked)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_sdist_tells_its_history(sdist_and_wheel: tuple[Path, Path]) -> None:
    with tarfile.open(sdist_and_wheel[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"CHANGELOG.md", "CITATION.cff", "LICENSE", "README.md", "pyproject.toml"} <= names


def test_the_sdist_has_no_part_of_the_tests(sdist_and_wheel: tuple[Path, Path]) -> None:
    """It had eight files of them, which need the others to run."""
    with tarfile.open(sdist_and_wheel[0]) as archive:
        assert not [name for name in archive.getnames() if "/tests" in name]


def test_the_version_stands_once(installed: Environment) -> None:
    shown = installed.run("skedge", "--version").stdout.strip()
    assert shown == skedge.__version__
    assert f"## [{shown}]" in (ROOT / "CHANGELOG.md").read_text()
    assert f"\nversion: {shown}\n" in (ROOT / "CITATION.cff").read_text()
    assert shown not in (ROOT / "pyproject.toml").read_text()


def test_only_the_edge_comes_with_it(installed: Environment) -> None:
    listed = installed.run("pip", "list", "--format=json").stdout
    assert {package["name"] for package in json.loads(listed)} <= EDGE


def test_the_import_costs_nothing(installed: Environment) -> None:
    done = installed.run(
        installed.python, "-c", "import skedge, sys; print(sorted(sys.modules), skedge.__version__)"
    )
    assert done.returncode == 0, done.stderr
    for module in ("numpy", "onnxruntime", "jsonargparse", "rich", "psutil"):
        assert f"'{module}'" not in done.stdout


def test_a_shell_offers_what_the_package_has() -> None:
    """`skedge.` and the tab key offered the typing module's names, and no Recognizer."""
    names = dir(skedge)
    assert {"Event", "Recognizer", "Result"} <= {*names}
    assert all(hasattr(skedge, name) for name in names)


def test_files_beside_a_script_change_nothing(installed: Environment) -> None:
    folder = installed.room / "mine"
    folder.mkdir()
    for name in DECOYS:
        (folder / f"{name}.py").write_text(f"raise SystemExit('{name} of one's own was loaded')")
    for model in ("default", str(find("default"))):
        (folder / "script.py").write_text(SCRIPT.format(model=model))
        done = installed.run(installed.python, folder / "script.py")
        assert done.returncode == 0, done.stderr
        assert re.fullmatch(r"Result \d+\n", done.stdout)


def test_a_user_s_script_sees_the_types(installed: Environment) -> None:
    (installed.room / "typed.py").write_text(TYPED)
    mypy = [sys.executable, "-m", "mypy", "--strict", "--python-executable", installed.python]
    done = installed.run(*mypy, "--cache-dir", installed.room / "cache", "typed.py")
    found = re.findall(r'Revealed type is "(.*)"', done.stdout)
    assert found[:2] == [
        "skedge.edge_runtime.recognizer.Recognizer",
        "skedge.edge_runtime.recognizer.Result",
    ], done.stdout + done.stderr
    assert "ndarray" in found[2]
    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert len(errors) == 1, done.stdout
    assert '"Recognizer" has no attribute "no_such_method"' in errors[0]


def test_the_edge_recognises_and_measures(installed: Environment) -> None:
    """Without torch, and without leaving a file in the home."""
    store = installed.room / "my store"
    synthesize(store, subjects=4, clips_per_action_and_subject=1)
    home = installed.room / "another home"
    home.mkdir()
    predicted = installed.run("skedge", "predict", "default", store, HOME=str(home))
    assert predicted.returncode == 0, predicted.stderr
    here = predict_store(find("default"), store, "xsub", "test")
    assert f"top-1 {100 * here.accuracy:.2f} %" in predicted.stdout
    folder = installed.room / "bench"
    measured = installed.run(
        *("skedge", "bench", "default", "--out", folder, "--blocks", "2", "--calls", "2"),
        HOME=str(home),
    )
    assert measured.returncode == 0, measured.stderr
    assert json.loads((folder / "bench.json").read_text())["models"]
    assert not list(home.rglob("*"))


def test_what_is_missing_is_named_with_a_command_that_works(
    installed: Environment, sdist_and_wheel: tuple[Path, Path]
) -> None:
    np.save(installed.room / "clip.npy", np.zeros((30, 25, 3), np.float32))
    model = write_tflite(installed.room / "student.tflite")
    lite = installed.run("skedge", "predict", model, "clip.npy")
    training = installed.run(
        "skedge", "pretrain", "--data", "my store", "--recipe", "synthetic", "--out", "x"
    )
    for done, extra in ((lite, "tflite"), (training, "train")):
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
        assert f'pip install "{sdist_and_wheel[1]}[{extra}]"' in done.stderr
    hint = re.search(r"pip install .*$", lite.stderr.strip())
    assert hint is not None
    done = installed.run("sh", "-c", f"{hint[0]} --dry-run")  # whole: half a minute
    assert done.returncode == 0, done.stderr
    assert "ai-edge-litert" in done.stdout


def test_the_links_at_the_root_point_at_the_rooms() -> None:
    for name in ("teacher", "student", "export", "edge_runtime", "bench"):
        link = ROOT / name
        assert link.is_symlink()
        assert link.resolve() == (ROOT / "skedge" / name).resolve()
