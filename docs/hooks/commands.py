"""Every command with its options, from the Typer apps."""

import importlib
from collections.abc import Iterator
from typing import Any

import typer
from markdown_text import cell, docstring, table

PACKAGES = ("manifests", "extract", "distill", "evaluate")


def markdown() -> str:
    """Return a section for each package and each of its verbs."""
    parts = []
    for package in PACKAGES:
        command = typer.main.get_command(importlib.import_module(f"{package}.commands.app").app)
        parts.append(f"## {package}")
        for name, verb in verbs(command, f"python -m {package}"):
            parts += [f"### `{name}`", docstring(verb.help or ""), options(verb)]
    return "\n\n".join(parts)


def verbs(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the full name and the command of every verb."""
    if inner := getattr(command, "commands", None):
        for key, verb in inner.items():
            yield from verbs(verb, f"{name} {key}")
    else:
        yield name, command


def options(verb: Any) -> str:
    """Return the table of a verb's arguments and options."""
    rows = [(names(each), default(each), cell(each.help or "")) for each in verb.params if not hidden(each)]
    return table(("argument or option", "default", "meaning"), rows) if rows else "No options."


def hidden(option: Any) -> bool:
    """Return whether an option is not for users, or is the same for all."""
    return getattr(option, "hidden", False) or option.name in ("help", "install_completion", "show_completion")


def names(option: Any) -> str:
    """Return how an option is typed."""
    if option.param_type_name == "argument":
        return f"`{option.name.upper()}`"
    return ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))


def default(option: Any) -> str:
    """Return an option's default."""
    value = option.default() if callable(option.default) else option.default
    if option.required:
        return "required"
    if option.name == "workers":
        return "cores, at most 8"  # the number of cores of the machine that builds the site says nothing
    return "" if value in (None, False, ()) else f"`{value}`"
