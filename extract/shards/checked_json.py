"""Small JSON records that contain their own checksum, so that a damaged record is recognised.

The plan, the settings and the records of parts are written in this way.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def dump_checked(record: Mapping[str, Any], indent: int | None = None) -> str:
    """Return a record and its checksum as JSON: in one line, or indented for people."""
    return json.dumps({**record, "sha256": _sha256(record)}, indent=indent) + "\n"


def load_checked(content: bytes) -> dict[str, Any]:
    """Return the record that `dump_checked` wrote.

    Raises:
        ValueError: the content is no JSON, or its checksum is wrong.
    """
    record = json.loads(content)
    if not isinstance(record, dict) or record.pop("sha256", None) != _sha256(record):
        raise ValueError("not what was written")
    return record


def _sha256(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record).encode()).hexdigest()
