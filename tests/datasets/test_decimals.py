"""Numbers read many at once are what Python's `float` gives one by one."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from skedge.datasets.parsing.decimals import PADDING, decimals

NUMBERS = st.one_of(
    st.floats(-50, 50).map("{:.6f}".format),
    st.floats(-5, 5).map("{:.7g}".format),
    st.floats().map(repr),
    st.builds("{:.{}f}".format, st.floats(-1e5, 1e5), st.integers(0, 18)),
    st.integers(-(10**18), 10**18).map(str),
    st.text("0123456789.-+e_", min_size=1, max_size=12),
    st.sampled_from(
        [
            "-",
            ".",
            "-.",
            ".5",
            "-.5",
            "5.",
            "-5.",
            "-0",
            "-0.0",
            "00.5",
            "9999.99999999",
            "nan",
            "-inf",
            "1.2.3",
            ":.5",
            "-/.5",
        ]
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=60))
def test_as_float_gives_them(words: list[str]) -> None:
    padding = " " * PADDING
    text = np.frombuffer((padding + " ".join(words) + padding).encode(), np.uint8)
    edges = np.flatnonzero(np.diff(text > 32)) + 1
    got = decimals(text, edges[::2], edges[1::2])
    expected = np.array([_float(word) for word in words])
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(
        np.signbit(got[~np.isnan(got)]), np.signbit(expected[~np.isnan(expected)])
    )


def _float(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return float("nan")
