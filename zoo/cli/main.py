"""The command line: `zoo COMMAND ...`. Thin: each command calls what the Python user calls."""

import argparse
import fnmatch
import json
import os
import sys

from zoo.cli.arguments import Parser
from zoo.errors import ZooError, suggest
from zoo.inference.runtimes import RUNTIMES
from zoo.models import registry
from zoo.utils.quiet import load_quietly


def main(argv=None):
    """Run a command; returns its exit code: 0, 1 after a failed check, 2 after a line that says what is wrong, 130 on Ctrl-C."""
    # Before anything imports a framework: TensorFlow's notes to developers are noise to a user.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(argv) or 0
        # Now, where a closed pipe can still be answered for; Python does it later, and complains.
        sys.stdout.flush()
        return code
    except SystemExit as end:  # argparse ends so after --help, and a script after it has said what was wrong
        return end.code or 0
    except ZooError as error:
        return _fail(error)
    except ModuleNotFoundError as error:
        return _fail(f"the package {error.name!r} is missing; install it: pip install {error.name}")
    except BrokenPipeError:
        # The reader of a pipe has seen enough; Python must not complain of it when it ends either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _fail(f"{error.filename or 'a file'}: {error.strerror or error}")
    except MemoryError:
        return _fail("out of memory; give a smaller --batch-size")
    except KeyboardInterrupt:
        print("zoo: interrupted", file=sys.stderr)
        return 130


def _fail(message):
    print(f"zoo: {' '.join(str(message).split())}", file=sys.stderr)
    return 2


def _run(argv):
    parser, commands = _parser()
    if argv and not argv[0].startswith("-") and argv[0] not in commands:
        raise ZooError(f"there is no command {argv[0]!r}.{suggest(argv[0], commands)} There are {', '.join(commands)}.")
    # These have flags of their own, kept where they are used.
    if argv[:1] == ["train"] and not {"-h", "--help"} & set(argv[1:2]) and len(argv) > 1:
        from zoo.training.recipe import main as train

        return train(argv[1], argv[2:])
    if argv[:1] == ["finetune"]:
        from zoo.cli.finetune import main as finetune

        return finetune(argv[1:])
    if argv[:1] == ["tune"]:
        from zoo.cli.tune import main as tune

        return tune(argv[1:])
    if argv[:1] == ["evaluate"]:
        load_quietly()
        from zoo.cli.evaluate import main as evaluate

        return evaluate(argv[1:])
    arguments = parser.parse_args(argv)
    if not hasattr(arguments, "run"):
        parser.print_help()
        return 0
    return arguments.run(arguments)


def _parser():
    parser = Parser(prog="zoo", description="Pretrained autoencoders for Keras.")
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=Parser)

    def command(name, run, text):
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        return sub

    sub = command("list", _list, "list the weight sets, or the models that can be built")
    sub.add_argument("pattern", nargs="?", default="*", help="shell wildcards")
    which = sub.add_mutually_exclusive_group()
    which.add_argument("--weights", action="store_true", help="weight sets (the default)")
    which.add_argument("--models", action="store_true", help="models that can be built")

    sub = command("info", _info, "say what is known of a weight set")
    sub.add_argument("name")
    sub.add_argument("--json", action="store_true", help="the whole entry")

    sub = command("encode", _encode, "turn images into features")
    _takes_images(sub, batch_size=None)
    sub.add_argument("--output", required=True, help="a .npz, .npy, .csv or .parquet file; with --ray a folder of .parquet files")
    sub.add_argument("--ray", metavar="ADDRESS", help="compute on a Ray cluster: local (begun for it), auto or host:port")
    sub.add_argument("--runtime", default="auto", help=f"{', '.join(RUNTIMES)} (auto: the fastest that is installed)")
    sub.add_argument("--dtype", default="float32", help="precision to compute in: float32 or bfloat16")
    sub.add_argument("--layer", help="a depth of the encoder; by default the code")
    sub.add_argument("--pool", help="of feature maps or tokens: flatten, mean, or a number of regions a side; of tokens, token")

    sub = command("reconstruct", _reconstruct, "write what a model makes of images: damaged ones mended, by a model that mends")
    _takes_images(sub)
    sub.add_argument("--output", required=True, help="a folder for PNG files")

    sub = command("score", _score, "write how strange each image is to a model")
    _takes_images(sub)
    sub.add_argument("--output", required=True, help="a .npz, .npy, .csv or .parquet file")
    scores = ("reconstruction", "likelihood", "knn", "combined")
    sub.add_argument("--by", default=scores[0], choices=scores, help="what the score goes by (reconstruction)")
    sub.add_argument("--normal", help="images to compare with, for knn and combined: a folder, .npy, .npz, or a TFDS name")
    sub.add_argument("--normal-split", default="train", help="of a data set of normal images (train)")

    sub = command("sample", _sample, "draw images from a model's prior")
    sub.add_argument("name")
    sub.add_argument("--output", required=True, help="a folder for PNG files")
    sub.add_argument("-n", type=whole_number(1), default=64, help="number of images (64)")
    sub.add_argument("--seed", type=whole_number(0), default=0)

    command("train", None, "train a weight set from its recipe").add_argument("name", help="of the recipe, or --all")
    command("finetune", None, "train a pretrained model on images of one's own")
    command("tune", None, "search for better settings of a recipe")
    command("evaluate", None, "measure a model")

    sub = command("export", _export, "write a model, or a part of it, in the format of another tool")
    sub.add_argument("name", help="of a weight set, or the folder of a saved model")
    sub.add_argument("--format", required=True, help="onnx, openvino, saved_model, litert or keras")
    sub.add_argument("--output", required=True, help="a file, or for saved_model a folder")
    sub.add_argument("--part", default="encoder", help="encoder, decoder or autoencoder (encoder)")
    sub.add_argument("--layer", help="a depth of the encoder; by default the code")
    sub.add_argument("--pool", help="of feature maps or tokens: flatten, mean, or a number of regions a side; of tokens, token")
    sub.add_argument("--values", choices=("uint8", "float32"), help="dtype of the images that go in (uint8)")

    sub = command("convert", _convert, "write a model of transformers or diffusers in the zoo's own format")
    sub.add_argument("source", help="a public name, a folder, or hf://user/repo[@revision]")
    sub.add_argument("folder", help="for the model")
    sub.add_argument("--size", type=whole_number(1), nargs=2, metavar=("HEIGHT", "WIDTH"), help="of the images")

    sub = command("gallery", _gallery, "write a page of all weight sets, to look through in a browser")
    sub.add_argument("folder", help="for index.html and its pictures")

    sub = command("push", _push, "put a model on the Hugging Face Hub, with a card")
    sub.add_argument("name", help="of a weight set, or the folder of a saved model")
    sub.add_argument("address", help="hf://user/repo")
    sub.add_argument("--private", action="store_true", help="hide a new repository from others")
    sub.add_argument("--message", help="of the commit")

    sub = command("verify", _verify, "check weight files and the features they give")
    sub.add_argument("names", nargs="*", help="by default all")
    return parser, list(commands.choices)


def whole_number(least):
    """A type for argparse: a whole number, at least `least`."""

    def parse(text):
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or number < least:
            raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number of at least {least}")
        return number

    return parse


def _takes_images(sub, batch_size=256):
    sub.add_argument("name", help="of a weight set, or the folder of a saved model")
    sub.add_argument("source", nargs="?", help="a folder of images, a .npy, .npz or .parquet file, or a TFDS name")
    sub.add_argument("--input", help="the same")
    sub.add_argument("--split", default="test", help="of a data set (test)")
    sub.add_argument("--data-dir", help="where TFDS data lies or goes")
    sub.add_argument("--batch-size", type=whole_number(1), default=batch_size)
    sub.add_argument("--resize", action="store_true", help="bring images of a folder to the model's size")
    sub.add_argument("--skip-unreadable", action="store_true", help="leave out images that cannot be read")


def _list(arguments):
    if arguments.models:
        about, found = registry.variants(), registry.list_models(arguments.pattern)
        if not found:
            raise ZooError(f"no model matches {arguments.pattern!r}.{suggest(arguments.pattern, registry.list_models())}")
        for name in found:
            print(f"{name:24} {about[name.rpartition('_')[0]]}")
        return
    from zoo.pretrained import manifest
    from zoo.pretrained.converters.public import public

    entries = manifest.read()
    names, others = (sorted(fnmatch.filter(known, arguments.pattern)) for known in (entries, public()))
    if not names and not others:
        raise ZooError(f"no weight set matches {arguments.pattern!r}.{suggest(arguments.pattern, [*entries, *public()])}")
    for name in names:
        entry = entries[name]
        metrics, metric = entry.get("metrics", {}), entry.get("anchor", {}).get("metric")
        # The figure that others are known by, where there is one.
        metric = metric if metric in metrics else next(iter(metrics), None)
        measured = f"{metric} {metrics[metric]['value']:.4g}" if metric else ""
        print(f"{name:28} {entry['bytes'] / 1e6:6.1f} MB  {measured:24} {entry.get('paper', '')}")
    for name in others:
        entry = public()[name]
        # As float32, which is what they become; many are stored in half.
        print(f"{name:28} {entry['parameters'] * 4e-6:6.1f} MB  {entry['licence']:24} {entry['origin']}")


def _info(arguments):
    known = registry.info(arguments.name)
    if arguments.json:
        print(json.dumps(known, indent=1, sort_keys=True))
        return
    if "origin" in known:
        _info_public(known)
        return
    from zoo.publishing.card import split_of

    run, dataset = known["run"], known["dataset"]
    print(f"{arguments.name}\n{known['paper']}")
    print(f"config    {', '.join(f'{k}={v}' for k, v in known['config'].items())}")
    print(f"data      {dataset['name']} {dataset['version']}, {split_of(dataset)}")
    print(f"licence   weights {known['licence']['weights']}; data {known['licence']['data']}")
    kept = "embedded" if known["embedded"] else "not embedded"
    print(f"file      {known['file']}, {known['bytes']:,} bytes, {kept}, sha256 {known['sha256']}")
    print(f"recipe    {known['recipe']['path']}")
    print(f"trained   {run['epochs']} epochs, {run['seconds']} s, seed {run['seed']}, {run['device']}, {run['backend']} backend")
    for metric, result in known["metrics"].items():
        where = f"{result.get('split', 'test')} split, {result['n']} images"
        print(f"{metric:9} {result['value']:.6g} ({where}; {result['protocol']})")


def _info_public(known):
    folder = f", folder {known['subfolder']}" if known["subfolder"] else ""
    print(f"{known['name']}\n{known['paper']}")
    print(f"origin    {known['origin']}, revision {known['revision']}{folder}; a {known['class']}")
    print(f"data      {known['dataset']}")
    print(f"licence   {known['licence']}")
    shape = " x ".join(map(str, known["input_shape"]))
    print(f"size      {known['parameters']:,} parameters, images of {shape} unless told otherwise")
    print(f"sha256    {known['sha256'] or 'not known here: the files that are fetched first are pinned'}")
    for what, value in known.get("reported", {}).items():
        print(f"reported  {what}: {value}")
    if "note" in known:
        print(f"note      {known['note']}")


def _source(arguments):
    """The one source that the arguments name; what can be wrong with it is said before a framework is loaded for seconds."""
    from zoo.data.sources import kind_of
    from zoo.data.writers import check_apart

    source = arguments.source or arguments.input
    if not source or (arguments.source and arguments.input):
        raise ZooError("give the images once: a folder, a .npy, .npz or .parquet file, or a TFDS name.")
    kind_of(source)
    check_apart(source, arguments.output)
    return source


def _stream(arguments, source, shape):
    from zoo.data import sources
    from zoo.modalities.image import picture_shape

    return sources.stream(source, arguments.batch_size, picture_shape(shape), **_reading(arguments))


def _reading(arguments):
    """How to read the source, as every stream takes it."""
    return dict(
        split=arguments.split,
        data_dir=arguments.data_dir,
        resize=arguments.resize,
        skip_unreadable=arguments.skip_unreadable,
    )


def _watched(stream):
    """The batches of a stream, under a progress bar where one watches, and the names of what it left out when it ends."""
    from tqdm import tqdm

    with tqdm(total=len(stream), unit="image", disable=None, file=sys.stderr) as bar:
        for ids, batch in stream:
            yield ids, batch
            bar.update(len(batch))
    for name in stream.skipped:
        print(f"zoo: left out {name}: unreadable", file=sys.stderr)


def _batches(stream, *shapes):
    """The batches of a stream of images, checked to be of one of the shapes, the last where of none."""
    from zoo.modalities.image import check_images

    for ids, images in _watched(stream):
        yield ids, check_images(images, images.shape[1:] if images.shape[1:] in shapes else shapes[-1])


def _load(name):
    """The model of a name or folder. What can be wrong with a name is said before a framework is loaded for seconds."""
    if not os.path.isdir(name) and os.sep not in name:
        from zoo.pretrained import manifest

        manifest.entry(name)
    load_quietly()
    from zoo.pretrained import loading as weights

    return weights.load(name)


def _pool(arguments):
    pool = arguments.pool
    return int(pool) if pool is not None and pool.isdigit() else pool


def _encode(arguments):
    source = _source(arguments)
    options = dict(
        runtime=arguments.runtime,
        batch_size=arguments.batch_size or "auto",
        dtype=arguments.dtype,
        layer=arguments.layer,
        pool=_pool(arguments),
        **_reading(arguments),
    )
    if arguments.ray:
        from zoo.inference.ray import FeatureJob

        written = FeatureJob(arguments.name, source, arguments.output, arguments.ray, **options)
        for _ in _watched(written):
            pass
    else:
        from zoo.data.writers import open_writer
        from zoo.inference.features import FeatureStream

        written = open_writer(arguments.output)
        stream = FeatureStream(arguments.name, source, **options)
        with written:
            for ids, rows in _watched(stream):
                written.write(ids, rows)
    print(f"wrote {written.count} x {written.width} features to {arguments.output}")


def _score(arguments):
    from zoo.data.sources import kind_of
    from zoo.data.writers import open_writer

    source = _source(arguments)
    if arguments.normal:
        if arguments.by not in ("knn", "combined"):
            raise ZooError(f"got --normal, which --by {arguments.by} does not look at; give --by knn or --by combined with it.")
        kind_of(arguments.normal)
    writer = open_writer(arguments.output, "score")
    model = _load(arguments.name)
    from zoo.anomaly import AnomalyDetector

    detector = AnomalyDetector(model, arguments.by)
    if detector.needs_fit:
        detector.fit(_normal_images(arguments, model), arguments.batch_size)
    with writer:
        for ids, images in _batches(_stream(arguments, source, model.data_shape), model.data_shape):
            writer.write(ids, detector.score(images, arguments.batch_size)[:, None])
    print(f"wrote {writer.count} x {writer.width} scores to {arguments.output}")


def _normal_images(arguments, model):
    from zoo.data import sources
    from zoo.modalities.image import picture_shape

    if not arguments.normal:
        raise ZooError(f"the anomaly score {arguments.by!r} compares with normal images; give them with --normal.")
    return sources.load(
        arguments.normal,
        arguments.normal_split,
        arguments.data_dir,
        image_shape=picture_shape(model.data_shape),
        resize=arguments.resize,
        skip_unreadable=arguments.skip_unreadable,
    ).images


def _reconstruct(arguments):
    from zoo.data.writers import ImageFolder

    source = _source(arguments)
    folder = ImageFolder(arguments.output)
    model = _load(arguments.name)
    _needs_autoencoder(model, arguments.name)
    _needs_pictures(model)
    # A folder holds what is to be mended; a data set, whole images.
    stream = _stream(arguments, source, model.damaged_shape)
    with folder:
        for ids, images in _batches(stream, model.data_shape, model.damaged_shape):
            folder.write(model.reconstruct(images, arguments.batch_size), ids)
    print(f"wrote {folder.count} images to {arguments.output}")


def _sample(arguments):
    from zoo.data.writers import ImageFolder

    folder = ImageFolder(arguments.output)
    model = _load(arguments.name)
    _needs_autoencoder(model, arguments.name)
    _needs_pictures(model)
    images = model.sample(arguments.n, seed=arguments.seed)
    with folder:
        folder.write(images)
    print(f"wrote {folder.count} images to {arguments.output}")


def _needs_autoencoder(model, name):
    from zoo.models.base.autoencoder import check_autoencoder

    check_autoencoder(model, name)


def _needs_pictures(model):
    from zoo.modalities.image import picture_shape

    if picture_shape(model.data_shape) is None:
        raise ZooError(f"the outputs of this model have shape {model.data_shape}, expected 1 or 3 channels to write pictures.")


def _export(arguments):
    model = _load(arguments.name)
    from zoo.inference.export.exporting import export

    difference = export(
        model, arguments.output, arguments.format, arguments.part, arguments.layer, _pool(arguments), arguments.values
    )
    print(f"wrote the {arguments.part} of {arguments.name} to {arguments.output}, within {difference:.1g} of Keras")


def _convert(arguments):
    load_quietly()
    from zoo.pretrained.converters import convert_model
    from zoo.pretrained.loading import save

    model = convert_model(arguments.source, (*arguments.size, 3) if arguments.size else None)
    save(model, arguments.folder)
    print(f"wrote {arguments.source} to {arguments.folder}: {model.count_params():,} parameters")


def _gallery(arguments):
    from zoo.publishing.gallery.page import write

    count = write(arguments.folder)
    print(f"wrote {count} cards to {os.path.join(arguments.folder, 'index.html')}")


def _push(arguments):
    from zoo.pretrained.hub import push

    print(f"pushed to {push(arguments.name, arguments.address, arguments.private, arguments.message)}")


def _verify(arguments):
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


if __name__ == "__main__":
    sys.exit(main())
