"""Converts decimal numbers at known places of a text, many at once.

Eight digits are one 64-bit word, and its digits are summed in pairs, fours and eights by three
multiplications, for all numbers together. What is not of the plain form [-]digits[.digits] goes
through Python's `float`, so every number that a text can hold comes out as `float` gives it.
"""

import numpy as np

# Bytes that a text needs before its first and after its last number, so that words may be read
# around them.
PADDING = 32
_LITTLE, _ZEROS = np.dtype("<u8"), np.uint64(0x3030303030303030)
_POWERS = 10.0 ** np.arange(17)


def decimals(text: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Numbers (n,) float64 that stand at `starts` to `ends` (n,) of `text`, uint8 with `PADDING`
    spaces around it.

    NaN where there is no number.
    """
    sign = text[starts] == ord("-")
    digits = starts + sign
    dots = digits + 1
    point = text[dots] == ord(".")
    for _ in range(3):
        missing = ~point & (dots < ends)
        if not missing.any():
            break
        dots += missing
        point = text[dots] == ord(".")
    # -1 without a point
    fraction = ends - dots - 1
    first = text[digits] - np.uint8(ord("0"))
    low, good = _digits(text, ends, np.minimum(fraction, 8))
    good &= (first < 10) & (point | (fraction == -1))
    # Exact below 2^53, and so is the power of ten: one rounding, as in `float`.
    values: np.ndarray = (first * _POWERS[8] + low) / _POWERS[8]
    long = np.flatnonzero((dots - digits > 1) | (fraction > 8))
    long = long[good[long]]
    if len(long):
        values[long], good[long] = _long(text, digits[long], dots[long], ends=ends[long])
    np.copysign(values, 0.5 - sign, out=values)
    for i in np.flatnonzero(~good):
        values[i] = _number(text[starts[i] : ends[i]].tobytes())
    return values


def _long(
    text: np.ndarray, digits: np.ndarray, dots: np.ndarray, ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers with up to 8 digits before the point and 16 behind it, and whether they are such
    numbers."""
    fraction = np.maximum(ends - dots - 1, 0)
    good = fraction <= 16
    fraction = np.minimum(fraction, 16)
    scaled = np.zeros(len(ends))
    for end, count, power in (
        (dots, dots - digits, fraction),
        (ends - 8, np.maximum(fraction - 8, 0), 8),
        (ends, np.minimum(fraction, 8), 0),
    ):
        number, plain = _digits(text, end, count)
        good &= plain
        scaled += number / _POWERS[8 - count] * _POWERS[power]
    return scaled / _POWERS[fraction], good & (scaled < 2.0**53)


def _digits(text: np.ndarray, ends: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The `count` (up to 8) digits before `ends` with zeros behind them as numbers uint64, and
    whether they are digits."""
    # A word begins at every byte; the first digit is in its lowest byte.
    words: np.ndarray = np.ndarray(len(text) - 7, _LITTLE, text, 0, (1,))
    word = words[ends - 8]
    word ^= _ZEROS
    word >>= ((8 - count) << 3).astype(np.uint64)
    good = ((word + np.uint64(0x7676767676767676)) | word) & np.uint64(0x8080808080808080) == 0
    for factor, bits, keep in (
        (10 * 2**8 + 1, 8, 0x00FF00FF00FF00FF),
        (100 * 2**16 + 1, 16, 0x0000FFFF0000FFFF),
        (10**4 * 2**32 + 1, 32, 0xFFFFFFFF),
    ):
        word *= np.uint64(factor)
        word >>= np.uint64(bits)
        word &= np.uint64(keep)
    return word, good


def _number(token: bytes) -> float:
    try:
        return float(token)
    except ValueError:
        return float("nan")
