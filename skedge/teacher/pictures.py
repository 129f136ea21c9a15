"""Pictures of what networks know: confusions, features, differences between two models,
activations, masks."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from skedge.skeleton import InputError, Layout
from skedge.skeleton.files import write_whole

FRAMES = 10
_NAMED = 100
# The width of a letter of a class's name, in inches.
_LETTER = 0.062
DARK: dict[str, Any] = {"cmap": "inferno_r", "vmin": 0, "vmax": 1}


def confusion_matrix(confusion: Any, labels: Sequence[str], file: Path) -> None:
    """Draw the confusions [truth][answer] (classes, classes) of clips as shares of each row, of
    more than a hundred classes without their names."""
    named = len(labels) <= _NAMED
    counts = np.asarray(confusion, float)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    # Margins by the names' lengths: a layout engine would draw everything twice.
    side = max(2.5, 0.22 * min(len(labels), _NAMED))
    margin = 0.6 + (max(map(len, labels)) * _LETTER if named else 0.3)
    width, height = margin + side + 0.9, margin + side + 0.2
    figure = _page(width, height)
    axes = figure.add_axes((margin / width, margin / height, side / width, side / height))
    image = axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    if named:
        places = range(len(labels))
        axes.set_xticks(places, labels, rotation=90, fontsize=7)
        axes.set_yticks(places, labels, fontsize=7)
    axes.set_xlabel("answer")
    axes.set_ylabel("truth")
    beside = (margin + side + 0.15) / width
    scale = figure.add_axes((beside, margin / height, 0.15 / width, side / height))
    figure.colorbar(image, cax=scale)
    save(figure, file)


def features(
    models: dict[str, np.ndarray],
    classes: np.ndarray,
    file: Path,
    *,
    labels: Sequence[str],
    seed: int = 0,
) -> None:
    """t-SNE of features (N, D) of the same clips by several models, side by side; `classes` (N,)
    colours them."""
    from sklearn.manifold import TSNE

    figure, axes = _figure(4.2 * len(models) + 1.6, 4.4, columns=len(models))
    for axis, (name, points) in zip(np.atleast_1d(axes), models.items(), strict=True):
        near = max(1.0, min(30.0, (len(points) - 1) / 3))
        flat = TSNE(init="pca", perplexity=near, random_state=seed).fit_transform(points)
        for number in np.unique(classes):
            own = flat[classes == number]
            axis.scatter(
                own[:, 0],
                own[:, 1],
                s=14,
                label=labels[number],
                color=_colour(int(number), classes),
            )
        axis.set_title(name)
        axis.set_xticks([])
        axis.set_yticks([])
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8, frameon=False)
    save(figure, file)


def spread(steps: Sequence[int], lines: Mapping[str, Sequence[float]], file: Path) -> None:
    """Curves side by side, a panel for each of `lines`: what was seen after a number of steps."""
    figure, axes = _figure(3.2 * len(lines), 2.8, columns=len(lines))
    for axis, (name, values) in zip(np.atleast_1d(axes), lines.items(), strict=True):
        axis.plot(steps, values, marker="o", markersize=3, color="#1f77b4")
        axis.set_title(name.replace("_", " "), fontsize=10)
        axis.set_xlabel("steps", fontsize=8)
        axis.tick_params(labelsize=7)
    save(figure, file)


def difference(accuracies: dict[str, Sequence[float]], labels: Sequence[str], file: Path) -> None:
    """Bars of the second model's accuracy less the first's, per class in points (ASMa, figure 6);
    `accuracies` are both models', by their names."""
    names = list(accuracies)
    first, second = accuracies.values()
    points = np.asarray(second, float) - np.asarray(first, float)
    order = points.argsort()
    figure, axes = _figure(7.0, max(2.5, 0.2 * len(labels) + 1))
    axes.barh(
        [labels[i] for i in order],
        points[order],
        color=["#d1495b" if p < 0 else "#1f77b4" for p in points[order]],
    )
    axes.axvline(0, color="#333333", linewidth=0.8)
    axes.tick_params(axis="y", labelsize=7)
    axes.set_xlabel(f"accuracy of {names[1]} less that of {names[0]}, points")
    save(figure, file)


def activation(
    joints: np.ndarray, strength: np.ndarray, file: Path, *, layout: Layout, title: str
) -> None:
    """A clip (T, V, 3) with every joint as large and dark as it spoke for the answer, strength (T,
    V) from 0 to 1.

    Above frames of the skeleton, below all joints over all frames.
    """
    frames = np.linspace(0, len(joints) - 1, min(FRAMES, len(joints))).round().astype(int)
    figure, axes = _figure(1.5 * len(frames), 6.0, rows=2, height_ratios=[1, 1.3])
    _bodies(
        axes[0],
        joints[frames],
        layout,
        styles=[{"c": strength[f], "s": 8 + 60 * strength[f], **DARK} for f in frames],
    )
    image = axes[1].imshow(strength.T, aspect="auto", interpolation="nearest", **DARK)
    axes[1].set_yticks(range(len(layout)), layout.joints, fontsize=6)
    axes[1].set_xlabel("frame")
    figure.colorbar(image, ax=axes[1], fraction=0.02)
    figure.suptitle(title, fontsize=10)
    save(figure, file)


def attention(runs: dict[str, np.ndarray], joints: int, file: Path) -> None:
    """A square for every block of every run, attention (blocks, K, K): a row a token that looks, a
    column one that is seen.

    Tokens are in the order of the joints within each stretch of time, of `joints` tokens; every
    square has its own scale, whose top is written above it as a multiple of an even look.
    """
    columns = max(len(blocks) for blocks in runs.values())
    figure, axes = _figure(
        1.9 * columns + 0.5, 2.2 * len(runs), rows=len(runs), columns=columns, squeeze=False
    )
    for (name, blocks), row in zip(runs.items(), axes, strict=True):
        for axis in row[len(blocks) :]:
            axis.set_axis_off()
        for place, (axis, weights) in enumerate(zip(row, blocks, strict=False)):
            top = float(np.quantile(weights, 0.999))
            axis.imshow(weights, cmap="inferno_r", vmin=0, vmax=top, interpolation="nearest")
            axis.set_title(f"block {place + 1}, top {top * len(weights):.1f}", fontsize=8)
            ticks = range(0, len(weights), joints * max(1, len(weights) // joints // 4))
            axis.set_xticks(ticks, [tick // joints for tick in ticks], fontsize=6)
            axis.set_yticks(ticks, [tick // joints for tick in ticks], fontsize=6)
        row[0].set_ylabel(name, fontsize=9)
    figure.supxlabel("stretch of time that is looked at", fontsize=8)
    save(figure, file)


def motions(actions: dict[str, np.ndarray], layout: Layout, file: Path) -> None:
    """Bars of how far each joint moves from frame to frame, in centimetres (V,), per action; dark
    ones have many bones."""
    columns = min(3, len(actions))
    rows = -(-len(actions) // columns)
    figure, axes = _figure(
        0.22 * len(layout) * columns + 1,
        2.6 * rows + 0.6,
        rows=rows,
        columns=columns,
        squeeze=False,
    )
    from matplotlib import colormaps

    shades = colormaps["viridis_r"](layout.degrees / layout.degrees.max())
    top = max(float(bars.max()) for bars in actions.values())
    for axis in axes.flat[len(actions) :]:
        axis.set_axis_off()
    for axis, (name, bars) in zip(axes.flat, actions.items(), strict=False):
        axis.bar(range(len(layout)), bars, color=shades)
        axis.set_title(name, fontsize=9)
        axis.set_ylim(0, 1.05 * max(top, 1e-9))
        axis.set_xticks(range(len(layout)), layout.joints, rotation=90, fontsize=6)
    for row in axes:
        row[0].set_ylabel("cm a frame", fontsize=8)
    save(figure, file)


def masks(
    joints: np.ndarray,
    views: dict[str, tuple[Sequence[int], Sequence[int]]],
    file: Path,
    *,
    layout: Layout,
) -> None:
    """A clip (T, V, 3) once for every mask: `views` names the joints and frames that stay.

    Joints that go are hollow; frames that go are grey.
    """
    frames = np.linspace(0, len(joints) - 1, min(FRAMES, len(joints))).round().astype(int)
    figure, axes = _figure(1.5 * len(frames), 2.6 * len(views), rows=len(views))
    for axis, (name, (kept_joints, kept_frames)) in zip(
        np.atleast_1d(axes), views.items(), strict=True
    ):
        stays = np.isin(np.arange(len(layout)), kept_joints)
        styles = []
        for frame in frames:
            dark = "#1f77b4" if frame in kept_frames else "#dddddd"
            styles.append({"c": np.where(stays, dark, "#ffffff"), "s": 18, "edgecolors": dark})
        _bodies(axis, joints[frames], layout, styles=styles)
        gone = len(joints) - len(kept_frames)
        axis.set_title(
            f"{name}: without {(~stays).sum()} of {len(layout)} joints, {gone} of {len(joints)}"
            " frames",
            fontsize=9,
        )
    save(figure, file)


class Reconstruction(NamedTuple):
    """A clip (T, V, 3), what was made of the joints that stayed (T, V, 3), and which ones were
    hidden, bool (T, V)."""

    joints: np.ndarray
    made: np.ndarray
    hidden: np.ndarray


def reconstruction(shown: Reconstruction, file: Path, *, layout: Layout, title: str) -> None:
    """A clip, the same with its hidden joints hollow, and what was made of the rest.

    Frames of which nothing is left are grey. What was made up has another colour than what was
    seen.
    """
    joints, made, hidden = shown
    frames = np.linspace(0, len(joints) - 1, min(FRAMES, len(joints))).round().astype(int)
    figure, axes = _figure(1.5 * len(frames), 7.8, rows=3)
    dark, light, made_up = "#1f77b4", "#dddddd", "#d1495b"
    edges = [light if hidden[f].all() else dark for f in frames]
    rows = {
        "input": (joints, [{"c": dark, "s": 18} for _ in frames]),
        "masked": (
            joints,
            [
                {"c": np.where(hidden[f], "#ffffff", edge), "s": 18, "edgecolors": edge}
                for f, edge in zip(frames, edges, strict=True)
            ],
        ),
        "reconstructed": (
            made,
            [{"c": np.where(hidden[f], made_up, dark), "s": 18} for f in frames],
        ),
    }
    # All rows about the input's middle, else a body that is made too large would also be moved.
    middle = joints[frames].mean(axis=(0, 1))
    for axis, (name, (bodies, styles)) in zip(axes, rows.items(), strict=True):
        _bodies(axis, bodies[frames], layout, styles=styles, middle=middle)
        axis.set_title(name, fontsize=9)
    figure.suptitle(f"{title}; {hidden.mean():.0%} hidden", fontsize=10)
    save(figure, file)


def _bodies(
    axis: Any,
    joints: np.ndarray,
    layout: Layout,
    *,
    styles: list[dict[str, Any]],
    middle: Any = None,
) -> None:
    """Skeletons (K, V, 3) side by side, seen from the front; `middle` (3,) is theirs by default."""
    flat = joints[..., :2] - (joints.mean(axis=(0, 1)) if middle is None else middle)[:2]
    width = 1.25 * max(float(np.ptp(flat[..., 0], axis=1).max()), 0.5)
    for place, (points, style) in enumerate(zip(flat, styles, strict=True)):
        moved = np.stack([width * place - points[:, 0] + points[:, 0].mean(), points[:, 1]], axis=1)
        for child, parent in layout.bones:
            axis.plot(*moved[[child, parent]].T, color="#bbbbbb", linewidth=1.2, zorder=1)
        axis.scatter(moved[:, 0], moved[:, 1], zorder=2, linewidths=0.7, **style)
    axis.set_aspect("equal")
    axis.set_axis_off()


def _colour(number: int, classes: np.ndarray) -> Any:
    from matplotlib import colormaps

    place = int(np.flatnonzero(np.unique(classes) == number)[0])
    return colormaps["tab10" if len(np.unique(classes)) <= 10 else "nipy_spectral"](
        place if len(np.unique(classes)) <= 10 else place / len(np.unique(classes))
    )


def _page(width: float, height: float, layout: Any = None) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout=layout)


def _figure(
    width: float, height: float, rows: int = 1, columns: int = 1, squeeze: bool = True, **grid: Any
) -> Any:
    figure = _page(width, height, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=squeeze, gridspec_kw=grid)


def save(figure: Any, file: Path) -> None:
    """Write a figure whole or not at all; raises `InputError` for a name that is not a
    picture's."""
    if file.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise InputError(f"{file}: expected a picture's name, ending in .png, .svg or .pdf")
    page = io.BytesIO()
    figure.savefig(page, format=file.suffix[1:].lower(), dpi=110)
    write_whole(file, lambda path: path.write_bytes(page.getvalue()))
