"""Small JSON records that carry their own checksum: one flipped bit, and they are not believed.

What they say is the business of who writes them: the plan, the settings, the records of parts.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def sealed(record: Mapping[str, Any], indent: int | None = None) -> str:
    """Return a record as a line of JSON with its checksum, or indented for people to read."""
    return json.dumps({**record, "sha256": _sha256(record)}, indent=indent) + "\n"


def unsealed(content: bytes) -> dict[str, Any]:
    """Return the record that `sealed` wrote.

    Raises:
        ValueError: it is not what was written.
    """
    record = json.loads(content)
    if not isinstance(record, dict) or record.pop("sha256", None) != _sha256(record):
        raise ValueError("not what was written")
    return record


def _sha256(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record).encode()).hexdigest()
