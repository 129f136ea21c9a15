"""The packed store: how a dataset lies on the disk, is checked, split, merged and summarised."""

from skedge.datasets.store.packed import PARTS, Store, StoreWriter

__all__ = ["PARTS", "Store", "StoreWriter"]
