"""A store's recordings as training windows with a label for every frame."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from skedge.datasets.store import Store
from skedge.edge_runtime.events import QUIET
from skedge.recipes.online_settings import OnlineSettings
from skedge.recipes.settings import InputSettings
from skedge.skeleton import InputError, prepare
from skedge.skeleton.layout import Layout
from skedge.skeleton.prepare import seen
from skedge.skeleton.retarget import retarget
from skedge.student.calibrate import Span
from skedge.teacher.clips import usable
from skedge.teacher.wander import wander

# What a frame may be besides a class: nothing is asked, or it belongs to no interval.
UNASKED, NOTHING = -1, -2
# Frames in which the pace of a window changes.
CHANGES = 8
TENSORS = ("frames", "labels", "lengths", "paces")


class Recordings:
    """Recordings one behind the other, out of which windows are cut, anew at every step.

    Everything is tensors, so that windows are cut where training runs (`to`).
    """

    def __init__(
        self,
        store: Store,
        indices: Sequence[int] | np.ndarray,
        data: InputSettings,
        settings: OnlineSettings,
        *,
        unlabelled_in: Layout | None = None,
    ) -> None:
        """With `unlabelled_in` bodies are retargeted to that layout and no frame has a label.

        Raises `InputError` for a store that does not know its rate.
        """
        if store.rate is None:
            raise InputError(f"{store.path}: expected recordings that know their frames a second")
        layout = unlabelled_in or store.layout
        own = usable(store, np.asarray(indices), data.persons)
        self.data = data
        self.settings = settings
        self.paces = torch.full((len(own),), store.rate / data.hz)
        # Made at once and filled, since at full size there is no room for them twice.
        total = int(store.index["frames"][own].sum())
        self.frames = torch.empty(total, data.persons, len(layout), 3)
        self.labels = torch.full((total,), UNASKED)
        ends = [0]
        for i in own:
            clip, first = prepared(store, int(i), data.persons, retarget_to=unlabelled_in)
            ends.append(ends[-1] + clip.shape[1])
            place = slice(*ends[-2:])
            self.frames[place] = torch.from_numpy(clip).transpose(0, 1)
            if unlabelled_in is None:
                labels = frame_labels(store, int(i), settings)[first : first + clip.shape[1]]
                self.labels[place] = torch.from_numpy(labels)
        self.lengths = torch.tensor(ends).diff()
        self.frames, self.labels = self.frames[: ends[-1]], self.labels[: ends[-1]]

    def join(self, other: "Recordings") -> None:
        """Take in the recordings of another, of the same layout, behind one's own."""
        for name in TENSORS:
            setattr(self, name, torch.cat([getattr(self, name), getattr(other, name)]))

    def to(self, device: torch.device) -> None:
        """Bring all recordings to the device on which windows are to be cut."""
        for name in TENSORS:
            setattr(self, name, getattr(self, name).to(device))

    def loader(self, batch_size: int, devices: int = 1) -> DataLoader[tuple[Tensor, ...]]:
        """Batches of recordings' numbers (N,), each as often as its windows would fill it;
        `batch_size` over all `devices` together."""
        fit = (self.lengths / (self.settings.answers * self.paces)).long().clamp(min=1)
        of = torch.arange(len(fit)).repeat_interleave(fit)
        size = max(1, min(batch_size, len(of)) // devices)
        return DataLoader(TensorDataset(of), size, shuffle=True, drop_last=True)

    def cut(self, of: Tensor, lead: int) -> tuple[Tensor, Tensor]:
        """Windows of the recordings `of` (N,) at a model's rate: joints (N, M, lead + answers, V,
        3) in metres and labels (N, answers) of classes, `UNASKED` or `NOTHING`.

        `lead` are the frames of past that the first answer needs. Before a recording, and before a
        person comes into view, the first pose stands still. Windows begin anywhere and are played
        at other tempos, now quicker and now slower.
        """
        s = self.settings
        n = len(of)
        lengths = self.lengths[of, None]
        with self.frames.device:
            pace = (s.tempo * torch.randn(n, 1)).clamp(-0.5, 0.5).exp() * self.paces[of, None]
            first = torch.rand(n, 1) * (lengths - s.answers * pace).clamp(min=1)
            # The answer from which on the person is in view; before it nothing is known.
            comes = torch.randint(int(0.6 * s.answers), (n, 1))
            comes = torch.where(torch.rand(n, 1) < s.fresh, comes, -torch.inf)
            passed = wander(n, lead + s.answers, (1,), pace=CHANGES)[:, 0]
            passed = (s.style.pace * passed).exp().cumsum(1)
        shown = (first + comes * pace).clamp(min=0)
        moments = first + (passed - passed[:, lead, None]) * pace
        at = moments.maximum(shown).clamp(min=0).minimum(lengths - 1)
        starts = (self.lengths.cumsum(0) - self.lengths)[of, None]
        low = at.long()
        share = (at - low)[..., None, None, None]
        before = self.frames[starts + low]
        after = self.frames[starts + (low + 1).minimum(lengths - 1)]
        joints = (before + share * (after - before)).transpose(1, 2)
        labels = self.labels[starts + at[:, lead:].round().long()]
        in_view = (moments >= shown).cumsum(1)[:, lead:]
        return joints, labels.where(in_view >= self.data.warm_up, UNASKED)


def prepared(
    store: Store, index: int, persons: int, *, retarget_to: Layout | None = None
) -> tuple[np.ndarray, int]:
    """A recording as a model takes it, (persons, T, V, 3) in metres, from the first frame to the
    last in which somebody is seen, and which one is the first."""
    layout = retarget_to or store.layout
    clip = retarget(store.clip(index), store.layout, layout)
    first = int(seen(clip[:persons]).any(axis=(0, 2)).argmax())
    return prepare(clip, layout, persons, source=f"{store.path}, clip {index}"), first


def frame_labels(store: Store, index: int, settings: OnlineSettings) -> np.ndarray:
    """What the answer is for every frame of a recording, (frames,) int64.

    An action is the answer from `begun` seconds on, and for `hold` seconds after it, in which, up
    to `fade`, nothing else need be. Once another begins within it, it is not asked for any more. A
    class in `QUIET` is the answer while it lasts and nothing else is; `NOTHING` is elsewhere.
    """
    rate = store.frame_rate
    frames = int(store.index["frames"][index])
    labels = np.full(frames, NOTHING, dtype=np.int64)
    own = store.intervals[store.intervals["clip"] == index]
    quiet = np.array([store.labels[label] in QUIET for label in own["label"]], dtype=bool)
    for label, start, end in own[quiet][["label", "start", "end"]].tolist():
        labels[start:end] = label
    loud = np.sort(own[~quiet], order="start")
    for number, (label, start, end) in enumerate(loud[["label", "start", "end"]].tolist()):
        following = loud["start"][number + 1] if number + 1 < len(loud) else frames
        begun = start + int(min(settings.begun * rate, (end - start) / 3))
        labels[start : int(end + settings.fade * rate)] = UNASKED
        labels[begun : min(int(end + settings.hold * rate), following)] = label
    return labels


def spans(store: Store, index: int, first: int = 0) -> list[Span]:
    """The actions in a recording whose time begins with frame `first`, without those that are never
    an event."""
    rate = store.frame_rate
    own = store.intervals[store.intervals["clip"] == index]
    return [
        Span(store.labels[label], (begun - first) / rate, (ended - first) / rate)
        for label, begun, ended in own[["label", "start", "end"]].tolist()
        if store.labels[label] not in QUIET
    ]
