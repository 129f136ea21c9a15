"""A store, and how a command is refused."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from skedge.cli.main import main

Refused = Callable[..., None]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("a room with spaces") / "my store"
    main(["data", "synth", str(path), "--subjects", "3", "--clips", "1"])
    return path


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """Runs a command that must end with exit code 2 and one line on stderr that holds all of
    `words`."""

    def refused(*arguments: object, words: Sequence[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        shown = capsys.readouterr().err
        assert ended.value.code == 2, shown
        assert len(shown.strip().splitlines()) == 1, shown
        assert shown.count("skedge: ") == 1, shown
        for word in words:
            assert word in shown

    return refused
