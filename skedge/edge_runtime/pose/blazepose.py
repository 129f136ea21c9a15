"""BlazePose for one or more people, on ai-edge-litert alone."""

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from skedge.edge_runtime.interfaces import Frame, Person
from skedge.edge_runtime.pose.detector import Detector
from skedge.edge_runtime.pose.identity import BRIEF, Color, Identities, Sighting, Track
from skedge.edge_runtime.pose.landmarks import HIPS, LAYOUT, MAIN, SHOULDERS, Body, Landmarker
from skedge.edge_runtime.pose.models import model_path
from skedge.edge_runtime.pose.parallel import Beside
from skedge.edge_runtime.pose.placement import Placement
from skedge.edge_runtime.pose.region import Region
from skedge.edge_runtime.pose.search import Search, covered, same
from skedge.edge_runtime.pose.smoothing import OneEuro
from skedge.edge_runtime.pose.whole import PRESENT, UPRIGHT, Whole, in_picture, is_upper, is_whole
from skedge.skeleton.errors import InputError
from skedge.skeleton.hanging import leg_joints
from skedge.skeleton.touching import Touching, trunks

# What the network's score must reach: for somebody new, for somebody followed who is on trial, and
# for somebody believed, whom a blurred picture must not lose.
NEW, FOLLOWED, BELIEVED = 0.5, 0.3, 0.2
# Of the twelve main joints so many must be in the picture: less is no body.
LEAST = 4
# People, and threads: more are of no use on any computer.
MOST = 64
# Seconds between two looks for people: while nobody is in view, somebody is missed, for newcomers,
# and while nothing in the picture moves. A look costs as much as one to two bodies followed: a view
# without anybody must not cost more than one with somebody.
EMPTY, MISSED, LOOK, CALM = 0.06, 0.1, 0.2, 0.4
# So many newcomers are looked at in one picture; in a crowd the others come in the next ones.
NEWCOMERS = 3
# Seconds until a newcomer is believed: standing, and lying or upside down, as the network sees many
# a thing.
TRIAL, DOUBTFUL_TRIAL = 0.06, 0.5
# The One-Euro filter of joints (Hz, and Hz more for every m/s) and of pixels, in which a region is
# about so many metres.
CUTOFF, SLOPE = 1.0, 3.0
METRES = 2.3
# Clothes are looked at in 8 x 8 places between these joints, the outer fifths left out.
CORNERS = np.array([*SHOULDERS, *HIPS])
_SHARE = np.linspace(0.2, 0.8, 8)
_SIDES = np.stack([1 - _SHARE, _SHARE], axis=1)
TRUNK = np.einsum("ia,jb->ijab", _SIDES, _SIDES).reshape(64, 4).astype(np.float32)


class _Followed:
    def __init__(self, track: Track, body: Body) -> None:
        self.track = track
        self.body = body
        pixels = SLOPE * METRES / body.region.size
        self._motion = OneEuro(CUTOFF, np.array([pixels, pixels, SLOPE, SLOPE, SLOPE]))
        self._placement = Placement()
        self._whole = Whole()
        self._upper = Whole()

    def update(self, body: Body, width: int, height: int, seconds: float) -> Person | None:
        """The person as of this picture; None before there is a number."""
        self.body = body
        seen = np.concatenate([body.pixels, body.world], axis=1, dtype=np.float64)
        both = self._motion.update(seen, seconds)
        pixels = both[:, :2]
        joints = both[:, 2:]
        joints = self._placement.update(
            joints,
            pixels,
            weights=(body.visibility * body.presence).astype(np.float64),
            width=width,
            height=height,
            seconds=seconds,
        )
        joints[body.presence < PRESENT] = np.nan
        lean = body.region.angle
        seen_whole = is_whole(body, width, height)
        # One picture never shows both.
        seen_upper = not seen_whole and is_upper(body, width, height)
        whole = self._whole.update(seen_whole, lean, seconds)
        upper = self._upper.update(seen_upper, lean, seconds) and not whole
        if upper:
            joints[list(leg_joints(LAYOUT))] = np.nan
        if self.track.id is None:
            return None
        return Person(
            self.track.id,
            joints.astype(np.float32),
            pixels=pixels.astype(np.float32),
            confidence=body.score,
            whole=whole,
            upper=upper,
        )


class BlazePose:
    """Finds up to `people` bodies in a picture and gives each 33 joints in metres (Bazarevsky et
    al., CVPRW 2020).

    Somebody found is followed: the landmarks say where to look next, so the detector runs only
    while fewer than `people` are in view. The landmarks come from the `network` "full" or "lite",
    on up to `threads` cores; `folder` is where the networks are, by default the user's cache.
    `took` is told what each step of the work took, in seconds: "detector" for a window searched,
    "landmarks" for a body.

    Raises `InputError` where the networks are not there; `skedge pose fetch` gets them. Not for
    several threads at once.
    """

    def __init__(
        self,
        people: int = 2,
        threads: int = 1,
        network: str = "full",
        folder: Path | None = None,
        took: Callable[[str, float], object] = lambda step, seconds: None,
    ) -> None:
        for flag, number in (("--people", people), ("--pose-threads", threads)):
            if not 1 <= number <= MOST:
                raise InputError(f"{flag}: expected a number from 1 to {MOST}, got {number}")
        self.layout = LAYOUT
        self._took = took
        detector = self.open_detector(model_path("detector", folder), max(1, threads // 2))
        self._search = Search(detector, took)
        # One for everybody, on all threads: one for each thread would take 13 to 24 MB each.
        self._landmarker = self.open_landmarker(model_path(network, folder), threads)
        self._beside = Beside(threads)
        self._identities = Identities(people)
        self._followed: list[_Followed] = []
        self._touching = Touching()
        self._looked = -np.inf
        self._doubted = -np.inf

    @property
    def people(self) -> int:
        """How many are looked for; another number holds from the next picture on."""
        return self._identities.people

    @people.setter
    def people(self, number: int) -> None:
        self._identities.people = number

    def open_detector(self, path: Path, threads: int) -> Detector:
        """What finds bodies roughly, with the network in a file."""
        return Detector(path, threads)

    def open_landmarker(self, path: Path, threads: int) -> Landmarker:
        """What finds the landmarks of one body, with the network in a file."""
        return Landmarker(path, threads)

    def estimate(self, frame: Frame) -> tuple[Person, ...]:
        """The people in `frame.image`; frames come in the order of their time stamps.

        Joints (33, 3) are metres before a camera with 60 degrees across: x to its left, y up, z
        away, as a Kinect gives them; NaN where a joint lies outside of the picture. Hidden ones are
        the network's guess.
        """
        image, seconds = frame.image, frame.seconds
        if image is None:
            raise InputError(
                "pose: expected a picture, got a frame without one; recorded skeletons need no pose"
                " estimator"
            )
        bodies = self._find(image, seconds)
        tracks = self._identities.update([_sighting(image, body) for body in bodies], seconds)
        known = {one.track: one for one in self._followed}
        missed = [track for track in self._identities.hidden if seconds - track.seconds <= BRIEF]
        self._followed = [known[track] for track in missed if track in known]
        people = []
        for track, body in zip(tracks, bodies, strict=True):
            if track is not None:
                one = known.get(track) or _Followed(track, body)
                self._followed.append(one)
                height, width = image.shape[:2]
                people.append(one.update(body, width, height, seconds=seconds))
        return self._marked(tuple(person for person in people if person is not None), seconds)

    def _marked(self, people: tuple[Person, ...], seconds: float) -> tuple[Person, ...]:
        """The people, with a mark at bodies that may be those of two who touch."""
        places = trunks(np.array([one.pixels for one in people]).reshape(-1, 33, 2), LAYOUT)
        both = self._touching.update(
            {one.id: place for one, place in zip(people, places, strict=True)}, seconds
        )
        return tuple(replace(one, touching=True) if one.id in both else one for one in people)

    def _find(self, image: np.ndarray, seconds: float) -> list[Body]:
        """The bodies followed, and where it is time to look, others."""
        people = self._identities.people
        beside = self._look_beside(image, seconds) if people > len(self._followed) else None
        bodies, lost = self._follow(image, seconds)
        free = people - len(bodies)
        regions = []
        if free > 0:
            regions = self._elsewhere(image, seconds, bodies=bodies, lost=lost, beside=beside)
        for body in self._newcomers(image, regions[: min(free, NEWCOMERS)]):
            known = any(track.cost(_sighting(image, body), seconds) < math.inf for track in lost)
            if (body.score >= NEW or known) and not any(
                same(body, other) or covered(body, other) for other in bodies
            ):
                bodies.append(body)
        return bodies

    def _look_beside(self, image: np.ndarray, seconds: float) -> Future[list[Region]] | None:
        """The search for others, begun beside the landmarks of those who are followed, if it is
        time for it; those followed are painted over as they were a moment ago."""
        bodies = [one.body for one in self._followed]
        missed = self._identities.hidden
        if not bodies or not self._is_time(image, seconds, missed, bodies=bodies):
            return None
        look = partial(self._search.look, image, missed=missed, seconds=seconds, bodies=bodies)
        return self._beside.start(look)

    def _follow(self, image: np.ndarray, seconds: float) -> tuple[list[Body], list[Track]]:
        """The bodies of those who are followed, and the tracks of those who are lost."""
        bodies: list[Body] = []
        lost = []
        regions = [one.body.region for one in self._followed]
        found = self._bodies(image, regions, BELIEVED)
        # Whoever lies is doubted now and then for good, and in every picture of the trial, or
        # after one in which that body was found upright, as somebody else.
        doubted = seconds - self._doubted >= LOOK
        if doubted:
            self._doubted = seconds
        missed = self._identities.hidden
        which = [doubted or one.track.id is None or one.track in missed for one in self._followed]
        found = self._upright(image, regions, found, which=which)
        for one, body in zip(self._followed, found, strict=True):
            least = FOLLOWED if one.track.id is None else BELIEVED
            if body is None or body.score < least or any(same(body, other) for other in bodies):
                lost.append(one.track)
            else:
                bodies.append(body)
        return bodies, lost

    def _elsewhere(
        self,
        image: np.ndarray,
        seconds: float,
        bodies: Sequence[Body],
        lost: Sequence[Track],
        beside: Future[list[Region]] | None,
    ) -> list[Region]:
        """Where others than `bodies` may be, if it is time to look: whoever was there a moment ago
        goes before others."""
        missed = self._identities.hidden
        # For a quarter of a second after everybody was lost every picture is searched.
        vanished = bool(lost) and not bodies
        if beside is not None:
            regions = beside.result()
        elif vanished or self._is_time(image, seconds, missed, bodies=bodies):
            # First around those who were there in the last picture.
            anew = vanished and any(track not in missed for track in lost)
            out = [*lost, *(track for track in missed if track not in lost)]
            regions = self._search.look(image, bodies, missed=out, seconds=seconds, anew=anew)
        else:
            return []
        self._looked = seconds
        if lost:
            places = [track.expected(seconds) for track in lost]
            regions.sort(key=lambda one: min(math.hypot(one.x - x, one.y - y) for x, y in places))
        return regions

    def _newcomers(self, image: np.ndarray, regions: Sequence[Region]) -> list[Body]:
        """The bodies in regions that the detector found."""
        found = self._bodies(image, regions, FOLLOWED)
        found = self._upright(image, regions, found, which=[True] * len(found))
        return [body for body in found if body is not None]

    def _upright(
        self,
        image: np.ndarray,
        regions: Sequence[Region],
        found: Sequence[Body | None],
        which: Sequence[bool],
    ) -> list[Body | None]:
        """The bodies `found` in regions. In a blurred picture both networks take many upright
        people for lying or upside down: of those, `which` are looked at upright, too."""
        doubtful = [
            number
            for number, body in enumerate(found)
            if which[number] and abs((body.region if body else regions[number]).angle) >= UPRIGHT
        ]
        raised = [replace(regions[number], angle=0.0) for number in doubtful]
        better = list(found)
        for number, body in zip(doubtful, self._bodies(image, raised, NEW), strict=True):
            if body is not None and abs(body.region.angle) < UPRIGHT:
                better[number] = body
        return better

    def _is_time(
        self, image: np.ndarray, seconds: float, missed: Sequence[Track], bodies: Sequence[Body]
    ) -> bool:
        """Whether to look for people: seldom where nothing but `bodies` has moved since the last
        look."""
        waited = seconds - self._looked
        if waited >= CALM:
            return True
        least = EMPTY if not bodies else MISSED if missed else LOOK
        return waited >= least and (bool(missed) or self._search.has_changed(image, bodies))

    def _bodies(
        self, image: np.ndarray, regions: Sequence[Region], least: float
    ) -> list[Body | None]:
        """The body in each region, None where it is not believed."""
        if not regions:
            return []
        start = time.perf_counter()
        found = [self._landmarker.find(image, region) for region in regions]
        took = (time.perf_counter() - start) / len(regions)
        height, width = image.shape[:2]
        for _ in regions:
            self._took("landmarks", took)
        return [
            body
            if body is not None
            and body.score >= least
            and in_picture(body, MAIN, width=width, height=height) >= LEAST
            else None
            for body in found
        ]


def _sighting(image: np.ndarray, body: Body) -> Sighting:
    region = body.region
    trial = TRIAL if abs(region.angle) < UPRIGHT else DOUBTFUL_TRIAL
    return Sighting(
        region.x,
        y=region.y,
        size=region.size,
        lean=region.angle,
        color=_clothes(image, body),
        trial=trial,
    )


def _clothes(image: np.ndarray, body: Body) -> Color | None:
    """The colour in CIELAB of what lies between shoulders and hips, in the mean, or None where
    those lie outside of the picture."""
    height, width = image.shape[:2]
    trunk = body.pixels.take(CORNERS, axis=0)
    grid = TRUNK @ trunk
    if not all(0 <= x < width and 0 <= y < height for x, y in trunk.tolist()):
        within = (grid >= 0) & (grid < (width, height))
        grid = grid[within[:, 0] & within[:, 1]]
        if len(grid) < 16:
            return None
    columns, rows = grid.astype(np.intp).T
    mean = np.array([[cv2.mean(image[rows, columns][None])[:3]]], np.float32) / 255
    return tuple(cv2.cvtColor(mean, cv2.COLOR_BGR2LAB)[0, 0].tolist())
