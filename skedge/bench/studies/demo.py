"""Moving picture of the live view: the skeleton, the likeliest actions, the events.

`skedge data synth stores/recordings --continuous 1 --seed 1`, then
`python -m skedge.bench.studies.demo stores/recordings#s08_r01 docs/pictures/live.gif --start 27.5
--seconds 14.5`

The source is any that `skedge live` takes; the skeleton is the live view's own drawing. Needs the
extras `live` and `train` (Pillow comes with matplotlib).
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from skedge.bench.studies.command import one_line, parser_of
from skedge.edge_runtime.events import Event
from skedge.edge_runtime.interfaces import Frame
from skedge.edge_runtime.live.actions import Actions, Answer, Observation
from skedge.edge_runtime.live.picture import Stage, draw
from skedge.edge_runtime.live.run import Camera, open_camera
from skedge.edge_runtime.models import find
from skedge.edge_runtime.recognizer import Recognizer
from skedge.skeleton.errors import InputError
from skedge.skeleton.files import write_whole

HEIGHT, PANEL = 360, 260
BACK, TEXT, QUIET, TRACK, BAR, STRONG = (
    "#14171c", "#e9edf2", "#9aa5b3", "#2a313b", "#4f8ad9", "#ff9f43",
)  # fmt: skip
ROW, LEFT_EDGE = 24, 14
EVENTS_SHOWN = 6
COLOURS = 32


def pictures(
    camera: Camera, recognizer: Recognizer, start: float, seconds: float, rate: float
) -> Iterator[np.ndarray]:
    """Pictures (H, W, 3) uint8, red green blue, `rate` a second, from `start` on for `seconds`.

    Everything before `start` is recognised, too, and not shown.
    """
    actions = Actions(recognizer)
    stage = Stage()
    events = dict[int, Event]()
    due = start
    for frame in camera.source:
        if frame.seconds >= start + seconds:
            return
        observation = _observe(camera, frame)
        outlook = actions.update(observation)
        for happening in outlook.happenings:
            events[happening.number] = happening.event
        picture = draw(observation, outlook.answers, stage)
        if frame.seconds >= due:
            due += 1 / rate
            yield _compose(picture, outlook.answers, list(events.values()))


def save(drawn: Iterator[np.ndarray], path: Path, rate: float) -> int:
    """Write pictures as an endless GIF, whole or not at all. Gives their number.

    Raises `InputError` where there are none, or the folder is missing.
    """
    from PIL import Image

    if path.suffix.lower() != ".gif" or not path.parent.is_dir():
        raise InputError(f"{path}: expected a .gif in a folder that exists")
    images = [Image.fromarray(picture) for picture in drawn]
    if not images:
        raise InputError("expected a source with frames at that time; see --start and --seconds")
    # One palette for all, so that what stands still is stored once.
    palette = images[len(images) // 2].quantize(COLOURS)
    first, *others = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    wait = round(1000 / rate)
    write_whole(
        path, partial(first.save, save_all=True, append_images=others, duration=wait, loop=0)
    )
    return len(images)


def _observe(camera: Camera, frame: Frame) -> Observation:
    people = frame.people
    if people is None:
        assert camera.pose is not None
        people = camera.pose.estimate(frame)
    return Observation(frame, people, camera.layout, taken=frame.seconds)


def _compose(picture: np.ndarray, answers: tuple[Answer, ...], events: list[Event]) -> np.ndarray:
    """The live view's picture with a column beside it: actions of one person, the last events."""
    from PIL import Image, ImageDraw, ImageFont

    width = round(picture.shape[1] * HEIGHT / picture.shape[0])
    small = cv2.resize(picture, (width, HEIGHT), interpolation=cv2.INTER_AREA)
    canvas = Image.new("RGB", (width + PANEL, HEIGHT), BACK)
    canvas.paste(Image.fromarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB)), (0, 0))
    pen = ImageDraw.Draw(canvas)
    small_font, font = ImageFont.load_default(11), ImageFont.load_default(14)
    left, right = width + LEFT_EDGE, width + PANEL - LEFT_EDGE
    bar = left + 110
    pen.text((left, 12), "ACTIONS", fill=QUIET, font=small_font)
    top = next((answer.top for answer in answers if answer.top), ())
    for row, (label, probability) in enumerate(top):
        y = 34 + ROW * row
        pen.text((left, y), label, fill=TEXT, font=font)
        pen.rounded_rectangle((bar, y + 3, right, y + 13), 5, TRACK)
        length = round((right - bar) * probability)
        if length > 1:
            box = (bar, y + 3, bar + length, y + 13)
            pen.rounded_rectangle(box, min(5, length // 2), BAR if row else STRONG)
    below = 34 + ROW * 5 + 16
    pen.text((left, below), "EVENTS", fill=QUIET, font=small_font)
    for row, event in enumerate(reversed(events[-EVENTS_SHOWN:])):
        y = below + 22 + ROW * row
        colour = TEXT if event.ended else STRONG
        pen.text((left, y), f"{event.start:5.1f} s", fill=QUIET, font=font)
        pen.text((left + 64, y), event.label, fill=colour, font=font)
        if event.length is not None:
            pen.text((right, y), f"{event.length:.1f} s", fill=QUIET, font=font, anchor="ra")
    return np.asarray(canvas)


def main() -> None:
    """Draw the source that the arguments name."""
    parser = parser_of("demo", __doc__)
    parser.add_argument("source", help="any source that `skedge live` takes")
    parser.add_argument("out", type=Path, help="the GIF to write")
    parser.add_argument("--model", type=find, default=find("default"), help="an exported model")
    parser.add_argument("--start", type=float, default=0.0, help="second of the source to begin at")
    parser.add_argument("--seconds", type=float, default=12.0, help="length of the picture")
    parser.add_argument("--rate", type=float, default=10.0, help="pictures a second")
    args = parser.parse_args()
    with one_line(parser):
        camera = open_camera(args.source, fast=True)
        drawn = pictures(
            camera, Recognizer.load(args.model), args.start, seconds=args.seconds, rate=args.rate
        )
        count = save(drawn, args.out, args.rate)
    print(f"{args.out}: {count} pictures, {args.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
