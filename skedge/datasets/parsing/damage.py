"""What a reader raises for one file that cannot be used, so that an import can list it and go
on."""

import zipfile
import zlib
from typing import NoReturn

from skedge.skeleton.errors import InputError
from skedge.skeleton.layout import Layout, check_joint_count

# What `zipfile` raises for an archive that is truncated, encrypted or none at all.
BAD_ZIP = (
    zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError,
)  # fmt: skip


class DamagedError(InputError):
    """One damaged file: `file`, what is wrong in one line (`reason`), and the `line` in it, from 1,
    where that is known."""

    def __init__(self, file: object, reason: str, line: int | None = None) -> None:
        self.file = str(file)
        self.reason = reason
        self.line = line
        super().__init__(
            f"{file}: line {line}: {reason}" if line is not None else f"{file}: {reason}"
        )

    def __reduce__(self) -> tuple[type["DamagedError"], tuple[str, str, int | None]]:
        return DamagedError, (self.file, self.reason, self.line)


def damaged(file: object, reason: str, line: int | None = None) -> NoReturn:
    """Raise `DamagedError`."""
    raise DamagedError(file, reason, line)


def check_joints(joints: int, layout: Layout, file: object) -> None:
    """Raise `DamagedError` unless `joints` is the layout's number."""
    try:
        check_joint_count(joints, layout, str(file))
    except InputError as error:
        damaged(file, str(error).removeprefix(f"{file}: "))
