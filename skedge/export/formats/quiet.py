"""Quiet for converters and quantisers."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from skedge.edge_runtime.backends.silence import silence


@contextmanager
def quiet() -> Iterator[None]:
    """Quiet for the converters, the quantisers and what they import, which use logging, warnings
    and C++'s stderr."""
    os.environ["LITERT_TORCH_SHOW_PROGRESS"] = "n"
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with silence(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
