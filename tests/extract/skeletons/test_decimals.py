"""Decimals: whatever float() makes of a number, in every bit, and a refusal of whatever it refuses."""

import math
import struct

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from extract.skeletons.decimals import BATCH, PADDING, NotANumber, read_decimals

DIGITS = st.text("0123456789", max_size=20)
NUMBERS = st.one_of(
    st.builds("{}{}.{}".format, st.sampled_from(["", "-", "+"]), DIGITS, DIGITS),  # of all lengths, "." too
    st.builds("{}{}.{}".format, st.sampled_from(["", "-"]), st.integers(0, 9), st.text("0123456789", max_size=9)),
    st.floats().map(repr),
    st.floats(-10, 10, width=32).map(lambda value: f"{value:.7g}"),  # what the Kinect's program writes
    st.builds("{}e{}".format, st.floats(-10, 10).map(repr), st.integers(-400, 400)),
    st.integers().map(str),
    st.sampled_from(
        ["nan", "-nan", "inf", "-Infinity", "1_0.5", "-", ".", "-.", "--1.5", "1.2.3", "0x1p3", "1.5e", "1."]
    ),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=14),
    st.builds("{}.{}".format, st.integers(0, 9), st.text("/0123456789:?@ ".replace(" ", ""), min_size=1, max_size=8)),
)


def bits(value: float) -> bytes:
    return b"nan" if math.isnan(value) else struct.pack("<d", value)


def read(tokens: list[bytes]) -> list[float]:
    ends = np.cumsum([len(token) + 1 for token in tokens], dtype=np.intp) - 1
    starts = ends - [len(token) for token in tokens]
    return read_decimals(b" ".join(tokens) + b" " * PADDING, starts.astype(np.intp), ends).tolist()


def floats(tokens: list[bytes]) -> list[float] | int:
    """What float() gives, or the first token that it refuses."""
    values = []
    for index, token in enumerate(tokens):
        try:
            values.append(float(token))
        except ValueError:
            return index
    return values


@settings(max_examples=1000, deadline=2000)
@given(st.lists(NUMBERS, min_size=1, max_size=8).map(lambda tokens: [token.encode() for token in tokens if token]))
@example([b"-0.0", b"0.00000000", b"-0.00000001", b"9.99999999", b"0.1", b"5.", b"-.5", b"1.123456789"])
def test_the_same_bits_as_float(tokens: list[bytes]) -> None:
    expected = floats(tokens)
    if isinstance(expected, int):
        with pytest.raises(NotANumber) as refused:
            read(tokens)
        assert refused.value.index == expected
    else:
        assert [bits(value) for value in read(tokens)] == [bits(value) for value in expected]


def test_all_short_numbers() -> None:
    for digits in (1, 2, 3):
        tokens = [b"%s%d.%0*d" % (sign, one, digits, rest) for sign in (b"", b"-") for one in range(10)
                  for rest in range(10**digits)]  # fmt: skip
        assert [bits(value) for value in read(tokens)] == [bits(float(token)) for token in tokens]


def test_many_random_numbers_of_the_usual_form() -> None:
    generator = np.random.default_rng(0)
    for digits in (4, 5, 6, 7, 8):
        values = generator.integers(0, 10 ** (digits + 1), 20_000)
        tokens = [
            b"%d.%0*d" % (*divmod(value, 10**digits)[:1], digits, value % 10**digits) for value in values.tolist()
        ]
        assert [bits(value) for value in read(tokens)] == [bits(float(token)) for token in tokens]


@pytest.mark.parametrize("wrong", [0, BATCH - 1, BATCH, 3 * BATCH + 5])
def test_the_first_that_is_no_number_is_named_in_every_batch(wrong: int) -> None:
    tokens = [b"1.25"] * (4 * BATCH)
    tokens[wrong] = b"1.2x5"
    tokens[-1] = b"worse"
    with pytest.raises(NotANumber, match="'1.2x5' is not a number") as refused:
        read(tokens)
    assert refused.value.index == wrong


def test_every_byte_at_every_place_of_the_fraction() -> None:
    for place in range(8):
        for byte in set(range(256)) - set(b" "):
            token = bytearray(b"-1.23456789"[:11])
            token[3 + place] = byte
            try:
                expected = float(bytes(token))
            except ValueError:
                with pytest.raises(NotANumber):
                    read([bytes(token)])
            else:
                assert bits(read([bytes(token)])[0]) == bits(expected)


def test_none() -> None:
    assert read_decimals(bytes(PADDING), np.zeros(0, np.intp), np.zeros(0, np.intp)).shape == (0,)
