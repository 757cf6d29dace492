"""Adds the embedded weight sets, the manifest and the training scripts to the wheel, where an installed package finds them."""

import json
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class EmbedWeights(BuildHookInterface):
    def initialize(self, version, build_data):
        if version == "editable":
            return
        build_data["force_include"].update(included(Path(self.root)))


def included(root):
    """Mapping of files of the checkout `root` to their places in the wheel."""
    weights = root / "weights"
    entries = json.loads((weights / "manifest.json").read_text(encoding="utf-8"))["weights"]
    embedded = {name: entry for name, entry in entries.items() if entry.get("embedded")}
    files = ["manifest.json", *(entry["file"] for entry in embedded.values())]
    found = {str(weights / file): f"zoo/_weights/{file}" for file in files}
    scripts = sorted((root / "training_scripts").glob("*.py"))
    return {**found, **{str(path): f"zoo/_training_scripts/{path.name}" for path in scripts}}
