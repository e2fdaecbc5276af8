"""The base of all configs: the typed sections of TOML files.

An unknown key is refused. The sentence has the section that the key belongs to, or the nearest known key.
"""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from common.errors import UserError

LONGEST_VALUE = 60  # characters of a value that a message repeats
ALTERNATIVE = (
    r"(constrained-)?int|literal\[.*\]"  # how pydantic calls the parts of a type such as int | Literal["auto"]
)
IN_WORDS = {  # the types as pydantic names them, and as a TOML file has them
    "a valid integer": "an integer",
    "a valid number": "a number",
    "a valid boolean": "true or false",
    "a valid string": "text in quotation marks",
    "a valid list": "a list in square brackets",
    "a valid dictionary": "a section",
}
SMALLEST, LARGEST = 1e-37, 1e38  # float32 has its full precision between these


class Config(BaseModel):
    """A section of a TOML file. Its keys and their types are declared; other keys are refused.

    Attributes:
        where_others_belong: what the message about an unknown key says of keys that are declared elsewhere.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    where_others_belong: ClassVar[str] = ""

    @field_validator("*")
    @classmethod
    def _fits_float32(cls, value: object) -> object:
        """Refuse a number that is infinite or 0 in the float32 of the networks."""
        if isinstance(value, float) and value and not SMALLEST <= abs(value) <= LARGEST:
            raise ValueError(f"{value:g} is beyond the range of float32; use 0, or {SMALLEST:g} to {LARGEST:g} in size")
        return value


T = TypeVar("T", bound=Config)


def parse_config(kind: type[T], table: dict[str, Any], name: str, key_names: Mapping[str, str] | None = None) -> T:
    """Return the config of a section.

    Args:
        kind: the class of the config.
        table: the keys and values of the section.
        name: where the keys come from, for messages: the name of a file, or "options".
        key_names: what messages call a key, if the user knows it by another name.

    Raises:
        UserError: an unknown key (with the section that it belongs to, or the nearest known key), a value of the
            wrong type or out of range.
    """
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        sentences = dict.fromkeys(_sentence(kind, item, key_names or {}) for item in error.errors())
        raise UserError(f"{name}: " + "; ".join(sentences)) from error


def _sentence(kind: type[Config], item: Any, key_names: Mapping[str, str]) -> str:
    path = [str(part) for part in item["loc"]]
    if item["type"] == "extra_forbidden" or (path[:1] and path[0] not in kind.model_fields):
        return f"{'.'.join(path)} is not a key; {_what_is_meant(kind, path)}"
    if path and re.fullmatch(ALTERNATIVE, path[-1]):
        path = path[:-1]
    message = _message(item)
    path = [key_names.get(part, part) for part in path]
    return f"{'.'.join(path)}: {message}" if path else message  # no path: the rule is about several keys


def _message(item: Any) -> str:
    """Return what is wrong with a value, with the value if it is short."""
    if item["type"] == "missing":
        return "this is required, and it is missing"
    message = str(item["msg"]).removeprefix("Value error, ")
    if not re.match(r"\w+ should ", message):
        return message
    message = re.sub(r"^\w+ should ", "must ", message).replace(" after validation", "")
    message = re.sub(r"a valid dictionary or instance of \w+", "a valid dictionary", message)
    for technical, plain in IN_WORDS.items():
        message = message.replace(technical, plain)
    value = item["input"]
    if not isinstance(value, str | int | float) or ", not " in message:
        return message
    written = str(value).lower() if isinstance(value, bool) else repr(value)
    return f"{message}, not {written}" if len(written) <= LONGEST_VALUE else message


def _what_is_meant(kind: type[Config], path: Sequence[str]) -> str:
    """Return the hint for an unknown key at `path`."""
    *tables, key = path
    own = list(_config_at(kind, tables).model_fields)
    if nearest := difflib.get_close_matches(key, own, n=1, cutoff=0.85):
        return f"did you mean {'.'.join([*tables, *nearest])}?"
    places = dict.fromkeys(place for place in _places(kind, key) if place != ".".join(tables))
    if "" in places:
        return f"{key} belongs at the top of the file, before the first [table]"
    if places:
        return f"{key} belongs to {' or '.join(f'[{place}]' for place in places)}"
    if nearest := difflib.get_close_matches(key, own, n=1, cutoff=0.7):
        return f"did you mean {'.'.join([*tables, *nearest])}?"
    everywhere = {name: place for place, table in _all_configs(kind) for name in table.model_fields}
    if nearest := difflib.get_close_matches(key, everywhere, n=1, cutoff=0.8):
        return f"did you mean {'.'.join(filter(None, (everywhere[nearest[0]], *nearest)))}?"
    elsewhere = f"; {kind.where_others_belong}" if kind.where_others_belong else ""
    return f"the keys here are {', '.join(own)}{elsewhere}"


def key_hint(kind: type[Config], key: str) -> str:
    """Return the hint for an unknown key such as `tau` or `distilation.alpha`: full names, or an empty string."""
    full = [f"{place}.{name}".removeprefix(".") for place, table in _all_configs(kind) for name in table.model_fields]
    last = key.rpartition(".")[2]
    meant = [name for name in full if name.rpartition(".")[2] == last] or difflib.get_close_matches(key, full, n=1)
    return f"; did you mean {' or '.join(meant)}?" if meant else ""


def _places(kind: type[Config], key: str) -> Iterator[str]:
    """Return the sections that have a key of this name; the outermost is \"\"."""
    return (place for place, table in _all_configs(kind) if key in table.model_fields)


def _all_configs(kind: type[Config], place: str = "") -> Iterator[tuple[str, type[Config]]]:
    """Yield a config and all configs in it, each with its name in a TOML file."""
    yield place, kind
    for name, field in kind.model_fields.items():
        if (inner := _config_in(field.annotation)) is not None:
            any_name = ".NAME" if get_origin(field.annotation) is dict else ""
            yield from _all_configs(inner, f"{place}.{name}{any_name}".removeprefix("."))


def _config_in(annotation: Any) -> type[Config] | None:
    """Return the config in an annotation such as Data, Extract | None or dict[str, Extract], if there is one."""
    parts = get_args(annotation) or (annotation,)
    return next((part for part in parts if isinstance(part, type) and issubclass(part, Config)), None)


def _config_at(kind: type[Config], path: Sequence[str]) -> type[Config]:
    """Return the config at `path`, which may contain names, as in streams.rgb.va_cnn."""
    steps = iter(path)
    for key in steps:
        annotation = kind.model_fields[key].annotation
        if get_origin(annotation) is dict:
            next(steps)  # any name
        inner = _config_in(annotation)
        assert inner is not None  # pydantic found the key in a section
        kind = inner
    return kind
