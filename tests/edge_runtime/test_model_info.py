"""What a model's file says about itself, for whoever has to trust it or look after many."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from skedge.cli import main
from skedge.edge_runtime import Recognizer
from skedge.edge_runtime.model_info import model_info
from skedge.edge_runtime.models import find
from skedge.edge_runtime.taught import Taught, beside
from skedge.skeleton import InputError
from tests.edge_runtime.edge_models import metadata, write_model


def test_the_shipped_model_says_what_it_knows(capsys: pytest.CaptureFixture[str]) -> None:
    main(["model", "info", "default"])
    found = json.loads(capsys.readouterr().out)
    loaded = Recognizer.load("default").metadata
    assert found["actions"]["wave"] == {"threshold": 0.95, "answers": 3, "lasting": 1.8}
    assert found["actions"]["throw"] == {"threshold": 0.995, "answers": 7}
    assert [*found["actions"], *found["never_events"]] == list(loaded.labels)
    assert found["from_the_hips_up"] == list(loaded.upper_body)
    assert (found["rate"], found["first_answer"], found["streaming"]) == (15, 0.333, True)
    assert found["accuracy"] == loaded.accuracy
    assert found["made"]["note"] == loaded.provenance["note"]
    assert found["bytes"] == find("default").stat().st_size
    assert loaded.file_sha256 is not None
    assert loaded.file_sha256.startswith(found["checksum"])
    assert len(found["checksum"]) == 12
    assert found["taught"] is None


def test_copies_have_one_checksum_and_other_thresholds_another(tmp_path: Path) -> None:
    """The weights of both are the same: it is not they that it is of."""
    one = write_model(tmp_path / "a.onnx", metadata())
    other = write_model(tmp_path / "b.onnx", metadata(thresholds={"wave": 0.9}))
    copy = tmp_path / "c.onnx"
    copy.write_bytes(one.read_bytes())
    first, second, third = (model_info(path)["checksum"] for path in (one, copy, other))
    assert first == second != third


def test_what_was_taught_is_there_with_its_threshold_and_file(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", metadata())
    size = 20 * 25 * 3
    taught = Taught(
        ("knock",),
        clips=(5,),
        model="0" * 64,
        mean=np.zeros(size),
        scale=np.ones(size),
        weights=np.zeros((size, 2)),
        bias=np.zeros(2),
        thresholds={"knock": 0.97},
    )
    taught.save(beside(path))
    found = model_info(path)
    assert found["actions"]["knock"] == {"threshold": 0.97, "answers": 3}
    assert found["taught"] == {"file": str(tmp_path / "m.taught.json"), "clips": {"knock": 5}}
    replace(taught, model="1" * 64).save(beside(path))
    found = model_info(path)
    assert found["taught"] is None
    (note,) = found["notes"]
    assert "no longer fits" in note


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"hello")
    with pytest.raises(InputError, match=r"m\.onnx: "):
        model_info(tmp_path / "m.onnx")
