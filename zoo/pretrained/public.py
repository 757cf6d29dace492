"""Public models that `zoo.load` fetches from their own repositories and reads into Keras. Loads no framework."""

import functools
import json
from pathlib import Path

_FILE = Path(__file__).parent / "public.json"


@functools.cache
def public():
    """Mapping of name to entry: `origin`, `revision` and `subfolder`, the `class` in its library, `input_shape` that it is
    built for, `parameters`, `licence`, `dataset`, `paper`, what its authors have `reported`, `sha256`, a mapping of
    file names to hashes or null where none is known here: what is fetched first is then what counts; for files without a config
    `files`, their names, and `described`, what their arrays would show; and where it is so, `restriction`, what its licence, or
    that of its authors, does not allow."""
    return json.loads(_FILE.read_text(encoding="utf-8"))


def address(entry):
    """The address of an entry's repository: `hf://user/repo`, with the revision where it is not the main one."""
    return entry["origin"] + ("" if entry["revision"] == "main" else f"@{entry['revision']}")


def licence_of(entry):
    """The licence of an entry with what it does not allow."""
    return entry["licence"] + (f" ({entry['restriction']})" if "restriction" in entry else "")
