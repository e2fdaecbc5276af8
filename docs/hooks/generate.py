"""Replaces `{{ name }}` on a page by Markdown that is made from the code, so that it cannot become outdated.

mkdocs calls `on_page_markdown` for every page (`hooks` in mkdocs.yml). The parts are in the modules beside this file,
which mkdocs makes importable.
"""

import re
from collections.abc import Callable
from typing import Any

import backbones
import commands
import data_sets
import image_models
import methods
import package_imports
import recipe_keys
import recipe_list
import released_weights
import video_networks

PARTS: dict[str, Callable[[], str]] = {
    "backbones": backbones.markdown,
    "commands": commands.markdown,
    "data_sets": data_sets.markdown,
    "image_models": image_models.markdown,
    "imports": package_imports.markdown,
    "methods": methods.markdown,
    "method_names": methods.names_markdown,
    "recipe_keys": recipe_keys.markdown,
    "recipes": recipe_list.markdown,
    "video_networks": video_networks.markdown,
    "weights": released_weights.markdown,
}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return a page with each `{{ name }}` replaced.

    Raises:
        KeyError: no part has this name.
    """
    return re.sub(r"^\{\{ (\w+) \}\}$", lambda match: PARTS[match[1]](), markdown, flags=re.MULTILINE)
