"""Files are complete or absent, whatever interrupts their writing."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from skedge.skeleton import InputError
from skedge.skeleton.files import (
    exchange,
    locked,
    read_json,
    stamp,
    user_folder,
    write_json,
    write_text,
    write_whole,
)
from skedge.skeleton.markdown import table
from tests.full import no_room_for


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def half(draft: Path) -> None:
        draft.write_text("ne")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(path, half)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    write_whole(path, lambda draft: draft.write_text("new"))
    assert path.read_text() == "new"


@pytest.mark.parametrize("made", [0o600, 0o666])
def test_others_may_read_a_file_as_they_may_any_new_one(made: int, tmp_path: Path) -> None:
    """A run's weights could be read by who had trained them alone, its other files by a group."""

    def write(draft: Path) -> None:
        draft.write_text("weights")
        draft.chmod(made)

    write_whole(tmp_path / "weights", write)
    (tmp_path / "usual").touch()
    assert (tmp_path / "weights").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_file_that_was_written_under_another_name_is_not_replaced_by_nothing(
    tmp_path: Path,
) -> None:
    """What adds a suffix to the name that it is given, as NumPy does, left an empty file."""
    path = tmp_path / "network"
    path.write_text("old")
    with pytest.raises(FileNotFoundError):
        write_whole(path, lambda draft: draft.with_suffix(".npz").write_text("new"))
    assert path.read_text() == "old"


def test_what_cannot_be_written_is_named_as_it_was_asked_for(tmp_path: Path) -> None:
    """`skedge export` into a folder, or where nothing may be written, named its draft, such as
    `.model.onnx.chv1891i`, and the first only when all was converted."""
    for path, reason in ((tmp_path, "got a folder"), (Path("/proc/model.onnx"), None)):
        with pytest.raises(OSError, match=reason) as refused:
            write_whole(path, lambda _: pytest.fail("nothing is made"))
        assert refused.value.filename == str(path)


def test_a_full_disk_names_the_file_that_it_has_no_room_for(tmp_path: Path) -> None:
    """`skedge: export: No space left on device` said neither which file nor which disk."""

    def full(_: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left") as refused:
        write_whole(tmp_path / "model.onnx", full)
    assert refused.value.filename == str(tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_copy_that_has_no_room_names_where_it_was_to_go(tmp_path: Path) -> None:
    """`model update` said that the new model had no room, which lies on another disk."""
    new = tmp_path / "new.onnx"
    new.write_bytes(bytes(100_000))
    place = tmp_path / "place" / "model.onnx"
    with pytest.raises(OSError, match="File too large") as refused, no_room_for(50_000):
        write_whole(place, lambda draft: shutil.copyfile(new, draft))
    assert refused.value.filename == str(place)


def test_an_error_of_another_file_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as refused:
        write_whole(tmp_path / "copy", lambda _: (tmp_path / "none").read_bytes())
    assert refused.value.filename == str(tmp_path / "none")


def test_an_error_that_a_library_words_itself_keeps_its_words(tmp_path: Path) -> None:
    def broken(_: Path) -> None:
        raise OSError("encoder error -2 when writing image file")

    with pytest.raises(OSError, match=r"^encoder error -2 when writing image file$"):
        write_whole(tmp_path / "picture.png", broken)


def test_an_error_between_two_files_of_a_draft_names_one(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"

    def moved(draft: Path) -> None:
        (draft.parent / "part").rename(draft)

    with pytest.raises(FileNotFoundError) as refused:
        write_whole(path, moved)
    assert str(refused.value) == f"[Errno 2] No such file or directory: {str(path)!r}"


@pytest.mark.parametrize("named", ["", "cache", "/var/cache"])
def test_a_user_s_folder_is_one_and_the_same_from_everywhere(
    named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was taught went into the folder that one was in."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", named)
    expected = Path(named) if named.startswith("/") else tmp_path / ".cache"
    assert user_folder("XDG_CACHE_HOME") == expected / "skedge"


def test_a_file_in_the_place_of_one_like_it_is_another(tmp_path: Path) -> None:
    """As on a disk that counts time in seconds."""
    one, other = tmp_path / "one", tmp_path / "other"
    for file in (one, other):
        file.write_text("as long")
        os.utime(file, (1, 1))
    before = stamp(one)
    assert before == stamp(one)
    other.replace(one)
    assert stamp(one) != before
    one.unlink()
    assert stamp(one) is None


def test_a_user_without_a_home_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container, under a number that no file there names."""
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    assert user_folder("XDG_DATA_HOME") == Path("/.local/share/skedge")


def test_two_folders_change_places(tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_text(tmp_path / name / "file", name)
    if exchange(tmp_path / "one", tmp_path / "other"):
        assert (tmp_path / "one" / "file").read_text() == "other"
        assert (tmp_path / "other" / "file").read_text() == "one"
    assert not exchange(tmp_path / "one", tmp_path / "nowhere")
    assert (tmp_path / "one").exists()


def test_a_folder_is_made_and_text_is_utf_8(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "file", "± Ω")
    assert (tmp_path / "a" / "b" / "file").read_bytes() == "± Ω".encode()


def test_json_comes_back_and_damage_is_none(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    assert read_json(path) is None
    write_json(path, {"top1": [1.5, None]})
    assert read_json(path) == {"top1": [1.5, None]}
    path.write_text('{"top1": ')
    assert read_json(path) is None
    path.write_bytes(b"[" * 200_000)
    assert read_json(path) is None, "nested deeper than Python reads"
    path.write_bytes(b"\xff")
    assert read_json(path) is None
    with pytest.raises(TypeError):
        write_json(path, object())
    assert path.read_bytes() == b"\xff"


def test_a_lock_keeps_another_process_out_and_ends_with_its_own(tmp_path: Path) -> None:
    path = tmp_path / "room" / "lock"
    ask = (
        "import sys; from pathlib import Path; from skedge.skeleton.files import locked\n"
        "with locked(Path(sys.argv[1]), 'taken'): print('held')"
    )
    command = [sys.executable, "-c", ask, str(path)]
    with locked(path, "taken"):
        refused = subprocess.run(command, capture_output=True, text=True)
        assert "InputError: taken" in refused.stderr
        with pytest.raises(InputError, match="taken"), locked(path, "taken"):
            pass
    assert not path.exists()
    assert subprocess.run(command, capture_output=True, text=True).stdout == "held\n"


def test_a_lock_leaves_no_folder_that_it_made(tmp_path: Path) -> None:
    """A training that was refused left the folders of its --out."""
    own = tmp_path / "own"
    own.mkdir()
    with locked(own / "runs" / "new" / "lock", "taken"):
        pass
    assert [*own.iterdir()] == []
    with locked(own / "runs" / "new" / "lock", "taken"):
        (own / "runs" / "kept").touch()
    assert [one.name for one in own.rglob("*")] == ["runs", "kept"]


def test_a_lock_ends_where_its_file_cannot_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a card that had turned read-only, a recording ended in the name of its lock."""

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    path = tmp_path / "lock"
    with monkeypatch.context() as card:
        card.setattr(Path, "unlink", read_only)
        with locked(path, "taken"):
            pass
    assert path.exists()
    with locked(path, "taken"):
        pass


def test_a_lock_where_no_file_can_be_made_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--out /proc/run` and such places kept a core busy for ever, without a word."""

    def none(path: Path, *_: object) -> int:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))

    monkeypatch.setattr("os.open", none)
    with pytest.raises(FileNotFoundError, match="No such file"), locked(tmp_path / "lock", "taken"):
        pass


def test_a_table_keeps_its_cells_apart() -> None:
    rows = table(["model", "ms"], [["a|b", "1.5"]]).splitlines()
    assert rows == ["| model | ms |", "| --- | ---: |", "| a\\|b | 1.5 |"]
