"""The flags of `zoo finetune`."""

import argparse
import dataclasses

from zoo.cli.arguments import Parser
from zoo.utils.precision import PRECISIONS
from zoo.utils.quiet import load_quietly

_CLASSES = "from-folders"


def parser():
    """The parser; what it cannot read is a `ZooError`."""
    flags = Parser(
        prog="zoo finetune",
        description="Train a pretrained model on images of one's own: a classifier on its features, or the autoencoder itself. "
        "The result is OUTPUT/model, for zoo.load; the same command goes on with a run that was stopped.",
    )
    flags.add_argument("name", help="of a weight set, or the folder of a saved model")
    flags.add_argument("--data", required=True, help="a folder of images, a .npz file, or a TFDS name")
    flags.add_argument("--output", required=True, help="a folder for the model, the report and the pictures")
    task = flags.add_mutually_exclusive_group()
    task.add_argument("--classes", choices=[_CLASSES], default=_CLASSES, help="classes are the sub-folders, or the set's labels")
    task.add_argument("--autoencode", action="store_true", help="no classes: train the autoencoder on")
    flags.add_argument("--data-dir", help="where TFDS data lies or goes")
    flags.add_argument("--resize", action="store_true", help="bring the images to the model's size, not the model to theirs")
    flags.add_argument("--skip-unreadable", action="store_true", help="leave out images that cannot be read")
    flags.add_argument("--restart", action="store_true", help="begin anew where OUTPUT holds an earlier run")
    settings = flags.add_argument_group("training")
    settings.add_argument("--epochs", type=int, help="at most (30)")
    settings.add_argument("--batch-size", type=int, help="images a step (64)")
    settings.add_argument("--learning-rate", type=float, help="of the head (0.001)")
    settings.add_argument("--layer-decay", type=float, help="factor on the rate from each depth to the one before it (0.75)")
    settings.add_argument(
        "--freeze", type=_number_or_word, help="so many depths stay as they are; 'all': train the head alone (0)"
    )
    settings.add_argument("--layer", help="the depth whose features the head reads; by default what encode gives")
    settings.add_argument("--pool", type=_number_or_word, help="of feature maps or tokens: flatten, mean, token, or a number")
    settings.add_argument("--weight-decay", type=float, help="decoupled (0.01)")
    settings.add_argument("--mixup", type=float, help="α, 0 for none (0)")
    settings.add_argument("--cutmix", type=float, help="α, 0 for none (0)")
    settings.add_argument("--dropout", type=float, help="of the encoder while it is trained")
    settings.add_argument("--drop-path", type=float, help="the same, of a transformer's blocks")
    settings.add_argument(
        "--patch-dropout",
        type=_shares,
        help="share of a transformer's patches left out of every step, or several in turn, such as 0.75,0.5; wants --layer and "
        "--pool",
    )
    settings.add_argument("--transforms", type=_words, help="of the training images, such as flip,crop")
    settings.add_argument("--validation", type=float, help="share of each class that is held out (0.1)")
    settings.add_argument("--patience", type=int, help="epochs without a better held-out loss until it stops (5)")
    settings.add_argument("--precision", choices=PRECISIONS, help="what to train in (float32)")
    settings.add_argument("--seed", type=int, help="of everything random (0)")
    return flags


def _number_or_word(text):
    return int(text) if text.isdigit() else text


def _shares(text):
    try:
        shares = tuple(map(float, text.split(",")))
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a share, or several with commas between") from None
    return shares if len(shares) > 1 else shares[0]


def _words(text):
    return tuple(word.strip() for word in text.split(",") if word.strip())


def main(argv):
    """Run `zoo finetune`; returns its exit code.

    Raises:
        ZooError: on bad input.
    """
    arguments = vars(parser().parse_args(argv))
    from zoo.data.sources import kind_of

    kind_of(arguments["data"])
    load_quietly()
    from zoo.finetuning.finetune import Settings, run

    arguments.pop("classes")
    given = {f.name: arguments.pop(f.name) for f in dataclasses.fields(Settings) if f.name in arguments}
    settings = Settings(**{key: value for key, value in given.items() if value is not None})
    name, source, output = (arguments.pop(key) for key in ("name", "data", "output"))
    report = run(name, source, output, settings, **arguments)
    accuracy = f", {report['accuracy']:.1%} of {report['held_out']} held-out images right" if "accuracy" in report else ""
    print(f"{report['epochs']} epochs on {report['train']} images: held-out loss {report['loss']:.4g}{accuracy}")
    print(f"wrote {output}/model: zoo.load({str(output) + '/model'!r})")
    return 0
