"""What invented people do otherwise: what a model of one's own actions is to be quiet at."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from skedge.datasets.store import Store
from skedge.datasets.synthetic.synthesize import synthesize
from skedge.edge_runtime.scoring.everyday import SYNONYMS
from skedge.recipes.settings import InputSettings
from skedge.skeleton.layout import Layout
from skedge.teacher.clips import Clips

# The number of people, and of the clips in which each does everything: half an hour in all. The
# seed is that of nobody who trained or measures anything else.
PEOPLE, CLIPS, SEED = 12, 4, 977


def of_others(labels: Sequence[str], data: InputSettings, layout: Layout) -> Clips:
    """Clips of invented people, prepared as `data` says and on the joints of `layout`: everyday
    movement, and the actions of the synthetic set that are not among `labels`, by their names or
    others that are known for them."""
    known = {SYNONYMS.get(label.casefold(), label.casefold()) for label in labels}
    with tempfile.TemporaryDirectory() as room:
        people = Path(room) / "people"
        synthesize(people, subjects=PEOPLE, clips_per_action_and_subject=CLIPS, seed=SEED)
        store = Store(people)
        names = np.array(store.labels)[np.asarray(store.index["label"])]
        chosen = np.flatnonzero(~np.isin(names, [*(known - {"other", "idle"})]))
        return Clips.read(store, chosen, data, layout=layout)
