"""A store's recordings as training windows with a label for every frame."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from skedge.datasets.store import Store
from skedge.edge_runtime.events import QUIET
from skedge.recipes.online_settings import OnlineSettings
from skedge.recipes.settings import InputSettings
from skedge.skeleton import InputError, prepare
from skedge.skeleton.layout import Layout
from skedge.skeleton.resample import at_rate
from skedge.skeleton.retarget import retarget
from skedge.student.calibrate import Span
from skedge.teacher.clips import usable

# What a frame may be besides a class: nothing is asked, or it belongs to no interval.
UNASKED, NOTHING = -1, -2
# Frames in which the pace of a window changes.
CHANGES = 8


class Recordings(Dataset[tuple[Tensor, Tensor]]):
    """Windows of recordings at a model's rate: joints (N, M, lead + answers, V, 3) in metres and
    labels (N, answers) of classes, `UNASKED` or `NOTHING`.

    `lead` are the frames of past that the first answer needs. Before a recording, and before a
    person comes into view, the first pose stands still. Windows begin anywhere, anew in every
    epoch, and are played at other tempos, now quicker and now slower.
    """

    def __init__(
        self,
        store: Store,
        indices: Sequence[int] | np.ndarray,
        data: InputSettings,
        settings: OnlineSettings,
        lead: int,
        *,
        unlabelled_in: Layout | None = None,
    ) -> None:
        """With `unlabelled_in` bodies are retargeted to that layout and no frame has a label."""
        if store.rate is None:
            raise InputError(f"{store.path}: expected recordings that know their frames a second")
        layout = unlabelled_in or store.layout
        indices = usable(store, np.asarray(indices), data.persons)
        self.store = store
        self.indices = [int(i) for i in indices]
        self.rate = store.rate
        self.data = data
        self.settings = settings
        self.lead = lead
        clips = [
            prepare(
                retarget(store.clip(i), store.layout, layout) if unlabelled_in else store.clip(i),
                layout,
                data.persons,
                source=f"{store.path}, clip {i}",
            )
            for i in self.indices
        ]
        self.frames = np.concatenate([clip.transpose(1, 0, 2, 3) for clip in clips])
        self.lengths = np.array([clip.shape[1] for clip in clips])
        self.labels = np.concatenate(
            [
                np.full(n, UNASKED)
                if unlabelled_in
                else frame_labels(store, i, n, settings=settings)
                for i, n in zip(self.indices, self.lengths, strict=True)
            ]
        )
        self.starts = self.lengths.cumsum() - self.lengths
        step = settings.answers * self.rate / data.hz
        self._windows = np.repeat(
            np.arange(len(clips)), np.maximum(self.lengths // step, 1).astype(int)
        )

    def __len__(self) -> int:
        return len(self._windows)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        joints, labels = self.__getitems__([index])
        return joints[0], labels[0]

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng(int(torch.randint(2**62, ())))
        s = self.settings
        n = len(indices)
        of = self._windows[indices]
        tempo = np.exp(np.clip(rng.normal(0, s.tempo, n), -0.5, 0.5)) * self.rate / self.data.hz
        first = rng.uniform(0, 1, n) * np.maximum(self.lengths[of] - s.answers * tempo, 1)
        # The answer from which on the person is in view; before it nothing is known.
        comes = np.where(rng.random(n) < s.fresh, rng.integers(0, int(0.6 * s.answers), n), -np.inf)
        shown = np.maximum(first + comes * tempo, 0)
        passed = np.cumsum(_paces(rng, n, self.lead + s.answers, spread=s.style.pace), axis=1)
        passed -= passed[:, self.lead, None]
        moments = first[:, None] + passed * tempo[:, None]
        at = np.clip(np.maximum(moments, shown[:, None]), 0, self.lengths[of, None] - 1)
        joints = self._read(of, at)
        labels = self.labels[self.starts[of, None] + np.round(at[:, self.lead :]).astype(int)]
        in_view = np.cumsum(moments >= shown[:, None], axis=1)[:, self.lead :]
        labels = np.where(in_view < self.data.warm_up, UNASKED, labels)
        return torch.from_numpy(joints), torch.from_numpy(labels)

    def whole(self) -> Iterator[tuple[np.ndarray, list[Span]]]:
        """Each recording at the model's rate, (M, T, V, 3), and the actions in it."""
        for start, length, index in zip(self.starts, self.lengths, self.indices, strict=True):
            clip = self.frames[start : start + length].swapaxes(0, 1)
            own = self.store.intervals[self.store.intervals["clip"] == index]
            spans = [
                Span(self.store.labels[label], first / self.rate, last / self.rate)
                for label, first, last in own[["label", "start", "end"]].tolist()
                if self.store.labels[label] not in QUIET
            ]
            yield at_rate(clip, self.rate, self.data.hz), spans

    def _read(self, of: np.ndarray, at: np.ndarray) -> np.ndarray:
        """The frames `at` (N, T) of the recordings `of` (N,), between two where need be."""
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, self.lengths[of, None] - 1)
        share = (at - low).astype(np.float32)[..., None, None, None]
        before, after = (self.frames[self.starts[of, None] + one] for one in (low, high))
        return (before + share * (after - before)).swapaxes(1, 2)


class Several(Dataset[tuple[Tensor, Tensor]]):
    """The windows of several sets of recordings, as one set."""

    def __init__(self, sets: Sequence[Recordings]) -> None:
        self.sets = list(sets)

    def add(self, recordings: Recordings) -> None:
        """Add the windows of another set of recordings."""
        self.sets.append(recordings)

    def __len__(self) -> int:
        return sum(map(len, self.sets))

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        joints, labels = self.__getitems__([index])
        return joints[0], labels[0]

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor]:
        ends = np.cumsum([len(one) for one in self.sets])
        of = np.searchsorted(ends, indices, side="right")
        parts = []
        for number, one in enumerate(self.sets):
            own = [
                i - int(ends[number]) + len(one)
                for i, at in zip(indices, of, strict=True)
                if at == number
            ]
            if own:
                parts.append(one.__getitems__(own))
        joints, labels = zip(*parts, strict=True)
        return torch.cat(joints), torch.cat(labels)

    def loader(
        self, batch_size: int, devices: int = 1, *, workers: int = 0
    ) -> DataLoader[tuple[Tensor, Tensor]]:
        """Batches of (joints, labels), `batch_size` over all `devices` together, cut out by
        `workers` further processes, or by this one."""
        return DataLoader(
            self,
            max(1, min(batch_size, len(self)) // devices),
            shuffle=True,
            drop_last=True,
            collate_fn=_as_it_is,
            num_workers=workers,
            persistent_workers=workers > 0,
        )


def _as_it_is(batch: Any) -> Any:
    return batch


def _paces(rng: np.random.Generator, n: int, frames: int, spread: float) -> np.ndarray:
    """By what factor `n` windows are quicker from frame to frame, (n, frames): now more, now less,
    with a logarithm of that standard deviation, which changes within half a second."""
    knots = rng.normal(0, 1.2 * spread, (n, frames // CHANGES + 2))
    at = np.linspace(0, knots.shape[1] - 1, frames)
    low = np.minimum(at.astype(int), knots.shape[1] - 2)
    return np.exp(knots[:, low] + (at - low) * (knots[:, low + 1] - knots[:, low]))


def frame_labels(store: Store, index: int, frames: int, settings: OnlineSettings) -> np.ndarray:
    """What the answer is for every frame of a recording, (frames,) int64.

    An action is the answer from `begun` seconds on, and for `hold` seconds after it, in which, up
    to `fade`, nothing else need be. A class in `QUIET` is the answer while it lasts and nothing
    else is; `NOTHING` is elsewhere.
    """
    rate = store.rate or 30.0
    labels = np.full(frames, NOTHING, dtype=np.int64)
    own = store.intervals[store.intervals["clip"] == index]
    quiet = np.array([store.labels[label] in QUIET for label in own["label"]], dtype=bool)
    for label, start, end in own[quiet][["label", "start", "end"]].tolist():
        labels[start:end] = label
    loud = np.sort(own[~quiet], order="start")
    for number, (label, start, end) in enumerate(loud[["label", "start", "end"]].tolist()):
        following = loud["start"][number + 1] if number + 1 < len(loud) else frames
        begun = start + int(min(settings.begun * rate, (end - start) / 3))
        held, faded = (min(int(end + s * rate), following) for s in (settings.hold, settings.fade))
        labels[start:begun] = UNASKED
        labels[begun:held] = label
        labels[held:faded] = UNASKED
    return labels
