"""Names of a package that are imported on first use, so that `import` of the package loads none of their modules."""

import importlib
import sys


def lazy_names(package, homes):
    """`__getattr__`, `__dir__` and `__all__` of a package, see PEP 562.

    Args:
        package: name of the package.
        homes: mapping of each public name to the module that defines it, to "module:attribute" if it has another name there, or
            to None for a module of the package.
    """

    def __getattr__(name):
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if homes[name] is None:
            return importlib.import_module(f"{package}.{name}")
        module, _, attribute = homes[name].partition(":")
        return getattr(importlib.import_module(module), attribute or name)

    def __dir__():
        return sorted({*vars(sys.modules[package]), *homes})

    return __getattr__, __dir__, list(homes)
