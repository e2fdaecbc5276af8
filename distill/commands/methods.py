"""`python -m distill methods`: list the methods that a recipe can name."""

import json
from typing import Any

from common.options import Json


def methods(as_json: Json = False) -> None:
    """List the methods by their names in recipes, with their titles, teachers and sections with keys.

    Example: `python -m distill methods`
    """
    from distill.methods import METHODS

    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "title": method.title,
            "teacher": method.teacher,
            "section": method.section,
            "keys": list(method.settings.model_fields) if method.settings else [],
        }
        for name, method in METHODS.items()
    ]
    if as_json:
        print(json.dumps(rows))
        return
    for row in rows:
        teacher = f"; teacher: {row['teacher']}" if row["teacher"] else ""
        section = f"; section [{row['section']}]: {', '.join(row['keys'])}" if row["section"] else ""
        print(f"{row['name']:<18} {row['title']}{teacher}{section}")
