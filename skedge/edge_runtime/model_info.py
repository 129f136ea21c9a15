"""What a model file holds, in plain JSON types."""

from pathlib import Path
from typing import Any

from skedge.edge_runtime.events import QUIET
from skedge.edge_runtime.models import find
from skedge.edge_runtime.recognizer import Recognizer
from skedge.edge_runtime.taught import beside
from skedge.edge_runtime.window import first_answer


def model_info(path: Path | str) -> dict[str, Any]:
    """What the model file at `path` knows and how it decides, what was taught to it, what it wants
    to see, how good it was and how it was made.

    `actions` has every label that can be an event, with the least probability, the answers in a row
    (ten a second), and where it begins by lasting, too, after how many seconds. `accuracy` and
    `made` are the file's own words. `first_answer` and `window` are seconds, `rate` frames a second
    (None: any).

    Raises `InputError` for a file that does not load.
    """
    path = find(path)
    recognizer = Recognizer.load(path)
    metadata, rules = recognizer.metadata, recognizer.rules
    actions: dict[str, dict[str, float]] = {}
    numbers = zip(recognizer.labels, rules.thresholds.tolist(), rules.patience, strict=True)
    for label, threshold, patience in numbers:
        if label not in QUIET:
            lasting = {"lasting": rules.lasting[label]} if label in rules.lasting else {}
            actions[label] = {"threshold": threshold, "answers": int(patience)} | lasting
    taught = {"file": str(beside(path)), "clips": recognizer.taught}
    return {
        "model": str(path),
        "checksum": metadata.checksum,
        "bytes": path.stat().st_size,
        "precision": metadata.precision,
        "actions": actions,
        "never_events": [label for label in recognizer.labels if label in QUIET],
        "from_the_hips_up": list(metadata.upper_body),
        "taught": taught if recognizer.taught else None,
        "people": metadata.persons,
        "layout": metadata.layout.name,
        "joints": len(metadata.layout),
        "streams": list(metadata.streams),
        "rate": metadata.hz,
        "window": round(metadata.seconds, 3),
        "first_answer": round(first_answer(metadata), 3),
        "streaming": metadata.streaming is not None,
        "parameters": metadata.parameters,
        "macs": metadata.macs,
        "accuracy": metadata.accuracy,
        "made": metadata.provenance,
        "notes": list(recognizer.notes),
    }
