"""Which column of a table has which joint of whom, by the columns' titles."""

import re
from collections import Counter, defaultdict
from pathlib import Path

from skedge.datasets.parsing.damage import damaged
from skedge.skeleton.layout import Layout

# No title is longer, and patterns take long over what a hostile file has in its place.
_LONGEST = 100
# How people are numbered: head_x.1 and head1_x, head_x_p1 and head_p1_x, p1_head_x. A hip's p is no
# person's, so the first is tried first.
_PERSON, _NUMBER = "(?:p|person|body|player|skeleton|user)", r"(?P<who>\d{1,4})"
_NUMBERED = (
    re.compile(f"(?P<word>.+?){_NUMBER}(?P<axis>[xyz]?)"),
    re.compile(f"(?P<word>.+?){_PERSON}{_NUMBER}(?P<axis>[xyz]?)"),
    re.compile(f"{_PERSON}?{_NUMBER}(?P<word>.+)(?P<axis>)"),
)


def plain(title: bytes) -> str:
    """A title in small letters and digits alone, without a unit in brackets."""
    word = re.sub(r"\(.*?\)|\[.*?\]", "", title[:_LONGEST].decode("latin1").lower())
    return re.sub("[^a-z0-9]", "", word)


def places(titles: list[bytes], layout: Layout, path: Path) -> list[int] | None:
    """The columns of x, y, z of every joint in the layout's order, of one person after another;
    None where titles name none, or a few where the layout's order has them.

    People are told apart by a number (head_x.1, head_x_2, p2_head_x, head2_x) or have the same
    titles. Raises `DamagedError` where titles name half of somebody's joints or more, but not all,
    and where those that they name are nobody whole and in another order than the layout's.
    """
    people, others = _columns(titles, layout)
    found: list[int] = []
    for _, columns in sorted(people.items()):
        missing = [
            joint for joint in layout.joints if any((joint, axis) not in columns for axis in "xyz")
        ]
        if not missing:
            found += [columns[joint, axis] for joint in layout.joints for axis in "xyz"]
        elif 2 * len(missing) <= len(layout):
            # In the layout's order, joints under any other titles would be taken for each other.
            damaged(
                path,
                f"expected titles with x, y and z of every joint of {layout.name}, got none for"
                f" {', '.join(missing)[:80]}"
                + (f"; what is {', '.join(others[:3])}?" if others else ""),
            )
    moved = [
        _shown(titles[column])
        for columns in people.values()
        for (joint, axis), column in columns.items()
        if column % (3 * len(layout)) != 3 * layout.joints.index(joint) + "xyz".index(axis)
    ]
    if moved and not found:
        damaged(
            path,
            f"expected titles with x, y and z of every joint of {layout.name}, got a few, in"
            f" another order than its own ({', '.join(moved[:3])}): give each joint its title",
        )
    return found or None


def _columns(
    titles: list[bytes], layout: Layout
) -> tuple[dict[tuple[int, int], dict[tuple[str, str], int]], list[str]]:
    """Each person's column of each (joint, axis) that is named, by the person's number and which of
    the same titles it is; and titles that may be of joints under other names."""
    named = {}
    for joint in layout.joints:
        name = plain(joint.encode())
        for axis in "xyz":
            named[name + axis] = named[axis + name] = joint, axis
    people: dict[tuple[int, int], dict[tuple[str, str], int]] = defaultdict(dict)
    times: Counter[tuple[int, tuple[str, str]]] = Counter()
    others = []
    for column, title in enumerate(titles):
        who, word = _whose(plain(title), named)
        if word in named:
            people[who, times[who, named[word]]][named[word]] = column
            times[who, named[word]] += 1
        elif word.startswith(tuple("xyz")) or word.endswith(tuple("xyz")):
            others.append(_shown(title))
    return people, others


def _shown(title: bytes) -> str:
    return title.decode("latin1").strip()[:40]


def _whose(word: str, named: dict[str, tuple[str, str]]) -> tuple[int, str]:
    """The number of a person in a title, -1 without one, and the title without it."""
    for form in _NUMBERED if word not in named else ():
        match = form.fullmatch(word)
        if match and match["word"] + match["axis"] in named:
            return int(match["who"]), match["word"] + match["axis"]
    return -1, word
