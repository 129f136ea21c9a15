"""Reads the one thing of a TFLite file that no runtime tells: a named text in its metadata."""

import struct

MODEL_BUFFERS, MODEL_METADATA = 4, 6
METADATA_NAME, METADATA_BUFFER = 0, 1
BUFFER_DATA = 0
IDENTIFIER = b"TFL3"


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


def _number(model: bytes, at: int) -> int:
    """The unsigned 32-bit number at `at`."""
    if at < 0:
        raise IndexError(f"at {at}")
    return int(struct.unpack_from("<I", model, at)[0])


def _field(model: bytes, table: int, slot: int) -> int:
    """Where the field number `slot` of the table at `table` stands, 0 where the table has none."""
    layout = table - struct.unpack_from("<i", model, table)[0]
    if layout < 0:
        raise IndexError(f"at {layout}")
    size = struct.unpack_from("<H", model, layout)[0]
    place = 4 + 2 * slot
    offset = struct.unpack_from("<H", model, layout + place)[0] if place < size else 0
    return table + offset if offset else 0


def _tables(model: bytes, table: int, slot: int) -> list[int]:
    """Where the tables of a table's vector field start."""
    at = _field(model, table, slot)
    if not at:
        return []
    start = at + _number(model, at)
    places = range(start + 4, start + 4 + 4 * min(_number(model, start), len(model)), 4)
    return [place + _number(model, place) for place in places]


def _bytes(model: bytes, table: int, slot: int) -> bytes:
    """A string or a vector of bytes."""
    at = _field(model, table, slot)
    if not at:
        return b""
    start = at + _number(model, at)
    size = _number(model, start)
    if start + 4 + size > len(model):
        raise IndexError(f"{size} bytes at {start}")
    return model[start + 4 : start + 4 + size]
