"""`skedge live --config`: a file says what flags say, what is typed goes first, and what is wrong
in it is one line."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skedge.cli.main import parse
from skedge.cli.options import event_settings
from skedge.edge_runtime.events import NEVER
from skedge.skeleton import InputError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "skedge.toml"


def test_a_file_says_what_flags_say(file: Path) -> None:
    file.write_text(
        'source = "rtsp://camera/1"\npeople = 2\nno-browser = true\nno_page = false\n'
        'threshold = 0.4\ndevice = "the hall"\npose-threads = 3\nrecord = "walk.mp4"\n'
    )
    args = parse("live", ["--config", str(file)])
    assert (args.source, args.people, args.device) == ("rtsp://camera/1", 2, "the hall")
    assert (args.no_browser, args.no_page) == (True, False)
    assert event_settings(args)["threshold"] == 0.4
    assert (args.pose_threads, args.record) == (3, Path("walk.mp4"))


def test_what_is_typed_goes_first(file: Path) -> None:
    file.write_text('source = "1"\nport = 9000\n')
    for typed in (["--config", str(file), "--source", "2"], ["--source=2", f"--config={file}"]):
        args = parse("live", typed)
        assert (args.source, args.port) == ("2", 9000)


@pytest.mark.parametrize(
    ("typed", "wait"),
    [
        ([], True),
        (["--wait=false"], False),
        (["--wait=false", "--wait"], True),
        (["--wait", "--wait=false", "--source", "0"], False),
    ],
)
def test_what_a_file_switches_on_is_switched_off(file: Path, typed: list[str], wait: bool) -> None:
    """Nothing that was typed could."""
    file.write_text('wait = true\nno-page = true\ndevice = "--wait"\n')
    for words in (["--config", str(file), *typed], [*typed, "--config", str(file)]):
        args = parse("live", words)
        assert (args.wait, args.no_page, args.device) == (wait, True, "--wait")


def test_a_switch_is_true_or_false_without_a_file(file: Path) -> None:
    assert parse("live", ["--no-page=true"]).no_page
    for wrong in ("--no-page=no", "--no-page=", "--no-page=False"):
        with pytest.raises(InputError, match="--no-page: expected true or false, got"):
            parse("live", [wrong])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("soruce = 1", "expected the name of a flag, got 'soruce'; did you mean source"),
        ("source = \nport = 1", "expected TOML: .*line 1"),
        ("no-page = 1", "no-page: expected true or false, got 1"),
        ("source = true", "source: expected a text or a number, got True"),
        ("[source]\na = 1", "source: expected a text or a number"),
        ("people = 'many'", "people"),
        ("config = 'other.toml'", "expected the name of a flag, got 'config'"),
        ("help = true", "expected the name of a flag, got 'help'"),
    ],
)
def test_what_is_wrong_is_one_line(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        parse("live", ["--config", str(file)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("0.4", 0.4),
        ("kick=0.99", {"kick": 0.99}),
        ("raise both arms=.5, throw = off", {"raise both arms": 0.5, "throw": NEVER}),
        ("ring, twice=0.9,a=b=off", {"ring, twice": 0.9, "a=b": NEVER}),
    ],
)
def test_a_threshold_is_of_all_actions_or_of_some(file: Path, text: str, meant: object) -> None:
    file.write_text(f'threshold = "{text}"\n')
    assert event_settings(parse("live", ["--config", str(file)]))["threshold"] == meant
    assert event_settings(parse("live", ["--threshold", text]))["threshold"] == meant


@pytest.mark.parametrize(
    "text",
    [
        *("high", "kick", "kick=", "kick=high", "kick=0.9,0.8", "", "kick=0.9,", "=0.9", "off"),
        *("kick=2", "kick=0.9,kick=off"),
    ],
)
def test_what_is_no_threshold_is_said(text: str) -> None:
    """2 was taken for off, and of two thresholds of an action the second."""
    with pytest.raises(InputError, match=r"expected a number, or such as kick=0.99,throw=off, got"):
        event_settings(parse("live", ["--threshold", text]))


def test_a_file_that_is_not_there(file: Path) -> None:
    with pytest.raises(InputError, match="expected a file: No such file"):
        parse("live", ["--config", str(file)])


def test_a_file_in_another_encoding_is_said_in_words(file: Path) -> None:
    """It was `'utf-8' codec can't decode byte 0xe9 in position 11: invalid continuation byte`."""
    file.write_bytes('device = "caf\u00e9"\n'.encode("latin-1"))
    with pytest.raises(InputError) as caught:
        parse("live", ["--config", str(file)])
    assert str(caught.value) == f"--config {file}: expected TOML: it is not text in UTF-8"
    file.write_text('\ufeffdevice = "café"\n')  # as editors of Windows begin a file
    assert parse("live", ["--config", str(file)]).device == "café"


@pytest.mark.parametrize("flag", ["--recipe", "--pretrain.pstl"])
@pytest.mark.parametrize(
    "form",
    [
        "{flag} {file}",
        "{flag}={file}",
        f"--encoder.widths=[{','.join('8' * 200)}] {{flag}}={{file}}",
    ],
)
def test_settings_in_another_encoding_are_said_in_words(
    flag: str, form: str, tmp_path: Path
) -> None:
    """A recipe in Latin-1 was a traceback, and beside a long setting that setting was called a file
    with too long a name."""
    file, picture = tmp_path / "own.yaml", tmp_path / "masks.png"
    file.write_bytes("masked_joints: 9 # \u00e9".encode("latin-1"))
    picture.write_bytes(b"\x89PNG")
    words = form.format(flag=flag, file=file).split()
    with pytest.raises(InputError) as caught:
        parse("draw", ["masks", "--out", str(picture), *words])
    assert str(caught.value) == f"{file}: expected settings in YAML: it is not text in UTF-8"


@settings(max_examples=20)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20))
def test_any_text_arrives_as_it_is(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Also one that looks like a flag."""
    file = tmp_path_factory.getbasetemp() / "any.toml"
    escaped = "".join(f"\\U{ord(one):08x}" for one in text)
    file.write_text(f'device = "{escaped}"\n')
    assert parse("live", ["--config", str(file)]).device == text
