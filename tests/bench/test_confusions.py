"""The confusions of a model are counted by truth and answer."""

from skedge.bench.studies.confusions import NONE, count
from skedge.edge_runtime.scoring.predict import Prediction


def test_clips_are_counted_by_truth_and_answer() -> None:
    answers = [("squat", "squat"), ("squat", "jump"), ("wave", None), ("wave", "wave")]
    predictions = [Prediction("x", truth, label, 0.5, None) for truth, label in answers]
    counts, names = count(predictions, ("wave", "clap", "squat", "jump"))
    assert names == ["wave", "squat", "jump", NONE]
    assert counts.tolist() == [[1, 0, 0, 1], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
