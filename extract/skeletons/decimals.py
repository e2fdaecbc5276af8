"""Thousands of decimal numbers in a text to float64 at once, each bit as float() gives it.

Numbers such as -0.8514767 (a digit, a point, one to eight digits) are nearly all there are in a skeleton file. Their
digits, read as one integer below 2^53, over a power of ten, both exact, divide to the float64 nearest to the decimal,
which is what float() returns. Numbers of any other form go through float() itself, one by one.
"""

import numpy as np
from numpy.typing import NDArray

PADDING = 10  # bytes that a text needs after its last number: a sign, a digit, a point or what not, and the eight
FRACTION_DIGITS = 8  # as many as one 64-bit word holds
BATCH = 4096  # numbers converted at a time: some 20 intermediate arrays then fit into a core's cache

_POWERS_OF_TEN = 10.0 ** np.arange(FRACTION_DIGITS + 1)  # exact
# What shifts a word so that its first k bytes become its last, and the '0' digits that then go before them.
_SHIFTS = np.array([8 * (FRACTION_DIGITS - k) for k in range(FRACTION_DIGITS + 1)], np.uint64)
_ZEROS = np.array([0x3030303030303030 & ((1 << int(shift)) - 1) for shift in _SHIFTS], np.uint64)
_MINUS, _POINT, _ZERO = b"-.0"


class NotANumber(ValueError):
    """What float() refuses too.

    Attributes:
        index: which of the numbers asked for it is.
    """

    def __init__(self, index: int, token: bytes):
        super().__init__(f"{token.decode('ascii', 'backslashreplace')[:40]!r} is not a number")
        self.index = index


def read_decimals(text: bytes, starts: NDArray[np.intp], ends: NDArray[np.intp]) -> NDArray[np.float64]:
    """Convert the numbers text[starts[i]:ends[i]].

    Args:
        text: ASCII, with at least PADDING bytes more after the last number.
        starts: (M,) where each number begins.
        ends: (M,) where each number ends; nothing is empty.

    Returns:
        (M,), the same as [float(text[start:end]) for start, end in zip(starts, ends)].

    Raises:
        NotANumber: the first that float() does not take.
    """
    values = np.empty(len(starts))
    for at in range(0, len(starts), BATCH):
        batch = slice(at, at + BATCH)
        values[batch], unusual = _convert(text, starts[batch], ends[batch])
        for index in (at + unusual).tolist():
            token = text[starts[index] : ends[index]]
            try:
                values[index] = float(token)
            except ValueError as error:
                raise NotANumber(index, token) from error
    return values


def _convert(
    text: bytes, starts: NDArray[np.intp], ends: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the numbers, and which of them are not of the usual form and so not yet right."""
    characters = np.frombuffer(text, np.uint8)
    negative = characters[starts] == _MINUS
    digit_at = starts + negative
    digit = characters[digit_at] - np.uint8(_ZERO)  # wraps: what stands before '0' becomes large
    count = ends - digit_at - 2
    usual = (digit <= 9) & (characters[digit_at + 1] == _POINT) & (count >= 1) & (count <= FRACTION_DIGITS)
    np.clip(count, 0, FRACTION_DIGITS, out=count)

    word = _words(text, digit_at + 2)
    word <<= _SHIFTS[count]
    word |= _ZEROS[count]
    usual &= _all_digits(word)
    power = _POWERS_OF_TEN[count]
    values = (digit * power + _eight_digits(word)) / power
    values *= 1.0 - 2.0 * negative  # a product, so that there is -0.0

    return values, np.flatnonzero(~usual)


def _words(text: bytes, at: NDArray[np.intp]) -> NDArray[np.uint64]:
    """Return the eight bytes from each position on, the first in the lowest bits."""
    # Of type "bytes", not "integer": those need no alignment, so none of the overlapping windows is copied unasked.
    windows = np.ndarray((len(text) - 7,), "V8", text, strides=(1,))
    return windows[at].view("<u8").astype(np.uint64, copy=False)


def _all_digits(word: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return whether all eight bytes are '0' … '9': the high half is 3, and still is when 6 is added."""
    high = word & np.uint64(0xF0F0F0F0F0F0F0F0)
    carried = word + np.uint64(0x0606060606060606)
    carried &= np.uint64(0xF0F0F0F0F0F0F0F0)
    carried >>= np.uint64(4)
    high |= carried
    digits: NDArray[np.bool_] = high == np.uint64(0x3333333333333333)
    return digits


def _eight_digits(word: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the number that eight digits spell, by adding neighbours: pairs, pairs of pairs, both halves."""
    word = word & np.uint64(0x0F0F0F0F0F0F0F0F)
    for factor, shift, mask in (
        (10 * 2**8 + 1, 8, 0x00FF00FF00FF00FF),
        (100 * 2**16 + 1, 16, 0x0000FFFF0000FFFF),
        (10000 * 2**32 + 1, 32, 0x00000000FFFFFFFF),
    ):
        word *= np.uint64(factor)
        word >>= np.uint64(shift)
        word &= np.uint64(mask)
    return word
