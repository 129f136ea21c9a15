"""The packed store: how a dataset lies on the disk, is checked, split, merged and summarised."""

from skedge.datasets.store.packed import ASSUMED_RATE, PARTS, Store
from skedge.datasets.store.writer import Division, StoreWriter

__all__ = ["ASSUMED_RATE", "PARTS", "Division", "Store", "StoreWriter"]
