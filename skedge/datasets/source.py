"""Finds and reads the files of a dataset, in folders or in zips as downloaded, and nothing outside
of them."""

import codecs
import os
import re
import zipfile
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from skedge.datasets.parsing.damage import BAD_ZIP, DamagedError, damaged
from skedge.skeleton.errors import InputError, reason

# No recording of any format comes near; a file beyond it is hostile or something else.
LARGEST = 32 * 2**20


class File(NamedTuple):
    """One file at `path`, or the `member` of the zip at `path`."""

    path: str
    member: str | None = None

    def __str__(self) -> str:
        return self.path if self.member is None else f"{self.path}/{self.member}"

    @property
    def name(self) -> str:
        return (self.member or self.path).rsplit("/", 1)[-1]


class Found(NamedTuple):
    """`files` sorted by name, and what was in their place but may not or cannot be read."""

    files: list[File]
    damaged: list[DamagedError]


def find(source: Path, pattern: str, what: str) -> Found:
    """The files below `source` whose names match `pattern` whole, in small letters or capitals;
    zips in it, or `source` itself, count as folders.

    A link that leads out of `source` is not followed but listed as damaged, as is a zip that cannot
    be read. `what` says what was looked for. Raises `InputError` where there is nothing of it.
    """
    if not source.exists():
        raise InputError(f"{source}: expected a folder with {what}, got nothing at that path")
    wanted = re.compile(pattern, re.IGNORECASE)
    found = Found([], [])
    if source.is_dir():
        _walk(source, wanted, found)
    elif zipfile.is_zipfile(source):
        _members(str(source), wanted, found)
    else:
        raise InputError(f"{source}: expected a folder with {what}, got a file")
    if not found.files:
        more = f"; {found.damaged[0]}" if found.damaged else ""
        raise InputError(f"{source}: expected {what}, got none{more}")
    found.files.sort(key=lambda file: (file.name, file))
    return found


def find_placed(source: Path, name: str, place: re.Pattern[str], like: str) -> tuple[Found, int]:
    """The files called `name` below `source` whose folders match `place`, in the order of their
    paths, and how many lie in other folders.

    `like` is an example of such folders. Raises `InputError` where no file is in one.
    """
    found = find(source, re.escape(name), f"files called {like}/{name}")
    files = [file for file in found.files if placed(file, place) is not None]
    if not files:
        raise InputError(
            f"{source}: expected folders like {like} around {name}, got {found.files[0]}"
        )
    return Found(sorted(files, key=str), found.damaged), len(found.files) - len(files)


def placed(file: File, place: re.Pattern[str]) -> re.Match[str] | None:
    """The match of `place` in the path of a file, with / between folders on every system."""
    return place.search(str(file).replace("\\", "/"))


def read_bytes(file: File) -> bytes:
    """The content; `DamagedError` where it cannot be read or is larger than any recording."""
    try:
        if file.member is None:
            with open(file.path, "rb", buffering=0) as stream:
                # Not LARGEST at once: memory for it would be asked for every file.
                content = stream.read(min(os.fstat(stream.fileno()).st_size, LARGEST) + 1)
        else:
            with _zip(file.path).open(file.member) as member:
                content = member.read(LARGEST + 1)
    except OSError as error:
        damaged(file, f"expected a file that can be read, got: {reason(error)}")
    except (KeyError, *BAD_ZIP) as error:
        damaged(
            file,
            f"expected a file in a zip that can be read, got: {type(error).__name__}; is it"
            " truncated or encrypted?",
        )
    if len(content) > LARGEST:
        damaged(file, f"expected a recording, got a file of more than {LARGEST // 2**20} MB")
    return content


def read_plain(file: File) -> bytes:
    """The content of a file of text, without the mark (UTF-8's) that some editors put before it;
    `DamagedError` as `read_bytes`."""
    return read_bytes(file).removeprefix(codecs.BOM_UTF8)


def _walk(source: Path, wanted: re.Pattern[str], found: Found) -> None:
    root = os.path.realpath(source)
    for folder, _, names in os.walk(source):
        for name in names:
            is_zip = name.lower().endswith(".zip")
            if not is_zip and not wanted.fullmatch(name):
                continue
            path = os.path.join(folder, name)
            if os.path.islink(path) and os.path.commonpath([root, os.path.realpath(path)]) != root:
                found.damaged.append(
                    DamagedError(
                        path, "expected files inside the folder, got a link that leads out of it"
                    )
                )
            elif not os.path.isfile(path):
                found.damaged.append(
                    DamagedError(path, "expected a file, got something else of that name")
                )
            elif is_zip:
                _members(path, wanted, found)
            else:
                found.files.append(File(path))


def _members(path: str, wanted: re.Pattern[str], found: Found) -> None:
    try:
        names = _zip(path).namelist()
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError, RuntimeError) as error:
        found.damaged.append(
            DamagedError(
                path,
                f"expected a zip, it cannot be read ({type(error).__name__}); is it truncated?",
            )
        )
        return
    found.files.extend(
        File(path, name) for name in names if wanted.fullmatch(name.rsplit("/", 1)[-1])
    )


def _zip(path: str) -> zipfile.ZipFile:
    return _opened(path, os.stat(path).st_mtime_ns)


@lru_cache(maxsize=4)
def _opened(path: str, _: int) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)


def files_in(folder: Path, pattern: str, endings: Collection[str]) -> list[Path]:
    """The files in a folder whose paths match, with such endings, in small letters or capitals;
    hidden ones, and those in hidden folders, are none."""
    return sorted(
        file
        for file in folder.glob(pattern)
        if file.suffix.lower() in endings
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )
