"""What a benchmark says beyond its medians: how sure they are, what spoiled them, how two runs
compare, and its page."""

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skedge.bench import conditions, latency, page, report
from skedge.bench.benchmark import Plan, benchmark, run_on
from skedge.bench.compare import compare, interval
from skedge.cli import main
from skedge.datasets.store import Store, StoreWriter
from skedge.edge_runtime.scoring.predict import predict_store
from skedge.skeleton import load_layout
from skedge.skeleton.errors import InputError
from tests.edge_runtime.chromium import Chromium
from tests.edge_runtime.edge_models import METADATA, write_streaming_model


@pytest.fixture(scope="module")
def measured(models: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with all that can be asked for."""
    folder = tmp_path_factory.mktemp("a run")
    with StoreWriter(
        folder / "store",
        name="walks",
        layout=load_layout("ntu25"),
        labels=METADATA.labels,
        rate=30.0,
    ) as writer:
        for i in range(6):
            joints = np.random.default_rng(i).normal(size=(1, 30, 25, 3)).astype(np.float32)
            writer.add(str(i), joints, label=i % 3, subject=i)
        writer.protocol("xsub", lambda index: np.where(index["subject"] < 2, 1, 3))
    stream = write_streaming_model(folder / "stream.onnx")
    benchmark(
        [*models, stream],
        folder / "out",
        Plan((1, 2), blocks=6, calls=8, sustain=0.2),
        data=folder / "store",
    )
    return folder / "out"


@pytest.fixture(scope="module")
def document(measured: Path) -> dict[str, Any]:
    return dict(json.loads((measured / "bench.json").read_text()))


def test_a_quiet_run_is_not_noisy_and_one_that_slows_down_is() -> None:
    calls = np.random.default_rng(0).normal(5e6, 1e5, (20, 25))
    quiet = latency.summarize(calls.ravel(), blocks=20)
    assert not quiet["noisy"]
    low, high = quiet["p50_interval_ms"]
    assert low < 5 < high
    assert high - low < 0.1
    calls[10:] *= 1.06
    assert latency.summarize(calls.ravel(), blocks=20)["noisy"]


def test_jitter_is_from_call_to_call_within_a_block() -> None:
    assert latency.summarize(np.array([1e6, 3e6, 1e6, 9e6, 9e6, 9e6]), blocks=2)[
        "jitter_ms"
    ] == pytest.approx(1.0)


def test_the_interval_of_a_median_holds_it_as_often_as_it_says() -> None:
    """95 %, over runs whose blocks each have a level of their own."""
    random, held = np.random.default_rng(1), 0
    for _ in range(200):
        blocks = 10e6 + random.normal(0, 5e5, (20, 1)) + random.normal(0, 1e5, (20, 9))
        low, high = latency.summarize(blocks.ravel(), blocks=20)["p50_interval_ms"]
        held += low <= 10 <= high
    assert held / 200 > 0.85


def test_what_was_asked_for_is_in_the_report(document: dict[str, Any], measured: Path) -> None:
    for model in document["models"]:
        assert list(model["threads"]) == ["1", "2"]
        assert model["threads"]["1"]["p50_ms"] == model["latency"]["p50_ms"]
        assert model["sustained"]["fps"] > 0
        assert model["accuracy"]["store"] == "walks"
        assert len(model["latency"]["blocks_p50_ms"]) == 6
    samples = document["conditions"]["samples"]
    assert sum("model" in one for one in samples) == 3 * 2 * 6
    table = (measured / "bench.md").read_text()
    assert "published, Raspberry Pi 4B" in table
    assert "59.16" in table
    assert "Sustained for 0.2 s" in table


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([{"throttled": ["under-voltage", "throttled earlier"]}], "slowed down: under-voltage"),
        ([{"throttled": ["throttled earlier"]}], None),
        ([{"temperature": 55.0}, {"temperature": 83.2}], "reached 83 °C"),
        ([{"mhz": 1500.0}, {"mhz": 600.0}], "between 600 and 1500 MHz"),
        ([{"mhz": 1500.0}, {"mhz": 1450.0}], None),
        ([{"others": 2.0}, {"others": 0.01}], None),
        ([{}, {"others": 0.5}], "used 0.5 cores"),
        ([{"at": 0.0}, {"others": 5.0, "at": 0.01}, {"others": 0.1, "at": 10.0}], None),
        ([{"at": 0.0}, {"others": 5.0, "at": 0.008}], None),
    ],
)
def test_what_spoils_figures_is_told(samples: list[dict[str, Any]], expected: str | None) -> None:
    whole = {
        "temperature": None,
        "mhz": None,
        "throttled": None,
        "joules": None,
        "others": 0.0,
    }
    found = conditions.warnings([whole | {"at": at} | one for at, one in enumerate(samples)])
    assert (len(found) == 1 and expected in found[0]) if expected else found == []


def test_a_quiet_board_is_quiet_for_blocks_shorter_than_the_kernels_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The kernel counts hundredths of a second: those that it gave to this process a block late
    were others', and a report of the shipped model said "other processes used 6.1 cores"."""
    spent = iter(np.cumsum([0, *[0.01, -0.01] * 100, 0.01, 0]).tolist())
    monkeypatch.setattr(conditions, "_others_seconds", lambda: 7 + next(spent))
    moments = iter(np.arange(300) * 0.005)
    monkeypatch.setattr(conditions.time, "perf_counter", lambda: float(next(moments)))
    watched = conditions.Conditions(Path("/nowhere"))
    for _ in range(202):
        watched.sample()
    assert watched.summary()["warnings"] == []
    others = [one["others"] for one in watched.samples]
    assert sum(others) * 0.005 == pytest.approx(0.01)
    assert min(others) >= 0


def test_what_this_process_did_is_no_work_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its system time and the processes that it measured in count as its own, interrupts and nice
    processes as others'."""
    every = SimpleNamespace(user=10.0, nice=1.0, system=2.0, idle=99.0, softirq=0.5, irq=0.25)
    own = SimpleNamespace(user=3.0, system=1.0, children_user=0.5, children_system=0.25)
    monkeypatch.setattr(conditions.psutil, "cpu_times", lambda: every)
    monkeypatch.setattr(
        conditions.psutil, "Process", lambda: SimpleNamespace(cpu_times=lambda: own)
    )
    assert conditions._others_seconds() == 9


def test_a_board_tells_frequency_power_and_governor(tmp_path: Path) -> None:
    policy = tmp_path / "sys/devices/system/cpu/cpufreq/policy0"
    power = tmp_path / "sys/class/powercap/intel-rapl:0"
    for folder in (policy, power):
        folder.mkdir(parents=True)
    (policy / "scaling_cur_freq").write_text("1500000\n")
    (policy / "scaling_governor").write_text("performance\n")
    watched = conditions.Conditions(tmp_path)
    for joules in (10, 13):
        (power / "energy_uj").write_text(f"{joules * 10**6}\n")
        watched.sample()
    assert watched.samples[0]["mhz"] == 1500
    assert watched.summary()["governor"] == "performance"
    watts = watched.watts()
    assert watts == pytest.approx(3 / (watched.samples[1]["at"] - watched.samples[0]["at"]))
    (power / "energy_uj").write_text("5\n")
    watched.sample()
    assert watched.watts() is None, "the counter began anew"
    assert conditions.Conditions(tmp_path / "none").sample()["joules"] is None


def test_a_joule_is_counted_once(tmp_path: Path) -> None:
    """The cores of a package, the package as memory shows it and the whole platform were added to
    the package: millijoules were two or three times too large."""
    zones = {
        "intel-rapl:0": ("package-0", 10),
        "intel-rapl:0:0": ("core", 8),
        "intel-rapl:1": ("package-1", 20),
        "intel-rapl:2": ("psys", 50),
        "intel-rapl-mmio:0": ("package-0", 10),
    }
    for zone, (name, joules) in zones.items():
        folder = tmp_path / "sys/class/powercap" / zone
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{name}\n")
        (folder / "energy_uj").write_text(f"{joules * 10**6}\n")
    assert conditions.energy(tmp_path) == 30


@pytest.mark.parametrize(("package", "joules"), [("10000000", 10), ("", None), (None, 7)])
def test_a_graphics_card_adds_nothing_to_a_processors_energy(
    tmp_path: Path, package: str | None, joules: float | None
) -> None:
    """It has a hwmon counter as a board's meter has; it was added to the package's, and was all
    where only root may read those."""
    meter = tmp_path / "sys/class/hwmon/hwmon0/energy1_input"
    zone = tmp_path / "sys/class/powercap/intel-rapl:0/energy_uj"
    for file, text in ((meter, "7000000"), (zone, package)):
        if text is not None:
            file.parent.mkdir(parents=True)
            file.write_text(text)
    assert conditions.energy(tmp_path) == joules


def test_every_figure_is_below_its_own_title(document: dict[str, Any]) -> None:
    """With numbers that are all different."""
    changed = json.loads(json.dumps(document))
    (model, *_) = changed["models"]
    model["latency"] |= {
        "p50_ms": 1.5, "p50_interval_ms": [1.4, 1.6], "p95_ms": 2.5, "p99_ms": 3.5, "noisy": False,
        "jitter_ms": 0.25, "mean_ms": 1.75, "clips_per_second": 571.4,
    }  # fmt: skip
    model["process"] |= {
        "load_ms": 81.0, "first_ms": 4.5, "rss_bytes": 5e7, "rss_above_imported_bytes": 9.1e6,
        "peak_rss_bytes": 6.2e7,
    }  # fmt: skip
    model["millijoules"] = 8.75
    model["file"]["bytes"] = 754_596
    model["model"] |= {"parameters": 180_867, "macs": 57_700_000, "precision": "int8"}
    model["threads"] = {"1": {"p50_ms": 1.5}, "2": {"p50_ms": 0.9}}
    model["sustained"] = {"fps": 500.0, "first_fps": 600.0, "last_fps": 400.0}
    every, _, threads, sustained = report.tables(changed)
    shown = dict(zip(every.head, every.rows[0], strict=True))
    assert shown | {"model": "", "accuracy": ""} == {
        "model": "", "precision": "int8", "p50 ms": "1.500", "95 % of p50": "1.400 to 1.600",
        "p95 ms": "2.500", "p99 ms": "3.500", "jitter ms": "0.250", "a second": "571",
        "load ms": "81", "first ms": "4.5", "memory MB": "9.1", "peak RSS MB": "62.0",
        "mJ": "8.8", "file KB": "755", "parameters": "180,867", "M MAC": "57.7", "accuracy": "",
    }  # fmt: skip
    names = [row[0] for row in every.rows]
    assert names[:3] == ["teacher", "student", "stream (a frame)"]
    published = dict(zip(every.head, every.rows[-1], strict=True))
    assert {name: cell for name, cell in published.items() if cell} == {
        "model": "student (published, Raspberry Pi 4B (2 GB))", "p50 ms": "21.38",
        "a second": "46.5", "peak RSS MB": "173.3", "file KB": "2220",
    }  # fmt: skip
    assert dict(zip(threads.head, threads.rows[0], strict=True)) == {
        "model": model["name"], "1": "1.500", "2": "0.900",
    }  # fmt: skip
    assert dict(zip(sustained.head, sustained.rows[0], strict=True)) == {
        "model": model["name"], "answers/s": "500.0", "in the first tenth": "600.0",
        "in the last tenth": "400.0",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("accuracy", "shown"),
    [
        ({}, "not measured"),
        ({"top1": 91.23}, "91.2 %"),
        ({"top1": 91.23, "protocol": "xsub", "part": "test"}, "91.2 % (xsub)"),
        ({"top1": 91.23, "protocol": "xsub", "part": "val"}, "91.2 % (xsub, val)"),
        ({"top1": 91.23, "protocol": "xsub", "store": "utd"}, "91.2 % (utd xsub)"),
    ],
)
def test_an_accuracy_is_shown_with_the_clips_it_is_of(
    accuracy: dict[str, Any], shown: str, document: dict[str, Any]
) -> None:
    changed = json.loads(json.dumps(document))
    changed["models"][0]["accuracy"] = accuracy
    head, rows = report.rows(changed)
    assert dict(zip(head, rows[0], strict=True))["accuracy"] == shown


def test_a_board_that_slows_down_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten answers a second for ten seconds, then five."""
    now = 0.0

    def call() -> None:
        nonlocal now
        now += 0.1 if now < 9.99 else 0.2

    monkeypatch.setattr("skedge.bench.benchmark.time.perf_counter", lambda: now)
    watched = conditions.Conditions(Path("/nowhere"))
    found = run_on(call, 20.0, watched)
    assert found["fps"] == pytest.approx(7.5, rel=0.02)
    assert found["first_fps"] == pytest.approx(10, rel=0.02)
    assert found["last_fps"] == pytest.approx(5, rel=0.02)


def test_accuracy_is_measured_on_the_stores_test_clips(
    document: dict[str, Any], measured: Path, models: list[Path]
) -> None:
    report = predict_store(models[0], Store(measured.parent / "store"), "xsub")
    assert document["models"][0]["accuracy"]["top1"] == 100 * report.accuracy
    assert document["models"][0]["accuracy"]["clips"] == 4


def test_two_runs_are_compared(
    document: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    before, slower = (json.loads(json.dumps(document)) for _ in range(2))
    for one in (before, slower):
        for model in one["models"]:
            factor = 2.0 if one is slower else 1.0
            model["latency"] |= {
                "p50_ms": factor,
                "blocks_p50_ms": [factor * x for x in (0.98, 0.99, 1, 1.01)],
                "noisy": False,
            }
    first.write_text(json.dumps(before))
    second.write_text(json.dumps(slower))
    main(["bench", "compare", str(first), str(second)])
    told = capsys.readouterr().out
    row = next(line for line in told.splitlines() if line.startswith("| teacher"))
    assert "| slower | 2.00 |" in row
    assert "| faster | 0.50 |" in compare(second, first)
    low, high = interval([0.98, 0.99, 1, 1.01], [1.96, 1.98, 2, 2.02])
    assert 1.9 < low < 2 < high < 2.1
    assert "no difference shown" in compare(first, first)
    slower["models"][0]["latency"]["noisy"] = True
    second.write_text(json.dumps(slower))
    for one, other in ((first, second), (second, first)):
        assert compare(one, other).count("er (noisy)") == 1, "of one noisy run nothing is sure"
    folder = tmp_path / "b"  # as `bench --out` writes one
    folder.mkdir()
    (folder / "bench.json").write_text(second.read_text())
    assert compare(first, folder) == compare(first, second).replace(str(second), str(folder))

    slower["machine"]["fingerprint"] = "another"
    second.write_text(json.dumps(slower))
    with pytest.raises(InputError, match="one machine"):
        compare(first, second)
    assert "Different machines" in compare(first, second, across=True)
    second.write_text(json.dumps(slower | {"schema": 1}))
    for wrong in (second, tmp_path / "none", Path(__file__)):
        with pytest.raises(InputError, match="expected a benchmark"):
            compare(first, wrong, across=True)


def test_the_page_escapes_what_people_call_their_models(document: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(document).replace('"student', '"<script>alert(1)</script>'))
    made = page.html(
        changed,
        report.tables(changed),
        warnings=report.spoiled(changed),
        notes=report.notes(changed),
    )
    assert "<script" not in made
    assert "&lt;script&gt;" in made


def test_the_page_holds_what_the_tables_for_reading_hold(measured: Path) -> None:
    """Ratios, medians by threads and answers without a pause were in bench.md alone."""
    told = (measured / "bench.md").read_text()
    cells = [
        cell.strip() for line in told.splitlines() if line[:1] == "|" for cell in line.split("|")
    ]
    shown = re.sub(r"<[^>]+>", "|", (measured / "bench.html").read_text())
    for text in ("Divided by teacher:", "Median ms by threads:", "Sustained for 0.2 s:", *cells):
        assert text.strip("-: ") in shown


def test_an_accuracy_says_what_it_was_measured_on(
    document: dict[str, Any],
) -> None:
    """98 % of the 63 clips whose class a model knows, or of clips that trained it, looked like 98 %
    of all of a store's test clips."""
    changed = json.loads(json.dumps(document))
    first, second, _ = changed["models"]
    left_out = "367 of 430 clips left out: the model does not know their class"
    first["accuracy"] = {"top1": 98.4, "clips": 63, "protocol": "xsub", "notes": [left_out]}
    second["accuracy"] = {"top1": 99.0, "clips": 80, "notes": [left_out], "seen_in_training": 40}
    made = report.markdown(changed)
    assert f"Accuracy of teacher, student: {left_out}." in made
    assert "Accuracy of student: 40 of the clips that it was measured on trained the model." in made


def test_a_model_that_was_not_measured_in_quiet_is_named(document: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(document))
    changed["conditions"]["warnings"] = []
    for model in changed["models"]:
        model["latency"]["noisy"] = False
    assert report.spoiled(changed) == []
    changed["models"][1]["latency"]["noisy"] = True
    (line,) = report.spoiled(changed)
    assert line.startswith("Noisy: student: ")
    assert f"**{line}**" in report.markdown(changed)


def test_the_table_gives_each_model_its_own_memory(document: dict[str, Any]) -> None:
    head, rows = report.rows(document)
    for model, row in zip(document["models"], rows, strict=False):
        shown = dict(zip(head, row, strict=True))
        process = model["process"]
        assert shown["peak RSS MB"] == f"{process['peak_rss_bytes'] / 1e6:.1f}"
        assert shown["memory MB"] == f"{process['rss_above_imported_bytes'] / 1e6:.1f}"


def test_models_of_one_run_alone_are_named(document: dict[str, Any], tmp_path: Path) -> None:
    """Comparing two runs, a model that was renamed or left out was missing without a word."""
    (tmp_path / "a.json").write_text(json.dumps(document))
    teacher, student, _ = document["models"]
    other = document | {"models": [student, teacher | {"name": "giant"}]}
    (tmp_path / "b.json").write_text(json.dumps(other))
    told = compare(tmp_path / "a.json", tmp_path / "b.json")
    assert f"In {tmp_path / 'a.json'} only: teacher, stream." in told
    assert f"In {tmp_path / 'b.json'} only: giant." in told
    (tmp_path / "b.json").write_text(json.dumps(document | {"models": other["models"][1:]}))
    with pytest.raises(InputError, match="got teacher, student, stream and giant"):
        compare(tmp_path / "a.json", tmp_path / "b.json")
    with pytest.raises(InputError, match="benchmark's bench\\.json, found none"):
        compare(tmp_path / "a.json", tmp_path / "none")


def test_two_models_of_one_name_are_told_apart(document: dict[str, Any], tmp_path: Path) -> None:
    """Models go by their files' names: a clip model as .onnx was "slower" than a streaming one as
    .tflite that was called the same. One that was only trained again is the same model."""
    (tmp_path / "a.json").write_text(json.dumps(document))
    changed = json.loads(json.dumps(document))
    teacher, student, _ = changed["models"]
    teacher["model"]["weights_sha256"] = "trained again"
    student["file"]["format"] = "tflite"
    student["model"]["streaming"] = True
    (tmp_path / "b.json").write_text(json.dumps(changed))
    told = compare(tmp_path / "a.json", tmp_path / "b.json")
    assert "called student: format onnx and tflite, streaming False and True." in told
    assert told.count("Different models") == 1
    again = compare(tmp_path / "a.json", tmp_path / "a.json")
    assert "Different models" not in again


@pytest.mark.parametrize("seconds", [1e-9, 0.02])
def test_a_model_runs_on_for_one_call_at_the_least(seconds: float) -> None:
    """`skedge bench --sustain 1e-9` ended in a traceback."""
    calls: list[int] = []
    found = run_on(lambda: calls.append(1), seconds, conditions.Conditions())
    assert found["seconds"] >= seconds
    assert found["fps"] == pytest.approx(len(calls) / found["seconds"])
    assert found["first_fps"] > 0


def test_a_page_of_one_call_and_no_accuracy(models: list[Path], tmp_path: Path) -> None:
    benchmark(models[1:], tmp_path, Plan(blocks=1, calls=1))
    assert "Latency distribution" in (tmp_path / "bench.html").read_text()


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=5), st.booleans())
@example([0.99999], True)
@example([7.0, 7.000001], True)
@example([8.950579846648733, 8.950579846722643], False)
def test_no_number_at_an_axis_is_cut_off(values: list[float], log: bool) -> None:
    drawn = page.plot(
        "",
        "",
        "",
        [page.Series("model", [(value, value) for value in values])],
        log_x=log,
        log_y=log,
    )
    below, beside = (
        re.findall(
            rf'<text x="([0-9.]+)" y="[0-9.]+" text-anchor="{anchor}">([-+.e0-9]+)</text>', drawn
        )
        for anchor in ("middle", "end")
    )
    assert below
    assert beside
    digit = 0.64 * 12  # a broad font's (DejaVu Sans), of 12 pixels
    assert all(float(x) + 0.5 * len(text) * digit <= page.WIDTH for x, text in below)
    assert all(float(x) >= len(text) * digit for x, text in beside)


def test_all_columns_are_in_view_on_a_laptop(
    browser: Chromium, measured: Path, tmp_path: Path
) -> None:
    """The accuracies were to the right of what 1280 pixels show."""
    document = json.loads((measured / "bench.json").read_text())
    for model in document["models"]:
        model["latency"]["noisy"] = True
        model["accuracy"] = {"top1": 91.2, "protocol": "xsub-choose", "part": "val"}
    report.write(document, tmp_path)
    tab = browser.open((tmp_path / "bench.html").as_uri(), 1280, 900)
    tab.wait("document.querySelector('.table')")
    table = "document.querySelector('.table')"
    assert tab.value(f"{table}.scrollWidth - {table}.clientWidth") == 0


def test_the_page_opens_offline_in_a_browser(
    browser: Chromium, measured: Path, tmp_path: Path
) -> None:
    shutil.copy(measured / "bench.html", tmp_path / "a page.html")
    for width, phone in ((1280, False), (390, True)):
        tab = browser.open((tmp_path / "a page.html").as_uri(), width, 1600, phone=phone)
        tab.wait("document.querySelectorAll('figure svg').length >= 5")
        tab.screenshot(tmp_path / f"{width}.png")
        assert tab.value("document.querySelector('tbody').children.length") == 5
        assert tab.value("document.documentElement.scrollWidth") <= width, (
            "the page must not scroll sideways"
        )
        # Every line and mark lies within its plot.
        outside = """[...document.querySelectorAll('svg')].flatMap(svg => {
            const box = svg.getBoundingClientRect();
            return [...svg.querySelectorAll('polyline, circle, text')].filter(mark => {
                const own = mark.getBoundingClientRect();
                return own.left < box.left - 1 || own.right > box.right + 1 || own.top < box.top - 1 ||
                    own.bottom > box.bottom + 1 || !(own.width + own.height > 0);
            }).map(mark => mark.outerHTML)})"""
        assert tab.value(outside) == []
        assert tab.complaints() == []
        assert all(one.startswith(("file:", "data:")) for one in tab.requests()), (
            "the page asks the network"
        )
    assert (tmp_path / "1280.png").stat().st_size > 30_000
