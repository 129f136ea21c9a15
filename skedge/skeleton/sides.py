"""Left and right in the names of a layout's joints, and whether its pairs and bones agree."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skedge.skeleton.layout import Layout

_WORDS = re.compile(r"left|right", re.IGNORECASE)
# One letter means a side where something else than a letter, or a capital, follows or precedes
# it: l_hand, hand.R, LHand.
_LETTERS = re.compile(r"^[lr](?=[_.\- A-Z])|^[LR](?=[_.\- ]|[A-Z][a-z])|(?<=[_.\- ])[lrLR]$")
# What lies between what in a body; a side's joints are left and right.
_TREE = {
    **{"head": "nose", "nose": "neck", "neck": "shoulder_center", "shoulder_center": "spine"},
    **{"spine": "hip_center", "shoulder": "shoulder_center", "elbow": "shoulder"},
    **{"wrist": "elbow", "hand": "wrist", "hip": "hip_center", "knee": "hip", "ankle": "knee"},
    **{"foot": "ankle", "foot_index": "ankle", "heel": "ankle"},
}
_OTHER = {"left": "right", "right": "left", "l": "r", "r": "l"}


def counterpart(joint: str) -> str:
    """The name of the same joint on the other side, empty where a name has no side."""
    found = _WORDS.search(joint) or _LETTERS.search(joint)
    if found is None:
        return ""
    word = found[0]
    other = _OTHER[word.lower()]
    other = other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other
    return joint[: found.start()] + other + joint[found.end() :]


def is_left(joint: str) -> bool:
    """Whether a name that has a side is one of the left."""
    found = _WORDS.search(joint) or _LETTERS.search(joint)
    return found is not None and found[0].lower() in ("left", "l")


def pairs_by_name(joints: Sequence[str]) -> list[tuple[str, str]]:
    """(left, right) joints of whose names both are there."""
    both = [(joint, counterpart(joint)) for joint in joints if is_left(joint)]
    return [pair for pair in both if pair[1] in joints]


def contradiction(layout: "Layout") -> str:
    """What a layout's pairs, shoulders and bones say against the names of its joints, and what was
    expected; empty where they agree or names have no sides."""
    joints = layout.joints
    named = pairs_by_name(joints)
    other = {**dict(named), **{right: left for left, right in named}}
    given = [(joints[one], joints[two]) for one, two in layout.pairs]
    for one, two in given:
        sided = one in other or two in other
        if (sided and other.get(one) != two) or (two, one) in named:
            pair = next(pair for pair in named if one in pair or two in pair)
            return f"pairs: expected {list(pair)} (left, right), got {[one, two]}"
    missing = [list(pair) for pair in named if pair not in given]
    if missing:
        return f"pairs: expected {missing[0]} among them, got {len(given)} pairs without it"
    left, right = layout.shoulders
    if (joints[right], joints[left]) in named:
        expected = [joints[right], joints[left]]
        return f"shoulders: expected {expected} (left, right), got {expected[::-1]}"
    for child, parent in ((joints[child], joints[parent]) for child, parent in layout.bones):
        sides = child in other and parent in other and is_left(child) != is_left(parent)
        if sides and other[child] != parent:
            return f"bones: expected {[child, other[parent]]}, got {[child, parent]}, across sides"
    return ""


def skipped(layout: "Layout") -> str:
    """A sentence about a bone that leaves out a joint between its ends, empty where none does or
    names are not known."""
    for child, parent in ((layout.joints[one], layout.joints[two]) for one, two in layout.bones):
        one, two = _upwards(child), _upwards(parent)
        if not one or not two:
            continue
        shared = next(joint for joint in one if joint in two)
        path = [*one[1 : one.index(shared) + 1], *two[1 : two.index(shared)]]
        between = [joint for joint in path if joint in layout.joints and joint != parent]
        if between:
            return f"bones: {child} hangs on {parent}, although {between[0]} lies between them"
    return ""


def _upwards(joint: str) -> list[str]:
    """The joint and all that it hangs on, to the middle of the hips; empty for an unknown name."""
    side, _, rest = joint.partition("_")
    sided = side in ("left", "right")
    name = rest if sided else joint
    if name not in _TREE and name != "hip_center":
        return []
    way = [name]
    while way[-1] != "hip_center":
        way.append(_TREE[way[-1]])
    return [f"{side}_{one}" if sided and one in _SIDED else one for one in way]


_SIDED = frozenset(
    ("shoulder", "elbow", "wrist", "hand", "hip", "knee", "ankle", "foot", "foot_index", "heel")
)
