"""Readers under invented damage: `DamagedError` or `InputError` and nothing else, within bounds of
memory.

SKEDGE_FUZZ is how many inputs each of the 14 readers gets, by default few; continuous integration
asks for 21,000 in all.
"""

import json
import os
import pickle
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from skedge.datasets.formats import (
    arrays,
    ctrgcn,
    jhmdb,
    msr_action3d,
    ntu,
    nw_ucla,
    pku_mmd,
    pyskl,
    sbu,
    stgcn,
    utd_mhad,
)
from skedge.datasets.source import File
from skedge.skeleton import InputError, load_layout
from tests.datasets.ntu_files import recording, text

EXAMPLES = int(os.environ.get("SKEDGE_FUZZ", "40"))
fuzzed = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


def _npz(**content: np.ndarray) -> bytes:
    stream = BytesIO()
    np.savez_compressed(stream, **content)
    return stream.getvalue()


def _mat(name: str, shape: tuple[int, ...]) -> bytes:
    from scipy.io import savemat

    stream = BytesIO()
    savemat(stream, {name: np.random.default_rng(0).normal(size=shape)})
    return stream.getvalue()


def _table(rows: int, columns: int, between: str = " ") -> bytes:
    values = np.random.default_rng(0).normal(size=(rows, columns))
    return "\n".join(between.join(f"{value:.4f}" for value in row) for row in values).encode()


_ONE = np.random.default_rng(0).normal(size=(3, 20, 3)).astype(np.float32)
_X = np.random.default_rng(0).normal(size=(2, 3, 150)).astype(np.float32)
_ANNOTATION = {"frame_dir": "one", "label": 1, "keypoint": np.ones((1, 3, 25, 3), np.float16)}
_PYSKL = {"split": {"a_train": ["one"]}, "annotations": [_ANNOTATION]}


def _opened(opened: Callable[..., Any], source: Path, **options: Any) -> None:
    found = opened(source, **options)
    for one in found.sources:
        found.read(one)


def _own(path: Path) -> None:
    row = arrays._Row(path, "one", "a", {"subject": 1, "camera": 1, "setup": 1}, "")
    arrays.read_clip(row, load_layout("kinect20"), {"a": 0})


def _list(path: Path) -> None:
    _opened(arrays.open_arrays, path.parent, layout="kinect20")


def _pku(path: Path, label: bool) -> None:
    good = path.parent / "0003-M.txt"
    good.write_bytes(b"5,1,2,1\n" if not label else _table(4, 150))
    pair = (good, path) if label else (path, good)
    pku_mmd.read_recording(pku_mmd._Source(*(File(str(one)) for one in pair)))


def _stgcn(path: Path) -> None:
    other = path.parent / ("train_label.pkl" if path.suffix == ".npy" else "train_data.npy")
    if path.suffix == ".npy":
        other.write_bytes(pickle.dumps((["a", "b"], [0, 1])))
    else:
        np.save(other, np.ones((2, 3, 4, 25, 2), np.float32))
    _opened(stgcn.open_stgcn, path.parent)


def _npy() -> bytes:
    stream = BytesIO()
    np.save(stream, np.ones((2, 3, 4, 25, 2), np.float32))
    return stream.getvalue()


def _file(read: Callable[[File], Any], path: Path) -> None:
    read(File(str(path)))


NTU_NAME = "S001C001P001R001A001.skeleton"
# Format -> (name of the file, a good one to start from, how it is read).
READERS: dict[str, tuple[str, bytes, Callable[[Path], Any]]] = {
    "ntu": (
        NTU_NAME,
        text(recording(0, 2, (1, 2))),
        partial(_file, partial(ntu.read_clip, bodies="denoise")),
    ),
    "ntu first-two": (
        NTU_NAME,
        text(recording(0, 2), "\n"),
        partial(_file, partial(ntu.read_clip, bodies="first-two")),
    ),
    "pku skeletons": ("0002-L.txt", _table(3, 150), partial(_pku, label=False)),
    "pku labels": ("0002-L.txt", b"5,1,2,1\n7,2,4,2\n", partial(_pku, label=True)),
    "msr": ("a01_s01_e01_skeleton3D.txt", _table(20, 4), partial(_file, msr_action3d.read_clip)),
    "utd": (
        "a1_s1_t1_skeleton.mat",
        _mat("d_skel", (20, 3, 4)),
        partial(_file, utd_mhad.read_clip),
    ),
    "nw-ucla": (
        "a01_s01_e01_v01.json",
        json.dumps({"skeletons": _ONE.tolist()}).encode(),
        partial(_file, nw_ucla.read_clip),
    ),
    "sbu": (
        "s01s02/01/001/skeleton_pos.txt",
        b"\n".join(b",".join([b"%d" % row, *[b"0.51"] * 90]) for row in range(3)),
        partial(_file, sbu.read_clip),
    ),
    "jhmdb": (
        "wave/one/joint_positions.mat",
        _mat("pos_img", (2, 15, 4)),
        partial(_file, jhmdb.read_clip),
    ),
    "own npz": ("one.npz", _npz(joints=_ONE), _own),
    "own csv": ("one.csv", _table(2, 60, ","), _own),
    "own list": (
        "clips.csv",
        b"file,label,subject,camera,split\na.npz,lift,1,2,train\nb/c.csv,carry,,,\n",
        _list,
    ),
    "ctrgcn": ("x.npz", _npz(x_train=_X, y_train=np.eye(2)), partial(_opened, ctrgcn.open_ctrgcn)),
    "pyskl": ("x.pkl", pickle.dumps(_PYSKL), partial(_opened, pyskl.open_pyskl)),
    "stgcn labels": ("train_label.pkl", pickle.dumps((["a", "b"], [0, 1])), _stgcn),
    "stgcn data": ("train_data.npy", _npy(), _stgcn),
}

_WORDS = [
    *(
        b"",
        b" ",
        b"\n",
        b"\r",
        b"\0",
        b",",
        b"-",
        b".",
        b"nan",
        b"inf",
        b"1e999",
        b"1000000000",
        b"-1",
        b"9" * 20,
        b"0",
        b"25",
    ),
    *(
        b"x",
        b"\xff",
        b"[",
        b"{",
        b'"',
        b"../../etc/passwd",
        b"0x1",
        b"1_0",
        b"S'",
        b"cos\nsystem\n",
        b"(",
        b"R.",
    ),
]


@st.composite
def harmed(draw: st.DrawFn, good: bytes) -> bytes:
    """A good file with pieces cut out, put in, moved and changed, or anything at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=300))
    content = bytearray(good)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        length = draw(st.sampled_from([0, 1, 2, 5, 20, 200]))
        new = draw(st.one_of(st.sampled_from(_WORDS), st.binary(max_size=8)))
        kind = draw(st.integers(0, 3))
        if kind == 0:
            content[at : at + length] = new
        elif kind == 1:
            del content[at:]
        elif kind == 2:
            content[at:at] = content[at : at + length]
        elif content:
            content[at % len(content)] ^= 1 << draw(st.integers(0, 7))
    return bytes(content)


def in_one_line(read: Callable[[Path], Any], path: Path) -> None:
    """Read the file; a refusal must be one line."""
    message = ""
    try:
        read(path)
    except InputError as error:
        message = str(error)
    assert "\n" not in message, message


@pytest.mark.parametrize("format", READERS)
def test_a_harmed_file_is_read_or_refused(format: str, tmp_path: Path) -> None:
    name, good, read = READERS[format]
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)

    @fuzzed
    @given(harmed(good))
    def try_one(content: bytes) -> None:
        path.write_bytes(content)
        in_one_line(read, path)

    path.write_bytes(good)
    if format != "own list":
        read(path)
    try_one()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from([0, 1, 2, 3, 4, 20, 60, 61]), max_size=5).filter(
        lambda shape: np.prod(shape) < 20_000
    ),
    st.sampled_from(["f4", ">f8", "f2", "i2", "u1", "?", "c8", "U3", "M8[s]"]),
    st.sampled_from([".npy", ".npz"]),
)
@example([0, 60], "f4", ".npy")
def test_an_array_of_any_shape_and_kind_is_a_clip_or_refused(
    tmp_path: Path, shape: list[int], kind: str, suffix: str
) -> None:
    """A single number was a traceback, which ended the import."""
    path = tmp_path / f"clip{suffix}"
    array = np.ones(shape).astype("i8" if kind.startswith("M") else kind).astype(kind)
    np.save(path, array) if suffix == ".npy" else np.savez(path, array)
    (tmp_path / "clips.csv").write_text(f"file,label\nclip{suffix},walk\n")

    def read(folder: Path) -> None:
        found = arrays.open_arrays(folder, layout="kinect20")
        (clip,) = found.read(found.sources[0])
        assert clip.joints.shape[2:] == (20, 3)
        assert 0 < array.size <= clip.joints.size

    in_one_line(read, tmp_path)


def _bomb(name: str, header: bytes) -> bytes:
    stream = BytesIO()
    with (
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(name, "w", force_zip64=True) as member,
    ):
        member.write(header)
        for _ in range(1000):
            member.write(bytes(2**20))
    return stream.getvalue()


def _array_header(shape: tuple[int, ...]) -> bytes:
    stream = BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
    return stream.getvalue()


MB = 2**20
HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "frames": ("ntu", lambda: b"1000000000\n" + b"0\n" * (5 * MB)),
    "empty frames": (
        "ntu first-two",
        lambda: b"99999\n" + text(recording(0, 1))[3:] + b"0\n" * 99998,
    ),
    "bodies": ("ntu", lambda: b"1\n1000000000\n" + b"1 2 3 4 5 6 7 8 9 10\n" * (MB // 2)),
    "many bodies": ("ntu", lambda: text([recording(0, 1)[0] * 4500])),
    "spaces": ("ntu", lambda: b" " * (10 * MB)),
    "letters": ("ntu", lambda: b"1\n1\n" + b"e" * (10 * MB)),
    "numbers": ("pku skeletons", lambda: b"1 " * (5 * MB)),
    "columns": ("msr", lambda: b"1 1 1 1\n" * (MB + MB // 4)),
    "lines": ("ntu", lambda: b"99999\n" + b"0\n" * 999_000),
    "words": ("pku skeletons", lambda: b"\n".join([b"x " * 150] * 30_000)),
    "commas": ("own csv", lambda: b"," * (10 * MB)),
    "lists": ("nw-ucla", lambda: b'{"skeletons": [' + b"[]," * (3 * MB) + b"[]]}"),
    "bomb": ("own npz", lambda: _bomb("joints.npy", _array_header((10_000_000, 20, 3)))),
    "rows": ("ctrgcn", lambda: _bomb("x_train.npy", _array_header((10_000_000, 3, 150)))),
}


@pytest.fixture(scope="module")
def small_process() -> Iterator[subprocess.Popen[str]]:
    """A process that has imported the readers and done nothing else: see `serve`."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]),
        "OMP_NUM_THREADS": "1",
    }
    script = "from tests.datasets import test_fuzz; test_fuzz.serve()"
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_costs_less_than_half_a_gigabyte(
    name: str, tmp_path: Path, small_process: subprocess.Popen[str]
) -> None:
    format, make = HOSTILE[name]
    path = tmp_path / READERS[format][0]
    path.write_bytes(make())
    assert path.stat().st_size < 11 * MB
    assert read_there(small_process, 512 * MB, format, path) == "read or refused"


def test_a_file_that_costs_more_is_found(
    tmp_path: Path, small_process: subprocess.Popen[str]
) -> None:
    path = tmp_path / READERS["own csv"][0]
    path.write_bytes(b"," * MB)
    assert read_there(small_process, 4096, "own csv", path).endswith(" MB")


def read_there(process: subprocess.Popen[str], limit: int, format: str, path: Path) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps([limit, format, str(path)]) + "\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def serve() -> None:
    """Answer every line of stdin, a limit and a file, with one line: the file is read in a child,
    whose memory begins at what this process has."""
    for line in sys.stdin:
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            continue
        try:
            within(*json.loads(line))
            answer = "read or refused"
        except BaseException as error:
            answer = " ".join(f"{type(error).__name__}: {error}".split())
        print(answer, flush=True)
        os._exit(0)


def within(limit: int, format: str, path: str) -> None:
    """Read a file in this process, whose memory must not grow by more than `limit` bytes."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    in_one_line(READERS[format][2], Path(path))
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    if grown >= limit:
        raise MemoryError(f"{grown / MB:.1f} MB")
