"""What a slow camera or pose estimator costs: recall and false events of recordings as they are,
and of the same recordings with fewer pictures a second.

Pictures are left out as `skedge live` leaves them out: whenever the estimator is done it takes the
newest picture, and it is done after a time that varies by up to a fifth either way.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from skedge.bench.studies.views import Change, Found, arguments, compare, show
from skedge.edge_runtime import Recognizer
from skedge.edge_runtime.events import EventRules
from skedge.edge_runtime.scoring.everyday import Recording, Track
from skedge.skeleton.errors import InputError

RATES = (20.0, 15.0, 10.0, 7.0, 5.0)
JITTER = 0.2


def slower(recording: Recording, rate: float, seed: int = 0) -> Recording:
    """The recording with about `rate` pictures a second at the most."""
    rng = np.random.default_rng(seed)
    moments = np.unique([seconds for track in recording.people for seconds in track.seconds])
    kept: list[int] = []
    done = -math.inf
    while (number := max(_newest(moments, done), kept[-1] + 1 if kept else 0)) < len(moments):
        kept.append(number)
        done = max(done, moments[number]) + rng.uniform(1 - JITTER, 1 + JITTER) / rate
    people = []
    for track in recording.people:
        there = np.isin(track.seconds, moments[kept])
        people.append(Track(track.seconds[there], track.joints[there]))
    return replace(recording, people=tuple(one for one in people if len(one.seconds)))


def _newest(moments: np.ndarray, seconds: float) -> int:
    """The number of the newest picture at that time; -1 before the first."""
    return int(np.searchsorted(moments, seconds, side="right")) - 1


def study(model: str, sets: Sequence[Path], rates: Sequence[float]) -> Found:
    """For recordings as they are, for every rate, and for every set the figures of
    `skedge.edge_runtime.scoring.everyday.figures`.

    Raises `InputError` for rates that are not above 0.
    """
    if not min(rates) > 0:
        raise InputError(f"--rates: expected pictures a second above 0, got {min(rates):g}")
    recognizer = Recognizer.load(model)
    changes: dict[str, Change] = {"as they are": lambda recording: recording}
    changes |= {f"{rate:g} a second": partial(slower, rate=rate) for rate in rates}
    rules = EventRules.of(recognizer.metadata)
    return compare(recognizer, rules, sets, labels=recognizer.labels, changes=changes)


def main() -> None:
    """Measure the model on the sets that the arguments name."""
    parser = arguments("pace", __doc__)
    parser.add_argument("--rates", nargs="+", type=float, default=RATES, help="pictures a second")
    args = parser.parse_args()
    show(parser, args.out, lambda: study(args.model, args.sets, args.rates))


if __name__ == "__main__":
    main()
