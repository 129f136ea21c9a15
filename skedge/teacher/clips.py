"""A store's clips as training batches."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from skedge.datasets.progress import track
from skedge.datasets.store import Store
from skedge.datasets.store.check import is_whole
from skedge.datasets.store.look import look
from skedge.recipes.settings import InputSettings
from skedge.skeleton import InputError, prepare
from skedge.skeleton.layout import Layout
from skedge.skeleton.resample import at_rate, uniform_sample
from skedge.skeleton.retarget import retarget
from skedge.skeleton.text import counted, say

MANY = 5000


class Clips(Dataset[tuple[Tensor, Tensor]]):
    """Prepared clips in memory: joints (N, M, T, V, 3) with their labels (N,), read a whole batch
    at a time."""

    def __init__(self, joints: Tensor, labels: Tensor) -> None:
        self._joints = joints
        self.labels = labels

    @classmethod
    def read(
        cls,
        store: Store,
        indices: Sequence[int] | np.ndarray,
        data: InputSettings,
        *,
        layout: Layout | None = None,
    ) -> "Clips":
        """Prepare the clips at `indices`, as `Windows` where `data.time` is "rate", as `Sampled`
        where it is "uniform".

        They are retargeted to `layout` if it has other joints than the store's. Clips in which
        nobody is seen are left out, with a note. Raises `InputError` where that leaves none, for a
        layout that has joints no rule can place, for a fixed rate from a store that does not know
        its own, and for recordings of minutes that would each be squeezed into one clip.
        """
        if len(store.intervals) and data.time != "rate":
            raise InputError(
                f"{store.path}: expected clips of one action each, got recordings, each of which"
                f" would be one clip of {data.frames} frames; take windows of them with"
                " --input.time rate"
            )
        target = layout or store.layout
        indices = usable(store, indices, data.persons)
        labels = torch.from_numpy(np.array(store.index["label"][indices], dtype=np.int64))
        rows = indices if len(indices) < MANY else track(indices, "Reading clips")
        if data.test_clips < 1 or (data.test_clips > 1 and data.time != "uniform"):
            raise InputError(
                "input.test_clips: expected 1, or more with input.time uniform, got"
                f" {data.test_clips} with {data.time}"
            )
        if data.time == "uniform":
            whole = [
                prepare(
                    _retargeted(store, i, target),
                    target,
                    data.persons,
                    source=f"{store.path}, clip {i}",
                )
                for i in rows
            ]
            return Sampled(whole, labels, frames=data.frames, draws=data.test_clips)
        if data.time == "rate":
            clips = [prepare_at_rate(store, i, data, layout=target) for i in rows]
            frames = torch.from_numpy(
                np.concatenate([clip.transpose(1, 0, 2, 3) for clip in clips])
            )
            lengths = torch.tensor([clip.shape[1] for clip in clips])
            return Windows(frames, lengths, labels, data=data)
        joints = torch.empty(len(indices), data.persons, data.frames, len(target), 3)
        for row, i in enumerate(rows):
            clip = prepare(
                _retargeted(store, i, target),
                target,
                data.persons,
                frames=data.frames,
                source=f"{store.path}, clip {i}",
            )
            joints[row] = torch.from_numpy(clip)
        return cls(joints, labels)

    @property
    def joints(self) -> Tensor:
        """All clips as they are tested, (N, M, T, V, 3)."""
        return self._joints

    def samplings(self) -> Iterator[Tensor]:
        """The joints (N, M, T, V, 3), as often as what is made of them is averaged."""
        yield self.joints

    def with_unlabelled(self, others: Self) -> Self:
        """These clips and `others`, whose labels are -1."""
        return type(self)(torch.cat([self._joints, others._joints]), _and_none(self, others))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        joints, labels = self.__getitems__([index])
        return joints[0], labels[0]

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor]:
        return self._joints[indices], self.labels[indices]

    def loader(
        self, batch_size: int, devices: int = 1, shuffle: bool = True, drop_last: bool = False
    ) -> DataLoader:
        """Batches of (joints, labels), `batch_size` over all `devices` together; a smaller set is
        one batch."""
        size = max(1, min(batch_size, len(self)) // devices)
        return DataLoader(
            self, size, shuffle=shuffle, drop_last=drop_last, collate_fn=lambda batch: batch
        )


class Sampled(Clips):
    """Clips of their own lengths, every batch of them a new uniform sampling; `joints` and
    `samplings` are always the same."""

    def __init__(
        self, clips: Sequence[np.ndarray], labels: Tensor, frames: int, draws: int
    ) -> None:
        self.clips = clips
        self.frames = frames
        self.draws = draws
        super().__init__(self._sample(range(len(clips)), np.random.default_rng(0)), labels)

    def with_unlabelled(self, others: Self) -> Self:
        labels = _and_none(self, others)
        clips = [*self.clips, *others.clips]
        return type(self)(clips, labels, frames=self.frames, draws=self.draws)

    def samplings(self) -> Iterator[Tensor]:
        rng = np.random.default_rng(0)
        for _ in range(self.draws):
            yield self._sample(range(len(self)), rng)

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng(int(torch.randint(2**62, ())))
        return self._sample(indices, rng), self.labels[indices]

    def _sample(self, indices: Iterable[int], rng: np.random.Generator) -> Tensor:
        clips = (self.clips[i] for i in indices)
        return torch.from_numpy(
            np.stack([clip[:, uniform_sample(clip.shape[1], self.frames, rng)] for clip in clips])
        )


class Windows(Clips):
    """Clips at a fixed rate, seen through windows that end at a random frame of the clip, or
    (`joints`) at its last.

    What a window has before the clip is its first pose, standing still: how a live model starts. No
    window ends before `warm_up` frames of its clip. All clips lie in `frames` (sum of lengths, M,
    V, 3), one after the other.
    """

    def __init__(
        self, frames: Tensor, lengths: Tensor, labels: Tensor, data: InputSettings
    ) -> None:
        self.frames = frames
        self.lengths = lengths
        self.labels = labels
        self.data = data
        self._starts = lengths.cumsum(0) - lengths

    def with_unlabelled(self, others: Self) -> Self:
        frames = torch.cat([self.frames, others.frames])
        lengths = torch.cat([self.lengths, others.lengths])
        return type(self)(frames, lengths, _and_none(self, others), data=self.data)

    @property
    def joints(self) -> Tensor:
        return self._ending(torch.arange(len(self)), self.lengths)

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor]:
        lengths = self.lengths[indices]
        shortest = lengths.clamp(max=self.data.warm_up)
        ends = shortest + (torch.rand(len(indices)) * (lengths - shortest + 1)).long()
        return self._ending(torch.as_tensor(indices), ends), self.labels[indices]

    def _ending(self, clips: Tensor, ends: Tensor) -> Tensor:
        """The windows of the clips that end with the first `ends` frames of each, (N, M, T, V,
        3)."""
        steps = torch.arange(self.data.frames) - self.data.frames
        at = self._starts[clips, None] + (ends[:, None] + steps).clamp(min=0)
        return self.frames[at].transpose(1, 2)


def usable(store: Store, indices: Sequence[int] | np.ndarray, persons: int) -> np.ndarray:
    """Those of the clips at `indices` that are as they were written, and in which one of the first
    `persons` is seen.

    What is left out, and what is wrong with the bodies, is printed. Raises `InputError` where
    nothing is left.
    """
    indices = np.asarray(indices, np.int64)
    whole = np.array([is_whole(store, int(i)) for i in indices], bool)
    seen = np.array([bool(np.isfinite(store.clip(int(i))[:persons]).any()) for i in indices[whole]])
    kept = indices[whole][seen.astype(bool)]
    empty = indices[whole][~seen.astype(bool)]
    for found, why in (
        (empty, "in which nobody is seen"),
        (
            indices[~whole],
            "with bytes that are not what was written (`skedge data check` names all)",
        ),
    ):
        if len(found):
            first = store.index["name"][found[0]]
            tell(f"{counted(len(found), 'clip')} left out, {why}, such as {first}")
    if not len(indices):
        return kept
    if not len(kept):
        first = store.index["name"][indices[0]]
        raise InputError(
            f"{store.path}: expected clips in which somebody is seen, got {len(indices)} with no"
            f" finite joint (NaN everywhere) or damaged, such as {first}"
        )
    _tell_faults(store, tuple(kept.tolist()))
    return kept


@lru_cache(maxsize=4)
def _tell_faults(store: Store, clips: tuple[int, ...]) -> None:
    """Say what is wrong with the bodies of clips; once, as every step of a path reads the same."""
    for fault in look(lambda i: store.clip(clips[i]), len(clips), store.layout, rate=None).sure:
        tell(f"{store.path}: {fault}")


@cache
def tell(note: str) -> None:
    """Say a note once, as every step of a path may find the same."""
    say(note)


def _and_none(labelled: Clips, others: Clips) -> Tensor:
    return torch.cat([labelled.labels, torch.full_like(others.labels, -1)])


def _retargeted(store: Store, index: int, target: Layout) -> np.ndarray:
    return retarget(store.clip(index), store.layout, target)


def prepare_at_rate(store: Store, index: int, data: InputSettings, *, layout: Layout) -> np.ndarray:
    """A whole clip as a live model sees it, (persons, frames, V, 3) at `data.hz`; raises as
    `Clips.read`."""
    if not (data.hz > 0 and data.warm_up > 0):
        raise InputError(
            f"expected hz and warm_up above 0, got {data.hz:g} and {data.warm_up}; set both in the"
            " recipe's input"
        )
    if store.rate is None:
        raise InputError(
            f"{store.path}: expected a store that knows its frames a second, since time is 'rate';"
            " import it with --rate"
        )
    clip = prepare(
        _retargeted(store, index, layout),
        layout,
        data.persons,
        source=f"{store.path}, clip {index}",
    )
    return at_rate(clip, store.rate, data.hz)
