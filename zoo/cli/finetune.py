"""`zoo finetune`: train a pretrained model on images of your own: a classifier on its features, or the autoencoder itself. The
result is OUTPUT/model, for zoo.load; the same command resumes a run that was stopped."""

import argparse
import dataclasses

from zoo.cli.arguments import MODEL_HELP, add_data_dir, names, number_or_word
from zoo.utils.precision import PRECISIONS
from zoo.utils.quiet import load_quietly

HELP = "train a pretrained model on images of your own"
_CLASSES = "from-folders"


def add_arguments(parser):
    parser.add_argument("name", help=MODEL_HELP)
    parser.add_argument("--data", required=True, help="a folder of images, a .npz file, or a TFDS name")
    parser.add_argument("--output", required=True, help="a folder for the model, the report and the pictures")
    task = parser.add_mutually_exclusive_group()
    task.add_argument("--classes", choices=[_CLASSES], default=_CLASSES, help="classes are the sub-folders, or the set's labels")
    task.add_argument("--autoencode", action="store_true", help="no classes: train the autoencoder on")
    add_data_dir(parser)
    parser.add_argument("--resize", action="store_true", help="bring the images to the model's size, not the model to theirs")
    parser.add_argument("--skip-unreadable", action="store_true", help="leave out images that cannot be read")
    parser.add_argument("--restart", action="store_true", help="begin anew where OUTPUT holds an earlier run")
    settings = parser.add_argument_group("training")
    settings.add_argument("--epochs", type=int, help="at most (30)")
    settings.add_argument("--batch-size", type=int, help="images a step (64)")
    settings.add_argument("--learning-rate", type=float, help="of the head (0.001)")
    settings.add_argument("--layer-decay", type=float, help="factor on the rate from each depth to the one before it (0.75)")
    settings.add_argument(
        "--freeze", type=number_or_word, help="so many depths stay as they are; 'all': train the head alone (0)"
    )
    settings.add_argument("--layer", help="the depth whose features the head reads; by default what encode gives")
    settings.add_argument("--pool", type=number_or_word, help="of feature maps or tokens: flatten, mean, token, or a number")
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
    settings.add_argument("--transforms", type=names, help="of the training images, such as flip,crop")
    settings.add_argument("--validation", type=float, help="share of each class that is held out (0.1)")
    settings.add_argument("--patience", type=int, help="epochs without a better held-out loss until it stops (5)")
    settings.add_argument("--precision", choices=PRECISIONS, help="what to train in (float32)")
    settings.add_argument("--seed", type=int, help="of everything random (0)")


def _shares(text):
    try:
        shares = tuple(map(float, text.split(",")))
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a share, or several with commas between") from None
    return shares if len(shares) > 1 else shares[0]


def run(arguments):
    given = vars(arguments).copy()
    from zoo.data.sources import kind_of

    kind_of(given["data"])
    load_quietly()
    from zoo.finetuning.finetune import Settings
    from zoo.finetuning.finetune import run as finetune

    for key in ("classes", "run"):
        given.pop(key)
    chosen = {f.name: given.pop(f.name) for f in dataclasses.fields(Settings) if f.name in given}
    settings = Settings(**{key: value for key, value in chosen.items() if value is not None})
    name, source, output = (given.pop(key) for key in ("name", "data", "output"))
    report = finetune(name, source, output, settings, **given)
    accuracy = f", {report['accuracy']:.1%} of {report['held_out']} held-out images right" if "accuracy" in report else ""
    left_out = f"; {len(report['skipped'])} left out, as they cannot be read" if report["skipped"] else ""
    print(f"{report['epochs']} epochs on {report['train']} images: held-out loss {report['loss']:.4g}{accuracy}{left_out}")
    if "test" in report:
        test = report["test"]
        right = f"{test['accuracy']:.1%} right" if "accuracy" in test else f"loss {test['loss']:.4g}"
        print(f"{test['images']} images of the test split: {right}")
    print(f"wrote {output}/model: zoo.load({str(output) + '/model'!r})")
