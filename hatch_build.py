"""Puts the embedded weight sets, the manifest, the cards and the training scripts where an installed package finds them."""

import json
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class EmbedWeights(BuildHookInterface):
    def initialize(self, version, build_data):
        if version == "editable":
            return
        root = Path(self.root)
        manifest = json.loads((root / "weights" / "manifest.json").read_text(encoding="utf-8"))
        files = ["manifest.json", *(e["file"] for e in manifest["weights"].values() if e.get("embedded"))]
        include = build_data["force_include"]
        include.update({str(root / "weights" / name): f"zoo/_weights/{name}" for name in files})
        include.update({str(p): f"zoo/_weights/cards/{p.name}" for p in (root / "weights" / "cards").iterdir()})
        include.update({str(p): f"zoo/_training_scripts/{p.name}" for p in (root / "training_scripts").glob("*.py")})
