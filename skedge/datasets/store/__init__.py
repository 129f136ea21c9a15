"""The packed store: how a dataset lies on the disk, is checked, split, merged and summarised."""

from skedge.datasets.store.packed import PARTS, Store
from skedge.datasets.store.writer import Division, StoreWriter

__all__ = ["PARTS", "Division", "Store", "StoreWriter"]
