"""Tables of every key of a recipe, from the pydantic models: name, type, default, meaning.

The meaning of a key is its description or the comment beside it in the model's source.
"""

import contextlib
import inspect
import io
import textwrap
import tokenize
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from markdown_text import cell, table
from pydantic.fields import FieldInfo

from common.config import Config
from distill.whole_recipe import complete_recipe_model

BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def markdown() -> str:
    """Return one table for the top of the file and one for each section; a model that comes again is only named."""
    parts = []
    places: dict[type[Config], str] = {}
    for place, kind in sections(complete_recipe_model()):
        parts.append(f"### `[{place}]`" if place else "### At the top of the file")
        if not place:
            parts += ["These keys stand before the first section.", keys_of(kind)]
        elif places.setdefault(kind, place) == place:
            parts += [cell(inspect.getdoc(kind) or ""), keys_of(kind)]
        else:
            parts.append(f"The same keys as `[{places[kind]}]`.")
    return "\n\n".join(parts)


def sections(kind: type[Config], place: str = "") -> Iterator[tuple[str, type[Config]]]:
    """Yield a model and all models in it, with their places as a TOML file names them."""
    yield place, kind
    for name, field in kind.model_fields.items():
        if (inner := config_in(field.annotation)) is not None:
            any_name = ".NAME" if get_origin(field.annotation) is dict else ""
            yield from sections(inner, f"{place}.{name}{any_name}".removeprefix("."))


def keys_of(kind: type[Config]) -> str:
    """Return the table of a model's keys, without those that are sections."""
    said = comments(kind)
    rows = [
        (f"`{name}`", type_of(field), default_of(field), cell(field.description or said.get(name, "")))
        for name, field in kind.model_fields.items()
        if config_in(field.annotation) is None
    ]
    return table(("key", "value", "default", "meaning"), rows) if rows else "This section has no keys of its own."


def config_in(annotation: Any) -> type[Config] | None:
    """Return the model in an annotation such as `Data`, `Extract | None` or `dict[str, Extract]`, if there is one."""
    parts = get_args(annotation) or (annotation,)
    return next((part for part in parts if isinstance(part, type) and issubclass(part, Config)), None)


def type_of(field: FieldInfo) -> str:
    """Return what values a key takes, with their bounds."""
    return named(field.annotation) + bounds(field.metadata)


def named(annotation: Any) -> str:
    """Return a type in words for a TOML file."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{value!r}`".replace("'", '"') for value in args)
    if origin is Annotated:
        return named(args[0]) + bounds(args[1:])
    if origin in (Union, UnionType):
        return " or ".join(named(part) for part in args if part is not type(None))
    if origin is list:
        return f"list of {named(args[0])}"
    if origin is dict:
        return f"table of {named(args[1])}"
    return {str: "text", int: "integer", float: "number", bool: "true or false"}.get(annotation, annotation.__name__)


def bounds(metadata: Any) -> str:
    """Return the limits of a value, from the annotations of pydantic, with what separates them from its type."""
    found: list[str] = []
    for limit in metadata:
        for part in getattr(limit, "metadata", None) or (limit,):
            found += [f" {sign} {number(getattr(part, key))}" for key, sign in BOUNDS.items() if hasattr(part, key)]
            if shortest := getattr(part, "min_length", None):
                found.append(f", at least {shortest}" if shortest > 1 else ", not empty")
    return "".join(found)


def number(value: float) -> str:
    """Return a limit, large ones as powers of two or ten."""
    if value == 2**63:
        return "2⁶³"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def default_of(field: FieldInfo) -> str:
    """Return a key's default as a TOML file would say it."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None:
        return "left out"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value!r}`".replace("'", '"')


def comments(kind: type[Config]) -> dict[str, str]:
    """Return the comment beside each field in the source of a model and of the models that it derives from."""
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        if issubclass(each, Config) and each.__module__ != "pydantic.main":
            with contextlib.suppress(OSError):  # a model that was made by pydantic's `create_model` has no source
                found |= comments_in(textwrap.dedent(inspect.getsource(each)))
    return found


def comments_in(source: str) -> dict[str, str]:
    """Return the comment beside each field in the source of one class."""
    found: dict[str, list[str]] = {}
    name, depth = "", 0
    first_of_line = True
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.OP:
            depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.string, 0)
        if token.type == tokenize.NAME and first_of_line and token.start[1] == 4 and depth == 0:
            name = token.string
        if token.type == tokenize.COMMENT and name:
            found.setdefault(name, []).append(token.string.lstrip("# "))
        if token.type not in (tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT):
            first_of_line = token.type == tokenize.NEWLINE
    return {name: " ".join(lines) for name, lines in found.items()}
