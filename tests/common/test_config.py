"""Configs: what the messages about wrong keys and values say."""

from typing import Any, ClassVar, Literal

import pytest
from pydantic import Field

from common.config import Config, parse_config
from common.errors import UserError


class Inner(Config):
    rate: float = 0.1


class Outer(Config):
    where_others_belong: ClassVar[str] = "other keys are in the other file"

    count: int = Field(default=1, ge=1)
    name: str = Field(default="x", pattern="^[a-z]+$")
    on: bool = False
    kind: Literal["a", "b"] = "a"
    values: list[int] = Field(default=[1], min_length=1)
    inner: Inner = Inner()


class Required(Config):
    section: Inner


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"count": "wide"}, "f.toml: count: must be an integer, not 'wide'"),
        ({"count": True}, "f.toml: count: must be an integer, not true"),
        ({"count": 1.5}, "f.toml: count: must be an integer, not 1.5"),
        ({"count": 0}, "f.toml: count: must be greater than or equal to 1, not 0"),
        ({"name": 3}, "f.toml: name: must be text in quotation marks, not 3"),
        ({"name": "X"}, "f.toml: name: must match pattern '^[a-z]+$', not 'X'"),
        ({"name": "X" * 100}, "f.toml: name: must match pattern '^[a-z]+$'"),
        ({"on": "no"}, "f.toml: on: must be true or false, not 'no'"),
        ({"kind": "c"}, "f.toml: kind: must be 'a' or 'b', not 'c'"),
        ({"values": 3}, "f.toml: values: must be a list in square brackets, not 3"),
        ({"values": []}, "f.toml: values: must have at least 1 item, not 0"),
        ({"inner": 3}, "f.toml: inner: must be a section, not 3"),
        ({"inner": {"rate": float("nan")}}, "f.toml: inner.rate: must be a finite number, not nan"),
        ({"inner": {"rate": "x"}, "on": 1}, "f.toml: on: must be true or false, not 1; inner.rate: must be a number"),
        ({"rate": 1.0}, "f.toml: rate is not a key; rate belongs to [inner]"),
        ({"cuont": 1}, "f.toml: cuont is not a key; did you mean count?"),
        (
            {"late": 1},
            "f.toml: late is not a key; the keys here are count, name, on, kind, values, inner; other",
        ),
    ],
)
def test_messages_are_in_plain_words(table: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError) as refused:
        parse_config(Outer, table, "f.toml")
    assert str(refused.value).startswith(sentence)
    assert "Input" not in str(refused.value)


def test_a_missing_section_is_named() -> None:
    with pytest.raises(UserError, match=r"^f\.toml: section: this is required, and it is missing$"):
        parse_config(Required, {}, "f.toml")
