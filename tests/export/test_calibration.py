"""Which clips int8 files are made and judged by, what the metadata keeps of a run, and what a
quantiser gets."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skedge.datasets.store import Store, StoreWriter
from skedge.export import exporter as exporter_module
from skedge.export.exporter import Exporter
from skedge.export.formats.registry import FORMATS
from skedge.export.frame_form import SHOWN, StreamingForm
from skedge.export.graph import Answers, Feed, Graph
from skedge.export.verify import ExportError
from skedge.recipes.settings import EncoderSettings, InputSettings
from skedge.teacher.runs.folder import write_metrics
from tests.export.conftest import DATA, PLAN
from tests.export.exported_files import products_in_int8
from tests.export.test_file_formats import run_graph
from tests.teacher.tiny import random_classifier, scenes, write_classifier


@dataclass
class Invented:
    """A quantiser of two parts that makes no real model, and what it was given; `parts` that are
    quantised move the outputs by their share of the clips' spread, `probabilities` too or the
    embedding alone. Those `without` weights are the same in int8; but for sums, all multiply."""

    moves: dict[str, float] = field(default_factory=lambda: {"fine": 0.0, "poor": 0.0})
    without: tuple[str, ...] = ()
    feeds: list[Feed] = field(default_factory=list)
    floats: list[str] = field(default_factory=list)
    output: int = 1

    @property
    def parts(self) -> tuple[str, ...]:
        return (*self.moves, *self.without)

    @property
    def products(self) -> tuple[str, ...]:
        return tuple(part for part in self.moves if part != "a sum")

    def quantize(self, kept: Collection[str]) -> bytes:
        whole = {part: moved for part, moved in self.moves.items() if part not in kept}
        return f"<{sum(whole.values())}> {list(whole)}".encode()

    def static(self, content: bytes, feeds: Iterable[Feed], floats: Collection[str]) -> "Invented":
        self.feeds = list(feeds)
        self.floats = [*floats]
        return self


@pytest.fixture
def invented(monkeypatch: pytest.MonkeyPatch) -> Invented:
    made = Invented()
    form = replace(
        FORMATS[".onnx"],
        convert=lambda graph: b"<0>",
        describe=lambda content, document: content + document.encode(),
        dynamic=lambda content: made,
        static=made.static,
    )
    monkeypatch.setitem(FORMATS, ".onnx", form)
    return made


@dataclass
class Asked:
    """An exporter whose files are not run: their answers are torch's, moved by what the invented
    quantiser says. `clips` are those that each model was asked about."""

    exporter: Exporter
    quantizer: Invented
    clips: list[torch.Tensor] = field(default_factory=list)

    def answers(self, draft: Path, clips: Any) -> Answers:
        self.clips.append(clips)
        share = float(draft.read_bytes().split(b">")[0][1:])
        outputs = list(self.exporter._form.expected(clips))
        one = outputs[self.quantizer.output]
        noise = np.random.default_rng(0).choice([-1.0, 1.0], one.shape)
        spread = np.sqrt(np.square(one - one.mean(0)).mean())
        outputs[self.quantizer.output] = (one + share * spread * noise).astype(np.float32)
        return Answers(*outputs)


@pytest.fixture
def asked(run: Path, store: Store, invented: Invented, monkeypatch: pytest.MonkeyPatch) -> Asked:
    made = Asked(Exporter(run, store), invented)
    monkeypatch.setattr(made.exporter, "_answers", made.answers)
    return made


def test_int8_is_made_of_training_clips_and_checked_on_held_out_ones(
    asked: Asked, invented: Invented, store: Store, tmp_path: Path
) -> None:
    """Half of the training clips give ranges, the others say what stays in float, and the file is
    checked on clips that neither saw: with the wrong ones its accuracy says nothing about new
    people."""
    asked.exporter.write(tmp_path / "m.onnx", "int8")
    read = asked.exporter._form.read
    training, _ = read(store, store.split("xsub", "train"))
    held_out, _ = read(store, store.split("xsub", "test"))
    shown = torch.from_numpy(np.stack([feed["joints"] for feed in invented.feeds]))
    torch.testing.assert_close(shown, training[::2], rtol=0, atol=0)
    *searched, checked = asked.clips
    assert searched
    for clips in searched:
        torch.testing.assert_close(clips, training[1::2], rtol=0, atol=0)
    torch.testing.assert_close(checked, held_out, rtol=0, atol=0)


@pytest.mark.parametrize("output", [0, 1], ids=["probabilities", "embedding"])
@pytest.mark.parametrize(("precision", "share"), [("dynamic", 0.012), ("int8", 0.017)])
def test_what_moves_an_output_stays_in_float(
    precision: Any, share: float, output: int, asked: Asked, invented: Invented, tmp_path: Path
) -> None:
    """Both outputs count: actions are taught on the embedding."""
    invented.output = output
    invented.moves = {"fine": 0.0, "poor": 0.8 * share}
    assert asked.exporter.write(tmp_path / "fine.onnx", precision)["left_in_float"] == []
    asked.exporter._dynamic.clear()
    invented.moves = {"fine": 0.0, "poor": share}
    assert asked.exporter.write(tmp_path / "poor.onnx", precision)["left_in_float"] == ["poor"]
    if precision == "int8":
        assert invented.floats == ["poor"], "its weights stay float, too"


@pytest.mark.parametrize("without", [(), ("a sum", "a shape")])
def test_a_file_of_which_nothing_is_int8_is_not_written_as_one(
    without: tuple[str, ...], asked: Asked, invented: Invented, tmp_path: Path
) -> None:
    """A TFLite file was written as one of int8 weights though all of its weights were float: the
    parts without weights, which are never left in float, seemed to be int8."""
    invented.moves = {"one": 0.5, "other": 0.5}
    invented.without = without
    with pytest.raises(ExportError, match="no part of the network can be quantised"):
        asked.exporter.write(tmp_path / "m.onnx", "int8")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("moved", [0.0, 0.004])
def test_a_file_whose_products_are_all_float_is_not_written_as_int8(
    moved: float, asked: Asked, invented: Invented, tmp_path: Path
) -> None:
    """It had a few sums and shapes in int8, and was larger and slower than the file of int8 weights
    alone."""
    asked.exporter.write(tmp_path / "m.onnx", "dynamic")
    invented.moves = {"one": 0.5, "other": 0.5, "a sum": moved}
    with pytest.raises(ExportError, match=r"no part.*without weights do not count.*larger"):
        asked.exporter.write(tmp_path / "m.onnx", "int8")
    invented.moves["other"] = 0.004
    found = asked.exporter.write(tmp_path / "m.onnx", "int8")
    assert found["left_in_float"] == ["one"]


def test_what_was_measured_in_training_is_in_the_file(store: Store, tmp_path: Path) -> None:
    """Without its thresholds a model begins events as if it were sure of everything alike."""
    measured = {
        "thresholds": {"wave": 0.75},
        "patience": {"clap": 5},
        "lasting": {"wave": 1.8},
        "lags": {"start": 0.3, "end": 0.7},
        "upper_body": ["wave", "clap"],
    }
    write_classifier(tmp_path / "run", store, replace(DATA, persons=1), PLAN)
    write_metrics(tmp_path / "run", measured)
    metadata = Exporter(tmp_path / "run", store, note="made for a test")._metadata
    for name, value in measured.items():
        found = getattr(metadata, name)
        assert (list(found) if name == "upper_body" else found) == value, name
    assert metadata.provenance["note"] == "made for a test"
    assert metadata.hz is None


LIVE = InputSettings(frames=30, normalization="per-frame", time="rate", hz=15.0)


def test_a_streaming_file_is_calibrated_on_frames_throughout_clips(store: Store) -> None:
    """States begin as those of somebody who always stood like the first frame, as on the device,
    and every so many frames of all clips are shown, not the first ones alone."""
    plan = EncoderSettings(widths=(8, 12), strides=(1, 1), dropout=0.0, padding=False, causal=True)
    form = StreamingForm(random_classifier(store.layout, LIVE, plan))
    clips = [scenes(1, replace(LIVE, frames=frames))[0] for frames in (10, 25)]
    feeds = list(form.feeds(clips))
    expected = [clip[:, n].numpy() for clip in clips for n in range(0, clip.shape[1], SHOWN)]
    np.testing.assert_array_equal([feed["joints"] for feed in feeds], expected)
    second = feeds[2]
    following = form.graph.module(*map(torch.from_numpy, second.values()))[2:]
    for (name, before), after in zip([*second.items()][1:], following, strict=True):
        np.testing.assert_allclose(before, after.detach(), atol=1e-5, err_msg=name)


class Products(torch.nn.Module):
    """Two products after each other; and one of whose weights a row is much larger than the others,
    though what comes of it is not: it is the difference between two equal joints."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.first = torch.nn.Linear(12, 16)
        self.second = torch.nn.Linear(16, 8)
        self.uneven = torch.nn.Linear(12, 8)
        for one in (self.first, self.second, self.uneven):
            one.weight.data = torch.randn(one.weight.shape, generator=generator)
            one.bias.data = torch.randn(one.bias.shape, generator=generator)
        self.uneven.weight.data[0, :2] = torch.tensor([100.0, -100.0])

    def forward(self, joints: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.second(torch.nn.functional.relu(self.first(joints))), self.uneven(joints)


@pytest.fixture(scope="module", params=[".onnx", ".tflite"])
def products(request: pytest.FixtureRequest) -> tuple[str, Products, bytes]:
    """The suffix of a format, a small network, and its float model."""
    network = Products().eval()
    graph = Graph(network, {"joints": torch.zeros(4, 12)}, ("answer", "uneven"))
    return request.param, network, FORMATS[request.param].convert(graph)


def error(
    products: tuple[str, Products, bytes], content: bytes, joints: np.ndarray, uneven: bool = False
) -> float:
    """How far a model's output is from the network's, as a share of it: of the two products, or of
    the small outputs of the uneven one."""
    suffix, network, _ = products
    with torch.inference_mode():
        both = network(torch.from_numpy(joints))
    expected = both[1].numpy()[:, 1:] if uneven else both[0].numpy()
    found = run_graph(suffix[1:], content, joints)
    got = found["uneven"][:, 1:] if uneven else found["answer"]
    return float(np.sqrt(np.square(got - expected).mean() / np.square(expected).mean()))


def frames(size: float = 1.0, seed: int = 0) -> np.ndarray:
    made = size * np.random.default_rng(seed).normal(size=(4, 12)).astype(np.float32)
    made[:, 1] = made[:, 0]
    return made


def test_one_large_weight_does_not_coarsen_all_others(
    products: tuple[str, Products, bytes],
) -> None:
    """A scale for each output channel; with one for all, the others would be rounded to zero."""
    suffix, _, content = products
    form, joints = FORMATS[suffix], frames()
    for quantizer in (
        form.dynamic(content),
        form.static(content, iter([{"joints": joints}]), ()),
    ):
        assert 1e-4 < error(products, quantizer.quantize(()), joints, uneven=True) < 0.03


def test_ranges_hold_what_a_single_clip_reaches(products: tuple[str, Products, bytes]) -> None:
    """A mean of ranges cuts off what few clips reach, and an action that only they show."""
    suffix, _, content = products
    far = frames(4.0, seed=99)
    feeds = [{"joints": far if n == 10 else frames(seed=n)} for n in range(20)]
    made = FORMATS[suffix].static(content, iter(feeds), ()).quantize(())
    assert error(products, made, far) < 0.05


def test_what_stays_in_float_is_float(products: tuple[str, Products, bytes]) -> None:
    """A part that int8 harms computes in float, with int8 weights but where these harm, too."""
    suffix, _, content = products
    form, joints = FORMATS[suffix], frames()
    weights = form.dynamic(content)
    assert error(products, weights.quantize(weights.parts), joints) < 1e-6
    rounded = error(products, weights.quantize(()), joints)
    assert rounded > 1e-4
    static = form.static(content, iter([{"joints": joints}]), ())
    inside = static.quantize(static.parts)
    assert error(products, inside, joints) == pytest.approx(rounded, rel=0.01)
    bare = form.static(content, iter([{"joints": joints}]), weights.parts)
    assert error(products, bare.quantize(bare.parts), joints) < 1e-6
    assert error(products, bare.quantize(()), joints) > 1e-4


def test_the_products_of_a_network_are_known(products: tuple[str, Products, bytes]) -> None:
    suffix, _, content = products
    made = FORMATS[suffix].static(content, iter([{"joints": frames()}]), ())
    assert len(made.products) == 3
    assert set(made.products) <= set(made.parts)
    assert products_in_int8(suffix[1:], made.quantize(())) == 3
    assert products_in_int8(suffix[1:], made.quantize(made.products)) == 0


def test_making_a_file_prints_nothing(
    products: tuple[str, Products, bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    """stdout has the findings of the check, and nothing else."""
    suffix, _, content = products
    form = FORMATS[suffix]
    form.halve(content)
    form.dynamic(content).quantize(())
    form.static(content, iter([{"joints": frames()}]), ()).quantize(())
    assert capfd.readouterr() == ("", "")


def test_of_long_recordings_few_check_a_file(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A minute of movement each: two thousand would take a day for every file."""
    monkeypatch.setattr(exporter_module, "FEWEST_CLIPS", 2)
    monkeypatch.setattr(exporter_module, "MOST_CLIPS", 5)
    with StoreWriter(
        tmp_path / "long", name="long", layout=store.layout, labels=store.labels, rate=30.0
    ) as writer:
        for number in range(8):
            writer.add(
                f"recording {number}", store.clip(0), label=0, subject=number,
                intervals=[(0, 0, 9)],
            )  # fmt: skip
        writer.protocol("xsub", lambda index: np.where(index["subject"] < 2, 1, 3))
    plan = EncoderSettings(widths=(8,), strides=(1,), dropout=0.0, padding=False, causal=True)
    write_classifier(tmp_path / "run", store, LIVE, plan)
    for checked, most in ((store, 5), (Store(tmp_path / "long"), 2)):
        clips, *_ = Exporter(tmp_path / "run", checked, streaming=True)._held_out
        assert len(clips) == most
