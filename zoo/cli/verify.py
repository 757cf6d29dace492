"""`zoo verify`: check weight files and the features they give."""

from zoo.errors import ZooError
from zoo.utils.quiet import load_quietly

HELP = "check weight files and the features they give"


def add_arguments(parser):
    parser.add_argument("names", nargs="*", help="of weight sets (all)")


def run(arguments):
    from zoo.pretrained import manifest
    from zoo.pretrained.converters.layout import verify_public
    from zoo.pretrained.converters.public import public

    names = arguments.names or sorted(manifest.read())
    if not names:
        raise ZooError("there are no weight sets to verify: the manifest has none.")
    for name in names:
        if name not in public():
            manifest.entry(name, others=public())
    if any(name not in public() for name in names):
        load_quietly()
    bad = 0
    for name in names:
        if name in public():
            status, detail = verify_public(name)
            bad += status == "corrupt"
            print(f"{name:28} {status:8} {detail}")
            continue
        from zoo.pretrained import loading as weights

        [(_, status, detail)] = weights.verify([name])
        if status == "ok":
            try:
                detail += f"; features within {weights.verify_golden(name):.1g} of the card's"
            except ZooError as error:  # the other sets are still to be looked at
                status, detail = "drifted", str(error)
        bad += status in ("corrupt", "drifted")
        print(f"{name:28} {status:8} {detail}")
    return 1 if bad else 0
