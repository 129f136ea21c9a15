import json
import os
import pickle
import shutil
import struct
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from skedge.datasets.store import Store
from skedge.recipes.recipe import Recipe
from skedge.skeleton import InputError, load_layout
from skedge.teacher.runs.asked import ASKED, STREAMS, hash_of_weights
from skedge.teacher.runs.folder import (
    METRICS,
    RECIPE,
    WEIGHTS,
    Card,
    median_seconds,
    read_metrics,
    read_run,
    write_run,
)
from skedge.teacher.runs.load import load_classifier, load_encoder, read_card
from tests.full import no_room_for
from tests.teacher.tiny import INPUT, PLAN, equal, random_classifier, state, write_classifier


@pytest.fixture
def run(store: Store, tmp_path: Path) -> Path:
    folder = tmp_path / "a run"
    write_classifier(folder, store)
    return folder


def test_round_trip(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "down"
    written = write_classifier(folder, store)
    assert sorted(path.name for path in folder.iterdir()) == sorted([RECIPE, WEIGHTS, METRICS])
    classifier, card = load_classifier(folder)
    assert equal(state(classifier), state(written))
    assert not classifier.training
    assert not any(parameter.requires_grad for parameter in classifier.parameters())
    assert card.kind == "classifier"
    assert card.labels == ("wave", "clap", "kick")
    assert card.layout.to_dict() == store.layout.to_dict()
    assert card.input == INPUT
    assert (
        replace(
            card.encoder, widths=tuple(card.encoder.widths), strides=tuple(card.encoder.strides)
        )
        == PLAN
    )
    assert card.seconds == 0.9
    assert card.provenance == {"store": "tiny", "seed": 7}
    assert read_metrics(folder) == {
        "top1": 61.5,
        "top5": 100.0,
        "clips": 12,
        "per_class": [1, 2, 3],
    }
    joints = torch.randn(2, 1, 12, 25, 3)
    torch.testing.assert_close(classifier(joints)[0], written(joints)[0], atol=0, rtol=0)


def test_one_network_takes_the_place_of_three_streams(store: Store, tmp_path: Path) -> None:
    """Their fusion would have been opened, not what was trained last."""
    before = {part: write_classifier(tmp_path / part, store) for part in ("joint", "bone")}
    (tmp_path / STREAMS).write_text(json.dumps(dict.fromkeys(before, 1.0)))
    assert load_classifier(tmp_path)[1].input.stream == "three"
    written = write_classifier(tmp_path, store)
    classifier, card = load_classifier(tmp_path)
    assert card.input.stream == INPUT.stream
    assert equal(state(classifier), state(written))


def test_a_network_of_streams_is_known_by_each_and_by_what_they_count(
    store: Store, tmp_path: Path
) -> None:
    """What started from it would have been kept when one of its streams was trained again."""
    run = tmp_path / "run"
    for part in ("joint", "bone"):
        write_classifier(run / part, store)
    (run / STREAMS).write_text('{"joint": 1.0, "bone": 1.0}')
    shutil.copytree(run, tmp_path / "copy")
    first = hash_of_weights(run)
    assert hash_of_weights(tmp_path / "copy") == first
    (run / STREAMS).write_text('{"joint": 1.0, "bone": 0.5}')
    counted = hash_of_weights(run)
    card, weights = read_run(run / "bone")
    document = json.dumps(asdict(card) | {"layout": card.layout.to_dict()})
    changed = weights | {"head.bias": weights["head.bias"] + 1}
    save_file(changed, run / "bone" / WEIGHTS, {"skedge": document})
    assert len({first, counted, hash_of_weights(run), hash_of_weights(run / "bone")}) == 4


def test_a_layout_of_ones_own_travels_with_the_weights(tmp_path: Path) -> None:
    layout = load_layout("msr20")
    card = Card("classifier", layout, ("a", "b", "c"), INPUT, PLAN, 1.0, {})
    write_run(tmp_path, random_classifier(layout), card, recipe=Recipe(), metrics={})
    assert load_classifier(tmp_path)[1].layout.to_dict() == layout.to_dict()


def test_weights_that_have_no_room_are_named(tmp_path: Path) -> None:
    """It was a traceback: safetensors has errors of its own."""
    layout = load_layout("ntu25")
    card = Card("classifier", layout, ("a", "b", "c"), INPUT, PLAN, 1.0, {})
    network = random_classifier(layout)
    write_run(tmp_path / "whole", network, card, recipe=Recipe(), metrics={})
    size = (tmp_path / "whole" / WEIGHTS).stat().st_size
    with pytest.raises(OSError, match="File too large") as refused, no_room_for(size):
        write_run(tmp_path / "run", network, card, recipe=Recipe(), metrics={})
    assert refused.value.filename == str(tmp_path / "run" / WEIGHTS)


def test_a_damaged_weights_file_is_refused(run: Path) -> None:
    whole = (run / WEIGHTS).read_bytes()
    header = struct.unpack("<Q", whole[:8])[0]
    broken = [whole[:size] for size in (0, 4, 8, 100, 8 + header, len(whole) // 2, len(whole) - 1)]
    broken += [
        b"\x80" * 500,
        struct.pack("<Q", 2**60) + whole[8:],
        whole[:8] + b"{" * header,
        b"not weights at all",
    ]
    for content in broken:
        (run / WEIGHTS).write_bytes(content)
        with pytest.raises(InputError, match=r"a run/weights.safetensors.*damaged") as caught:
            load_classifier(run)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(13, "Permission denied", "weights"),
        OSError("Permission denied (os error 13)"),
    ],
)
def test_weights_that_may_not_be_read_are_not_called_damaged(
    run: Path, error: OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were called damaged, to be trained again, with the system's number for the reason."""

    def refused(*_: Any) -> None:
        raise error

    monkeypatch.setattr("skedge.teacher.runs.folder.safe_open", refused)
    with pytest.raises(InputError) as caught:
        load_classifier(run)
    assert str(caught.value) == (
        f"{run / WEIGHTS}: expected a file that can be read, got: Permission denied"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"layout": 3},
        {"layout": {}},
        {"input": {"frame": 1}},
        {"encoder": None},
        {"labels": 5},
        {"colour": "red"},
        {"kind": None},
        {"seen": {"labelled": 3}},
        {"seen": {"labelled": "AAAA"}},
        {"seen": {"unlabelled": None}},
        {"seen": {"known": "no"}},
        {"input": {"frames": None}},
        {"input": {"frames": -1}},
        {"input": {"stream": ["joint"]}},
        {"input": {"fusion": {"joint": float("nan")}}},
        {"encoder": []},
        {"encoder": {"widths": 3}},
        {"encoder": {"widths": [16, "8"]}},
        {"encoder": {"backbone": ["tcn"]}},
        {"encoder": {"dropout": 2}},
        {"encoder": {"causal": 1}},
        {"encoder": {"joints": [1]}},
        {"encoder": {"transformer": {"width": None}}},
    ],
)
def test_a_damaged_card_is_refused(run: Path, change: dict[str, Any]) -> None:
    card, weights = read_run(run)
    document = asdict(card) | {"layout": card.layout.to_dict()} | change
    save_file(weights, run / WEIGHTS, {"skedge": json.dumps(document)})
    with pytest.raises(InputError, match=r"weights|classifier") as refused:
        load_classifier(run)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_a_card_of_clips_that_have_no_length_is_refused(run: Path, seconds: float) -> None:
    """An export of it ended in `metadata is damaged; export it again`, after the conversion."""
    card, weights = read_run(run)
    document = asdict(card) | {"layout": card.layout.to_dict(), "seconds": seconds}
    save_file(weights, run / WEIGHTS, {"skedge": json.dumps(document)})
    with pytest.raises(InputError, match=rf"seconds: expected above 0, got {seconds}\); train"):
        load_classifier(run)


@pytest.mark.parametrize("weight", ["NaN", "Infinity", "-1", "0", "1e999", '"much"', "null", "[1]"])
def test_streams_that_count_nothing_are_refused(run: Path, tmp_path: Path, weight: str) -> None:
    """NaN made every answer one of the first class, and a negative weight turned answers round."""
    for part in ("joint", "bone"):
        shutil.copytree(run, tmp_path / part)
    (tmp_path / STREAMS).write_text(f'{{"joint": 1, "bone": {weight}}}')
    for read in (load_classifier, partial(read_card, stream="three")):
        with pytest.raises(InputError, match=r"streams.json: expected the streams and their weigh"):
            read(tmp_path)
    (tmp_path / STREAMS).write_text('{"joint": 1, "bone": 0.5}')
    load_classifier(tmp_path)


@pytest.mark.parametrize(
    "header", [None, {}, {"skedge": "{"}, {"skedge": "[]"}, {"skedge": "null"}, {"skedge": "{}"}]
)
def test_weights_that_skedge_did_not_write_are_refused(
    run: Path, header: dict[str, str] | None
) -> None:
    save_file({"weight": torch.zeros(3)}, run / WEIGHTS, header)
    with pytest.raises(InputError, match="damaged"):
        read_run(run)


def test_weights_of_another_network_are_refused(run: Path) -> None:
    card, weights = read_run(run)
    document = json.dumps(asdict(card) | {"layout": card.layout.to_dict()})
    smaller = {name: tensor for name, tensor in weights.items() if name != "head.bias"}
    other = weights | {"head.weight": torch.zeros(4, 8)}
    for wrong in (smaller, other):
        save_file(wrong, run / WEIGHTS, {"skedge": document})
        with pytest.raises(InputError, match="do not fit") as caught:
            load_classifier(run)
        assert "\n" not in str(caught.value)


def test_a_folder_without_a_run_says_so(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        for load in (load_classifier, load_encoder):
            with pytest.raises(InputError, match="expected a run folder"):
                load(path)
    assert read_metrics(tmp_path) is None


def test_an_interrupted_run_is_to_be_finished(run: Path, tmp_path: Path) -> None:
    """After Ctrl-C `--pretrained` and `--teacher` said to train first, or named a finished stream
    of it."""
    shutil.copytree(run, tmp_path / "run" / "joint")
    (tmp_path / "run" / "asked.json").write_text("{}")
    (tmp_path / "run" / "bone").mkdir()
    (tmp_path / "run" / "bone" / "last.ckpt").touch()
    with pytest.raises(InputError, match=r"an interrupted one, which .* --resume finishes"):
        load_classifier(tmp_path / "run")


def test_the_network_before_an_unfinished_training_is_not_taken_for_it(run: Path) -> None:
    """`--again`, then Ctrl-C or a power cut, then `skedge export`: it was the earlier network's
    file without a word. Of a run that somebody passes on, the weights are enough."""
    (run / ASKED).write_text("{}")
    load_classifier(run)
    (run / METRICS).unlink()
    with pytest.raises(InputError, match=r"a run: expected a finished run, .* with --resume"):
        load_classifier(run)
    (run / ASKED).unlink()
    load_classifier(run)


def test_a_folder_of_seeds_names_one_of_them(run: Path, tmp_path: Path) -> None:
    """`--teacher` with the folder that `--seeds 0 1` had written said to train first."""
    for seed in range(5):
        shutil.copytree(run, tmp_path / "seeds" / f"seed-{seed}")
    with pytest.raises(InputError, match=r"one of the runs in it: .*seeds/seed-0, .* and 2 more"):
        load_classifier(tmp_path / "seeds")
    for seed in (1, 3):
        shutil.rmtree(tmp_path / "seeds" / f"seed-{seed}")
    with pytest.raises(InputError, match=r"seeds/seed-0, \S*seed-2, \S*seed-4$"):
        load_classifier(tmp_path / "seeds")


def test_an_encoder_is_no_classifier(run: Path, encoder_run: Path) -> None:
    with pytest.raises(InputError, match=r"expected a classifier.*evaluate linear"):
        load_classifier(encoder_run)
    with pytest.raises(InputError, match="expected a pretrained encoder, got a classifier"):
        load_encoder(run)


class Evil:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


def test_no_pickle_is_run(run: Path, tmp_path: Path) -> None:
    target = tmp_path / "it ran"
    (run / WEIGHTS).write_bytes(pickle.dumps(Evil(target)))
    with pytest.raises(InputError, match="damaged"):
        load_classifier(run)
    torch.save({"state_dict": Evil(target)}, run / WEIGHTS)
    with pytest.raises(InputError, match="damaged"):
        load_classifier(run)
    assert not target.exists()


def test_metrics_are_written_last(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append(Path(b).name), replace(a, b)))
    write_classifier(tmp_path, store)
    assert order == [RECIPE, WEIGHTS, METRICS]


def test_half_written_metrics_are_none(tmp_path: Path) -> None:
    (tmp_path / METRICS).write_text('{"top1": ')
    assert read_metrics(tmp_path) is None


def test_median_seconds() -> None:
    assert median_seconds([30, 60, 90], 30.0) == 2.0
    assert median_seconds([30, 60, 90], 15.0) == 4.0
    assert median_seconds([45], None) == 1.5
