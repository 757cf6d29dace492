"""Public models of other libraries, which `zoo.load` downloads from their repositories and converts. Loads no framework."""

import functools
import json
from pathlib import Path

_FILE = Path(__file__).parent / "public.json"


@functools.cache
def public():
    """Mapping of name to entry: `origin`, `revision` and `subfolder` of the repository, `class` in its library, `input_shape`
    to build it for, `parameters` (a number), `licence`, `dataset`, `paper`, the figures that its authors `reported`, and
    `sha256`, a mapping of file names to hashes, or null if none is known; then the hashes of the first download are recorded.
    Files without a config have `files`, their names, and `described`, what would be read from their arrays. `restriction`, if
    present, states what the licence does not allow."""
    return json.loads(_FILE.read_text(encoding="utf-8"))


def address(entry):
    """The address of an entry's repository: `hf://user/repo`, with the revision unless it is `main`."""
    return entry["origin"] + ("" if entry["revision"] == "main" else f"@{entry['revision']}")


def licence_of(entry):
    """The licence of an entry, with its restriction."""
    return entry["licence"] + (f" ({entry['restriction']})" if "restriction" in entry else "")
