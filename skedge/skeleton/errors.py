"""What wrong input raises, and what broke in a user's own code, in one line."""

import re
import traceback
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
# What a user's own code may raise: `sys.exit` in it is no wish to end what called it.
BROKEN = (Exception, SystemExit)
# As libraries in Rust put it, behind what the system says.
_NUMBER = re.compile(r" \(os error \d+\)$")


class InputError(ValueError):
    """Input that cannot be used.

    The message is one line: what was expected, what came, what to do. The command line prints it
    and exits with 2.
    """


class OwnCodeError(RuntimeError):
    """Code of the user's own broke. The message is one line: which, what happened and where
    (`described`)."""


def reason(error: Exception) -> str:
    """What an error says, one of the system without its number and its path, one of a codec in
    words."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not text in UTF-8"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return _NUMBER.sub("", text)


def described(error: BaseException) -> str:
    """What broke and where, such as `ValueError: no lamp (lights.py, line 3)`: the line is that of
    the first file outside skedge that was called, since what that calls is not the user's own."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<") and not Path(frame.filename).is_relative_to(PACKAGE)
    ]
    text = " ".join(f"{type(error).__name__}: {error}".split())
    lines = [frame.lineno for frame in frames if frame.filename == frames[0].filename]
    return f"{text} ({Path(frames[0].filename).name}, line {lines[-1]})" if frames else text
