"""Stores with clips added or classes left out: the old one stays whole whatever happens."""

import time
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skedge.datasets.store import Store, StoreWriter, rewrite
from skedge.datasets.store.check import check
from skedge.datasets.store.lock import only_one
from skedge.datasets.store.rewrite import Clip, append, merge, remove, without
from skedge.datasets.store.splits import add_folds
from skedge.skeleton import InputError, files, load_layout
from skedge.skeleton.resample import at_rate
from skedge.skeleton.retarget import retarget

LAYOUT = load_layout("kinect20")


def joints(seed: int, frames: int = 12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(1, frames, 20, 3)).astype(np.float32)
    made[0, 3, 5] = np.nan
    return made


def same(store: Store, number: int, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(store.clip(number), expected)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "mine"
    with StoreWriter(
        path,
        name="mine",
        layout=LAYOUT,
        labels=["walk", "run", "walk-2"],
        rate=30.0,
    ) as one:
        one.made_by = {"by": "hand"}
        for number in range(6):
            spans = [(number % 3, 2, 5)] if number else []
            one.add(
                f"clip {number}",
                joints(number),
                label=number % 3,
                subject=number,
                camera=1,
                setup=2,
                intervals=spans,
            )
        one.protocol("xsub", lambda index: np.array([1, 1, 1, 3, 3, 2], np.int8))
        one.attach("import-report.json", lambda: {"damaged": ["x"]})
    return path


def test_a_take_that_went_wrong_is_removed(store: Path) -> None:
    """After `skedge record` it stayed for ever: nothing removed a single clip."""
    names = ["clip 0", "clip 3"]
    after = remove(store, names)
    assert after.index["name"].tolist() == ["clip 1", "clip 2", "clip 4", "clip 5"]
    assert after.labels == ("run", "walk-2"), "nobody walks any more"
    assert [after.labels[one] for one in after.index["label"]] == ["run", "walk-2"] * 2
    assert after.intervals["clip"].tolist() == [0, 1, 2, 3]
    assert after.codes("xsub").tolist() == [1, 1, 3, 2]
    assert after.made_by == {"by": "hand", "removed": names}
    for new, old in enumerate((1, 2, 4, 5)):
        same(after, new, joints(old))
    assert check(after) == []
    assert remove(store, ["clip 1"]).made_by["removed"] == [*names, "clip 1"]


def test_a_recording_goes_with_the_actions_of_it_alone(tmp_path: Path) -> None:
    """What is done in the recordings that stay, whose own class is another, is still known."""
    with StoreWriter(
        tmp_path / "store", name="x", layout=LAYOUT, labels=["day", "jump", "wave"], rate=30.0
    ) as writer:
        for name, action in (("morning", 1), ("evening", 2)):
            writer.add(name, joints(action), label=0, intervals=[(action, 2, 5)])
    after = remove(tmp_path / "store", ["morning"])
    assert after.labels == ("day", "wave")
    assert after.intervals[["label", "start", "end"]].tolist() == [(1, 2, 5)]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["clip 7"], "no clip is called 'clip 7'"),
        ([f"clip {number}" for number in range(6)], "expected some clips to be left, got none"),
    ],
)
def test_what_cannot_be_removed_leaves_the_store(names: list[str], words: str, store: Path) -> None:
    with pytest.raises(InputError, match=words):
        remove(store, names)
    with only_one(store), pytest.raises(InputError, match="another one is at work"):
        remove(store, ["clip 0"])
    assert len(Store(store)) == 6


def test_clips_are_added_behind_what_was_there(store: Path) -> None:
    before = Store(store)
    index, codes, document = before.index.copy(), before.codes("xsub").copy(), before.made_by
    added = [Clip("wave", joints(10, 7), 3), Clip("run", joints(11)), Clip("wave", joints(12))]
    after = append(store, added, LAYOUT, 30.0)
    assert len(after) == 9
    assert after.labels == ("walk", "run", "walk-2", "wave")
    assert list(after.index["name"]) == [*index["name"], "wave-1", "run-1", "wave-2"]
    for number in range(6):
        same(after, number, joints(number))
    for name in ("label", "subject", "camera", "setup", "crc32"):
        np.testing.assert_array_equal(after.index[name][:6], index[name])
    for number, clip in enumerate(added):
        same(after, 6 + number, clip.joints)
    assert [after.labels[label] for label in after.index["label"][6:]] == ["wave", "run", "wave"]
    assert list(after.index["subject"][6:]) == [3, -1, -1]
    # No split changes unasked.
    np.testing.assert_array_equal(after.codes("xsub"), [*codes, 0, 0, 0])
    assert after.made_by == document
    assert len(after.intervals) == 5
    assert (store / "import-report.json").is_file()
    assert [path.name for path in store.parent.iterdir()] == ["mine"]


def test_names_stay_unique(store: Path) -> None:
    for _ in range(2):
        after = append(store, [Clip("walk", joints(1)), Clip("walk-2", joints(2))], LAYOUT, 30.0)
    assert len(set(after.index["name"])) == len(after) == 10


def test_a_store_is_made_where_there_is_none(tmp_path: Path) -> None:
    made = append(tmp_path / "new" / "mine", [Clip("wave", joints(1), 1)], LAYOUT, 30.0)
    assert (made.name, made.labels, made.rate, made.layout.name) == (
        "mine",
        ("wave",),
        30.0,
        "kinect20",
    )
    add_folds(made.path, "folds", 2) if len(
        append(made.path, [Clip("wave", joints(2))], LAYOUT, 30.0)
    ) > 1 else None
    assert Store(made.path).protocols == ["folds-1", "folds-2"]


@pytest.mark.parametrize(
    ("layout", "rate", "words"),
    [
        ("ntu25", 30.0, "kinect20"),
        ("kinect20", 25.0, "25 frames a second"),
        ("kinect20", 15.0, "got one of 30"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_changes(
    store: Path, layout: str, rate: float, words: str
) -> None:
    before = Store(store).fingerprint
    with pytest.raises(InputError, match=words):
        append(store, [Clip("wave", joints(1))], load_layout(layout), rate)
    assert Store(store).fingerprint == before


@pytest.mark.parametrize(
    "bad", [np.zeros((1, 5, 19, 3)), np.zeros((5, 20, 3)), np.zeros((1, 0, 20, 3))]
)
def test_a_clip_that_cannot_be_stored_leaves_all_as_it_was(store: Path, bad: np.ndarray) -> None:
    before = Store(store).fingerprint
    with pytest.raises(InputError):
        append(store, [Clip("wave", joints(1)), Clip("wave", bad)], LAYOUT, 30.0)
    assert Store(store).fingerprint == before
    assert [path.name for path in store.parent.iterdir()] == ["mine"]


def test_two_writers_do_not_meet(store: Path) -> None:
    with only_one(store), pytest.raises(InputError, match="another one is at work"):
        append(store, [Clip("wave", joints(1))], LAYOUT, 30.0)


def test_clips_wait_for_another_writer(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = ExitStack()
    other.enter_context(only_one(store))
    waiting = SimpleNamespace(monotonic=time.monotonic, sleep=lambda seconds: other.close())
    monkeypatch.setattr(files, "time", waiting)
    assert len(append(store, [Clip("wave", joints(1))], LAYOUT, 30.0, patience=60.0)) == 7


def test_what_comes_back_has_no_clips_of_the_next_writer(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`skedge record` names the last ones as its own."""

    def opened(path: Path) -> Store:
        with pytest.raises(InputError, match="another one is at work"), only_one(path):
            pass
        return Store(path)

    monkeypatch.setattr(rewrite, "Store", opened)
    found = append(store, [Clip("wave", joints(1))], LAYOUT, 30.0)
    assert list(found.index["name"])[-1].startswith("wave-")


def test_classes_are_left_out(store: Path, tmp_path: Path) -> None:
    after = without(Store(store), tmp_path / "less", ["run"])
    assert after.labels == ("walk", "walk-2")
    assert list(after.index["name"]) == ["clip 0", "clip 2", "clip 3", "clip 5"]
    assert list(after.index["label"]) == [0, 1, 0, 1]
    np.testing.assert_array_equal(after.codes("xsub"), [1, 1, 3, 2])
    for number, old in enumerate((0, 2, 3, 5)):
        same(after, number, joints(old))
    assert [(int(one["clip"]), int(one["label"])) for one in after.intervals] == [
        (1, 1),
        (2, 0),
        (3, 1),
    ]
    assert after.made_by == {"by": "hand", "without": ["run"]}


def test_unknown_classes_and_all_of_them_cannot_be_left_out(store: Path, tmp_path: Path) -> None:
    for labels, words in (
        (["fly"], "unknown class 'fly'"),
        (["walk", "run", "walk-2"], "some classes"),
    ):
        with pytest.raises(InputError, match=words):
            without(Store(store), tmp_path / "less", labels)
    assert not (tmp_path / "less").exists()


def clips(
    path: Path,
    layout: str,
    labels: list[str],
    rate: float | None,
    protocol: str | None = None,
    seed: int = 0,
    format: str | None = None,
) -> Store:
    form = load_layout(layout)
    with StoreWriter(path, name=path.name, layout=form, labels=labels, rate=rate) as writer:
        writer.made_by = {"format": format} if format else {}
        for number in range(4):
            rng = np.random.default_rng(seed + number)
            made = rng.normal(0, 0.4, (1, 12, len(form), 3)).astype(np.float32)
            writer.add(f"clip {number}", made, label=number % len(labels), subject=number % 2)
        if protocol:
            writer.protocol(protocol, lambda index: np.array([1, 1, 2, 3], np.int8))
    return Store(path)


def test_several_stores_become_one(tmp_path: Path) -> None:
    first = clips(tmp_path / "one", "ntu25", ["walk", "run"], 30.0, "xsub")
    other = clips(tmp_path / "two", "kinect20", ["run", "wave"], 15.0)
    namesake = clips(tmp_path / "more" / "one", "ntu25", ["walk", "run"], 30.0, "xsub", seed=4)
    merged = merge([first, other, namesake], tmp_path / "all")
    assert merged.labels == ("walk", "run", "wave")
    assert (merged.name, merged.layout.name, merged.rate, len(merged)) == ("all", "ntu25", 30.0, 12)
    assert [merged.labels[label] for label in merged.index["label"]] == ["walk", "run"] * 2 + [
        "run",
        "wave",
    ] * 2 + [
        "walk",
        "run",
    ] * 2
    assert list(merged.index["name"][[0, 4, 8]]) == ["one-1/clip 0", "two/clip 0", "one-3/clip 0"]
    assert list(merged.index["subject"]) == [0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5]
    np.testing.assert_array_equal(merged.codes("xsub"), [1, 1, 2, 3, 1, 1, 1, 1, 1, 1, 2, 3])
    same(merged, 1, first.clip(1))
    same(merged, 6, at_rate(retarget(other.clip(2), other.layout, first.layout), 15.0, 30.0))


def test_what_cannot_be_merged(store: Path, tmp_path: Path) -> None:
    one, timeless = (
        clips(tmp_path / "one", "ntu25", ["walk"], 30.0),
        clips(tmp_path / "timeless", "ntu25", ["walk"], None),
    )
    two = clips(tmp_path / "two", "ntu25", ["walk"], 30.0, seed=4)
    for stores, words in (
        ([one], "at least two"),
        ([one, one], f"the same clips as {one.path}"),
        ([one, two, Store(one.path)], f"the same clips as {one.path}"),
        ([one, timeless], "frames a second"),
        ([one, Store(store)], "intervals"),
    ):
        with pytest.raises(InputError, match=words):
            merge(stores, tmp_path / "all")
    assert not (tmp_path / "all").exists()


def test_classes_that_are_numbers_are_one_class_in_equal_lists_alone(tmp_path: Path) -> None:
    """Class 1 of one set and class 1 of another are different actions."""
    made = [
        clips(tmp_path / str(seed), "kinect20", [str(n) for n in range(count)], 30.0, seed=seed)
        for seed, count in ((0, 2), (4, 2), (8, 3))
    ]
    assert merge(made[:2], tmp_path / "equal").labels == ("0", "1")
    with pytest.raises(InputError, match="expected classes with names, got numbers"):
        merge(made, tmp_path / "other")


def test_a_clip_of_two_stores_is_refused(tmp_path: Path) -> None:
    """An export and a later one that contains it: each person trained and was tested."""
    old = clips(tmp_path / "old", "kinect20", ["walk"], 30.0)
    new = clips(tmp_path / "new", "kinect20", ["walk"], 30.0, seed=3)  # its first is old's last
    with pytest.raises(InputError, match=r"got 1 that is the same clip as .*, such as clip 0"):
        merge([old, new], tmp_path / "all")
    assert not (tmp_path / "all").exists()


def test_a_merge_still_says_what_its_clips_were_imported_from(tmp_path: Path) -> None:
    """A model trained on films and something else forgot that it had seen two who touch."""
    two = [
        clips(tmp_path / "a", "kinect20", ["walk"], 30.0, format="films"),
        clips(tmp_path / "b", "kinect20", ["walk"], 30.0, seed=4, format="utd-mhad"),
    ]
    merged = merge(two, tmp_path / "two")
    assert merged.made_by == {"format": "films, utd-mhad", "of": ["a", "b"]}
    more = [
        clips(tmp_path / "c", "kinect20", ["walk"], 30.0, seed=8, format="films"),
        clips(tmp_path / "d", "kinect20", ["walk"], 30.0, seed=12),
    ]
    assert merge([merged, *more], tmp_path / "all").made_by["format"] == "films, utd-mhad"


def test_parts_of_one_import_keep_the_splits_that_one_of_them_got(tmp_path: Path) -> None:
    """A split of the first part that another lacked ended it; one of the others was lost."""
    for number, protocol in enumerate(("mine", "yours", "yours")):
        with StoreWriter(
            tmp_path / str(number), name="films", layout=LAYOUT, labels=["walk"], rate=30.0
        ) as writer:
            writer.made_by = {"format": "films", "shard": f"{number + 1}/3"}
            for clip in range(2):
                writer.add(f"walk/{3 * clip + number}", joints(clip), label=0, subject=0)
            writer.protocol(protocol, lambda index: np.array([1, 3], np.int8))
    with open(tmp_path / "1" / "joints.npy", "r+b") as file:
        file.seek(-40, 2)
        file.write(b"\xff" * 8)
    merged = merge([Store(tmp_path / str(number)) for number in range(3)], tmp_path / "whole")
    assert check(merged) == ["walk/4"], "what is damaged in a part is damaged in the whole"
    assert list(merged.index["name"]) == [f"walk/{clip}" for clip in range(6)]
    assert merged.codes("mine").tolist() == [1, 1, 1, 3, 1, 1]
    assert merged.codes("yours").tolist() == [1, 1, 1, 1, 3, 3]


def test_a_document_of_ones_own_stays_as_it_is_written(store: Path) -> None:
    """It was written anew, or refused where it has comments, as an editor's settings have."""
    own = b'{"clips": 6}  // mine'
    (store / "settings.json").write_bytes(own)
    remove(store, ["clip 0"])
    assert len(Store(store)) == 5
    assert (store / "settings.json").read_bytes() == own
    assert (store / "import-report.json").is_file()


@pytest.mark.parametrize("content", [b"", b'{"damaged": ["', b"\xff", b"[" * 200_000])
def test_a_damaged_document_beside_the_clips_is_one_line(content: bytes, store: Path) -> None:
    (store / "import-report.json").write_bytes(content)
    with pytest.raises(InputError, match=r"import-report\.json: expected JSON, .* remove it, or"):
        remove(store, ["clip 0"])
    assert len(Store(store)) == 6, "the store is as it was"


def test_a_damaged_clip_does_not_look_whole_in_a_copy(tmp_path: Path) -> None:
    """Its bytes got a new checksum, which was right for them: nobody could tell any more."""
    clips(tmp_path / "a", "kinect20", ["walk", "run"], 30.0)
    clips(tmp_path / "b", "kinect20", ["walk", "run"], 30.0, seed=4)
    with open(tmp_path / "a" / "joints.npy", "r+b") as file:
        file.seek(-40, 2)
        file.write(b"\xff" * 8)
    damaged = check(Store(tmp_path / "a"))
    assert len(damaged) == 1
    merged = merge([Store(tmp_path / "a"), Store(tmp_path / "b")], tmp_path / "merged")
    assert check(merged) == [f"a/{damaged[0]}"]
    left = without(Store(tmp_path / "a"), tmp_path / "left", ["walk"])
    assert check(left) == damaged
    one = Store(tmp_path / "a")
    assert one.rate is not None
    assert check(append(tmp_path / "a", [Clip("run", joints(3))], one.layout, one.rate)) == damaged


def test_clips_of_nobody_known_stay_so_in_a_merged_store(tmp_path: Path) -> None:
    """They would become clips of the last person of the store before, who may train."""
    first = clips(tmp_path / "one", "ntu25", ["walk"], 30.0)
    with StoreWriter(
        tmp_path / "two", name="two", layout=load_layout("ntu25"), labels=["walk"], rate=30.0
    ) as writer:
        writer.add("clip", first.clip(0)[:, ::-1], label=0)
    merged = merge([first, Store(tmp_path / "two")], tmp_path / "all")
    assert merged.index["subject"].tolist() == [0, 1, 0, 1, -1]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(["walk", "run", "walk-2", "ö "])),
        st.tuples(st.just("remove"), st.integers(0, 9)),
        st.tuples(st.just("split"), st.integers(1, 9)),
    ),
    max_size=7,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_whatever_is_done_to_a_store_all_else_in_it_stays(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, Any]]
) -> None:
    """Clips, their classes, people and parts in splits, against a plain list of them."""
    path = tmp_path_factory.mktemp("any") / "store"
    clips_there: list[tuple[str, int]] = []
    parts: dict[str, dict[int, int]] = {}
    for number, (step, what) in enumerate([("add", "walk"), *steps]):
        if step == "add":
            append(path, [Clip(what, joints(number), number)], LAYOUT, 30.0)
            clips_there.append((what, number))
        elif step == "remove" and len(clips_there) > 1:
            gone = what % len(clips_there)
            remove(path, [str(Store(path).index["name"][gone])])
            del clips_there[gone]
        elif step == "split" and len(clips_there) > 1:
            add_folds(path, f"folds {number}", 2, seed=what)
            opened = Store(path)
            for name in opened.protocols[-2:]:
                people = opened.index["subject"].tolist()
                parts[name] = dict(zip(people, opened.codes(name).tolist(), strict=True))
    found = Store(path)
    assert check(found) == []
    labels = [found.labels[label] for label in found.index["label"]]
    assert list(zip(labels, found.index["subject"].tolist(), strict=True)) == clips_there
    assert set(found.labels) == set(labels), "no class is left empty"
    for place, (_, number) in enumerate(clips_there):
        same(found, place, joints(number))
    assert found.protocols == list(parts)
    for name, codes in parts.items():
        there = [codes.get(number, 0) for _, number in clips_there]
        assert found.codes(name).tolist() == there
