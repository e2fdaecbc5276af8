"""Public names of a package that are imported when they are first used.

So `import distill` does not load torch; `distill.train` does.
"""

from collections.abc import Callable, Mapping
from importlib import import_module


def lazy_names(package: str, modules: Mapping[str, str]) -> Callable[[str], object]:
    """Return a module's `__getattr__` (PEP 562).

    Args:
        package: `__name__` of the module, for the error message.
        modules: by public name, the module that defines it.
    """

    def get(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(modules[name]), name)

    return get
