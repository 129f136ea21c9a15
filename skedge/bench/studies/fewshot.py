"""How well classes are taught from a few clips: held-out classes of a store, against the classes
that the model knows.

`python -m skedge.bench.studies.fewshot hold-out STORE NEW --every 5` writes a store without every
fifth class, to train a model on;
`python -m skedge.bench.studies.fewshot split STORE NAME --every 5 --shots 5` adds a split with so
few training clips of these classes, to compare with training;
`python -m skedge.bench.studies.fewshot measure MODEL STORE` teaches the model the classes that it
does not know.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skedge.bench.studies.command import one_line, parser_of
from skedge.datasets.store import PARTS, Store
from skedge.datasets.store.rewrite import without
from skedge.edge_runtime.learning import learn
from skedge.edge_runtime.recognizer import Recognizer
from skedge.skeleton.errors import InputError
from skedge.skeleton.markdown import table
from skedge.skeleton.retarget import retarget


def measure(
    model: Path,
    store: Store,
    protocol: str = "xsub",
    shots: Sequence[int] = (1, 3, 5),
    draws: int = 20,
) -> list[dict[str, Any]]:
    """Top-1 in percent on a protocol's test clips, among all classes, when the unknown ones are
    taught from a few clips.

    One row for no teaching and one for each of `shots`: `new`, the mean over held-out classes'
    clips; `known`, over the others'; `all`, over all; `known taken for new`; each with its standard
    deviation over random choices (`draws`) of the taught clips, which are training clips. Whole
    clips are taught and tested, with the known classes' training clips as everything else.

    Raises `InputError` where the model knows all classes or too few, or where a class has less
    clips than are to be taught.
    """
    recognizer = Recognizer.load(model, taught=False)
    known = [label for label in store.labels if label in recognizer.labels]
    new = [label for label in store.labels if label not in known]
    if not new or len(known) < 2:
        raise InputError(
            f"{store.path}: expected classes that {model} knows and others, got {len(known)} and"
            f" {len(new)}"
        )
    names = [*recognizer.labels, *new]
    truth = np.array([names.index(store.labels[label]) for label in store.index["label"]])
    train, test = store.split(protocol, "train"), store.split(protocol, "test")
    embeddings, probabilities = embed(recognizer, store, [*train, *test])
    of_train = slice(0, len(train))
    of_test = slice(len(train), None)
    pools = {label: np.flatnonzero(truth[train] == names.index(label)) for label in [*known, *new]}
    fewest = min(len(pools[label]) for label in new)
    if max(shots) > fewest or min(shots) < 1:
        raise InputError(
            f"{store.path}: expected from 1 to {fewest} clips to teach a class from, got"
            f" {', '.join(map(str, shots))}"
        )
    examples = _apart(embeddings[of_train][np.concatenate([pools[label] for label in known])])
    is_new = truth[test] >= len(recognizer.labels)

    def score(answers: np.ndarray) -> list[float]:
        right = answers.argmax(axis=1) == truth[test]
        mistaken = answers.argmax(axis=1)[~is_new] >= len(recognizer.labels)
        return [
            100 * float(part.mean()) for part in (right[is_new], right[~is_new], right, mistaken)
        ]

    rows = [_row(0, [score(probabilities[of_test])])]
    for count in shots:
        rng = np.random.default_rng(0)
        scores = []
        for _ in range(draws):
            clips = {
                label: _apart(embeddings[of_train][rng.choice(pools[label], count, replace=False)])
                for label in new
            }
            taught = learn(clips, examples)
            scores.append(
                score(
                    taught.combine(probabilities[of_test], embeddings[of_test], recognizer.metadata)
                )
            )
        rows.append(_row(count, scores))
    return rows


def _apart(embeddings: np.ndarray) -> list[np.ndarray]:
    """Embeddings (n, D) as n clips of one answer."""
    return [one[None] for one in embeddings]


def embed(
    recognizer: Recognizer, store: Store, numbers: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings (n, D) and probabilities (n, K) of a store's whole clips of those numbers, their
    joints on the model's layout."""
    target = recognizer.metadata.layout
    pairs = []
    for i in (int(number) for number in numbers):
        frames = retarget(store.clip(i), store.layout, target).transpose(1, 0, 2, 3)
        rate = store.frame_rate
        pairs.append((recognizer.embed(frames, rate), recognizer.predict(frames, rate)))
    embeddings, probabilities = zip(*pairs, strict=True)
    return np.stack(embeddings), np.stack(probabilities)


def few(store: Store, protocol: str, labels: Sequence[str], shots: int) -> np.ndarray:
    """Codes (clips,) of a split as `protocol`, with only `shots` random training clips of each
    class in `labels`."""
    codes = np.array(store.codes(protocol))
    rng = np.random.default_rng(0)
    for label in labels:
        pool = np.flatnonzero(
            (codes == PARTS["train"]) & (store.index["label"] == store.class_index(label))
        )
        if not 1 <= shots <= len(pool):
            raise InputError(
                f"{store.path}: expected from 1 to {len(pool)} training clips of {label!r}, got"
                f" {shots}"
            )
        codes[np.setdiff1d(pool, rng.choice(pool, shots, replace=False))] = 0
    return codes


def markdown(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    names = [name for name in rows[0] if name != "shots"]
    cells = [
        [str(row["shots"]), *(f"{row[name][0]:.1f} ± {row[name][1]:.1f}" for name in names)]
        for row in rows
    ]
    return table(["clips a class", *names], cells)


def _row(shots: int, scores: list[list[float]]) -> dict[str, Any]:
    mean, spread = (
        np.mean(scores, axis=0).round(2).tolist(),
        np.std(scores, axis=0).round(2).tolist(),
    )
    names = ("new", "known", "all", "known taken for new")
    return {
        "shots": shots,
        **{name: [one, more] for name, one, more in zip(names, mean, spread, strict=True)},
    }


def _every(store: Store, every: int) -> list[str]:
    if not 2 <= every <= len(store.labels):
        raise InputError(
            f"--every: expected from 2 to {len(store.labels)}, the number of classes, got {every}"
        )
    return list(store.labels[every - 1 :: every])


def main() -> None:
    """Do what the arguments say and print what came of it."""
    parser = parser_of("fewshot", __doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    hold_out = commands.add_parser("hold-out", help="write a store without every so-manieth class")
    split = commands.add_parser(
        "split", help="add a split with few training clips of these classes"
    )
    run = commands.add_parser("measure", help="teach a model what it does not know")
    for one in (hold_out, split):
        one.add_argument("store", type=Path)
        one.add_argument("new", help="the store or split to make")
        one.add_argument("--every", type=int, default=5)
    split.add_argument("--shots", type=int, default=5)
    run.add_argument("model", type=Path)
    run.add_argument("store", type=Path)
    run.add_argument("--shots", type=int, nargs="+", default=[1, 3, 5])
    run.add_argument("--draws", type=int, default=20)
    run.add_argument("--json", action="store_true", help="instead of a table")
    for one in (split, run):
        one.add_argument("--protocol", default="xsub")
    args = parser.parse_args()
    with one_line(parser):
        store = Store(args.store)
        if args.command == "hold-out":
            labels = _every(store, args.every)
            without(store, args.new, labels)
            print("left out:", ", ".join(labels))
        elif args.command == "split":
            from skedge.datasets.store.splits import add

            labels = _every(store, args.every)
            add(
                args.store,
                lambda there: {args.new: few(there, args.protocol, labels, shots=args.shots)},
            )
            print(f"{args.shots} training clips of:", ", ".join(labels))
        else:
            rows = measure(args.model, store, args.protocol, shots=args.shots, draws=args.draws)
            print(json.dumps(rows, indent=1) if args.json else markdown(rows))


if __name__ == "__main__":
    main()
