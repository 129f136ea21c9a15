"""Converts decimal numbers at known places of a text, many at once.

Eight digits are one 64-bit word, and its digits are summed in pairs, fours and eights by three multiplications, for all
numbers together. What is not of the plain form [-]digits.digits goes through Python's `float`, so every number that a text
can hold comes out as `float` gives it.
"""

import numpy as np

# Bytes that a text needs before its first and after its last number, so that words may be read around them.
PADDING = 32
_LITTLE, _ZEROS = np.dtype("<u8"), np.uint64(0x3030303030303030)
_POWERS = 10.0 ** np.arange(23)
# Keeps the last n bytes of a word in the order of the text, which are the high ones.
_KEEP = np.array([0] + [(2**64 - 1) ^ (2 ** (64 - 8 * n) - 1) for n in range(1, 9)], np.uint64)


def decimals(text: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Numbers (n,) float64 that stand at `starts` to `ends` (n,) of `text`, uint8 with `PADDING` spaces around it.

    NaN where there is no number.
    """
    sign = text[starts] == ord("-")
    digits = starts + sign
    dots = digits + 1
    for _ in range(3):
        missing = text[dots] != ord(".")
        if not missing.any():
            break
        dots += missing
    fraction = ends - dots - 1
    whole = dots - digits
    # Also where the dot follows the sign at once the search above begins a byte later: that is not plain.
    plain = (text[dots] == ord(".")) & (fraction >= 0) & (fraction <= 16)
    if not plain.all():
        fraction = np.where(plain, fraction, 0)
    # A word begins at every byte.
    words: np.ndarray = np.ndarray(len(text) - 7, _LITTLE, text, 0, (1,))
    long = bool((fraction > 8).any())
    low, good = _eight(words, ends, np.minimum(fraction, 8) if long else fraction)
    good &= plain
    if ((whole == 1) | ~plain).all():
        top = text[digits].astype(np.uint64) - np.uint64(ord("0"))
        good &= top < 10
    else:
        top, top_good = _eight(words, dots, np.where(plain, whole, 0))
        good &= top_good
    if long:
        high, high_good = _eight(words, ends - 8, np.maximum(fraction - 8, 0))
        good &= high_good
        low = low + high * np.uint64(10**8)
    # Exact below 2^53, and so is the power of ten: one rounding, as in `float`.
    scaled = top * _POWERS[fraction] + low
    values: np.ndarray = scaled / _POWERS[fraction]
    np.negative(values, where=sign, out=values)
    good &= scaled < 2.0**53
    for i in np.flatnonzero(~good):
        values[i] = _number(text[starts[i] : ends[i]].tobytes())
    return values


def _eight(words: np.ndarray, ends: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The `count` (0 to 8) digits before `ends` as numbers uint64, and whether they are digits."""
    word = words[ends - 8]
    word ^= _ZEROS
    word &= _KEEP[count]
    good = ((word + np.uint64(0x7676767676767676)) | word) & np.uint64(0x8080808080808080) == 0
    word = (word * np.uint64(10) + (word >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    word = (word * np.uint64(100) + (word >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    word = (word * np.uint64(10000) + (word >> np.uint64(32))) & np.uint64(0xFFFFFFFF)
    return word, good


def _number(token: bytes) -> float:
    try:
        return float(token)
    except ValueError:
        return float("nan")
