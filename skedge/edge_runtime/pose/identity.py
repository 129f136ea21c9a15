"""Who is who from picture to picture: bodies seen are given to the people known, by place, size and
colour."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

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
# Seconds: somebody out of sight for longer is forgotten.
MEMORY = 4.0
# Seconds: velocity, size and colour are averaged over the first; somebody out of sight comes to
# rest within the second.
STEADY = 0.2
REST = 0.4
# In the search for the best assignment: a column without a row, and the start of a path.
NOBODY = START = -1


Color = tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Sighting:
    """A body in a picture: the centre of its hips (`x`, `y`) and its `size`, in pixels.

    `lean` is the angle of the trunk (radians); `color` is that of the clothes in CIELAB, None where
    it is not known. A newcomer is believed after `trial` seconds.
    """

    x: float
    y: float
    size: float
    lean: float = 0.0
    color: Color | None = None
    trial: float = 0.0


@dataclass(eq=False)
class Track:
    """Somebody followed: `id` is None until the trial ends at `believed`; `seconds` is when last
    seen at (`x`, `y`), and `across` and `down` how fast that moves (pixels a second)."""

    x: float
    y: float
    size: float
    lean: float
    color: Color | None
    seconds: float
    believed: float
    id: int | None = None
    across: float = 0.0
    down: float = 0.0

    def expected(self, seconds: float) -> tuple[float, float]:
        """The place at that moment: straight on, and slowing down while unseen."""
        gap = max(seconds - self.seconds, 0.0)
        moving = REST * (1 - math.exp(-gap / REST))
        return self.x + self.across * moving, self.y + self.down * moving

    def cost(self, sighting: Sighting, seconds: float) -> float:
        """How badly the sighting fits, infinite where it cannot be this person."""
        reach = min(NEAR + FASTEST * max(seconds - self.seconds, 0.0), FARTHEST)
        x, y = self.expected(seconds)
        distance = math.hypot(x - sighting.x, y - sighting.y) / self.size
        resized = abs(math.log(sighting.size / self.size))
        recolored = 0.0
        if self.color is not None and sighting.color is not None:
            recolored = math.dist(self.color, sighting.color)
        turned = abs((sighting.lean - self.lean + math.pi) % (2 * math.pi) - math.pi)
        if distance > reach or resized > RESIZED or recolored > RECOLORED or turned > TURNED:
            return math.inf
        return distance + SIZE_WEIGHT * resized + COLOR_WEIGHT * recolored

    def see(self, sighting: Sighting, seconds: float) -> None:
        gap = seconds - self.seconds
        if gap > 0:
            share = 1 - math.exp(-gap / STEADY)
            self.across += share * ((sighting.x - self.x) / gap - self.across)
            self.down += share * ((sighting.y - self.y) / gap - self.down)
            self.size = float(self.size * (sighting.size / self.size) ** share)
            if self.color is None:
                self.color = sighting.color
            elif sighting.color is not None:
                pairs = zip(self.color, sighting.color, strict=True)
                self.color = tuple(old + share * (new - old) for old, new in pairs)
        self.x, self.y = sighting.x, sighting.y
        self.lean = sighting.lean
        self.seconds = seconds


class Identities:
    """Follows people from picture to picture, with a number each that stays the same as long as
    they are in view.

    Who was in view within the last `BRIEF` seconds is looked for first. All other bodies are on
    trial: who has been seen in every picture of it becomes one of those out of sight, hidden behind
    another or missed by the network, if one of them fits, and else somebody new. After `MEMORY`
    seconds out of sight a person is forgotten, and comes back as somebody new. Numbers are never
    used again. At most `people` are followed at a time.
    """

    def __init__(self, people: int) -> None:
        self.people = people
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
        self.tracks = [track for track in self.tracks if seconds - track.seconds <= MEMORY]
        found: list[Track | None] = [None] * len(sightings)
        known = [track for track in self.tracks if track.id is not None]
        groups = (
            [track for track in known if track.seconds == self._last],
            [track for track in known if self._last - BRIEF <= track.seconds < self._last],
            [track for track in self.tracks if track.id is None],
        )
        for group in groups:
            self._give(group, sightings, found, seconds=seconds)
        for i, sighting in enumerate(sightings):
            if found[i] is None and self._room(found):
                believed = seconds + sighting.trial
                track = Track(
                    sighting.x,
                    y=sighting.y,
                    size=sighting.size,
                    lean=sighting.lean,
                    color=sighting.color,
                    seconds=seconds,
                    believed=believed,
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
        if not (group and left):
            return
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
        if not new:
            return
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

    Infinite costs are never chosen; no column is given twice. Shortest augmenting paths (Jonker and
    Volgenant, 1987): time grows with the cube of the size.
    """
    rows, columns = costs.shape
    if rows == columns == 1:
        return [0 if costs[0, 0] < math.inf else None]
    finite = costs[np.isfinite(costs)]
    if not finite.size:
        return [None] * rows
    # Beside the columns there is one for every row to have none, dearer than all others together.
    none = (rows + 1) * float(np.ptp(finite)) + float(finite.max()) + 1
    table = np.hstack([costs, np.full((rows, rows), none)]).tolist()
    owners = [NOBODY] * (columns + rows)
    row_prices, prices = [0.0] * rows, [0.0] * (columns + rows)
    for row in range(rows):
        _augment(table, row, owners=owners, row_prices=row_prices, prices=prices)
    taken = {owner: column for column, owner in enumerate(owners) if owner != NOBODY}
    return [taken[row] if taken[row] < columns else None for row in range(rows)]


def _augment(
    table: list[list[float]],
    row: int,
    owners: list[int],
    row_prices: list[float],
    prices: list[float],
) -> None:
    """Gives `row` a column: others move along the cheapest path to a column that nobody has."""
    nearest = [math.inf] * len(owners)
    before = [START] * len(owners)
    open_columns = set(range(len(owners)))
    path: list[int] = []
    owner = row
    at = START
    while owner != NOBODY:
        for column in open_columns:
            cost = table[owner][column] - row_prices[owner] - prices[column]
            if cost < nearest[column]:
                nearest[column] = cost
                before[column] = at
        at = min(open_columns, key=lambda column: (nearest[column], column))
        step = nearest[at]
        row_prices[row] += step
        for column in path:
            prices[column] -= step
            row_prices[owners[column]] += step
        for column in open_columns:
            nearest[column] -= step
        open_columns.remove(at)
        path.append(at)
        owner = owners[at]
    while at != START:
        owners[at] = row if before[at] == START else owners[before[at]]
        at = before[at]
