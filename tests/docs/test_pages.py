"""What README and the pages of the documentation say is true: commands, recipes, numbers, links."""

import ast
import importlib
import inspect
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from manifests.recipes.recipe import Recipe, read_recipe
from manifests.recipes.suite import find_suite

ROOT = Path(__file__).parent.parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def code_blocks(text: str) -> list[str]:
    """Return the blocks of code of a page, with continued lines joined."""
    blocks = re.findall(r"^```(?:\w+)?\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [block.replace("\\\n", " ") for block in blocks]


def commands(text: str) -> list[list[str]]:
    """Return the words after `python -m` of every command in a block of code."""
    lines = [line for block in code_blocks(text) for line in block.splitlines()]
    return [
        shlex.split(line.removeprefix("python -m "), comments=True)
        for line in lines
        if line.startswith(("python -m manifests", "python -m extract", "python -m distill", "python -m evaluate"))
    ]


def verb_of(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that some words name, and what is left of them; the test fails if there is none."""
    package, *rest = words
    command = typer.main.get_command(importlib.import_module(f"{package}.commands.app").app)
    while inner := getattr(command, "commands", None):
        assert rest, f"{' '.join(words)} names no verb"
        assert rest[0] in inner, f"{rest[0]} is no verb of {package}"
        command = inner[rest.pop(0)]
    return command, rest


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_command_and_option_exists(path: Path) -> None:
    for words in commands(path.read_text(encoding="utf-8")):
        command, rest = verb_of(words)
        known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        for word in rest:
            if word.startswith("--") and " " not in word:  # with a space it is a value: options of another program
                assert word.split("=")[0] in known, f"{' '.join(words)}: no option {word}"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_recipe_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r"evaluate reproduce ([\w./-]+)", text):
        if name not in ("mine.toml", "mine/recipe.toml", "RECIPE"):
            assert find_suite(Path(name)) or read_recipe(Path(name)).name == name


def test_there_are_commands_to_look_at() -> None:
    found = [words for path in PAGES for words in commands(path.read_text(encoding="utf-8"))]
    verbs = {(words[0], words[1]) for words in found}
    assert {("evaluate", "reproduce"), ("extract", "run"), ("manifests", "check"), ("distill", "sweep")} <= verbs


@pytest.mark.parametrize("path", [path for path in PAGES if path.name != "skeletons.md"], ids=name_of)  # joint lists
def test_recipes_on_pages_are_valid(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for block in re.findall(r"^```toml\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
        Recipe.model_validate({"name": "of-the-file"} | tomllib.loads(block))


def python_calls(text: str) -> list[tuple[str, str, list[str]]]:
    """Return the calls of the packages' functions in blocks of Python: package, function, names of arguments."""
    calls = []
    for block in re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                called = node.func.value
                if isinstance(called, ast.Name) and called.id in ("manifests", "extract", "distill", "evaluate"):
                    calls.append((called.id, node.func.attr, [word.arg for word in node.keywords if word.arg]))
    return calls


@pytest.mark.parametrize("path", [README, ROOT / "docs" / "api.md"], ids=name_of)
def test_python_on_pages_calls_public_functions(path: Path) -> None:
    calls = python_calls(path.read_text(encoding="utf-8"))
    assert len(calls) >= 3
    for package, name, arguments in calls:
        module = importlib.import_module(package)
        assert name in module.__all__
        assert set(arguments) <= set(inspect.signature(getattr(module, name)).parameters)


def test_every_public_name_is_on_the_page_of_the_api() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for package in ("manifests", "extract", "distill", "evaluate"):
        for name in importlib.import_module(package).__all__:
            assert f"::: {package}.{name}\n" in page or name == "Recipe"  # its keys are on the page of recipes


def test_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").split()) <= 1200


def test_readme_has_numbers_of_the_results_page_only() -> None:
    results = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    readme = README.read_text(encoding="utf-8")
    rows = re.findall(r"^\| .* ± .*\|$", readme, flags=re.MULTILINE)
    assert len(rows) >= 5
    for row in rows:
        assert row in results
    for number in re.findall(r"[+-]\d+\.\d \[[^]]+\]", readme) + re.findall(
        r"\d+\.\d ± \d\.\d (?:without|with)", readme
    ):
        assert number in results


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_files_named_on_pages_exist(path: Path) -> None:
    """Files and folders of the repository, between backticks."""
    text = path.read_text(encoding="utf-8")
    folders = "common|manifests|extract|distill|evaluate|docker|docs|tests|examples"
    for name in re.findall(rf"`((?:{folders})/[\w./-]*)`", text):
        assert (ROOT / name).exists(), name


def test_the_citation_is_readme_s() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    paper = citation["references"][0]
    readme = README.read_text(encoding="utf-8")
    assert f"title     = {{{paper['title']}}}" in readme
    names = " and ".join(f"{author['family-names']}, {author['given-names']}" for author in paper["authors"])
    assert f"author    = {{{names}}}" in readme
    assert f"pages     = {{{paper['start']}--{paper['end']}}}" in readme
