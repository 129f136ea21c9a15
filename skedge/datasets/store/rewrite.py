"""Stores made of stores: with clips added, classes left out, or several merged. What is written is
written whole."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from skedge.datasets.parsing.labels import alike
from skedge.datasets.store import PARTS, Store, StoreWriter
from skedge.datasets.store.check import is_whole
from skedge.datasets.store.lock import only_one
from skedge.datasets.store.look import look
from skedge.datasets.store.splits import every_fifth
from skedge.datasets.store.writer import BESIDE
from skedge.skeleton.errors import InputError
from skedge.skeleton.files import parse_json
from skedge.skeleton.layout import Layout
from skedge.skeleton.resample import at_rate
from skedge.skeleton.retarget import retarget
from skedge.skeleton.text import counted


@dataclass(frozen=True, eq=False)
class Clip:
    """One clip to add: `joints` (M, T, V, 3) in metres, y up, NaN where absent; `subject` is -1
    where it is not known."""

    label: str
    joints: np.ndarray
    subject: int = -1


def append(
    path: Path | str, clips: Sequence[Clip], layout: Layout, rate: float, patience: float = 0.0
) -> Store:
    """Add clips, at `rate` frames a second, to the store at `path`, or make one there; they are
    called label-1, label-2, ...

    The store is replaced when all is written, so it has all of the clips or none. New labels come
    after the known ones. In the splits that there are, the new clips are unused: no split changes
    unasked.

    Raises `InputError` for a store of another layout or rate (see `check`), and where another
    process writes to it for longer than `patience` seconds.
    """
    path = Path(path)
    with only_one(path, patience):
        old = check(path, layout, rate)
        labels = list(
            dict.fromkeys([*(old.labels if old else ()), *(clip.label for clip in clips)])
        )
        with StoreWriter(
            path,
            name=old.name if old else path.name,
            layout=old.layout if old else layout,
            labels=labels,
            rate=rate,
            overwrite=old is not None,
        ) as writer:
            writer.made_by = old.made_by if old else {"format": "recorded"}
            taken: set[str] = set()
            if old:
                _copy(old, writer, labels, chosen=np.arange(len(old)))
                taken.update(str(known) for known in old.index["name"])
                unused = np.zeros(len(clips), np.int8)
                for protocol in old.protocols:
                    codes = np.concatenate([old.codes(protocol), unused])
                    writer.protocol(protocol, _always(codes))
            for clip in clips:
                number = sum(known.rpartition("-")[0] == clip.label for known in taken) + 1
                while (unique := f"{clip.label}-{number}") in taken:
                    number += 1
                taken.add(unique)
                writer.add(
                    unique, clip.joints, label=labels.index(clip.label), subject=clip.subject
                )
        return Store(path)


def check(path: Path | str, layout: Layout, rate: float, label: str = "") -> Store | None:
    """The store at `path`, None where there is none; `InputError` where clips of that layout, rate
    and label cannot be added, or the store spells the label otherwise."""
    path = Path(path)
    if not path.exists():
        return None
    store = Store(path)
    if store.layout.joints != layout.joints:
        raise InputError(
            f"{path}: expected a store of the layout {layout.name}, got one of {store.layout.name};"
            " name another store, or delete this one"
        )
    if store.rate != rate:
        known = "unknown rate" if store.rate is None else f"{store.rate:g}"
        raise InputError(
            f"{path}: expected a store of {rate:g} frames a second, got one of {known}; name"
            " another store, or delete this one"
        )
    for known in store.labels if label not in store.labels else ():
        if alike([known, label]):
            raise InputError(
                f"{path}: expected {known!r}, as clips there are called, or another label, got"
                f" {label!r}"
            )
    return store


def without(store: Store, path: Path | str, labels: Sequence[str]) -> Store:
    """Write a store at `path` with all clips but those of the classes `labels`, and the same
    splits.

    Raises `InputError` for an unknown class, and where something stands at `path`.
    """
    left_out = {store.class_index(label) for label in labels}
    kept = [label for number, label in enumerate(store.labels) if number not in left_out]
    chosen = np.flatnonzero(~np.isin(store.index["label"], list(left_out)))
    if not kept or len(chosen) == 0:
        raise InputError(f"{store.path}: expected some classes with clips to be left, got none")
    return _keep(store, path, chosen, labels=kept, made_by={"without": list(labels)})


def remove(path: Path | str, names: Sequence[str]) -> Store:
    """Remove the clips of these names from the store at `path`, and the classes that they leave
    empty. It is replaced when all others are written.

    Raises `InputError` for a name that no clip has, where none would be left, and where another
    process writes to the store.
    """
    with only_one(path):
        store = Store(path)
        gone = {store.find(name) for name in names}
        chosen = np.array([number for number in range(len(store)) if number not in gone])
        if not len(chosen):
            raise InputError(f"{path}: expected some clips to be left, got none; delete the folder")
        emptied = _classes(store, np.array([*gone])) - _classes(store, chosen)
        kept = [label for number, label in enumerate(store.labels) if number not in emptied]
        removed = [*store.made_by.get("removed", ()), *dict.fromkeys(names)]
        return _keep(store, path, chosen, labels=kept, made_by={"removed": removed}, overwrite=True)


def _classes(store: Store, clips: np.ndarray) -> set[int]:
    """The classes of some clips and of their intervals, by number."""
    inside = store.intervals[np.isin(store.intervals["clip"], clips)]
    return {*store.index["label"][clips].tolist(), *inside["label"].tolist()}


def _keep(
    store: Store,
    path: Path | str,
    chosen: np.ndarray,
    *,
    labels: list[str],
    made_by: dict[str, Any],
    overwrite: bool = False,
) -> Store:
    """Write the chosen clips of a store, in the classes `labels` and the same splits, at `path`."""
    with StoreWriter(
        path,
        name=store.name,
        layout=store.layout,
        labels=labels,
        rate=store.rate,
        overwrite=overwrite,
    ) as writer:
        writer.made_by = {**store.made_by, **made_by}
        _copy(store, writer, labels, chosen=chosen)
        for protocol in store.protocols:
            writer.protocol(protocol, _always(store.codes(protocol)[chosen]))
    return Store(path)


def merge(stores: Sequence[Store], path: Path | str) -> Store:
    """Write one store at `path` with the clips of several, in the layout and at the rate of the
    first.

    Labels of the same name are one class. Clips are called store/clip, and people of different
    stores stay different people. A split that a store does not have counts all of its clips as
    training. Intervals of continuous recordings are refused, and so are bodies that are wrong,
    clips that two stores have, and classes that are only numbers in stores of different classes.

    Stores that were imported with `--shard` of the same source become the store of the whole: clips
    keep their names, people are the same people, and the import's split is made anew.

    Raises:
        InputError: for fewer than two stores, the same one twice, a layout that cannot be
            retargeted, an unknown rate beside a known one, intervals, and where there is something
            at `path`.
    """
    _refuse_unlike(stores)
    first = stores[0]
    path = Path(path)
    if all(_of_a_shard(store) == _of_a_shard(first) for store in stores) and _of_a_shard(first):
        return _whole(stores, path)
    _refuse_copies(stores)
    labels = list(dict.fromkeys(label for store in stores for label in store.labels))
    with StoreWriter(
        path,
        name=path.name,
        layout=first.layout,
        labels=labels,
        rate=first.rate,
    ) as writer:
        writer.made_by = {"format": _formats(stores), "of": [store.name for store in stores]}
        people = 0
        for number, store in enumerate(stores, 1):
            twice = sum(other.name == store.name for other in stores) > 1
            prefix = f"{store.name}-{number}" if twice else store.name
            for i, entry in enumerate(store.index):
                writer.add(
                    f"{prefix}/{entry['name']}",
                    _as_in(first, store, i),
                    label=labels.index(store.labels[entry["label"]]),
                    subject=people + int(entry["subject"]) if entry["subject"] >= 0 else -1,
                    camera=int(entry["camera"]),
                    setup=int(entry["setup"]),
                )
                _mark(store, i, writer)
            people += max(0, int(store.index["subject"].max()) + 1)
        for protocol, parts in _splits(stores).items():
            writer.protocol(protocol, _always(np.concatenate(parts)))
    return Store(path)


def _splits(stores: Sequence[Store]) -> dict[str, list[np.ndarray]]:
    """Every split that any store has, with its codes in each; a store without it only trains."""
    protocols = dict.fromkeys(protocol for store in stores for protocol in store.protocols)
    return {
        protocol: [
            (
                store.codes(protocol)
                if protocol in store.protocols
                else np.full(len(store), PARTS["train"], np.int8)
            )
            for store in stores
        ]
        for protocol in protocols
    }


def _refuse_unlike(stores: Sequence[Store]) -> None:
    """Raise `InputError` for stores that cannot become one (see `merge`)."""
    if len(stores) < 2:
        raise InputError(f"merge: expected at least two stores, got {len(stores)}")
    for store in stores:
        if (store.rate is None) != (stores[0].rate is None):
            raise InputError(
                f"{store.path}: expected a store that knows its frames a second as the others do;"
                " see --rate"
            )
        if len(store.intervals):
            raise InputError(
                f"{store.path}: expected a store of clips, got whole recordings with intervals"
            )
    for store in stores:
        wrong = look(store.clip, len(store), store.layout, rate=store.rate).sure
        if wrong:
            raise InputError(f"{store.path}: {wrong[0]}; import it again")
    sets = {store.labels for store in stores}
    if len(sets) > 1 and any(label.isdecimal() for one in sets for label in one):
        raise InputError(
            "merge: expected classes with names, got numbers, which may mean something else in"
            " every store; import with --labels"
        )


def _as_in(first: Store, store: Store, number: int) -> np.ndarray:
    """A clip of `store` in the layout and at the rate of `first`."""
    clip = retarget(store.clip(number), store.layout, first.layout)
    if store.rate is not None and first.rate is not None and store.rate != first.rate:
        clip = at_rate(clip, store.rate, first.rate)
    return clip


def _refuse_copies(stores: Sequence[Store]) -> None:
    """Raise `InputError` where a clip is in two stores: its person would be two people, one of whom
    may train and the other test."""
    seen: dict[tuple[int, ...], tuple[int, int]] = {}
    for number, store in enumerate(stores):
        copies = []
        for i, entry in enumerate(store.index):
            key = tuple(int(entry[name]) for name in ("frames", "persons", "crc32"))
            other, at = seen.setdefault(key, (number, i))
            if other != number and np.array_equal(
                stores[other].clip(at), store.clip(i), equal_nan=True
            ):
                copies.append((stores[other], str(entry["name"])))
        if copies:
            other_store, name = copies[0]
            same = counted(len(copies), "that is the same clip", "that are the same clips")
            raise InputError(
                f"{store.path}: expected other clips, got {same} as"
                f" {other_store.path} has, such as {name}; keep such clips in one of the two only"
            )


def _formats(stores: Sequence[Store]) -> str:
    """The formats that the clips of several stores were imported from, as in "films, utd-mhad"."""
    known = [str(store.made_by["format"]) for store in stores if "format" in store.made_by]
    return ", ".join(dict.fromkeys(", ".join(known).split(", "))) or "merged"


def _of_a_shard(store: Store) -> dict[str, Any]:
    """How a shard's store was made, without the shard's number; nothing for a store that is no
    shard."""
    if "shard" not in store.made_by:
        return {}
    made = {key: value for key, value in store.made_by.items() if key not in ("shard", "poses")}
    return made | {"labels": list(store.labels)}


def _whole(stores: Sequence[Store], path: Path) -> Store:
    """The store that an import without shards makes, its clips in the order of their names."""
    first = stores[0]
    clips = sorted(
        (str(entry["name"]), number, i)
        for number, store in enumerate(stores)
        for i, entry in enumerate(store.index)
    )
    for (one, _, _), (other, _, _) in pairwise(clips):
        if one == other:
            raise InputError(f"merge: expected every shard once, got the clip {one} twice")
    with StoreWriter(
        path,
        name=path.name,
        layout=first.layout,
        labels=list(first.labels),
        rate=first.rate,
    ) as writer:
        writer.made_by = {key: what for key, what in first.made_by.items() if key != "shard"}
        for clip, number, i in clips:
            entry = stores[number].index[i]
            writer.add(
                clip,
                stores[number].clip(i),
                label=int(entry["label"]),
                subject=int(entry["subject"]),
                camera=int(entry["camera"]),
                setup=int(entry["setup"]),
            )
            _mark(stores[number], i, writer)
        films = _films([clip for clip, _, _ in clips]) if _of_a_table(first) else None
        for protocol, parts in _splits(stores).items():
            codes = np.array([parts[number][i] for _, number, i in clips], np.int8)
            fifth = partial(every_fifth, films=films)
            writer.protocol(protocol, fifth if protocol == "films" else _always(codes))
    return Store(path)


def _of_a_table(store: Store) -> bool:
    return str(store.made_by.get("source")).endswith(".csv")


def _films(clips: Sequence[str]) -> list[str]:
    """The films that clips were cut out of: a table's are called a, a-2, a-3 and so on."""
    names = {*clips}
    stems = [(clip, re.sub(r"-\d+$", "", clip)) for clip in clips]
    return [stem if stem in names else clip for clip, stem in stems]


def _copy(store: Store, writer: StoreWriter, labels: list[str], chosen: np.ndarray) -> None:
    number = {label: new for new, label in enumerate(labels)}
    for i in chosen:
        entry = store.index[i]
        intervals = [
            (number[store.labels[one["label"]]], int(one["start"]), int(one["end"]))
            for one in store.intervals[store.intervals["clip"] == i]
            if store.labels[one["label"]] in number
        ]
        writer.add(
            str(entry["name"]),
            store.clip(int(i)),
            label=number[store.labels[entry["label"]]],
            subject=int(entry["subject"]),
            camera=int(entry["camera"]),
            setup=int(entry["setup"]),
            intervals=intervals,
        )
        _mark(store, int(i), writer)
    for file in (store.path / name for name in BESIDE):
        if file.is_file():
            try:
                document = parse_json(file.read_bytes())
            except ValueError:
                raise InputError(
                    f"{file}: expected JSON, got something else: the file is damaged; remove it, or"
                    " import the store again"
                ) from None
            writer.attach(file.name, _always(document))


def _mark(store: Store, number: int, writer: StoreWriter) -> None:
    """Leave the copy of a damaged clip, which was added last, damaged."""
    if not is_whole(store, number):
        writer.still_damaged()


def _always(value: Any) -> Callable[..., Any]:
    """A function that gives `value`, whatever it is asked."""
    return lambda *_: value
