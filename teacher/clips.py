"""A store's clips as training batches."""

from collections.abc import Sequence

import numpy as np
import torch
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from skeleton import prepare
from skeleton.datasets.store import Store
from skeleton.layout import Layout
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
        target = layout or store.layout
        joints = torch.empty(len(indices), data.persons, data.frames, len(target), 3)
        for row, i in enumerate(track(indices, "Reading clips", disable=len(indices) < MANY)):
            clip = store.clip(i) if target.joints == store.layout.joints else retarget(store.clip(i), store.layout, target)
            clip = prepare(clip, target, data.persons, data.frames, f"{store.path}, clip {i}")
            joints[row] = torch.from_numpy(clip)
        labels = np.array(store.index["label"][indices], dtype=np.int64)
        return cls(joints, torch.from_numpy(labels))

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
