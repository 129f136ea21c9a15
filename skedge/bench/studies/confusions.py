"""Picture of what an exported model takes for what, frame by frame as before a camera.

`python -m skedge.bench.studies.confusions default stores/utd docs/pictures/confusion.png --synonyms
'{"boxing": "punch", "sit to stand": "stand up", "stand to sit": "sit down"}'`
"""

import json
from pathlib import Path

import numpy as np

from skedge.bench.studies.command import one_line, parser_of
from skedge.edge_runtime.recognizer import Recognizer
from skedge.edge_runtime.scoring.predict import Classes, Prediction, predict_store
from skedge.teacher.pictures import confusion_matrix

NONE = "no answer"


def count(predictions: list[Prediction], labels: tuple[str, ...]) -> tuple[np.ndarray, list[str]]:
    """Clips by truth and answer, (K, K), and the names of the K classes that occur as either.

    The last class is "no answer" where a clip ended before the first answer.
    """
    pairs = [(one.truth, one.label or NONE) for one in predictions]
    occurring = {name for pair in pairs for name in pair}
    names = [name for name in (*labels, NONE) if name in occurring]
    counts = np.zeros((len(names), len(names)), int)
    for truth, answer in pairs:
        counts[names.index(str(truth)), names.index(answer)] += 1
    return counts, names


def main() -> None:
    """Draw the confusions of the model and store that the arguments name."""
    parser = parser_of("confusions", __doc__)
    parser.add_argument("model", help="exported model, or default")
    parser.add_argument("store", type=Path, help="store of labelled clips")
    parser.add_argument("out", type=Path, help="PNG file to write")
    parser.add_argument("--protocol", default="xsub", help="name of the store's split")
    parser.add_argument("--synonyms", type=json.loads, help="the model's names, as JSON")
    args = parser.parse_args()
    with one_line(parser):
        recognizer = Recognizer.load(args.model)
        classes = Classes(synonyms=args.synonyms or {})
        report = predict_store(
            recognizer, args.store, args.protocol, frame_by_frame=True, classes=classes
        )
        counts, names = count(report.predictions, recognizer.labels)
        confusion_matrix(counts, names, args.out)
    print(f"{args.out}: {np.trace(counts)} of {counts.sum()} clips are right")


if __name__ == "__main__":
    main()
