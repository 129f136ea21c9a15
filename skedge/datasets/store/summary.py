"""What a store holds, in numbers."""

from typing import Any

import numpy as np

from skedge.datasets.store import PARTS, Store
from skedge.datasets.store.look import look
from skedge.datasets.store.odd import odd_clips

_ROWS = 100_000


def summarize(store: Store) -> dict[str, Any]:
    """Counts and sizes of a store as plain JSON types.

    Keys: name, layout, joints, rate (Hz or None), clips, classes {label: clips}, subjects, cameras
    and setups {number: clips, without unknown ones}, protocols {name: {part: clips}}, frames {min,
    median, max, total}, persons {number: clips}, missing (share of joints that are absent, 0 to 1),
    height (of people, metres), speed (of their hands, m/s) and looks (what looks wrong about them,
    with what mends it), bytes (of the folder), fingerprint.
    """
    body = look(store.clip, len(store), store.layout, rate=store.rate)
    index = store.index
    frames = index["frames"]
    counts = np.bincount(index["label"], minlength=len(store.labels))
    codes = {name: store.codes(name) for name in store.protocols}
    return {
        "name": store.name,
        "layout": store.layout.name,
        "joints": len(store.layout),
        "rate": store.rate,
        "clips": len(store),
        "classes": {label: int(count) for label, count in zip(store.labels, counts, strict=True)},
        "subjects": _counts(index["subject"]),
        "cameras": _counts(index["camera"]),
        "setups": _counts(index["setup"]),
        "protocols": {
            name: {
                part: int((code == number).sum())
                for part, number in PARTS.items()
                if (code == number).any()
            }
            for name, code in codes.items()
        },
        "frames": {
            "min": int(frames.min()),
            "median": float(np.median(frames)),
            "max": int(frames.max()),
            "total": int(frames.sum()),
        },
        "persons": _counts(index["persons"]),
        "missing": _missing(store.joints),
        "height": body.height and round(body.height, 3),
        "speed": body.speed and round(body.speed, 3),
        "looks": [
            *(str(fault) for fault in body.faults),
            *odd_clips(store.clip, index["name"], store.layout, labels=index["label"]),
        ],
        "bytes": sum(file.stat().st_size for file in store.path.iterdir() if file.is_file()),
        "fingerprint": store.fingerprint,
    }


def _counts(numbers: np.ndarray) -> dict[str, int]:
    found, counts = np.unique(numbers[numbers >= 0], return_counts=True)
    return {str(number): int(count) for number, count in zip(found, counts, strict=True)}


def _missing(joints: np.ndarray) -> float:
    absent = 0
    for start in range(0, len(joints), _ROWS):  # in pieces: a store may be larger than the memory
        absent += int(np.isnan(joints[start : start + _ROWS]).any(axis=-1).sum())
    return absent / (joints.shape[0] * joints.shape[1])
