"""`zoo info`: describe a weight set or a model."""

import json

from zoo.cli.arguments import MODEL_HELP
from zoo.pretrained import catalog

HELP = "describe a weight set or a model"


def add_arguments(parser):
    parser.add_argument("name", help=MODEL_HELP)
    parser.add_argument("--json", action="store_true", help="print the complete manifest entry as JSON")


def run(arguments):
    known = catalog.info(arguments.name)
    if arguments.json:
        print(json.dumps(known, indent=1, sort_keys=True))
        return
    if "origin" in known:
        _print_public(known)
        return
    if known.get("run") is None:
        _print_model(known)
        return
    from zoo.pretrained import manifest
    from zoo.publishing.card import trained_on

    run = known["run"]
    print(f"{arguments.name}\n{known['paper']}")
    print(f"config    {', '.join(f'{k}={v}' for k, v in known['config'].items())}")
    print(f"data      {trained_on(known['dataset'])}")
    print(f"licence   weights {known['licence']['weights']}; data {known['licence']['data']}")
    kept = "installed" if manifest.is_installed(known) else "not installed"
    print(f"file      {known['file']}, {known['bytes']:,} bytes, {kept}, sha256 {known['sha256']}")
    print(f"recipe    {known['recipe']['path']}")
    print(f"trained   {run['epochs']} epochs, {run['seconds']} s, seed {run['seed']}, {run['device']}, {run['backend']} backend")
    for metric, result in known["metrics"].items():
        where = f"{result.get('split', 'test')} split, {result['n']} images"
        print(f"{metric:9} {result['value']:.6g} ({where}; {result['protocol']})")


def _print_model(known):
    """Print a model of a folder or an address, which is not a weight set."""
    print(known["name"])
    print(f"config    {', '.join(f'{k}={v}' for k, v in known['config'].items())}")
    print(f"sha256    {known['sha256'] or 'none stated'}")


def _print_public(known):
    from zoo.pretrained.public import licence_of

    folder = f", folder {known['subfolder']}" if known["subfolder"] else ""
    print(f"{known['name']}\n{known['paper']}")
    print(f"origin    {known['origin']}, revision {known['revision']}{folder}; a {known['class']}")
    print(f"data      {known['dataset']}")
    print(f"licence   {licence_of(known)}")
    print("network   needed for the first use, after which the files are in the cache")
    shape = " x ".join(map(str, known["input_shape"]))
    print(f"size      {known['parameters']:,} parameters, images of {shape} by default")
    hashes = known["sha256"] or {"not verified": "the zoo knows no hash; later copies must match the first download"}
    for file, digest in hashes.items():
        print(f"sha256    {file}: {digest}")
    for what, value in known.get("reported", {}).items():
        print(f"reported  {what}: {value}")
    if "note" in known:
        print(f"note      {known['note']}")
