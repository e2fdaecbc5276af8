"""Public names of a package that are imported when they are first used.

So `import distill` does not load torch; `distill.train` does.
"""

from collections.abc import Mapping
from importlib import import_module


def find_name(package: str, modules: Mapping[str, str], name: str) -> object:
    """Import and return a public name of a package, for the package's `__getattr__` (PEP 562).

    Args:
        package: `__name__` of the package, for the error message.
        modules: by public name, the module that defines it.
        name: the name.

    Raises:
        AttributeError: the package has no such name.
    """
    if name not in modules:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return getattr(import_module(modules[name]), name)
