"""The measuring of few-shot classes: what is taught, what is tested, and that nothing leaks."""

import json
from pathlib import Path

import numpy as np
import pytest

from skedge.bench.studies.fewshot import few, main, measure
from skedge.datasets.store import Store, StoreWriter
from skedge.edge_runtime.learning import learn
from skedge.edge_runtime.taught import Taught
from skedge.skeleton import InputError, load_layout
from tests.edge_runtime.edge_models import metadata, walk, write_model

LABELS = ["a", "b", "c", "d", "e", "f"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six motions of eight people."""
    path = tmp_path_factory.mktemp("stores") / "six"
    with StoreWriter(
        path, name="six", layout=load_layout("ntu25"), labels=LABELS, rate=30.0
    ) as writer:
        for label in range(6):
            for subject in range(8):
                noise = np.random.default_rng(100 * label + subject).normal(0, 0.1, (20, 25, 3))
                writer.add(
                    f"{label} {subject}",
                    (walk(20, 30, seed=label)[:, 0] + noise)[None],
                    label=label,
                    subject=subject,
                )
        writer.protocol("xsub", lambda index: np.where(index["subject"] % 2 == 1, 1, 3))
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "four.onnx"
    return write_model(path, metadata(labels=("a", "b", "c", "d"), frames=4))


def test_what_the_model_does_not_know_is_taught(store: Path, model: Path) -> None:
    rows = measure(model, Store(store), shots=(1, 4), draws=3)
    assert [row["shots"] for row in rows] == [0, 1, 4]
    assert rows[0]["new"] == [0.0, 0.0]
    assert rows[0]["known taken for new"] == [0.0, 0.0]
    # Easy motions: one clip is enough to tell them.
    assert rows[1]["new"][0] > 90
    assert rows[2]["new"] == [rows[2]["new"][0], 0.0]  # all four clips there are: nothing is drawn
    for row in rows:
        assert row["all"][0] == pytest.approx(
            (row["new"][0] * 8 + row["known"][0] * 16) / 24, abs=0.01
        )


def test_so_many_clips_are_taught_and_none_of_the_test(
    store: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []

    def watched(clips: dict[str, list[np.ndarray]], others: list[np.ndarray]) -> Taught:
        counts.append(([len(one) for one in clips.values()], len(others)))
        return learn(clips, others)

    monkeypatch.setattr("skedge.bench.studies.fewshot.learn", watched)
    measure(model, Store(store), shots=(1, 3), draws=2)
    assert counts == [([1, 1], 16)] * 2 + [([3, 3], 16)] * 2


def test_what_cannot_be_measured_is_one_line(store: Path, model: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="from 1 to 4 clips"):
        measure(model, Store(store), shots=(5,))
    everything = write_model(tmp_path / "all.onnx", metadata(labels=tuple(LABELS), frames=4))
    with pytest.raises(InputError, match="got 6 and 0"):
        measure(everything, Store(store))


def test_a_split_with_few_clips_of_some_classes(store: Path) -> None:
    codes = few(Store(store), "xsub", ["e", "f"], 3)
    labels, before = Store(store).index["label"], Store(store).codes("xsub")
    train = [int(((codes == 1) & (labels == label)).sum()) for label in range(6)]
    assert train == [4, 4, 4, 4, 3, 3]
    np.testing.assert_array_equal(codes == 3, before == 3)
    with pytest.raises(InputError, match="from 1 to 4"):
        few(Store(store), "xsub", ["e"], 9)


def test_the_whole_way_on_the_command_line(
    store: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def call(*arguments: object) -> str:
        monkeypatch.setattr("sys.argv", ["skedge.bench.studies.fewshot", *map(str, arguments)])
        main()
        return capsys.readouterr().out

    assert "left out: c, f" in call("hold-out", store, tmp_path / "less", "--every", 3)
    assert Store(tmp_path / "less").labels == ("a", "b", "d", "e")
    assert "2 training clips of: e" in call(
        "split", tmp_path / "less", "few-2", "--every", 4, "--shots", 2
    )
    assert "few-2" in Store(tmp_path / "less").protocols
    assert call("measure", model, store, "--shots", 2).startswith("| clips a class | new |")
    assert json.loads(call("measure", model, store, "--shots", 2, "--json"))[1]["shots"] == 2
    monkeypatch.setattr(
        "sys.argv",
        [
            "skedge.bench.studies.fewshot",
            "hold-out",
            str(store),
            str(tmp_path / "x"),
            "--every",
            "9",
        ],
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "--every" in capsys.readouterr().err
