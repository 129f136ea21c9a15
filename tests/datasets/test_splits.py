import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from skedge.cli import main
from skedge.datasets.store import PARTS, Store, StoreWriter
from skedge.datasets.store.check import check
from skedge.datasets.store.splits import (
    add_folds,
    add_split,
    add_subset,
    add_validation,
    every_fifth,
    fold_of,
    read_split,
    subset,
    too_few,
)
from skedge.skeleton import InputError, load_layout
from tests.full import no_room_for

RNG = np.random.default_rng(0)
LABELS = np.repeat(np.arange(6), [100, 200, 5, 1, 40, 60])


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.1, 1.0])
def test_subsets(share: float, balanced: bool) -> None:
    labels = RNG.permutation(LABELS)
    chosen = subset(labels, share, seed=3, balanced=balanced)
    assert set(labels[chosen].tolist()) == set(range(6)), "at least one clip a class"
    assert len(set(chosen.tolist())) == len(chosen)
    np.testing.assert_array_equal(chosen, subset(labels, share, seed=3, balanced=balanced))
    if balanced:
        counts = np.bincount(labels[chosen], minlength=6)
        assert counts.tolist() == [max(1, round(share * count)) for count in np.bincount(LABELS)]
    else:
        assert round(share * 406) <= len(chosen) <= round(share * 406) + 6
        assert len(subset(np.zeros(9), share, 3, balanced=False)) == max(1, round(share * 9))
    if share < 1:
        assert chosen.tolist() != subset(labels, share, seed=4, balanced=balanced).tolist()


def test_folds_keep_groups_together_and_are_even() -> None:
    groups = RNG.integers(0, 23, 1000)
    fold = fold_of(groups, 5, seed=1)
    assert all(len(set(fold[groups == group].tolist())) == 1 for group in range(23))
    assert np.ptp(np.bincount(fold, minlength=5)) < 60
    np.testing.assert_array_equal(np.bincount(fold_of(np.arange(10), 5)), [2] * 5)
    with pytest.raises(InputError, match="from 2 to 23 folds"):
        fold_of(groups, 24)


@pytest.mark.parametrize("seed", range(5))
def test_folds_of_clips_divide_every_class(store: Path, seed: int) -> None:
    """Where one person did a few clips, a fold had none of a class to train on, or to test."""
    labels = np.repeat(np.arange(5), (2, 3, 4, 7, 11))
    fold = fold_of(np.arange(27), 3, seed, labels=labels)
    counts = np.array([np.bincount(fold[labels == label], minlength=3) for label in range(5)])
    assert np.ptp(counts, axis=1).max() == 1
    assert np.ptp(counts.sum(axis=0)) == 0
    add_folds(store, "clips", 4, seed=seed)
    opened = Store(store)
    for number in range(1, 5):
        tested = opened.index["label"][opened.split(f"clips-{number}", "test")]
        assert np.bincount(tested).tolist() == [5, 5]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "a store"
    with StoreWriter(
        path, name="toy", layout=load_layout("ntu25"), labels=("a", "b"), rate=30.0
    ) as writer:
        for i in range(40):
            writer.add(f"clip {i}", np.zeros((1, 2, 25, 3)), label=i % 2, subject=i // 4)
        writer.protocol("xsub", lambda index: np.where(index["subject"] < 5, 1, 3))
    return path


def test_splits_are_added_to_a_store(store: Path, tmp_path: Path) -> None:
    before = np.array(Store(store).codes("xsub"))
    add_subset(store, "xsub-10", "xsub", 0.1)
    add_folds(store, "people", 5, by="subject")
    (tmp_path / "mine.csv").write_text("clip 3,train\nclip 8,test\n\nclip 9,val\n")
    add_split(store, "mine", tmp_path / "mine.csv")
    opened = Store(store)
    assert opened.protocols == ["xsub", "xsub-10", *(f"people-{i}" for i in range(1, 6)), "mine"]
    np.testing.assert_array_equal(opened.codes("xsub"), before)
    train = opened.split("xsub-10", "train")
    assert opened.index["label"][train].tolist() in ([0, 1], [1, 0])
    assert (before[train] == 1).all()
    np.testing.assert_array_equal(opened.split("xsub-10", "test"), opened.split("xsub", "test"))
    tested = np.concatenate([opened.split(f"people-{i}", "test") for i in range(1, 6)])
    assert sorted(tested.tolist()) == list(range(40))
    assert (opened.split("mine", "train").tolist(), opened.split("mine", "val").tolist()) == (
        [3],
        [9],
    )
    assert check(opened) == []


def test_a_split_that_has_no_room_leaves_the_store_as_it_was(store: Path) -> None:
    """NumPy wrote what had room and said nothing: the store was damaged."""
    before = (store / "splits.npy").read_bytes()
    size = len(before) + len(Store(store))  # a byte more for each clip
    with pytest.raises(OSError, match="File too large") as refused, no_room_for(size):
        add_subset(store, "xsub-10", "xsub", 0.1)
    assert refused.value.filename == str(store / "splits.npy")
    assert (store / "splits.npy").read_bytes() == before


def test_wrong_splits(store: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a new name"):
        add_subset(store, "xsub", "xsub", 0.1)
    for share in (0, 1.5):
        with pytest.raises(InputError, match="above 0 and up to 1"):
            add_subset(store, "more", "xsub", share)
    for share in (0, 1, 1.5):
        with pytest.raises(InputError, match="between 0 and 1"):
            add_validation(store, "more", "xsub", share, by="clip")
    with pytest.raises(InputError, match="unknown protocol"):
        add_subset(store, "more", "xview", 0.1)
    with pytest.raises(InputError, match="some are not known"):
        add_folds(store, "more", 3, by="camera")
    for content, message in (
        ("clip 3,training\n", "line 1"),
        ("clip 3,val\nclip 3,test\n", "line 2: .* twice"),
        ("x,val\n", "x"),
        ("\n", "expected lines like .* got none"),
    ):
        (tmp_path / "mine.csv").write_text(content)
        with pytest.raises(InputError, match=message):
            add_split(store, "mine", tmp_path / "mine.csv")
    assert Store(store).protocols == ["xsub"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--folds 2 --of nope", r"--of: expected one of the store's splits \(xsub\), got nope"),
        ("--val 0.2 --of nope", r"--of: expected one of the store's splits"),
        ("--share 0.5 --by subject", "expected no --by with --share"),
        ("--val 0.2 --all", "expected no --all with --val"),
        ("--val 0.2 --random", "expected no --random with --val"),
        ("--folds 2 --all --of xsub", "expected --of or --all, got both"),
    ],
)
def test_a_flag_that_would_do_nothing_is_refused(
    store: Path, capsys: pytest.CaptureFixture[str], flags: str, words: str
) -> None:
    with pytest.raises(SystemExit):
        main(["data", "split", str(store), "mine", *flags.split()])
    assert re.search(words, capsys.readouterr().err)
    assert Store(store).protocols == ["xsub"]


def test_folds_leave_the_test_clips_of_the_only_split_alone(tmp_path: Path) -> None:
    """All clips of a store without `xsub` were taken, those for testing, too."""
    path = tmp_path / "films"
    with StoreWriter(
        path, name="toy", layout=load_layout("ntu25"), labels=("a",), rate=30.0
    ) as writer:
        for i in range(10):
            writer.add(f"clip {i}", np.zeros((1, 2, 25, 3)), label=0)
        writer.protocol("films", lambda _: np.repeat([1, 3], 5).astype(np.int8))
    main(["data", "split", str(path), "fold", "--folds", "2"])
    assert (Store(path).codes("fold-1")[5:] == 0).all()
    main(["data", "split", str(path), "every", "--folds", "2", "--all"])
    assert (Store(path).codes("every-1") > 0).all()


def test_a_validation_part_by_people_is_about_the_share(store: Path) -> None:
    """--val 0.2 takes one of five people, not half of them."""
    add_validation(store, "choose", "xsub", 0.2, by="subject")
    opened = Store(store)
    assert len({*opened.index["subject"][opened.split("choose", "val")].tolist()}) == 1
    assert len({*opened.index["subject"][opened.split("choose", "train")].tolist()}) == 4
    np.testing.assert_array_equal(opened.split("choose", "test"), opened.split("xsub", "test"))


def test_two_people_are_divided_by_people(store: Path) -> None:
    rows = "".join(f"clip {i},{'test' if i < 32 else 'train'}\n" for i in range(24, 40))
    (store.parent / "two.csv").write_text(rows)
    add_split(store, "two", store.parent / "two.csv")
    add_validation(store, "choose", "two", 0.2, by="subject")
    add_folds(store, "people", 2, by="subject", of="two")
    people = Store(store).index["subject"]
    for name in ("choose", "people-1", "people-2"):
        codes = Store(store).codes(name)
        assert sorted({*people[codes == PARTS["train"]].tolist()} ^ {8, 9}) in ([8], [9])
    assert (Store(store).codes("choose")[24:32] == PARTS["test"]).all()


def test_one_person_cannot_be_divided_by_people(store: Path) -> None:
    """`--val 0.2 --by subject` spoke of folds: expected from 2 to 1, got 2."""
    index = Store(store).index["subject"]
    rows = "".join(f"clip {i},train\n" for i in np.flatnonzero(index == index[0]))
    (store.parent / "alone.csv").write_text(rows)
    add_split(store, "alone", store.parent / "alone.csv")
    for divided in (
        lambda: add_validation(store, "choose", "alone", 0.2, by="subject"),
        lambda: add_folds(store, "people", 2, by="subject", of="alone"),
    ):
        with pytest.raises(
            InputError, match=r"clips of two subjects at least.* divide them by clip"
        ):
            divided()


def test_the_fifth_and_the_tenth_clip_of_a_class_test() -> None:
    """An import of the same films again gives the split that it gave before."""
    codes = every_fifth(np.array([(0,)] * 11, [("label", int)]))
    assert np.flatnonzero(codes == PARTS["test"]).tolist() == [4, 9]


FILMED = st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abcdefghijkl")), min_size=1)


@example([(0, film) for film in "abcde"] + [(1, "e")])
@given(FILMED)
def test_no_film_is_in_both_parts_and_every_class_trains(clips: list[tuple[int, str]]) -> None:
    """A class of five films, of which another class had the fifth alone, tested on films that
    trained."""
    index = np.array([(label,) for label, _ in clips], [("label", int)])
    films = [film for _, film in clips]
    of_label = {label: {film for one, film in clips if one == label} for label, _ in clips}
    codes = every_fifth(index, films)
    parts = {
        part: {one for one, code in zip(clips, codes, strict=True) if code == PARTS[part]}
        for part in ("train", "test")
    }
    assert {label for label, _ in parts["train"]} == set(of_label)
    alone = set.union(*(own for own in of_label.values() if len(own) == 1), set())
    notes = too_few([str(label) for label, _ in clips], films)
    if set(films) == alone:
        np.testing.assert_array_equal(codes, every_fifth(index))
    else:
        tested = {film for _, film in parts["test"]}
        assert tested
        assert tested.isdisjoint(film for _, film in parts["train"])
        if sum(map(len, of_label.values())) == len(set(films)):  # each is of one class
            counts = {label: len(own & tested) for label, own in of_label.items()}
            assert counts == {
                label: len(own) // 5 or int(len(own) > 1) for label, own in of_label.items()
            }
        missing = sorted(set(of_label) - {label for label, _ in parts["test"]})
        names = ", ".join(map(str, missing))
        assert notes == [f"too few films of {names}: all train, none tests"] * bool(missing)


LINES = st.lists(
    st.one_of(
        st.tuples(
            st.integers(0, 41).map(lambda number: f"clip {number}"),
            st.sampled_from(["train", " test", "val ", "", "Train"]),
        ).map(",".join),
        st.text(max_size=12),
    ),
    max_size=6,
).map("\n".join)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.one_of(LINES.map(str.encode), st.binary(max_size=40)))
def test_any_file_of_a_split_is_taken_line_by_line_or_refused(store: Path, content: bytes) -> None:
    file = store.parent / "any.csv"
    file.write_bytes(content)
    try:
        codes = read_split(file, Store(store))
    except InputError:
        return
    wanted = [line.split(",") for line in content.decode("utf-8-sig").splitlines() if line]
    said = {name.strip(): PARTS[part.strip()] for name, part in wanted}
    assert codes.tolist() == [said.get(f"clip {number}", 0) for number in range(40)]
