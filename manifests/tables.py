"""Typed tables of TOML files: unknown keys are refused with the nearest known one, errors are sentences.

What the tables of a recipe are is in `recipe` and `training`.
"""

import difflib
from collections.abc import Sequence
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from manifests.errors import UserError


class Table(BaseModel):
    """A table whose every key is known, with values of the type they are declared with."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


T = TypeVar("T", bound=Table)


def parse_table(kind: type[T], table: dict[str, Any], name: str) -> T:
    """Check a table of values against its kind; `name` is what errors call it.

    Raises:
        UserError: an unknown key (with the nearest known), a value of the wrong type or out of range.
    """
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        raise UserError(f"{name}: " + "; ".join(_sentence(kind, item) for item in error.errors())) from error


def _sentence(kind: type[Table], item: Any) -> str:
    path = [str(part) for part in item["loc"]]
    if item["type"] == "extra_forbidden":
        *tables, key = path
        nearest = difflib.get_close_matches(key, _table_at(kind, tables).model_fields, n=1, cutoff=0)
        return f"{'.'.join(path)} is not a key; did you mean {'.'.join([*tables, *nearest])}?"
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"{'.'.join(path)}: {message}" if path else message  # no path: of several keys together


def _table_at(kind: type[Table], path: Sequence[str]) -> type[Table]:
    """The kind of table at `path`, which may lead through tables by name, as in streams.rgb.va_cnn."""
    steps = iter(path)
    for key in steps:
        annotation = kind.model_fields[key].annotation  # Data, Extract | None, dict[str, Extract]
        if get_origin(annotation) is dict:
            next(steps)  # any name
        parts = get_args(annotation) or (annotation,)
        kind = next(part for part in parts if isinstance(part, type) and issubclass(part, Table))
    return kind
