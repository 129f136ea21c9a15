"""How people of several stores move: to see whether invented ones do what real ones do.

`python -m skedge.bench.studies.movement STORES... --labels squat "sit to stand"` prints, for every
class, the 10th, 50th and 90th percentile over its clips of what `figures` says.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from skedge.bench.studies.command import one_line, parser_of
from skedge.datasets.store import Store
from skedge.skeleton import load_layout, retarget
from skedge.skeleton.errors import InputError
from skedge.skeleton.markdown import table

_LAYOUT = load_layout("ntu25")
_SIDES = ("left", "right")
FIGURES = ("seconds", "hand up", "reach", "hand speed", "hip drop", "foot lift", "knee", "lean")


def figures(joints: np.ndarray, rate: float) -> dict[str, float]:
    """What one person does in a clip (T, 25, 3) in NTU-25, with y up or down; NaN where unknown.

    `seconds`; of the hand that does more: `hand up` (above its shoulder) and `reach` (away from it,
    level) at most, in arm lengths, and `hand speed` (95th percentile, arm lengths per second);
    `hip drop` and `foot lift` (one ankle above the other) in leg lengths; the `knee` bent most and
    the trunk's `lean` in degrees.
    """

    def at(name: str) -> np.ndarray:
        return joints[:, _LAYOUT.index(name)].astype(float)

    up = 1.0 if np.nanmedian(at("head")[:, 1] - at("hip_center")[:, 1]) > 0 else -1.0
    arm = _length([at("right_shoulder"), at("right_elbow"), at("right_wrist")])
    leg = _length([at("right_hip"), at("right_knee"), at("right_ankle")])
    hands = [(at(f"{side}_wrist") - at(f"{side}_shoulder")) / arm for side in _SIDES]
    step = max(1, round(rate / 15))
    speeds = [np.linalg.norm(np.diff(one[::step], axis=0), axis=1) * rate / step for one in hands]
    knees = [_angle(at(f"{s}_hip"), at(f"{s}_knee"), at(f"{s}_ankle")) for s in _SIDES]
    ankles = [up * at(f"{side}_ankle")[:, 1] for side in _SIDES]
    hips = (up * at("hip_center")[:, 1] - np.minimum(*ankles)) / leg
    trunk = at("shoulder_center") - at("hip_center")
    lean = np.degrees(np.arctan2(np.linalg.norm(trunk[:, [0, 2]], axis=1), up * trunk[:, 1]))
    return {
        "seconds": len(joints) / rate,
        "hand up": _most([up * one[:, 1] for one in hands], 98),
        "reach": _most([np.linalg.norm(one[:, [0, 2]], axis=1) for one in hands], 98),
        "hand speed": _most(speeds, 95),
        "hip drop": _most([hips], 95) - _most([hips], 3),
        "foot lift": _most([np.abs(ankles[0] - ankles[1]) / leg], 98),
        "knee": -_most([-one for one in knees], 98),
        "lean": _most([lean], 97),
    }


def compare(store: Store, labels: Sequence[str]) -> list[list[str]]:
    """Rows of the store's name, a label, its number of clips and their figures (10 / 50 / 90 %);
    none for a label without clips.

    Raises `InputError` for an unknown label and a store without a frame rate.
    """
    if store.rate is None:
        raise InputError(f"{store.path}: it has no frame rate; import it again with --rate")
    rows = []
    for label in labels:
        chosen = np.flatnonzero(store.index["label"] == store.class_index(label))
        clips = [retarget(store.clip(int(i))[0], store.layout, _LAYOUT) for i in chosen]
        every = [figures(clip, store.rate) for clip in clips if len(clip) > 2]
        if not every:
            continue
        cells = []
        for name in FIGURES:
            low, middle, high = np.nanpercentile([one[name] for one in every], [10, 50, 90])
            digits = 0 if name in ("knee", "lean") else 1
            cells.append(f"{low:.{digits}f} / {middle:.{digits}f} / {high:.{digits}f}")
        rows.append([store.name, label, str(len(every)), *cells])
    return rows


def _length(chain: list[np.ndarray]) -> float:
    bones = [np.linalg.norm(b - a, axis=1) for a, b in pairwise(chain)]
    return float(np.nanmedian(np.sum(bones, axis=0)))


def _angle(above: np.ndarray, middle: np.ndarray, below: np.ndarray) -> np.ndarray:
    one, two = above - middle, below - middle
    cosine = (one * two).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(two, axis=1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def _most(curves: list[np.ndarray], percent: float) -> float:
    known = [one[np.isfinite(one)] for one in curves]
    return float(max((np.percentile(one, percent) for one in known if len(one)), default=np.nan))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = parser_of("movement", (__doc__ or "").split("\n", 1)[0])
    parser.add_argument("stores", type=Path, nargs="+")
    parser.add_argument("--labels", nargs="+", default=())
    args = parser.parse_args(arguments)
    with one_line(parser):
        stores = [Store(path) for path in args.stores]
    known = {label for store in stores for label in store.labels}
    if missing := [label for label in args.labels if label not in known]:
        parser.error(f"no store has a class {missing[0]!r}; there are {', '.join(sorted(known))}")
    rows = []
    with one_line(parser):
        for store in stores:
            wanted = [label for label in args.labels or store.labels if label in store.labels]
            rows += compare(store, wanted)
    print(table(["set", "class", "clips", *FIGURES], rows))


if __name__ == "__main__":
    main()
