"""The one error that wrong input raises."""


class InputError(ValueError):
    """Input that cannot be used.

    The message is one line: what was expected, what came, what to do. The command line prints it
    and exits with 2.
    """
