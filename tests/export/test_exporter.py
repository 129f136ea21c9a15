"""What stands in an exported file beside its answers, and what cannot be exported."""

import hashlib
import json
import re
import shutil
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from safetensors.numpy import load_file

from skedge.bench.report import _accuracy
from skedge.datasets.store import PARTS, Store
from skedge.datasets.store.splits import add
from skedge.edge_runtime import Recognizer
from skedge.edge_runtime.scoring.predict import predict_store
from skedge.export.clip_graph import Deployed, macs
from skedge.export.exporter import Exporter
from skedge.export.verify import ExportError
from skedge.recipes.distill_settings import student_plan
from skedge.recipes.recipe import Recipe
from skedge.recipes.settings import InputSettings
from skedge.skeleton import InputError, load_layout
from skedge.teacher.runs.folder import write_metrics, write_run
from skedge.teacher.runs.load import load_classifier
from skedge.teacher.runs.seen import Seen
from tests.export.conftest import DATA, PLAN
from tests.export.exported_files import Exported
from tests.full import no_room_for
from tests.teacher.tiny import INPUT, make_store, scenes, write_classifier


@pytest.fixture(scope="module")
def file(exported: Exported) -> Path:
    return exported.file("onnx", "fp32")


def test_what_the_export_says(file: Path, exported: Exported) -> None:
    found = exported.found("onnx", "fp32")
    assert set(found) == {
        "precision", "clips", "largest_difference", "agreement", "accuracy_lost", "embedding_moved", "note", "bytes",
        "parameters", "macs",
    }  # fmt: skip
    assert 0 <= found["largest_difference"] < 1e-5
    assert not [entry for entry in file.parent.iterdir() if entry.name.startswith(".")], (
        "nothing beside it"
    )


def test_the_metadata(file: Path, run: Path, store: Store) -> None:
    metadata = Recognizer.load(file).metadata
    classifier, card = load_classifier(run)
    assert metadata.labels == store.labels
    assert metadata.layout.to_dict() == store.layout.to_dict()
    assert (metadata.persons, metadata.frames, metadata.seconds) == (2, 12, 0.9)
    assert (metadata.normalization, metadata.streams, metadata.time, metadata.fill) == (
        "per-frame", ("motion",), "stretched", "last-seen",
    )  # fmt: skip
    assert metadata.parameters == sum(p.numel() for p in classifier.parameters())
    assert metadata.macs == macs(Deployed(classifier).eval(), torch.zeros(2, 12, 25, 3))
    assert metadata.accuracy == {"top1": 61.5, "top5": 100.0, "clips": 12, "protocol": "xsub"}
    assert metadata.provenance["store"] == "tiny"
    assert metadata.provenance["seed"] == 7
    assert metadata.provenance["encoder"] == json.loads(json.dumps(asdict(card.encoder)))
    assert metadata.provenance["encoder"]["widths"] == [8, 12]


def test_a_file_says_what_its_accuracy_is_of(store: Store, tmp_path: Path) -> None:
    """A figure of clips for choosing, or of clips that were trained on, looked like one of new
    clips."""
    write_classifier(tmp_path, store, DATA, PLAN)
    measured = {"store": "utd", "part": "val", "seen_in_training": 3}
    write_metrics(tmp_path, {"top1": 50.0, "split": "xsub-val", **measured})
    Exporter(tmp_path, store).write(tmp_path / "model.onnx")
    accuracy = Recognizer.load(tmp_path / "model.onnx").metadata.accuracy
    assert accuracy == {"top1": 50.0, "protocol": "xsub-val", **measured}
    assert _accuracy(accuracy) == "50.0 % (utd xsub-val, val)"


def test_a_conversion_that_has_no_room_names_the_folder_of_what_passes(
    store: Store, tmp_path: Path
) -> None:
    """It was `export: No space left on device`, which /tmp had none of."""
    write_classifier(tmp_path / "run", store, DATA, PLAN)
    exporter = Exporter(tmp_path / "run", store)
    with pytest.raises(OSError, match="File too large") as refused, no_room_for(1000):
        exporter.write(tmp_path / "model.onnx")
    assert refused.value.filename == tempfile.gettempdir()
    assert not (tmp_path / "model.onnx").exists()


def test_a_file_knows_which_clips_trained_it(store: Store, tmp_path: Path) -> None:
    """Asked for another split, `skedge predict` measured clips that had trained the model, and its
    accuracy looked like one of new clips."""
    write_classifier(tmp_path / "run", store, DATA, PLAN)
    network, card = load_classifier(tmp_path / "run")
    card = replace(card, seen=Seen.of(store, store.split("xsub", "train")))
    write_run(tmp_path / "run", network, card, recipe=Recipe("random"), metrics={})
    file = tmp_path / "model.onnx"
    Exporter(tmp_path / "run", store).write(file)

    # The store gets another split, of which every other clip trained.
    shutil.copytree(store.path, tmp_path / "copy")
    add(tmp_path / "copy", lambda store: {"random": np.full(len(store), PARTS["test"])})
    copy = Store(tmp_path / "copy")
    assert predict_store(file, copy, "xsub").notes == ()
    for protocol, part, words in (
        ("random", "test", "18 of the 36 clips trained this model (train of xsub)"),
        ("xsub", "all", "18 of the 36 clips trained this model (train of xsub)"),
        ("xsub", "train", "18 of the 18 clips trained this model (train of xsub)"),
    ):
        assert words in predict_store(file, copy, protocol, part).notes[0]
    # A split of the same name whose clips are others says nothing.
    other = make_store(tmp_path / "other", persons=2, subjects=4)
    assert predict_store(file, other, part="all").notes == ()


def test_the_checksum_can_be_made_again_from_the_run_folder(file: Path, run: Path) -> None:
    """With the weights file alone, no torch: float32, little-endian, in the network's order."""
    weights = load_file(run / "weights.safetensors")
    classifier, _ = load_classifier(run)
    digest = hashlib.sha256()
    for name in classifier.state_dict():
        if weights[name].dtype.kind == "f":
            digest.update(weights[name].astype("<f4").tobytes())
    assert Recognizer.load(file).metadata.weights_sha256 == digest.hexdigest()


def test_the_graph(file: Path) -> None:
    model = onnx.load(file)
    assert [port.name for port in model.graph.input] == ["joints"]
    assert {port.name for port in model.graph.output} == {"probabilities", "embedding"}
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}, "folded"
    assert not any(tensor.external_data for tensor in model.graph.initializer), "one file"
    assert [entry.key for entry in model.metadata_props] == ["skedge"]


@pytest.mark.parametrize(
    ("normalization", "stream"),
    [("first-frame", "joint"), ("first-frame-aligned", "bone"), ("root-relative", "joint")],
)
def test_normalisations_and_streams_in_a_file(
    normalization: Any, stream: Any, store: Store, tmp_path: Path
) -> None:
    data = InputSettings(frames=12, persons=1, normalization=normalization, stream=stream)
    write_classifier(tmp_path / "run", store, data, PLAN)
    found = Exporter(tmp_path / "run", store).write(tmp_path / "model.onnx")
    assert found["largest_difference"] < 1e-5


def test_another_layout_in_a_file(tmp_path: Path) -> None:
    store = make_store(tmp_path / "coco", "coco17", subjects=2)
    write_classifier(tmp_path / "run", store, plan=PLAN)
    assert (
        Exporter(tmp_path / "run", store).write(tmp_path / "model.onnx")["largest_difference"]
        < 1e-5
    )
    assert Recognizer.load(tmp_path / "model.onnx").metadata.layout.name == "coco17"


def test_an_aligned_teacher_of_three_streams_in_a_file(store: Store, tmp_path: Path) -> None:
    weights = {"joint": 0.6, "bone": 0.6, "motion": 0.4}
    for name in weights:
        data = InputSettings(frames=12, stream=name)
        write_classifier(tmp_path / "run" / name, store, data, replace(PLAN, fusion="alignment"))
    (tmp_path / "run" / "streams.json").write_text(json.dumps(weights))
    found = Exporter(tmp_path / "run", store).write(tmp_path / "model.onnx")
    assert found["largest_difference"] < 1e-5
    recognizer = Recognizer.load(tmp_path / "model.onnx")
    assert recognizer.metadata.streams == ("joint", "bone", "motion")
    assert recognizer.predict(scenes(1, INPUT)[0, 0].numpy(), 30.0).shape == (3,)


@pytest.mark.parametrize("name", ["model", "model.pt", "model.onnx.bak"])
def test_another_suffix_is_refused(name: str, exporter: Exporter, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends in \.onnx or \.tflite"):
        exporter.write(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_or_a_name_without_a_suffix_is_told_what_to_type(
    exporter: Exporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`skedge export runs/student models` without --all said: got 'no suffix'."""
    monkeypatch.chdir(tmp_path)
    Path("my models").mkdir()
    for name, said in (
        ("my models", "got a folder; name it 'my models/model.onnx', or add --all"),
        ("model.pb", "got .pb; name it model.onnx, or add --all"),
        ("models", "got none; name it models.onnx, or add --all"),
    ):
        with pytest.raises(InputError, match=re.escape(said)):
            exporter.write(Path(name))


def test_a_place_that_cannot_be_written_is_said_before_anything_is_converted(
    exporter: Exporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An int8 file takes minutes to make."""
    monkeypatch.setattr(exporter, "_model", lambda *_: pytest.fail("it was converted"))
    (tmp_path / "taken").touch()
    (tmp_path / "folder.onnx").mkdir()
    for place in ("taken/model.onnx", "folder.onnx"):
        with pytest.raises(InputError, match=place.partition("/")[0]):
            exporter.write(tmp_path / place, "int8")


def test_a_network_without_numbers_is_named_before_anything_is_converted(
    run: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was "a difference of nan", of each file that was made of it."""
    classifier, card = load_classifier(run)
    with torch.no_grad():
        next(classifier.parameters()).fill_(torch.nan)
    write_run(tmp_path / "run", classifier, card, recipe=Recipe(), metrics={})
    monkeypatch.setattr(Exporter, "_model", lambda *_: pytest.fail("it was converted"))
    with pytest.raises(ExportError, match=r"network that answers with numbers.* train it again"):
        Exporter(tmp_path / "run", store).write(tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_what_cannot_be_exported_says_so(run: Path, store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a run folder"):
        Exporter(tmp_path / "nothing", store)
    other = load_layout("ntu25").to_dict()
    text = json.dumps(other | {"name": "robot"}).replace("left_wrist", "left_claw")
    (tmp_path / "robot.json").write_text(text)
    robots = make_store(tmp_path / "robots", str(tmp_path / "robot.json"), subjects=2)
    with pytest.raises(InputError, match=r"retarget robot to ntu25.*left_wrist.*same layout"):
        Exporter(run, robots)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (("wave", "jump", "kick"), "holds 3 others: class 2 was 'clap', and is 'jump'"),
        (("clap", "wave", "kick"), "class 1 was 'wave', and is 'clap'"),
        (("wave", "clap", "kick", "bow"), "holds 4 others: class 4 was missing, and is 'bow'"),
        (("wave", "clap"), "holds 2 others: class 3 was 'kick', and is missing"),
    ],
)
def test_a_store_of_other_actions_is_refused(
    labels: tuple[str, ...], words: str, run: Path, tmp_path: Path
) -> None:
    """Its classes were taken for the network's by their numbers: the accuracy that a quantised file
    lost, and whether it was refused, said nothing."""
    with pytest.raises(InputError, match=f"{words}.*use the store that it was trained on"):
        Exporter(run, make_store(tmp_path / "store", labels=labels, subjects=2))


def test_a_store_whose_joints_can_be_placed_will_do(run: Path, tmp_path: Path) -> None:
    """Its clips are compared on the network's joints."""
    kinect = make_store(tmp_path / "kinect", "kinect20", subjects=4)
    found = Exporter(run, kinect).write(tmp_path / "student.onnx")
    assert found["largest_difference"] < 1e-4


def test_the_student_on_real_people(utd_first: Store, tmp_path: Path) -> None:
    """The student's own plan, with weights nobody trained, on held-out clips of UTD-MHAD."""
    store = utd_first
    data = InputSettings(protocol=store.protocols[0], normalization="per-frame")
    write_classifier(tmp_path / "run", store, data, student_plan())
    exporter = Exporter(tmp_path / "run", store)
    found = exporter.write(tmp_path / "student.onnx")
    assert found["clips"] == len(store.split(store.protocols[0], "test")) == 27 * 4
    assert found["largest_difference"] < 1e-5
    assert "note" not in found
    assert found["bytes"] <= 800_000
    assert exporter.write(tmp_path / "half.onnx", "fp16")["bytes"] <= 420_000
