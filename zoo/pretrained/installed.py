"""Folders of weight sets on this machine: the package's own, those of installed data packages, and a checkout's."""

import importlib.metadata
import importlib.util
import tomllib
from pathlib import Path

PROJECT = "autoencoder-zoo"
# By an entry point of this group, a data package names the Python package that contains its files.
GROUP = "autoencoder_zoo.weights"
_WEIGHTS = "weights"
_PACKAGE = Path(__file__).resolve().parents[1]


def own_folder():
    """The folder with the weight sets of the running code: `weights/` of its checkout, else the folder inside the package."""
    checkout = own_checkout()
    return checkout / _WEIGHTS if checkout else _PACKAGE / "_weights"


def own_checkout():
    """The root of the checkout that contains the running code; None for an installed package, whatever is next to it."""
    root = _PACKAGE.parent
    return root if _is_checkout(root) else None


def other_folders():
    """Further folders with weight sets, for an installed package: those of data packages, then that of a checkout that contains
    the working directory."""
    found = []
    for point in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda point: point.name):
        try:
            # Finds the files of a package without running any of its code.
            spec = importlib.util.find_spec(point.module)
        except (ImportError, ValueError):
            continue
        found += [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
    try:
        here = Path.cwd()
    except OSError:  # the working directory is gone
        return found
    return found + [root / _WEIGHTS for root in (here, *here.parents) if _is_checkout(root)][:1]


def _is_checkout(root):
    """Whether `root` is a checkout of this project with weight sets."""
    if not (root / _WEIGHTS).is_dir():
        return False
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return project["name"] == PROJECT
    except (OSError, ValueError, KeyError, TypeError):
        return False
