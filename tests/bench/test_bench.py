"""The benchmark measures what it says, in an order that favours no model, and reports it whole."""

import json
import os
import sys
from collections import Counter
from mmap import mmap
from pathlib import Path

import numpy as np
import psutil
import pytest

from skedge.bench import conditions, latency, machine, memory, report
from skedge.bench.benchmark import Plan, benchmark
from skedge.bench.probe import resident
from skedge.datasets.store import StoreWriter
from skedge.skeleton import InputError, load_layout
from tests.edge_runtime.edge_models import METADATA, metadata, walk, write_model
from tests.edge_runtime.edge_tflite import write_tflite


def test_every_model_has_a_block_in_every_round() -> None:
    order = latency.block_order(["a", "b", "c"], blocks=50, seed=0)
    rounds = [tuple(order[i : i + 3]) for i in range(0, 150, 3)]
    assert all(sorted(names) == ["a", "b", "c"] for names in rounds)
    counts = Counter(rounds)
    assert len(counts) == 6, "all orders occur"
    assert max(counts.values()) < 20
    assert order == latency.block_order(["a", "b", "c"], blocks=50, seed=0)
    assert order != latency.block_order(["a", "b", "c"], blocks=50, seed=1)


def test_calls_are_timed_one_by_one_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    now, called = 0, []

    def work(name: str, takes: int) -> None:
        nonlocal now
        now += takes
        called.append(name)

    monkeypatch.setattr(latency.time, "perf_counter_ns", lambda: now)
    models = {"slow": lambda: work("slow", 7), "fast": lambda: work("fast", 2)}
    taken = latency.measure(models, blocks=6, calls=4, seed=3)
    assert taken["slow"].tolist() == [7] * 24
    assert taken["fast"].tolist() == [2] * 24
    warm = 2 * latency.WARMUP
    assert called[:warm] == ["slow"] * latency.WARMUP + ["fast"] * latency.WARMUP
    expected = [name for name in latency.block_order(["slow", "fast"], 6, 3) for _ in range(5)]
    assert called[warm:] == expected, "one warm-up call and four timed ones a block"


def test_summary() -> None:
    summary = latency.summarize(np.arange(1, 101) * 1_000_000)
    assert summary["p50_ms"] == pytest.approx(50.5)
    assert summary["p95_ms"] == pytest.approx(95.05)
    assert summary["p99_ms"] == pytest.approx(99.01)
    assert summary["mean_ms"] == pytest.approx(50.5)
    assert summary["min_ms"] == 1
    assert summary["clips_per_second"] == pytest.approx(1000 / 50.5)


def test_the_mean_is_no_median() -> None:
    """Where a few calls are slow, answers a second and millijoules go by the mean."""
    summary = latency.summarize(np.array([1, 1, 1, 9]) * 1_000_000)
    assert (summary["p50_ms"], summary["mean_ms"], summary["clips_per_second"]) == (1, 3, 1000 / 3)


def test_slow_models_have_fewer_calls_in_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as fit into half a second; three where they do not."""
    now = 0.0

    def work(takes: float) -> None:
        nonlocal now
        now += takes

    monkeypatch.setattr(latency.time, "perf_counter", lambda: now)
    monkeypatch.setattr(latency.time, "perf_counter_ns", lambda: round(now * 1e9))
    models = {takes: lambda takes=float(takes): work(takes) for takes in ("0.01", "0.09", "2")}
    taken = latency.measure(models, blocks=2, calls=20)
    assert {name: len(one) for name, one in taken.items()} == {"0.01": 40, "0.09": 10, "2": 6}


def test_memory_is_what_the_kernel_says() -> None:
    # Not an array: the allocator may keep its memory for the next one.
    held = mmap(-1, 80_000_000)
    held.write(b"1" * 80_000_000)
    now, _ = resident()
    assert now == pytest.approx(psutil.Process().memory_info().rss, rel=0.02)
    held.close()
    after, highest = resident()
    assert after < now - 60e6
    assert highest >= now - 5e6, "counted in steps"


def test_of_several_processes_the_median_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was started on a busy moment is not the model's cost."""
    costs = iter([{"load_ms": 900.0}, {"load_ms": 20.0}, {"load_ms": 10.0}])
    monkeypatch.setattr(memory, "run_apart", lambda *_, **__: next(costs))
    assert memory.fresh_process(Path("m.onnx")) == {"load_ms": 20.0}


def test_the_energy_of_an_answer(
    models: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A board that draws five watts spends five millijoules in a millisecond."""
    monkeypatch.setattr(conditions.Conditions, "watts", lambda _: 5.0)
    (model,) = benchmark(models[:1], tmp_path, Plan(blocks=3, calls=5))["models"]
    assert model["millijoules"] == 5 * model["latency"]["mean_ms"]


def test_the_clock_is_finer_than_what_it_measures() -> None:
    clock = latency.clock()
    assert 0 < clock["smallest_step_ns"] < 100_000
    assert 0 < clock["resolution_ns"] < 100_000
    assert clock["implementation"]


def test_a_fresh_process_tells_what_the_model_costs(models: list[Path]) -> None:
    large, small = (memory.fresh_process(path, repeats=2) for path in models)
    for figures in (large, small):
        assert (
            20e6
            < figures["rss_imported_bytes"]
            < figures["rss_bytes"]
            <= figures["peak_rss_bytes"]
            < 120e6
        )
        assert (
            figures["rss_above_imported_bytes"]
            == figures["rss_bytes"] - figures["rss_imported_bytes"]
        )
        assert 1 < figures["import_ms"] < 20_000
        assert 0 < figures["load_ms"] < 20_000
        assert 0 < figures["first_ms"] < 20_000
    assert large["rss_above_imported_bytes"] > small["rss_above_imported_bytes"] + 2e6, (
        "3 MB more of weights"
    )


def test_the_parents_memory_is_not_the_childs(models: list[Path]) -> None:
    ballast = np.ones(200_000_000, np.uint8)
    figures = memory.fresh_process(models[1], repeats=1)
    assert figures["peak_rss_bytes"] < 120e6 < ballast.nbytes


def test_the_childs_refusal_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        memory.fresh_process(write_model(tmp_path / "bare.onnx", document=None))
    assert "without 'skedge' metadata" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("child", "expected"),
    [
        ("import sys; sys.exit('first\\nlast words')", "code 1 and without figures: last words"),
        (
            "import os; os.kill(os.getpid(), 9)",
            "code -9 and without figures: no message; out of memory?",
        ),
        ("print('{half')", "code 0 and without figures"),
    ],
)
def test_a_childs_death_is_told(
    models: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, child: str, expected: str
) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "$CHILD"\n')
    python.chmod(0o755)
    monkeypatch.setenv("CHILD", child)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(InputError) as caught:
        memory.fresh_process(models[0])
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_child_that_hangs_is_ended(models: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "PATIENCE", 0.01)
    with pytest.raises(InputError, match="did not"):
        memory.fresh_process(models[0])


def test_the_document_and_its_table(
    models: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a new folder" / "deep"
    document = benchmark(models, out, Plan(blocks=4, calls=5, seed=7))
    assert sorted(os.listdir(out)) == ["bench.html", "bench.json", "bench.md"]
    assert json.loads((out / "bench.json").read_text()) == document
    assert capfd.readouterr().out == ""
    assert document["schema"] == 2
    assert set(document) == {
        "schema",
        "created",
        "machine",
        "clock",
        "settings",
        "conditions",
        "models",
    }
    assert document["settings"] == {
        "threads": 1, "all_threads": [1], "blocks": 4, "calls": 5, "warmup": latency.WARMUP, "seed": 7, "sustain": 0.0,
    }  # fmt: skip
    teacher, student = document["models"]
    assert [teacher["name"], student["name"]] == ["teacher", "student"]
    for model, path in zip(document["models"], models, strict=True):
        assert model["file"]["name"] == path.name
        assert model["file"]["bytes"] == path.stat().st_size
        assert model["file"]["format"] == "onnx"
        assert len(model["file"]["sha256"]) == 64
        assert model["accuracy"] == METADATA.accuracy
        assert model["latency"]["calls"] == 20
        assert (
            0
            < model["latency"]["p50_ms"]
            <= model["latency"]["p95_ms"]
            <= model["latency"]["p99_ms"]
        )
        assert model["process"]["peak_rss_bytes"] > 0
    assert set(student["ratios"]) == set(report.COMPARED)
    assert all(value == 1 for value in teacher["ratios"].values())
    assert student["ratios"]["parameters"] == 0.25
    assert student["ratios"]["size"] == pytest.approx(
        models[1].stat().st_size / models[0].stat().st_size
    )
    assert student["ratios"]["p50"] == student["latency"]["p50_ms"] / teacher["latency"]["p50_ms"]
    table = (out / "bench.md").read_text()
    assert table == report.markdown(document)
    lines = [line for line in table.splitlines() if line.startswith("|")]
    assert [line.count("|") for line in lines] == [18] * 6 + [9] * 3
    assert "| teacher |" in table
    assert "400,000" in table
    assert "87.0 % (odd-even)" in table
    assert str(tmp_path) not in table + json.dumps(document), (
        "a report names no folder of the machine"
    )


def test_a_protocol_that_the_store_does_not_have_shows_before_anything_takes_long(
    models: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StoreWriter(
        tmp_path / "store", name="x", layout=load_layout("ntu25"), labels=METADATA.labels, rate=30.0
    ) as writer:
        writer.add("one", walk(30, 20).transpose(1, 0, 2, 3), label=0)
        writer.protocol("xview", lambda index: np.array([3], np.int8))
    monkeypatch.setattr(
        "skedge.bench.benchmark.measure", lambda *_, **__: pytest.fail("was measured")
    )
    with pytest.raises(InputError, match="unknown protocol 'xsub'"):
        benchmark(
            models, tmp_path / "out", Plan(sustain=60), data=tmp_path / "store", protocol="xsub"
        )


def test_a_model_that_is_replaced_meanwhile_is_not_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report had the memory and accuracy of one and the latency of the other."""
    model = write_model(tmp_path / "model.onnx", metadata(labels=("wave", "clap")))

    def replaced(path: Path, threads: int) -> dict[str, float]:
        path.with_suffix(".new").write_bytes(path.read_bytes())
        path.with_suffix(".new").replace(path)
        return {}

    monkeypatch.setattr("skedge.bench.benchmark.fresh_process", replaced)
    with pytest.raises(InputError, match="has changed while it was measured"):
        benchmark([model], tmp_path / "out", Plan(blocks=1, calls=1))
    assert not (tmp_path / "out").exists()


def test_a_report_replaces_the_last_one_whole(
    models: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = benchmark(models[:1], tmp_path, Plan(blocks=1, calls=1))
    assert "Divided by" not in (tmp_path / "bench.md").read_text()

    def broken(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(OSError, match="no space left"):
        report.write(first | {"created": "later"}, tmp_path)
    assert json.loads((tmp_path / "bench.json").read_text()) == first
    assert sorted(os.listdir(tmp_path)) == ["bench.html", "bench.json", "bench.md"]


def test_models_of_one_name_go_by_their_folder(tmp_path: Path) -> None:
    paths = []
    for run in ("first", "second"):
        (tmp_path / run).mkdir()
        paths.append(write_model(tmp_path / run / "student.onnx", metadata(macs=0, accuracy={})))
    document = benchmark(paths, tmp_path / "out", Plan(blocks=1, calls=1))
    assert [model["name"] for model in document["models"]] == ["first/student", "second/student"]
    assert document["models"][1]["ratios"]["macs"] is None
    assert "not measured" in (tmp_path / "out" / "bench.md").read_text()
    with pytest.raises(InputError, match="different names"):
        benchmark([paths[0], paths[0]], tmp_path)


def test_both_formats_of_one_name(tmp_path: Path) -> None:
    files = [
        write_model(tmp_path / "int8.onnx"),
        write_tflite(tmp_path / "int8.tflite", metadata(precision="int8")),
    ]
    first, second = benchmark(files, tmp_path / "out", Plan(blocks=1, calls=2))["models"]
    assert [first["name"], second["name"]] == ["int8.onnx", "int8.tflite"]
    assert (second["file"]["format"], second["model"]["precision"]) == ("tflite", "int8")
    assert second["process"]["peak_rss_bytes"] < first["process"]["peak_rss_bytes"], (
        "LiteRT without onnxruntime"
    )
    assert "| int8.tflite | int8 |" in (tmp_path / "out" / "bench.md").read_text()


def test_wrong_input(models: list[Path], tmp_path: Path) -> None:
    for files, options, expected in (
        ([], {}, "at least one exported model"),
        ([tmp_path / "none.onnx"], {}, "found none"),
        (models, {"blocks": 0}, "at least 1 block"),
        (models, {"threads": (0,)}, "at least 1 thread"),
    ):
        with pytest.raises(InputError, match=expected):
            benchmark(files, tmp_path / "out", Plan(**options))
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="expected a folder"):
        benchmark(models, tmp_path / "file")


def test_the_machine_is_described() -> None:
    described = machine.describe()
    assert described["cpu"]
    assert described["cpu"] != "unknown"
    assert 1 <= described["usable_cores"] <= described["cores"]
    assert described["memory_bytes"] > 100e6
    assert described["python"] == sys.version.split()[0]
    assert {"numpy", "onnxruntime", "ai-edge-litert"} <= described["packages"].keys()
    assert os.uname().nodename not in json.dumps(described)


def test_the_imports_bench_measures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from skedge.bench.studies.importing import measure_import, measure_store

    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw").mkdir()
    joint = "0.1 0.2 3.0 " + " ".join("1" * 9) + "\n"
    frame = "1\n7 " + " ".join("0" * 9) + "\n25\n" + joint * 25
    (tmp_path / "raw" / "S001C001P001R001A001.skeleton").write_text("4\n" + frame * 4)
    found = measure_import(tmp_path / "raw", 40, 1)
    assert (found["files"], found["processes"]) == (40, 1)
    assert found["import, files/s"] > 0
    assert measure_store(50, reads=20)["clips"] == 50
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]
