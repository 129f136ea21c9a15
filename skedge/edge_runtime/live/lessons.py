"""Actions of one's own from the page: clips are recorded, kept in a store, and taught."""

import queue
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from skedge.datasets.store import Store
from skedge.datasets.store.lock import only_one
from skedge.datasets.store.rewrite import append, check
from skedge.edge_runtime.events import QUIET
from skedge.edge_runtime.live.actions import Actions, Observation, Outlook
from skedge.edge_runtime.live.model_watch import ModelFile
from skedge.edge_runtime.live.takes import RATE, Takes
from skedge.edge_runtime.teach import LEAST_OTHER, teach
from skedge.skeleton.errors import InputError, reason
from skedge.skeleton.files import Stamp, stamp
from skedge.skeleton.layout import Layout

# The length of a clip of anything else; a new action's clips are as long as the model's window.
OTHER_SECONDS = 10.0
COUNTDOWN = 4.0
# Seconds between two looks at files that others may remove: what is taught is forgotten so.
LOOK_EVERY = 1.0
LONGEST_LABEL, MOST_CLIPS = 40, 50
# Seconds for which clips wait for another program at their store: fewer than the view waits for its
# threads at its end, so that a note says what becomes of them.
PATIENCE = 3.0


class Lessons:
    """Hands observations to `actions`, or while clips are recorded to `Takes`; `record`, `stop` and
    `teach` may be called from any thread.

    The clips, of bodies in `layout`, go to a store beside the file of what is taught to the
    `model` (`store`). What fails is said to `note`. `run` does what takes long, in a thread of its
    own.
    """

    def __init__(
        self, actions: Actions, model: ModelFile, layout: Layout, note: Callable[[str], None]
    ) -> None:
        taught = model.taught
        stem = taught.name.removesuffix(".json").removesuffix(".taught")
        self.store = taught.with_name(f"{stem}.clips")
        self._actions = actions
        self._model = model
        self._layout = layout
        self._note = note
        self._takes: Takes | None = None
        self._begins = False
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._doing = ""
        self._seconds: dict[str, float] = {}
        self._clips: dict[str, int] = {}
        self._counted: Stamp = None
        self._report: dict[str, Any] | None = None
        self._problem = ""
        self._damage = ""
        self._count()

    def record(self, label: str, clips: int) -> None:
        """Record `clips` clips of an action, or of anything else (`other`).

        Raises `InputError` for a label or a number that cannot be, where no clips can be stored,
        and while something else is going on.
        """
        if not 0 < len(label) <= LONGEST_LABEL or label != label.strip():
            raise InputError(f"expected a name of 1 to {LONGEST_LABEL} letters, got {label[:80]!r}")
        if not 1 <= clips <= MOST_CLIPS:
            raise InputError(f"expected from 1 to {MOST_CLIPS} clips, got {clips}")
        label = label.casefold() if label.casefold() in QUIET else label
        seconds = OTHER_SECONDS if label in QUIET else self._actions.recognizer.metadata.seconds
        takes = Takes(label, clips, seconds, countdown=COUNTDOWN)
        with only_one(self.store):
            check(self.store, self._layout, rate=RATE, label=label)
        self._begin(f"recording {label}")
        self._begins = True
        self._takes = takes

    def stop(self) -> None:
        """Give the recording up; its clips are not kept. Without one nothing happens."""
        with self._lock:
            takes, self._takes = self._takes, None
        if takes is not None:
            self._end("")

    def teach(self) -> None:
        """Teach the model the actions in the store, as `skedge teach` does; raises `InputError`
        while something else is going on."""
        self._begin("teaching")
        self._jobs.put(self._teach)

    def document(self) -> dict[str, Any]:
        """What viewers see, as plain JSON types: what is going on, the clips that there are, and
        what came of the last teaching."""
        other = sum(seconds for label, seconds in self._seconds.items() if label in QUIET)
        return {
            "doing": self._doing,
            "clips": {label: n for label, n in self._clips.items() if label not in QUIET},
            "other_seconds": round(other, 1),
            "least_other_seconds": LEAST_OTHER,
            "report": self._report,
            "problem": self._problem or self._damage,
        }

    def update(self, observation: Observation) -> Outlook:
        takes = self._takes
        if takes is None:
            return self._actions.update(observation)
        ended = Outlook()
        if self._begins:
            self._begins = False
            ended = self._actions.finish()
        failed: InputError | None = None
        outlook = Outlook()
        try:
            outlook = takes.update(observation)
        except InputError as error:
            failed = error
        if takes.complete or failed:
            self._keep(takes, failed)
        return replace(outlook, happenings=ended.happenings, finished=False)

    def finish(self) -> Outlook:
        return self._actions.finish()

    def run(self) -> None:
        """Do what is asked for until `close`, and see what becomes of the files meanwhile."""
        while True:
            try:
                job = self._jobs.get(timeout=LOOK_EVERY)
            except queue.Empty:
                self._count()
                if stamp(self._model.taught) is None:
                    self._report = None
                continue
            if job is None:
                return
            problem = ""
            try:
                job()
            except InputError as error:
                problem = str(error)
            except OSError as error:
                problem = f"{error.filename or self.store}: {reason(error)}"
            except Exception as error:  # a device that is left alone goes on without it
                problem = f"{type(error).__name__}: {error}"
            self._end(problem)

    def close(self) -> None:
        """Make `run` end once it has done all, and has kept the clips that are done."""
        self._keep(self._takes)
        self._jobs.put(None)

    def _begin(self, doing: str) -> None:
        with self._lock:
            if self._doing:
                raise InputError(f"wait for the end of this: {self._doing}")
            self._doing = doing
            self._problem = ""
            self._report = None

    def _end(self, problem: str) -> None:
        self._doing = ""
        self._problem = problem
        if problem:
            self._note(f"own actions: {problem}")

    def _keep(self, takes: Takes | None, failed: InputError | None = None) -> None:
        """Have `run` keep the clips of a recording that is over, once, unless it was given up."""
        with self._lock:
            if takes is not None and self._takes is takes:
                self._takes = None
                self._jobs.put(lambda: self._store(takes, failed))

    def _store(self, takes: Takes, failed: InputError | None = None) -> None:
        """Keep the clips that are done; raises what has `failed` before all were."""
        if takes.clips:
            append(self.store, takes.clips, self._layout, rate=RATE, patience=PATIENCE)
            self._count()
        if failed:
            raise failed

    def _teach(self) -> None:
        if not self.store.exists():
            raise InputError("expected clips of a new action, got none; record some first")
        metadata = self._actions.recognizer.metadata
        known = {one.casefold() for one in metadata.labels if one not in QUIET}
        again = [label for label in Store(self.store).labels if label.casefold() in known]
        found = teach(self._model.path, self.store, again=again, out=self._model.taught)
        self._report = {"taught": found["taught"], "warnings": found["warnings"]}

    def _count(self) -> None:
        """Count the clips in the store, where it is another than it was."""
        now = stamp(self.store / "store.json")
        if now == self._counted:
            return
        self._counted = now
        self._damage = ""
        clips: Counter[str] = Counter()
        seconds: dict[str, float] = {}
        if now is not None:
            try:
                store = Store(self.store)
            except InputError as error:
                self._damage = str(error)
                return
            for one in store.index:
                label = store.labels[one["label"]]
                clips[label] += 1
                length = float(one["frames"]) / store.frame_rate
                seconds[label] = seconds.get(label, 0.0) + length
        self._clips, self._seconds = dict(clips), seconds
