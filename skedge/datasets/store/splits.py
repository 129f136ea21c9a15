"""Splits beside the published ones: a share of the training clips, folds, and a file that says it
clip by clip."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skedge.datasets.store import PARTS, Store
from skedge.datasets.store.lock import only_one
from skedge.datasets.store.writer import npy
from skedge.skeleton.errors import InputError, reason
from skedge.skeleton.files import write_json, write_whole

_TRAIN, _TEST = PARTS["train"], PARTS["test"]


def subset(labels: np.ndarray, share: float, seed: int, balanced: bool = True) -> np.ndarray:
    """Places in `labels` (n,) of a random `share` (0 to 1) of them, ascending, with at least one of
    each class there is.

    `balanced` takes the share of every class, as the semi-supervised protocol does; otherwise of
    all together, and a class that nothing fell on gets one more. The same seed gives the same
    places. Raises `InputError` for another share.
    """
    if not 0 < share <= 1:
        raise InputError(
            f"expected a share above 0 and up to 1 of the clips, got {share}; 0.05 is 5 %"
        )
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    chosen = [] if balanced else [order[: max(1, round(share * len(labels)))]]
    for label in np.unique(labels):
        own = order[labels[order] == label]
        if balanced:
            chosen.append(own[: max(1, round(share * len(own)))])
        elif not np.isin(own, chosen[0]).any():
            chosen.append(own[:1])
    return np.sort(np.concatenate(chosen))


def fold_of(
    groups: np.ndarray, folds: int, seed: int = 0, *, labels: np.ndarray | None = None
) -> np.ndarray:
    """Which of `folds` folds each clip falls into, (n,) from 0: whole groups (n,), of about equal
    numbers of clips. Where each clip is a group of its own, `labels` (n,) are divided evenly too.

    Raises `InputError` for less than two folds, or less groups than folds.
    """
    names, first, group, counts = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    if not 2 <= folds <= len(names):
        raise InputError(
            f"expected from 2 to {len(names)} folds, as many as there are groups, got {folds}"
        )
    order = np.random.default_rng(seed).permutation(len(names))
    if labels is not None:
        order = order[np.argsort(labels[first][order], kind="stable")]
    order = order[np.argsort(-counts[order], kind="stable")]
    filled = np.zeros(folds)
    fold = np.zeros(len(names), np.int64)
    for number in order:  # the largest first, each into the emptiest
        fold[number] = filled.argmin()
        filled[fold[number]] += counts[number]
    return fold[group]


def read_split(path: Path | str, store: Store) -> np.ndarray:
    """Codes (clips,) of a file with a clip's name and its part (train, val or test) a line, between
    them a comma.

    Clips that are not in it are unused. Raises `InputError` with the line for an unknown clip or
    part and a clip twice, and for an empty file.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines = [(number, line) for number, line in enumerate(csv.reader(file), 1) if line]
    except OSError as error:
        raise InputError(f"{path}: expected a split's file, got: {reason(error)}") from None
    except (UnicodeDecodeError, csv.Error):
        raise InputError(
            f"{path}: expected lines like a1_s1_t1,train, got something else"
        ) from None
    place = {str(name): i for i, name in enumerate(store.index["name"])}
    codes = np.zeros(len(store), np.int8)
    for number, line in lines:
        name, part = (line[0].strip(), line[1].strip()) if len(line) == 2 else ("", "")
        if name not in place or part not in PARTS:
            raise InputError(
                f"{path}: line {number}: expected a clip of {store.path} and train, val or test,"
                f" got {line!r:.80}"
            )
        if codes[place[name]]:
            raise InputError(f"{path}: line {number}: expected every clip once, got {name} twice")
        codes[place[name]] = PARTS[part]
    if not codes.any():
        raise InputError(f"{path}: expected lines like a1_s1_t1,train, got none")
    return codes


def add_subset(
    path: Path | str, name: str, of: str, share: float, *, seed: int = 0, balanced: bool = True
) -> None:
    """Add the protocol `name` to the store at `path`: a `subset` of the training clips of `of`, the
    other parts as there."""

    def make(store: Store) -> dict[str, np.ndarray]:
        codes = np.array(store.codes(of))
        train = store.split(of, "train")
        codes[train] = 0
        codes[
            train[subset(np.asarray(store.index["label"][train]), share, seed, balanced=balanced)]
        ] = _TRAIN
        return {name: codes}

    add(path, make)


def add_folds(
    path: Path | str,
    name: str,
    folds: int,
    *,
    by: str = "clip",
    seed: int = 0,
    of: str | None = None,
) -> None:
    """Add `name`-1 to `name`-K to the store at `path`: each tests on one fold of every class's
    clips, or of subjects, cameras or setups.

    The folds are of the training clips of the protocol `of`, so that its test part stays unseen, or
    for None of all clips.
    """

    def make(store: Store) -> dict[str, np.ndarray]:
        chosen = np.arange(len(store)) if of is None else store.split(of, "train")
        labels = np.asarray(store.index["label"])[chosen] if by == "clip" else None
        fold = fold_of(_groups(store, chosen, by), folds, seed, labels=labels)
        made = {}
        for i in range(folds):
            codes = np.zeros(len(store), np.int8)
            codes[chosen] = np.where(fold == i, _TEST, _TRAIN)
            made[f"{name}-{i + 1}"] = codes
        return made

    add(path, make)


def add_validation(
    path: Path | str, name: str, of: str, share: float, *, by: str, seed: int = 0
) -> None:
    """Add the protocol `name` to the store at `path`: that of `of`, with about a `share` of its
    training clips as validation part, whole subjects, cameras or setups where `by` names one.

    By clip it is that share of every class. Raises `InputError` for a share that is not between 0
    and 1, and where there are too few groups.
    """
    if not 0 < share < 1:
        raise InputError(f"expected a share between 0 and 1 for validation, got {share}")

    def make(store: Store) -> dict[str, np.ndarray]:
        codes = np.array(store.codes(of))
        train = store.split(of, "train")
        if by == "clip":
            chosen = subset(np.asarray(store.index["label"][train]), share, seed)
        else:
            groups = _groups(store, train, by)
            count = max(2, min(len(np.unique(groups)), round(1 / share)))
            chosen = np.flatnonzero(fold_of(groups, count, seed) == 0)
        if len(chosen) == len(train):
            raise InputError(f"{path}: expected training clips to be left, got none")
        codes[train[chosen]] = PARTS["val"]
        return {name: codes}

    add(path, make)


def _groups(store: Store, clips: np.ndarray, by: str) -> np.ndarray:
    """What a fold keeps together, for each of the clips."""
    fields = ("subject", "camera", "setup")
    if by != "clip" and by not in fields:
        raise InputError(f"expected folds by clip, {', '.join(fields)}, got {by!r}")
    groups = np.asarray(clips) if by == "clip" else np.asarray(store.index[by])[clips]
    if (groups < 0).any():
        raise InputError(
            f"{store.path}: expected every clip's {by} for folds of it, some are not known"
        )
    if by != "clip" and len(np.unique(groups)) < 2:
        raise InputError(
            f"{store.path}: expected clips of two {by}s at least, to keep each together, got those"
            " of one; divide them by clip"
        )
    return groups


def add_split(path: Path | str, name: str, file: Path | str) -> None:
    """Add the protocol `name` to the store at `path` as `file` says, see `read_split`."""
    add(path, lambda store: {name: read_split(file, store)})


def add(path: Path | str, make: Callable[[Store], dict[str, np.ndarray]]) -> None:
    """Add splits to the store at `path`: `make` gives codes (clips,) by name, 0 unused 1 train 2
    val 3 test.

    Raises `InputError` for a name that is there already, and where another process writes to the
    store.
    """
    path = Path(path)
    with only_one(path):
        store = Store(path)
        new = make(store)
        taken = [
            name for name in new if name in store.protocols or not name.isprintable() or not name
        ]
        if taken:
            raise InputError(
                f"{path}: expected a new name for a split, got {taken[0]!r}; it has"
                f" {', '.join(store.protocols)}"
            )
        names = [*store.protocols, *new]
        splits = np.zeros(len(store), dtype=[(name, "i1") for name in names])
        for name in names:
            splits[name] = new[name] if name in new else store.codes(name)
        document: dict[str, Any] = json.loads((path / "store.json").read_bytes()) | {
            "protocols": names
        }
        # The splits first: a store may hold more of them than store.json names, should this be
        # interrupted between.
        write_whole(path / "splits.npy", lambda draft: draft.write_bytes(npy(splits)))
        write_json(path / "store.json", document, indent=1)


def every_fifth(index: np.ndarray, films: Sequence[str] | None = None) -> np.ndarray:
    """The codes of a split: every fifth clip of each label for testing, the others for training.

    Clips of one of `films`, a name for each clip (default: each its own), are in one part: each
    label's every fifth film tests, as long as another one trains. Where that leaves none to test,
    it goes by the clip.
    """
    film = np.array(range(len(index)) if films is None else films)
    by_label = [
        list(dict.fromkeys(film[index["label"] == label])) for label in np.unique(index["label"])
    ]
    needed = {own[0] for own in by_label if len(own) == 1}
    tests = set()
    for own in by_label:
        free = [one for one in own if one not in needed]
        tests.update([one for one in own[4::5] if one in free] or free[-1:])
    for own in by_label:
        if tests.issuperset(own):
            tests.discard(own[0])
    if not tests and films is not None:
        return every_fifth(index)
    return np.where(np.isin(film, [*tests]), _TEST, _TRAIN).astype(np.int8)


def too_few(labels: Sequence[str], films: Sequence[str]) -> list[str]:
    """Notes about clips, by their labels and films, where `every_fifth` has too few films to train
    on some and test on others."""
    beside = "what is tested on was beside what is trained on"
    if len(films) == 1:
        return []
    if len({*films}) == 1:
        return [f"all stretches are of one film: {beside}"]
    names, numbers = np.unique(labels, return_inverse=True)
    index = np.array([(number,) for number in numbers], [("label", int)])
    tests = every_fifth(index, films) == _TEST
    if np.isin(np.array(films)[tests], np.array(films)[~tests]).any():
        return [f"too few films to test on others than those trained on: {beside}"]
    if untested := [name for i, name in enumerate(names) if not tests[numbers == i].any()]:
        return [f"too few films of {', '.join(untested)[:80]}: all train, none tests"]
    return []
