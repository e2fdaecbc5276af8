"""Print the part of requirements.lock that some extras need, with its hashes and markers.

The lock holds every extra; an image needs few. The lock's comments ("via") say which package needs which, so no
version is chosen here and no index is asked. Only Python's standard library is used, because no package is installed
yet.

Example: `python3 docker/requirements_of.py lite0 http > runtime.txt`, in the repository's root
"""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

PIN = re.compile(r"^(?P<name>[a-z0-9._-]+)==\S+", flags=re.MULTILINE)
VIA = re.compile(r"^    #\s+(?:via )?(?P<name>[a-z0-9._-]+)(?: \(.*\))?$", flags=re.MULTILINE)


def requirements_of(lock: str, project: dict[str, Any], extras: list[str]) -> str:
    """Return the pins that the project needs with these extras, one after another.

    Args:
        lock: the text of requirements.lock.
        project: the table `project` of pyproject.toml.
        extras: names of its optional dependencies.

    Raises:
        KeyError: there is no such extra.
    """
    starts = [match.start() for match in PIN.finditer(lock)]
    pins = [lock[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]
    wanted = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    needed = {name_of(line) for line in wanted}
    while more := {name_of(pin) for pin in pins if needed & set(VIA.findall(pin))} - needed:
        needed |= more
    return "".join(pin for pin in pins if name_of(pin) in needed)


def name_of(requirement: str) -> str:
    """Return the package name of a requirement in the form that the lock uses."""
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


if __name__ == "__main__":
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    sys.stdout.write(requirements_of(Path("requirements.lock").read_text(encoding="utf-8"), project, sys.argv[1:]))
