"""Selects the files of the two distributions of weight sets, for the `pyproject.toml` here and in `mlp/`."""

import json
import os
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

WEIGHTS = Path(__file__).resolve().parent
_MLP = "autoencoder-zoo-weights-mlp"


class Files(BuildHookInterface):
    def initialize(self, version, build_data):
        build_data["force_include"].update(included(self.metadata.name))


class Dependencies(MetadataHookInterface):
    def update(self, metadata):
        # In a checkout, the other distribution is referenced by its path, so that one command installs both without a package
        # index. A wheel for publication references it by its version: set ZOO_RELEASE=1 to build one.
        release = os.environ.get("ZOO_RELEASE")
        metadata["dependencies"] = [
            f"{_MLP}=={metadata['version']}" if release else f"{_MLP} @ {(WEIGHTS / 'mlp').as_uri()}"
        ]


def included(distribution):
    """Mapping of files to their places in the wheel of a distribution: sets that the main package does not contain."""
    entries = json.loads((WEIGHTS / "manifest.json").read_text(encoding="utf-8"))["weights"]
    mlp, package = distribution == _MLP, distribution.replace("-", "_")
    chosen = [entry for entry in entries.values() if (entry["config"]["backbone"] == "mlp") is mlp]
    files = [WEIGHTS / entry["file"] for entry in chosen if not entry["embedded"]]
    if not mlp:
        files += [WEIGHTS / "manifest.json", *sorted((WEIGHTS / "cards").iterdir())]
    return {str(path): f"{package}/{path.relative_to(WEIGHTS).as_posix()}" for path in files}
