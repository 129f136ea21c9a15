"""`python -m skedge.bench.pi FILES...`: run exported models on emulated boards; ends with 1 where
something is not as it must be."""

import argparse
from pathlib import Path

from skedge.bench.pi.run import CORES, emulate
from skedge.edge_runtime.models import find
from skedge.skeleton.errors import InputError


def main() -> None:
    """Do what the arguments say and print the report."""
    parser = argparse.ArgumentParser(prog="python -m skedge.bench.pi", description=__doc__)
    parser.add_argument(
        "files", type=find, nargs="+", help="exported models, folders of them, or default"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/pi"), help="the folder for pi.json and pi.md"
    )
    parser.add_argument(
        "--wheel", type=Path, help="of this package; by default made of this checkout"
    )
    parser.add_argument("--cores", nargs="+", default=list(CORES), help="the processors to emulate")
    parser.add_argument(
        "--most-a-frame",
        type=float,
        help="instructions a streamed frame of one person and stream may take",
    )
    parser.add_argument(
        "--pose",
        type=Path,
        nargs="*",
        metavar="FILE",
        help="count the pose stage, too, and the networks in these files, such as uncut ones",
    )
    args = parser.parse_args()
    files = [
        file
        for path in args.files
        for file in (
            sorted([*path.glob("*.onnx"), *path.glob("*.tflite")]) if path.is_dir() else [path]
        )
    ]
    try:
        document = emulate(
            files,
            args.out,
            args.wheel,
            cores=args.cores,
            most_a_frame=args.most_a_frame,
            pose=args.pose,
        )
    except InputError as error:
        parser.exit(2, f"skedge.bench.pi: {error}\n")
    print((args.out / "pi.md").read_text("utf-8"))
    if document["complaints"]:
        parser.exit(1, f"skedge.bench.pi: {'; '.join(document['complaints'])}\n")


if __name__ == "__main__":
    main()
