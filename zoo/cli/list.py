"""`zoo list`: list the weight sets, or the models that can be built."""

import fnmatch
import sys

from zoo.errors import ZooError, suggest
from zoo.models import registry

HELP = "list the weight sets, or the models that can be built"


def add_arguments(parser):
    parser.add_argument("pattern", nargs="?", default="*", help="names to list; may contain the wildcards * and ?")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--weights", action="store_true", help="list weight sets (default)")
    which.add_argument("--models", action="store_true", help="list models that can be built")


def run(arguments):
    (_models if arguments.models else _weights)(arguments.pattern)


def _models(pattern):
    about, found = registry.variants(), registry.list_models(pattern)
    if not found:
        raise ZooError(f"no model matches {pattern!r}.{suggest(pattern, registry.list_models())}")
    for name in found:
        print(f"{name:24} {about[name.rpartition('_')[0]]}")


def _weights(pattern):
    from zoo.pretrained import manifest
    from zoo.pretrained.public import licence_of, public

    entries = manifest.read()
    names, others = (sorted(fnmatch.filter(known, pattern)) for known in (entries, public()))
    if not names and not others:
        raise ZooError(f"no weight set matches {pattern!r}.{suggest(pattern, [*entries, *public()])}")
    away = 0
    for name in names:
        entry = entries[name]
        metrics, metric = entry.get("metrics", {}), entry.get("baseline", {}).get("metric")
        # The metric by which the set is compared with its baseline, if the card has one.
        metric = metric if metric in metrics else next(iter(metrics), None)
        measured = f"{metric} {metrics[metric]['value']:.4g}" if metric else ""
        installed = manifest.is_installed(entry)
        away += not installed
        mark = "" if installed else "not installed; "
        print(f"{name:28} {entry['bytes'] / 1e6:6.1f} MB  {measured:24} {mark}{entry.get('paper', '')}")
    for name in others:
        entry = public()[name]
        # The size in memory, as float32; many are stored in half precision.
        size = f"{entry['parameters'] * 4e-6:6.1f} MB"
        print(f"{name:28} {size}  needs a network to fetch {entry['origin']}; licence {licence_of(entry)}")
    if away:
        print(f"zoo: {away} of these sets are not installed; to install them: {manifest.INSTALL}", file=sys.stderr)
