"""A store's clips as training batches."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from skeleton import InputError, prepare
from skeleton.datasets.store import Store
from skeleton.layout import Layout
from skeleton.resample import uniform_sample
from skeleton.retarget import retarget
from teacher.settings import InputSettings

MANY = 5000


class Clips(Dataset[tuple[Tensor, Tensor]]):
    """Prepared clips in memory: joints (N, M, T, V, 3) with their labels (N,), read a whole batch at a time."""

    def __init__(self, joints: Tensor, labels: Tensor) -> None:
        self.joints, self.labels = joints, labels

    @classmethod
    def read(
        cls, store: Store, indices: Sequence[int] | np.ndarray, data: InputSettings, layout: Layout | None = None
    ) -> "Clips":
        """Prepare the clips at `indices`, retargeted to `layout` if it has other joints than the store's.

        Raises `InputError` for a clip in which nothing was seen, and for a layout that has joints no rule can place.
        """
        target, uniform = layout or store.layout, data.sampling == "uniform"
        labels = torch.from_numpy(np.array(store.index["label"][indices], dtype=np.int64))
        if data.test_clips < 1 or (data.test_clips > 1 and not uniform):
            raise InputError(
                f"input.test_clips: expected 1, or more with input.sampling uniform, got {data.test_clips} with {data.sampling}"
            )
        joints = torch.empty(0 if uniform else len(indices), data.persons, data.frames, len(target), 3)
        whole = []
        for row, i in enumerate(track(indices, "Reading clips", disable=len(indices) < MANY)):
            clip = store.clip(i) if target.joints == store.layout.joints else retarget(store.clip(i), store.layout, target)
            clip = prepare(clip, target, data.persons, None if uniform else data.frames, f"{store.path}, clip {i}")
            if uniform:
                whole.append(clip)
            else:
                joints[row] = torch.from_numpy(clip)
        return Sampled(whole, labels, data.frames, data.test_clips) if uniform else cls(joints, labels)

    def samplings(self) -> Iterator[Tensor]:
        """The joints (N, M, T, V, 3), as often as what is made of them is averaged."""
        yield self.joints

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.joints[index], self.labels[index]

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor]:
        return self.joints[indices], self.labels[indices]

    def loader(self, batch_size: int, devices: int = 1, shuffle: bool = True, drop_last: bool = False) -> DataLoader:
        """Batches of (joints, labels), `batch_size` over all `devices` together; a smaller set is one batch."""
        size = max(1, min(batch_size, len(self)) // devices)
        return DataLoader(self, size, shuffle=shuffle, drop_last=drop_last, collate_fn=lambda batch: batch)


class Sampled(Clips):
    """Clips of their own lengths, every batch of them a new uniform sampling; `joints` and `samplings` are always the same."""

    def __init__(self, clips: Sequence[np.ndarray], labels: Tensor, frames: int, draws: int) -> None:
        self.clips, self.frames, self.draws = clips, frames, draws
        super().__init__(self._sample(range(len(clips)), np.random.default_rng(0)), labels)

    def samplings(self) -> Iterator[Tensor]:
        rng = np.random.default_rng(0)
        for _ in range(self.draws):
            yield self._sample(range(len(self)), rng)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        joints, labels = self.__getitems__([index])
        return joints[0], labels[0]

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng(int(torch.randint(2**62, ())))
        return self._sample(indices, rng), self.labels[indices]

    def _sample(self, indices: Iterable[int], rng: np.random.Generator) -> Tensor:
        clips = (self.clips[i] for i in indices)
        return torch.from_numpy(np.stack([clip[:, uniform_sample(clip.shape[1], self.frames, rng)] for clip in clips]))
