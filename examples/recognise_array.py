"""Actions of a clip in an array: python examples/recognise_array.py CLIP.npy

The file holds joints (T, 25, 3) in metres, y up, NaN where a joint is absent, in Kinect v2's order
(layout `ntu25`), 30 frames a second.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np

from skedge import Recognizer

RATE = 30.0


def main(path: str) -> None:
    """Print every event of the clip, then the three likeliest actions of all of it."""
    clip = np.load(path)
    recognizer = Recognizer.load("default")
    results = [recognizer.update(joints, i / RATE) for i, joints in enumerate(clip)]
    events = [event for result in results for event in result.events]
    for event in [*events, *recognizer.end_events()]:  # the clip is over
        how = "begins" if event.end is None else f"has ended, {event.length:.1f} s long"
        print(f"{event.start:5.1f} s: {event.label} {how}")

    probabilities = recognizer.predict(clip, rate=RATE)
    for index in np.argsort(-probabilities)[:3]:
        print(f"{recognizer.labels[index]:>15} {100 * probabilities[index]:3.0f} %")


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("clip", metavar="CLIP.npy")
    try:
        main(parser.parse_args().clip)
    except (OSError, EOFError, ValueError) as error:  # no such file, or no clip in it
        parser.error(str(error))
