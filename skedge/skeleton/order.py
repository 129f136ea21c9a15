"""Whether joints are in a layout's order: limbs must have a human's proportions."""

import numpy as np

from skedge.skeleton.anatomy import misfit
from skedge.skeleton.fault import Fault
from skedge.skeleton.layout import Layout, layout_names, load_layout
from skedge.skeleton.mend import absent_zeros

# Misfits of `anatomy.misfit`: every set known lies below 0.11, every clip below 0.13, a person in a
# film, whom a pose estimator sees, below 0.171; joints in another order lie above 0.2. From `_ODD`
# on a known order that fits better is looked for; where there is none it takes more, and yet more
# where little was seen.
_ODD, _NO_ORDER, _ODD_CLIP, HUMAN = 0.15, 0.19, 0.3, 0.16


def layout_of(clip: np.ndarray) -> Layout | None:
    """The built-in layout in whose order of joints a clip (M, T, V, 3) is a human's, or None."""
    known = [load_layout(name) for name in layout_names()]
    fitting = [layout for layout in known if len(layout) == clip.shape[2]]
    frames = clip.reshape(-1, *clip.shape[2:]).astype(np.float64)
    frames = frames[np.isfinite(frames).all(axis=-1).any(axis=-1)][:500]
    if len(frames) == 0:
        return None
    odd = {layout.name: misfit(absent_zeros(frames, layout), layout) for layout in fitting}
    human = [name for name, value in odd.items() if value <= HUMAN]
    return load_layout(min(human, key=odd.__getitem__)) if human else None


def order(
    frames: np.ndarray, layout: Layout, flat: bool, clips: int
) -> tuple[Layout, Fault | None]:
    """The layout that these bodies have, and what is wrong with the one that was named."""
    odd = misfit(frames, layout, flat)
    if not odd > _ODD:
        return layout, None
    others = [load_layout(name) for name in layout_names()]
    fitting = sorted(
        (misfit(frames, other, flat), other.name)
        for other in others
        if len(other) == len(layout) and other.joints != layout.joints
    )
    if fitting and fitting[0][0] < min(HUMAN, 0.7 * odd):
        name = fitting[0][1]
        sentence = f"limbs are not a human's in {layout.name}'s order of joints, but in {name}'s"
        return load_layout(name), Fault("layout", sentence, f"--layout {name}", sure=not flat)
    for turned, sentence, remedy in (
        (frames[:, ::-1], "the joints are in the reverse order", "--layout FILE.json"),
        (
            frames.reshape(len(frames), 3, -1).swapaxes(1, 2),
            "x of all joints comes first, then y, then z",
            "give x, y and z of every joint together",
        ),
        (
            _summed(frames, layout),
            "joints are places beside the joint that they hang on",
            "add that joint's place to each, from the centre on",
        ),
    ):
        if misfit(turned, layout, flat) < min(HUMAN, 0.7 * odd):
            return layout, Fault("layout", sentence, remedy, sure=not flat)
    if odd < (_ODD_CLIP if clips < 10 or flat else _NO_ORDER):
        return layout, None
    return layout, Fault(
        "layout",
        f"limbs are not a human's in {layout.name}'s order of joints, nor in another that is known:"
        " which joint is which? Write the order into a layout (or are these no places, but angles,"
        " directions or speeds?)",
        "--layout FILE.json",
        sure=False,
    )


def _summed(frames: np.ndarray, layout: Layout) -> np.ndarray:
    """Frames (N, V, 3) of places beside the joint that each hangs on, as places beside the
    centre."""
    total, parents = frames.copy(), layout.parents
    total[:, layout.center] = 0
    waiting = [child for child, _ in layout.bones]
    placed = {layout.center}
    while waiting:
        child = waiting.pop(0)
        if int(parents[child]) in placed:
            total[:, child] += total[:, parents[child]]
            placed.add(child)
        else:
            waiting.append(child)
    return total
