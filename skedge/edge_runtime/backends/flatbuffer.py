"""TFLite files without a runtime: a text in the metadata, and all tables as a tree to change."""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Union

MODEL_BUFFERS, MODEL_METADATA = 4, 6
METADATA_NAME, METADATA_BUFFER = 0, 1
BUFFER_DATA = 0
IDENTIFIER = b"TFL3"

# What the fields of a table refer to, by slot: a vector of elements of so many bytes (16: bytes
# that start at a multiple of 16), a table, a list of one kind of table, or a table of a kind that
# the numbers beside it tell. Fields that are not named are numbers and stay as they are.
Kind = Union[int, "Kinds", list["Kinds"], Callable[["Table"], "Kinds"]]
Kinds = Mapping[int, Kind]


@dataclass(eq=False)
class Vector:
    """A vector of numbers, or a string: its bytes, and how many of them one element has."""

    data: bytes
    size: int


@dataclass(eq=False)
class Table:
    """One table: its numbers as they lie in the file, and what its other fields refer to."""

    layout: bytearray
    inline: bytearray
    place: int
    children: dict[int, "Node"] = field(default_factory=dict)

    def number(self, slot: int, form: str = "I") -> int:
        """The number in a field, of that `struct` format, 0 where the table has none."""
        at = self._at(slot)
        return int(struct.unpack_from(f"<{form}", self.inline, at)[0]) if at else 0

    def set_number(self, slot: int, value: int) -> None:
        """Replaces a number; raises `ValueError` where there is none and `value` is not 0."""
        at = self._at(slot)
        if at:
            struct.pack_into("<I", self.inline, at, value)
        elif value:
            raise ValueError(f"a table has no field {slot}")

    def numbers(self, slot: int) -> list[int]:
        """The signed 32-bit numbers of a vector field, none where the table has none."""
        child = self.children.get(slot)
        if not isinstance(child, Vector):
            return []
        return list(struct.unpack(f"<{len(child.data) // 4}i", child.data))

    def set_numbers(self, slot: int, values: list[int]) -> None:
        """Replaces a vector of signed 32-bit numbers that the table has."""
        self.children[slot] = Vector(struct.pack(f"<{len(values)}i", *values), 4)

    def tables(self, slot: int) -> list["Table"]:
        """The tables of a vector field, none where the table has none."""
        child = self.children.get(slot)
        return child if isinstance(child, list) else []

    def drop(self, slot: int) -> None:
        """Removes a field."""
        if self._at(slot):
            struct.pack_into("<H", self.layout, 4 + 2 * slot, 0)
        self.children.pop(slot, None)

    def _at(self, slot: int) -> int:
        place = 4 + 2 * slot
        return (
            int(struct.unpack_from("<H", self.layout, place)[0]) if place < len(self.layout) else 0
        )


Node = Vector | Table | list[Table]


def read_tree(model: bytes, kinds: Kinds) -> Table:
    """The root table of a TFLite file with all that `kinds` says it refers to.

    Raises `ValueError` for bytes that are not a TFLite model or whose tables lead outside of them.
    """
    if model[4:8] != IDENTIFIER:
        raise ValueError("no TFLite identifier")
    try:
        return _table(model, _number(model, 0), kinds)
    except (struct.error, IndexError, RecursionError) as error:
        raise ValueError(f"a table leads out of the file: {error}") from None


def write_tree(root: Table) -> bytes:
    """A TFLite file of a tree: the same bytes for the same tree, fields aligned as they were."""
    out = bytearray(struct.pack("<I4s", 0, IDENTIFIER))
    struct.pack_into("<I", out, 0, _put(out, root))
    return bytes(out)


def read_text(model: bytes, name: str) -> str | None:
    """The text called `name` in the metadata of a TFLite model, None if it holds none of that name.

    Follows the FlatBuffers tables of TensorFlow Lite's schema.fbs (Model.metadata, Model.buffers).
    Raises `ValueError` for bytes that are not a TFLite model or whose tables lead outside of them.
    """
    if model[4:8] != IDENTIFIER:
        raise ValueError("no TFLite identifier")
    try:
        root = _number(model, 0)
        for entry in _tables(model, root, MODEL_METADATA):
            if _bytes(model, entry, METADATA_NAME) == name.encode():
                at = _field(model, entry, METADATA_BUFFER)
                buffer = _tables(model, root, MODEL_BUFFERS)[_number(model, at) if at else 0]
                return _bytes(model, buffer, BUFFER_DATA).decode()
    except (struct.error, IndexError) as error:
        raise ValueError(f"a table leads out of the file: {error}") from None
    return None


def _table(model: bytes, at: int, kinds: Kinds) -> Table:
    layout = at - struct.unpack_from("<i", model, at)[0]
    if layout < 0:
        raise IndexError(f"at {layout}")
    sizes = struct.unpack_from("<HH", model, layout)
    table = Table(
        bytearray(model[layout : layout + sizes[0]]), bytearray(model[at : at + sizes[1]]), at
    )
    if (len(table.layout), len(table.inline)) != sizes:
        raise IndexError(f"{sizes} bytes at {at}")
    for slot, kind in kinds.items():
        where = _field(model, at, slot)
        if not where:
            continue
        if isinstance(kind, int):
            size = 1 if kind == 16 else kind
            table.children[slot] = Vector(_bytes(model, at, slot, size=size), kind)
        elif isinstance(kind, list):
            table.children[slot] = [
                _table(model, place, kind[0]) for place in _tables(model, at, slot)
            ]
        else:
            kinds_there = kind(table) if callable(kind) else kind
            table.children[slot] = _table(model, where + _number(model, where), kinds_there)
    return table


def _put(out: bytearray, node: Node) -> int:
    """Appends what is to be written, after what refers to it; where it stands."""
    if isinstance(node, Vector):
        out += bytes(-(len(out) + 4) % max(node.size, 4))
        at = len(out)
        count = len(node.data) // (1 if node.size == 16 else node.size)
        # A string ends with a zero that its size does not count; elsewhere it does no harm.
        out += struct.pack("<I", count) + node.data + b"\0"
        return at
    if isinstance(node, list):
        out += bytes(-len(out) % 4)
        at = len(out)
        out += struct.pack("<I", len(node)) + bytes(4 * len(node))
        for number, child in enumerate(node):
            place = at + 4 + 4 * number
            struct.pack_into("<I", out, place, _put(out, child) - place)
        return at
    out += bytes((node.place - len(node.layout) - len(out)) % 8)
    out += node.layout
    at = len(out)
    out += node.inline
    struct.pack_into("<i", out, at, len(node.layout))
    for slot, below in node.children.items():
        place = at + struct.unpack_from("<H", node.layout, 4 + 2 * slot)[0]
        struct.pack_into("<I", out, place, _put(out, below) - place)
    return at


def _number(model: bytes, at: int) -> int:
    """The unsigned 32-bit number at `at`."""
    if at < 0:
        raise IndexError(f"at {at}")
    return int(struct.unpack_from("<I", model, at)[0])


def _field(model: bytes, table: int, slot: int) -> int:
    """The place of the field number `slot` of the table at `table`, 0 where the table has none."""
    layout = table - struct.unpack_from("<i", model, table)[0]
    if layout < 0:
        raise IndexError(f"at {layout}")
    size = struct.unpack_from("<H", model, layout)[0]
    place = 4 + 2 * slot
    offset = struct.unpack_from("<H", model, layout + place)[0] if place < size else 0
    return table + offset if offset else 0


def _tables(model: bytes, table: int, slot: int) -> list[int]:
    """The places where the tables of a table's vector field start."""
    at = _field(model, table, slot)
    if not at:
        return []
    start = at + _number(model, at)
    places = range(start + 4, start + 4 + 4 * min(_number(model, start), len(model)), 4)
    return [place + _number(model, place) for place in places]


def _bytes(model: bytes, table: int, slot: int, size: int = 1) -> bytes:
    """A string, or a vector of elements of `size` bytes."""
    at = _field(model, table, slot)
    if not at:
        return b""
    start = at + _number(model, at)
    length = _number(model, start) * size
    if start + 4 + length > len(model):
        raise IndexError(f"{length} bytes at {start}")
    return model[start + 4 : start + 4 + length]
