"""`zoo finetune`: train a pretrained model on your own images or table, as a classifier on its features or as an autoencoder. The
result is OUTPUT/model, for zoo.load. The same command resumes an interrupted run."""

import argparse
import dataclasses
from importlib.util import find_spec

from zoo.cli.arguments import MODEL_HELP, add_data_dir, names, number_or_word
from zoo.utils.distributions import install_command
from zoo.utils.precision import PRECISIONS
from zoo.utils.quiet import load_quietly

HELP = "train a pretrained model on your own images or table"
_FOLDERS = "from-folders"


def add_arguments(parser):
    parser.add_argument("name", help=f"{MODEL_HELP}; for a table also a model of zoo list --models, which starts untrained")
    parser.add_argument("--data", required=True, help="folder of images, .npz file, TFDS name, or .csv or .parquet table")
    parser.add_argument("--output", required=True, help="folder to write the model, the report and the plots to")
    task = parser.add_mutually_exclusive_group()
    task.add_argument(
        "--classes",
        default=_FOLDERS,
        help="of images: from-folders, the sub-folders, or the labels (default); of a table: the column of the classes (default: "
        "none, the autoencoder itself is trained)",
    )
    task.add_argument("--autoencode", action="store_true", help="train the autoencoder itself, without classes")
    add_data_dir(parser)
    parser.add_argument(
        "--resize",
        action="store_true",
        help="resize the images to the input size of the model (default: adapt the model to the images)",
    )
    parser.add_argument("--skip-unreadable", action="store_true", help="skip images that cannot be read, and list them")
    parser.add_argument("--restart", action="store_true", help="discard the earlier run in OUTPUT and start again")
    settings = parser.add_argument_group("training")
    settings.add_argument("--epochs", type=int, help="maximum number of epochs (default: 30)")
    settings.add_argument("--batch-size", type=int, help="batch size (default: 64)")
    settings.add_argument("--learning-rate", type=float, help="learning rate of the classification head (default: 0.001)")
    settings.add_argument(
        "--layer-decay",
        type=float,
        help="factor from the learning rate of each depth to that of the one before it (default: 0.75)",
    )
    settings.add_argument(
        "--freeze",
        type=number_or_word,
        help="number of encoder depths to freeze, from the input; 'all' trains the head only (default: 0)",
    )
    settings.add_argument("--layer", help="encoder depth whose features the head uses (default: those of encode)")
    settings.add_argument(
        "--pool",
        type=number_or_word,
        help="pooling of feature maps or tokens: flatten, mean, token, or a number of regions per side",
    )
    settings.add_argument("--weight-decay", type=float, help="decoupled weight decay (default: 0.01)")
    settings.add_argument("--mixup", type=float, help="α of the Beta distribution of mixup; 0 turns it off (default: 0)")
    settings.add_argument("--cutmix", type=float, help="α of the Beta distribution of CutMix; 0 turns it off (default: 0)")
    settings.add_argument("--dropout", type=float, help="dropout rate in the encoder during training")
    settings.add_argument("--drop-path", type=float, help="stochastic depth rate of a transformer's blocks")
    settings.add_argument(
        "--patch-dropout",
        type=_fractions,
        help="fraction of a transformer's patches to drop in each step; several values, such as 0.75,0.5, are used one after "
        "another; requires --layer and --pool",
    )
    settings.add_argument("--transforms", type=names, help="augmentations of the training images, such as flip,crop")
    settings.add_argument("--validation", type=float, help="fraction of each class held out for validation (default: 0.1)")
    settings.add_argument("--patience", type=int, help="stop after this many epochs without a lower validation loss (default: 5)")
    settings.add_argument("--precision", choices=PRECISIONS, help="precision of the training (default: float32)")
    settings.add_argument("--seed", type=int, help="random seed (default: 0)")


def _fractions(text):
    try:
        fractions = tuple(map(float, text.split(",")))
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a fraction, or several separated by commas") from None
    return fractions if len(fractions) > 1 else fractions[0]


def _check_source(source):
    from zoo.data.sources import kind_of
    from zoo.modalities.table.files import check_path, is_table

    (check_path if is_table(source) else kind_of)(source)


def run(arguments):
    given = vars(arguments).copy()
    _check_source(given["data"])
    load_quietly()
    from zoo.finetuning.finetune import Settings
    from zoo.finetuning.finetune import run as finetune

    given.pop("run")
    given["classes"] = None if given["classes"] == _FOLDERS else given["classes"]
    chosen = {f.name: given.pop(f.name) for f in dataclasses.fields(Settings) if f.name in given}
    settings = Settings(**{key: value for key, value in chosen.items() if value is not None})
    name, source, output = (given.pop(key) for key in ("name", "data", "output"))
    report = finetune(name, source, output, settings, **given)
    accuracy = f", {report['accuracy']:.1%} of {report['held_out']} held-out images correct" if "accuracy" in report else ""
    left_out = f"; images skipped because they cannot be read: {len(report['skipped'])}" if report["skipped"] else ""
    print(f"{report['epochs']} epochs on {report['train']} examples: held-out loss {report['loss']:.4g}{accuracy}{left_out}")
    if "test" in report:
        test = report["test"]
        right = f"{test['accuracy']:.1%} correct" if "accuracy" in test else f"loss {test['loss']:.4g}"
        print(f"{test['images']} images of the test split: {right}")
    if find_spec("matplotlib") is None:
        print(f"no plots were drawn; for plots, run: {install_command('matplotlib')}")
    print(f"wrote {output}/model: zoo.load({str(output) + '/model'!r})")
