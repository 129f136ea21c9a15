"""Joint layouts: which joints a skeleton has, in which order, and how they hang together."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from skedge.skeleton.errors import InputError, reason
from skedge.skeleton.files import parse_json
from skedge.skeleton.sides import contradiction, pairs_by_name
from skedge.skeleton.text import counted


@dataclass(frozen=True, eq=False)
class Layout:
    """A joint order and its anatomy; joints are meant by their index from 0.

    `bones` are (child, parent) pairs that form a tree with the root `center`. `anchors` name the
    points that normalisations need (`hip`, `spine`, `chest`), each the mean of its joints, since
    some layouts have no trunk joints. `pairs` are (left, right) counterparts, `shoulders` is (left,
    right), `parts` are the body parts of the partial-body protocol (PSTL, Table 5).
    """

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]
    center: int
    anchors: dict[str, tuple[int, ...]]
    shoulders: tuple[int, int]
    pairs: tuple[tuple[int, int], ...]
    parts: dict[str, tuple[int, ...]]

    def __len__(self) -> int:
        return len(self.joints)

    @property
    def parents(self) -> np.ndarray:
        """Parent of every joint, (V,) int64; the centre is its own parent."""
        parents = np.arange(len(self))
        for child, parent in self.bones:
            parents[child] = parent
        return parents

    @property
    def degrees(self) -> np.ndarray:
        """Number of bones at every joint, (V,) int64."""
        return np.bincount(np.asarray(self.bones).ravel(), minlength=len(self))

    @property
    def mirror(self) -> np.ndarray:
        """Joint permutation, (V,) int64, that exchanges left and right."""
        order = np.arange(len(self))
        for left, right in self.pairs:
            order[[left, right]] = right, left
        return order

    @property
    def kinds(self) -> tuple[str, ...]:
        """The last word of every joint's name, without its side: wrist, knee, head."""
        return tuple(name.rsplit("_", 1)[-1] for name in self.joints)

    @property
    def ways(self) -> np.ndarray:
        """(V, V): 1 where the second joint's bone lies on the way from the centre to the first."""
        ways = np.eye(len(self), dtype=np.float32)
        ways[:, self.center] = 0
        for _ in range(len(self)):
            ways = np.maximum(ways, ways[self.parents])
        return ways

    def index(self, joint: str) -> int:
        return self.joints.index(joint)

    def subset(self, names: Sequence[str]) -> "Layout":
        """The layout of the joints called `names` alone, in that order.

        What hung on a joint that is left out hangs on the nearest one before it. Raises
        `InputError` for unknown joints and where the centre is not among them.
        """
        unknown = [name for name in names if name not in self.joints]
        if unknown or self.joints[self.center] not in names:
            raise InputError(
                f"{self.name}: expected joints out of {', '.join(self.joints)}, with the centre"
                f" {self.joints[self.center]} among them, got {', '.join(unknown or names)}"
            )
        old = [self.index(name) for name in names]
        new = {j: i for i, j in enumerate(old)}
        parents = self.parents
        bones = []
        for joint in old:
            parent = int(parents[joint])
            while parent not in new:
                parent = int(parents[parent])
            if joint != self.center:
                bones.append((new[joint], new[parent]))
        kept = {
            name: tuple(new[j] for j in joints if j in new)
            for name, joints in (self.anchors | self.parts).items()
        }
        center = new[self.center]
        return Layout(
            f"{self.name}, {len(names)} joints",
            tuple(names),
            tuple(bones),
            center=center,
            anchors={name: kept[name] or (center,) for name in self.anchors},
            shoulders=(new.get(self.shoulders[0], center), new.get(self.shoulders[1], center)),
            pairs=tuple((new[a], new[b]) for a, b in self.pairs if a in new and b in new),
            parts={name: kept[name] for name in self.parts},
        )

    def to_dict(self) -> dict[str, Any]:
        """The layout as plain JSON types, joints by name; `from_dict` reads it back."""
        name = self.joints.__getitem__
        return {
            "name": self.name,
            "joints": list(self.joints),
            "bones": [[name(child), name(parent)] for child, parent in self.bones],
            "center": name(self.center),
            "anchors": {
                anchor: [name(j) for j in joints] for anchor, joints in self.anchors.items()
            },
            "shoulders": [name(j) for j in self.shoulders],
            "pairs": [[name(left), name(right)] for left, right in self.pairs],
            "parts": {part: [name(j) for j in joints] for part, joints in self.parts.items()},
        }

    @classmethod
    def from_dict(cls, document: Any, source: str = "the layout") -> "Layout":
        """Read a layout from its JSON document; raises `InputError` that names `source` and what is
        wrong.

        Without `pairs` they are those of joints whose names say left and right.
        """
        try:
            if strange := document.keys() - {each.name for each in fields(cls)}:
                raise ValueError(", ".join(sorted(map(str, strange))))
            joints = tuple(str(joint) for joint in document["joints"])
            number = {joint: i for i, joint in enumerate(joints)}
            layout = cls(
                name=str(document["name"]),
                joints=joints,
                bones=tuple((number[child], number[parent]) for child, parent in document["bones"]),
                center=number[document["center"]],
                anchors={
                    name: tuple(number[j] for j in document["anchors"][name])
                    for name in ("hip", "spine", "chest")
                },
                shoulders=(number[document["shoulders"][0]], number[document["shoulders"][1]]),
                pairs=tuple(
                    (number[left], number[right])
                    for left, right in document.get("pairs", pairs_by_name(joints))
                ),
                parts={
                    part: tuple(number[j] for j in names)
                    for part, names in document.get("parts", {}).items()
                },
            )
            paired = [joint for pair in layout.pairs for joint in pair]
            if not all(layout.anchors.values()) or len(set(paired)) < len(paired):
                raise ValueError("an anchor without joints, or a joint in two pairs")
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise InputError(
                f"{source}: expected a layout with name, joints, bones, center, anchors (hip,"
                f" spine, chest) and shoulders; missing, unknown or wrong: {error}."
                " `skeleton/layouts/ntu25.json` is an example."
            ) from None
        layout._check_tree(source)
        return layout

    def _check_tree(self, source: str) -> None:
        parents = self.parents
        steps = np.arange(len(self))
        for _ in range(len(self)):
            steps = parents[steps]
        if (
            len(set(self.joints)) != len(self)
            or len(self.bones) != len(self) - 1
            or (steps != self.center).any()
        ):
            raise InputError(
                f"{source}: expected {len(self)} different joints and {len(self) - 1} bones [child,"
                f" parent] that all lead to the center {self.joints[self.center]!r}; these do not"
                " form such a tree."
            )


def layout_names() -> list[str]:
    """Names of the layouts that come with the package."""
    files = resources.files("skedge.skeleton.layouts").iterdir()
    return sorted(file.name.removesuffix(".json") for file in files if file.name.endswith(".json"))


@cache
def load_layout(name: str) -> Layout:
    """The layout called `name`, or the one in the JSON file at the path `name`.

    Raises `InputError` for an unknown name, a file that holds no layout, and for pairs, shoulders
    or bones that contradict the names of their joints.
    """
    if name in layout_names():
        return Layout.from_dict(
            json.loads(
                (resources.files("skedge.skeleton.layouts") / f"{name}.json").read_text("utf-8")
            ),
            name,
        )
    path = Path(name)
    if not path.is_file():
        raise InputError(
            f"unknown layout {name!r}: expected one of {', '.join(layout_names())}, or a JSON"
            " file's path"
        )
    try:
        document = parse_json(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: expected a layout in JSON, got something else ({reason(error)})"
        ) from None
    layout = Layout.from_dict(document, str(path))
    if wrong := contradiction(layout):
        raise InputError(f"{path}: {wrong}")
    return layout


def check_joint_count(joints: int, layout: Layout, source: str) -> None:
    """Raise `InputError` unless `joints` is the layout's number; the message says which layouts
    have that many."""
    if joints == len(layout):
        return
    fitting = [name for name in layout_names() if len(load_layout(name)) == joints]
    hint = (
        f"layouts with {counted(joints, 'joint')}: {', '.join(fitting)}"
        if fitting
        else f"no built-in layout has {counted(joints, 'joint')}"
    )
    raise InputError(
        f"{source}: expected {len(layout)} joints ({layout.name}), got {joints}; {hint}. "
        "`skedge data import` takes a --layout, by name or as a JSON file."
    )
