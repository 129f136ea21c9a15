"""What viewers may change while the live view runs."""

from collections.abc import Mapping
from typing import Any

from skedge.edge_runtime.live.actions import Actions
from skedge.edge_runtime.live.lessons import Lessons
from skedge.edge_runtime.live.view import CHANGES, View
from skedge.skeleton.errors import InputError

# Each person needs as much computing time as the first one.
MOST_PEOPLE = 8


class Control:
    """Takes what a viewer wants: some fields of the `view`, or one of `threshold` (a number, None:
    the model's own), `people`, `recording` and `lesson` (see `Lessons`).

    What the live view does not have cannot be changed: a pose estimator without `people`, no
    recording, no lessons. `pose` is what finds people, `studio` what records (`Studio`).
    """

    def __init__(
        self,
        view: View,
        actions: Actions,
        pose: Any = None,
        studio: Any = None,
        lessons: Lessons | None = None,
    ) -> None:
        self._view = view
        self._actions = actions
        self._pose = pose
        self._studio = studio
        self._lessons = lessons

    def change(self, wanted: Any) -> None:
        """Take what a viewer asks for, all of it or nothing; raises `InputError` for what cannot
        be."""
        own = {
            "threshold": self._set_threshold,
            "people": self._set_people,
            "recording": self._set_recording,
            "lesson": self._learn,
        }
        if isinstance(wanted, dict) and len(wanted) == 1 and (name := next(iter(wanted))) in own:
            own[name](wanted[name])
        elif isinstance(wanted, dict) and wanted.keys() <= CHANGES.keys():
            self._view.change(wanted)
        else:
            raise InputError(
                f"expected one of {', '.join(own)}, or some of {', '.join(CHANGES)}, got something"
                " else"
            )

    def document(self) -> dict[str, Any]:
        """The present settings, as plain JSON types; None for what cannot be changed."""
        return {
            "threshold": self._actions.threshold,
            "people": getattr(self._pose, "people", None),
            "recording": None if self._film is None else self._studio.recording,
            "lessons": None if self._lessons is None else self._lessons.document(),
        }

    @property
    def _film(self) -> Any:
        return None if self._studio is None else self._studio.film

    def _set_threshold(self, wanted: Any) -> None:
        fine = wanted is None or (_is_number(wanted) and 0 <= wanted <= 1)
        if not fine:
            raise InputError("threshold: expected a number from 0 to 1, or null for the model's")
        self._actions.threshold = wanted

    def _set_people(self, wanted: Any) -> None:
        if not hasattr(self._pose, "people"):
            raise InputError(
                "people: this pose estimator has no setting for how many people it looks for"
            )
        if type(wanted) is not int or not 1 <= wanted <= MOST_PEOPLE:
            raise InputError(f"people: expected a number from 1 to {MOST_PEOPLE}")
        self._pose.people = wanted

    def _set_recording(self, wanted: Any) -> None:
        if self._film is None:
            raise InputError("recording: start skedge with --record FOLDER, which says where to")
        if type(wanted) is not bool:
            raise InputError("recording: expected true or false")
        self._studio.recording = wanted

    def _learn(self, wanted: Any) -> None:
        if self._lessons is None:
            raise InputError("there is no model that actions could be taught to")
        if not isinstance(wanted, Mapping):
            raise InputError("lesson: expected an object")
        match dict(wanted):
            case {"record": str(label), "clips": int(clips)} if not isinstance(clips, bool):
                self._lessons.record(label, clips)
            case {"stop": True}:
                self._lessons.stop()
            case {"teach": True}:
                self._lessons.teach()
            case _:
                raise InputError("lesson: expected record and clips, stop, or teach")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
