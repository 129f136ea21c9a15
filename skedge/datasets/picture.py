"""Draws a clip: a moving skeleton as an animated GIF, or a strip of its frames as a PNG."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from skedge.datasets.store import Store
from skedge.skeleton.errors import InputError
from skedge.skeleton.files import write_whole
from skedge.skeleton.layout import Layout, check_joint_count
from skedge.skeleton.prepare import fill, seen

LEFT, RIGHT, MIDDLE, FLOOR = "#d1495b", "#1f77b4", "#333333", "#cccccc"
# Horizontal coordinate and its sign: a camera's picture, then seen from the side.
VIEWS = {"front": (0, -1.0), "side": (2, 1.0)}
# Frames per second: a GIF counts in hundredths of a second, and viewers slow down faster ones.
GIF_RATE = 20
MOST_PICTURES = 300
Intervals = Sequence[tuple[str, int, int]]


def draw(
    clip: np.ndarray,
    layout: Layout,
    path: Path | str,
    *,
    rate: float | None = None,
    title: str = "",
    strip: int = 8,
    intervals: Intervals = (),
) -> None:
    """Draw a clip (M, T, V, 3) in metres, NaN where absent, from the front and from the side.

    A `.gif` moves at the clip's `rate` (30 where it is None), a long one faster; a `.png` shows
    `strip` frames beside each other. Left is red, right is blue; joints that are absent are hollow,
    where `skedge.skeleton.prepare.fill` puts them. The label of each of `intervals` (label, first
    frame, frame after the last) stands over its frames.

    Raises `InputError` for another ending, a wrong joint count and a clip in which nothing was
    seen.
    """
    path = Path(path)
    if path.suffix.lower() not in (".gif", ".png"):
        raise InputError(f"{path}: expected a picture's path that ends in .gif or .png")
    if not path.parent.is_dir():
        raise InputError(f"{path}: expected a folder that exists, got {path.parent}")
    check_joint_count(clip.shape[2], layout, str(path))
    persons = np.flatnonzero(seen(clip).any(axis=(1, 2)))
    if len(persons) == 0:
        raise InputError(f"{path}: expected a clip in which someone is seen, got NaN everywhere")
    clip = clip[persons]
    measured = seen(clip)
    joints = fill(clip, layout)
    present = np.logical_or.accumulate(
        measured.any(axis=-1), axis=1
    )  # fill gives zeros to a person not seen yet
    joints[~present] = np.nan
    shown = _Shown(
        joints, measured=measured, layout=layout, rate=rate, title=title, intervals=intervals
    )
    if path.suffix.lower() == ".gif":
        _animate(shown, path)
    else:
        _strip(shown, path, strip)


def draw_clip(store: Store, name: str, path: Path | str) -> None:
    """Draw the clip called `name` of a store, with its label, or those of its intervals.

    Raises `InputError` for a clip that the store does not hold, and as `draw` does.
    """
    number = store.find(name)
    own = store.intervals[store.intervals["clip"] == number]
    intervals = [(store.labels[one["label"]], int(one["start"]), int(one["end"])) for one in own]
    title = name if intervals else f"{name}: {store.labels[store.index['label'][number]]}"
    draw(
        store.clip(number),
        store.layout,
        path,
        rate=store.rate,
        title=title,
        intervals=intervals,
    )


@dataclass(frozen=True, eq=False)
class _Shown:
    """What a picture is made of: joints (M, T, V, 3) without a gap, and which were `measured`, (M,
    T, V)."""

    joints: np.ndarray
    measured: np.ndarray
    layout: Layout
    rate: float | None
    title: str
    intervals: Intervals

    def labels(self, frame: int) -> str:
        return ", ".join(label for label, start, end in self.intervals if start <= frame < end)

    def drawing(self, axis: Any, view: str) -> "_Drawing":
        return _Drawing(axis, self.layout, view, persons=len(self.joints))


def _strip(shown: _Shown, path: Path, count: int) -> None:
    joints, rate = shown.joints, shown.rate
    frames = np.unique(np.linspace(0, joints.shape[1] - 1, count).round().astype(int))
    wide, high = _size(joints)
    figure = _figure(len(frames) * wide * 2.2 / high, 2 * 2.2 + 0.5)
    axes = figure.subplots(2, len(frames), squeeze=False)
    for row, view in zip(axes, VIEWS, strict=True):
        for column, (frame, axis) in enumerate(zip(frames, row, strict=True)):
            heading = f"{frame / rate:.2f} s" if rate else f"frame {frame}"
            if shown.intervals:
                heading += "\n" + textwrap.fill(shown.labels(int(frame)), 16)
            _prepare(axis, joints, view, heading=heading if view == "front" else "")
            shown.drawing(axis, view).show(joints[:, frame], shown.measured[:, frame])
            if column == 0:
                axis.text(
                    0,
                    0.5,
                    view,
                    transform=axis.transAxes,
                    rotation=90,
                    ha="right",
                    va="center",
                    fontsize=9,
                )
    if shown.title:
        figure.suptitle(shown.title, fontsize=10)
    write_whole(path, partial(figure.savefig, dpi=100))


def _animate(shown: _Shown, path: Path) -> None:
    from PIL import Image  # comes with matplotlib

    joints = shown.joints
    title = shown.title
    rate = shown.rate or 30.0
    seconds = joints.shape[1] / rate
    # A recording of minutes is shown in as many pictures, faster.
    moments = np.arange(0, seconds, max(1 / GIF_RATE, seconds / MOST_PICTURES))
    frames = np.minimum((moments * rate).round().astype(int), joints.shape[1] - 1)
    wide, high = _size(joints)
    figure = _figure(max(2 * wide * 3.6 / high, 3), 4.2)
    axes = figure.subplots(1, 2)
    drawings = []
    for axis, view in zip(axes, VIEWS, strict=True):
        _prepare(axis, joints, view, heading=view)
        drawings.append(shown.drawing(axis, view))

    second = "\n" if shown.intervals else ""
    heading = figure.suptitle((title or " ") + second, fontsize=10)
    figure.draw_without_rendering()
    figure.set_layout_engine(
        "none"
    )  # laid out once: doing so for every frame takes most of the time

    def pictures() -> Iterator[Image.Image]:
        for frame in frames:
            label = second + shown.labels(int(frame))
            heading.set_text(f"{title}  {frame / rate:4.1f} s".strip() + label)
            for drawing in drawings:
                drawing.show(joints[:, frame], shown.measured[:, frame])
            figure.canvas.draw()
            yield Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3]).quantize(64)

    drawn = pictures()  # one at a time
    first = next(drawn)
    pause = 1000 // GIF_RATE

    def save(draft: Path) -> None:
        first.save(draft, save_all=True, append_images=drawn, duration=pause, loop=0)

    write_whole(path, save)


class _Drawing:
    """The lines and dots of all persons on one axis, moved from frame to frame."""

    def __init__(self, axis: Any, layout: Layout, view: str, persons: int) -> None:
        from matplotlib.collections import LineCollection

        self._axis, self._sign = VIEWS[view]
        self._bones = np.asarray(layout.bones)
        colours = _colours(layout)
        styles = ["solid", "dashed", "dotted"]
        self._lines = [
            LineCollection(
                [],
                colors=[colours[child] for child, _ in layout.bones],
                linewidths=2.2,
                capstyle="round",
                linestyles=styles[min(person, 2)],
            )
            for person in range(persons)
        ]
        for lines in self._lines:
            axis.add_collection(lines)
        self._dots = axis.scatter([], [], s=9, zorder=3, linewidths=0.8)
        self._colours = np.array(colours * persons)

    def show(self, joints: np.ndarray, measured: np.ndarray) -> None:
        """One frame: joints (M, V, 3), and which of them were measured, (M, V)."""
        flat = np.stack([self._sign * joints[..., self._axis], joints[..., 1]], axis=-1)
        for lines, points in zip(self._lines, flat, strict=True):
            lines.set_segments(list(points[self._bones]))
        self._dots.set_offsets(flat.reshape(-1, 2))
        self._dots.set_edgecolor(self._colours)
        self._dots.set_facecolor(np.where(measured.ravel(), self._colours, "#ffffff"))


def _figure(width: float, height: float) -> Any:
    # A figure of its own, not pyplot's: needs no display and leaves no global state behind.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=80, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _prepare(axis: Any, joints: np.ndarray, view: str, heading: str) -> None:
    along, sign = VIEWS[view]
    wide, high = _size(joints)
    horizontal = _middle(joints[..., along]) * sign
    vertical = _middle(joints[..., 1])
    axis.set_xlim(horizontal - wide / 2, horizontal + wide / 2)
    axis.set_ylim(vertical - high / 2, vertical + high / 2)
    axis.set_aspect("equal")
    axis.axhline(np.nanmin(joints[..., 1]), color=FLOOR, linewidth=1, zorder=0)
    axis.set_title(heading, fontsize=9)
    axis.set_axis_off()


def _size(joints: np.ndarray) -> tuple[float, float]:
    """Width and height in metres that hold the whole clip in both views."""
    low, high = np.nanmin(joints, axis=(0, 1, 2)), np.nanmax(joints, axis=(0, 1, 2))
    span = np.maximum(high - low, 0.3) + 0.15
    return float(max(span[0], span[2])), float(span[1])


def _middle(values: np.ndarray) -> float:
    return float(np.nanmin(values) + np.nanmax(values)) / 2


def _colours(layout: Layout) -> list[str]:
    colours = [MIDDLE] * len(layout)
    for left, right in layout.pairs:
        colours[left] = LEFT
        colours[right] = RIGHT
    return colours
