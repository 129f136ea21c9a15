"""Who is who from picture to picture: bodies seen are given to the people known, by place, size and
colour."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

# How far a body may be from where it was expected, in body sizes: a share for the pose changing,
# and a speed, in sizes a second, that nobody on foot exceeds. Somebody out of sight is looked for
# in a circle that grows, up to the last one.
NEAR = 0.2
FASTEST = 1.5
FARTHEST = 1.0
# The natural logarithm of how much larger or smaller a body may have become, and what it weighs
# against the distance.
RESIZED = 0.7
SIZE_WEIGHT = 0.5
# Seconds: somebody missed for no longer than this may be back without a trial.
BRIEF = 0.25
# Radians: nobody falls over from one picture to the next, and who does so out of sight is a
# newcomer.
TURNED = np.pi / 3
# How different clothes may look from one picture to the next and after a while (CIE76, where 2 is
# just visible): shadow and turning round cost 40 within a second. And what a difference weighs
# against a distance of one body size.
RECOLORED = 45.0
COLOR_WEIGHT = 0.01
# Seconds: velocity, size and colour are averaged over the first; somebody out of sight comes to
# rest within the second.
STEADY = 0.2
REST = 0.4


@dataclass(frozen=True, eq=False)
class Sighting:
    """A body in a picture: the centre of its hips (`x`, `y`) and its `size`, in pixels.

    `lean` is the angle of the trunk (radians); `color` (3,) is that of the clothes in CIELAB, None
    where it is not known. A newcomer is believed after `trial` seconds.
    """

    x: float
    y: float
    size: float
    lean: float = 0.0
    color: np.ndarray | None = None
    trial: float = 0.0


@dataclass(eq=False)
class Track:
    """Somebody followed: `id` is None until the trial ends at `believed`; `seconds` is when last
    seen."""

    place: np.ndarray
    size: float
    lean: float
    color: np.ndarray | None
    seconds: float
    believed: float
    id: int | None = None
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(2))

    def expected(self, seconds: float) -> np.ndarray:
        """The place (2,) at that moment: straight on, and slowing down while unseen."""
        gap = max(seconds - self.seconds, 0.0)
        return self.place + self.velocity * REST * (1 - np.exp(-gap / REST))

    def cost(self, sighting: Sighting, seconds: float) -> float:
        """How badly the sighting fits, infinite where it cannot be this person."""
        reach = min(NEAR + FASTEST * max(seconds - self.seconds, 0.0), FARTHEST)
        distance = float(np.hypot(*(self.expected(seconds) - (sighting.x, sighting.y)))) / self.size
        resized = abs(float(np.log(sighting.size / self.size)))
        known = self.color is not None and sighting.color is not None
        recolored = float(np.linalg.norm(self.color - sighting.color)) if known else 0.0  # type: ignore[operator]
        turned = abs((sighting.lean - self.lean + np.pi) % (2 * np.pi) - np.pi)
        if distance > reach or resized > RESIZED or recolored > RECOLORED or turned > TURNED:
            return np.inf
        return distance + SIZE_WEIGHT * resized + COLOR_WEIGHT * recolored

    def see(self, sighting: Sighting, seconds: float) -> None:
        gap = seconds - self.seconds
        place = np.array([sighting.x, sighting.y])
        if gap > 0:
            share = 1 - np.exp(-gap / STEADY)
            self.velocity = self.velocity + share * ((place - self.place) / gap - self.velocity)
            self.size = float(self.size * (sighting.size / self.size) ** share)
            if self.color is None:
                self.color = sighting.color
            elif sighting.color is not None:
                self.color = self.color + share * (sighting.color - self.color)
        self.place, self.lean, self.seconds = place, sighting.lean, seconds


class Identities:
    """Follows people from picture to picture, with a number each that stays the same as long as
    they are in view.

    Who was in view within the last `BRIEF` seconds is looked for first. All other bodies are on
    trial: who has been seen in every picture of it becomes one of those out of sight, hidden behind
    another or missed by the network, if one of them fits, and else somebody new. After `memory`
    seconds out of sight a person is forgotten, and comes back as somebody new. Numbers are never
    used again. At most `people` are followed at a time.
    """

    def __init__(self, people: int, memory: float = 4.0) -> None:
        self.people = people
        self.memory = memory
        self.tracks: list[Track] = []
        self._next = 0
        self._last = -np.inf

    @property
    def hidden(self) -> list[Track]:
        """Those followed who were not in the last picture."""
        return [track for track in self.tracks if track.seconds < self._last]

    def update(self, sightings: Sequence[Sighting], seconds: float) -> list[Track | None]:
        """Whose the sightings of the picture at the time stamp `seconds` are; None for bodies
        beyond `people`.

        Time stamps ascend. Of bodies that nobody fits, those that come first are taken first.
        """
        self.tracks = [track for track in self.tracks if seconds - track.seconds <= self.memory]
        found: list[Track | None] = [None] * len(sightings)
        known = [track for track in self.tracks if track.id is not None]
        groups = (
            [track for track in known if track.seconds == self._last],
            [track for track in known if self._last - BRIEF <= track.seconds < self._last],
            [track for track in self.tracks if track.id is None],
        )
        for group in groups:
            self._give(group, sightings, found, seconds)
        for i, sighting in enumerate(sightings):
            if found[i] is None and self._room(found):
                place = np.array([sighting.x, sighting.y])
                believed = seconds + sighting.trial
                track = Track(
                    place, sighting.size, sighting.lean, sighting.color, seconds, believed
                )
                self.tracks.append(track)
                found[i] = track
        self._end_trials(sightings, found, seconds)
        self.tracks = [
            track for track in self.tracks if track.id is not None or track.seconds == seconds
        ]
        self._last = seconds
        return found

    def _room(self, found: list[Track | None]) -> bool:
        return sum(track is not None for track in found) < self.people

    def _give(
        self,
        group: list[Track],
        sightings: Sequence[Sighting],
        found: list[Track | None],
        seconds: float,
    ) -> None:
        left = [i for i, track in enumerate(found) if track is None]
        costs = [[track.cost(sightings[i], seconds) for i in left] for track in group]
        for track, column in zip(
            group, assign(np.reshape(costs, (len(group), len(left)))), strict=True
        ):
            if column is not None and self._room(found):
                found[left[column]] = track
                track.see(sightings[left[column]], seconds)

    def _end_trials(
        self, sightings: Sequence[Sighting], found: list[Track | None], seconds: float
    ) -> None:
        new = [
            i
            for i, track in enumerate(found)
            if track is not None and track.id is None and seconds >= track.believed
        ]
        missed = [
            track for track in self.tracks if track.id is not None and track.seconds < seconds
        ]
        costs = [[track.cost(sightings[i], seconds) for track in missed] for i in new]
        for i, column in zip(new, assign(np.reshape(costs, (len(new), len(missed)))), strict=True):
            track = found[i]
            assert track is not None
            if column is not None:
                track.id = missed[column].id
                self.tracks.remove(missed[column])
            else:
                track.id = self._next
                self._next += 1


def assign(costs: np.ndarray) -> list[int | None]:
    """The column of each row of `costs` (rows, columns) so that as many rows as can be have one, at
    the least total cost.

    Infinite costs are never chosen; no column is given twice.
    """
    rows, columns = costs.shape

    @cache
    def best(row: int, taken: int) -> tuple[int, float, tuple[int | None, ...]]:
        if row == rows:
            return 0, 0.0, ()
        missed, cost, others = best(row + 1, taken)
        choices: list[tuple[int, float, tuple[int | None, ...]]] = [
            (missed + 1, cost, (None, *others))
        ]
        for column in range(columns):
            if not taken >> column & 1 and np.isfinite(costs[row, column]):
                missed, cost, others = best(row + 1, taken | 1 << column)
                choices.append((missed, cost + float(costs[row, column]), (column, *others)))
        return min(choices, key=lambda choice: choice[:2])

    return list(best(0, 0)[2])
