"""A record with a checksum is read as it was written, or refused."""

import contextlib
import json
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extract.shards.checked_json import dump_checked, load_checked

VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
RECORDS = st.dictionaries(st.text().filter(lambda key: key != "sha256"), VALUES | st.lists(VALUES))


@given(RECORDS, st.sampled_from([None, 1]))
def test_what_was_written_is_read(record: dict[str, object], indent: int | None) -> None:
    assert load_checked(dump_checked(record, indent).encode()) == record


@given(RECORDS, st.sampled_from([None, 1]), st.randoms(use_true_random=False))
@example({"fingerprint": "0123456789abcdef", "shards": 3}, None, random.Random(0))
def test_a_flipped_bit_says_nothing_or_is_refused(
    record: dict[str, object], indent: int | None, chance: random.Random
) -> None:
    content = bytearray(dump_checked(record, indent).encode())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    with contextlib.suppress(ValueError):
        assert load_checked(bytes(content)) == record  # white space, or another way to write the same


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"{}", b'{"sha256": 1}', b"\xff", b'{"shards": 3}'])
def test_what_was_never_sealed_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):
        load_checked(content)


def test_a_record_with_another_value_is_refused() -> None:
    written = dump_checked({"fingerprint": "ab", "shards": 3})
    changed = json.dumps({**json.loads(written), "shards": 2})
    with pytest.raises(ValueError, match="not what was written"):
        load_checked(changed.encode())
