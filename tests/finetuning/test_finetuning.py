"""From a pretrained model to one of a user's own images: what is kept, what is trained and how fast, and the whole journey."""

import itertools
import json

import keras
import numpy as np
import pytest
from keras import ops
from tiny import tiny

import zoo
from zoo.backbones.vit import ViTEncoder
from zoo.cli.main import main
from zoo.errors import ZooError
from zoo.finetuning.adapt import adapt
from zoo.finetuning.batches import labelled_batches
from zoo.finetuning.depths import groups
from zoo.finetuning.finetune import Settings, finetune
from zoo.finetuning.optimizer import DepthwiseAdamW, factors
from zoo.models.base.classifier import Classifier, classifier
from zoo.pretrained.arrays import named_variables
from zoo.training.callbacks import Checkpoint

QUICK = dict(epochs=4, batch_size=32, learning_rate=0.01, patience=9)


def values(variables):
    return [ops.convert_to_numpy(v) for v in variables]


# -- another shape


def test_what_fits_is_kept_and_the_rest_is_named():
    model = tiny("ae_conv", (8, 8, 1))
    same, anew = adapt(model)
    assert anew == [] and same is not model
    x = np.random.default_rng(0).random((3, 8, 8, 1), dtype=np.float32)
    np.testing.assert_array_equal(same.reconstruct(x), model.reconstruct(x))
    larger, anew = adapt(model, input_shape=[12, 12, 1])
    assert anew == ["decoder/backbone/stages/0/bias", "decoder/backbone/stages/0/kernel", "encoder/bottleneck/dense/kernel"]
    colour, anew = adapt(model, input_shape=[8, 8, 3])
    assert "encoder/backbone/stages/0/kernel" in anew and "encoder/backbone/stages/2/kernel" not in anew
    kept, known = named_variables(colour), named_variables(model)
    np.testing.assert_array_equal(*values([kept["encoder/backbone/stages/2/kernel"], known["encoder/backbone/stages/2/kernel"]]))
    with pytest.raises(ZooError, match="no option 'dropuot'"):
        adapt(model, dropuot=0.1)


# -- depths and rates


@pytest.mark.parametrize(
    "name, layer, sizes",
    [
        ("ae_mlp", None, [2, 2, 2]),
        ("ae_conv", None, [2, 2, 2, 2]),
        ("ae_conv", "stage1", [2, 2]),
        ("denoising_unet", "down2", [7, 7, 2]),
        ("mae_vit", "block1", [14, 2]),
        ("mae_vit", None, [14, 12, 3, 2]),
    ],
)
def test_weights_by_depth(name, layer, sizes):
    model = classifier(tiny(name), ["a", "b"], layer, "mean" if layer else None)
    grouped = groups(model)
    assert [len(group) for group in grouped] == sizes
    assert grouped[-1] == model.head.trainable_variables
    assert len({id(v) for group in grouped for v in group}) == sum(sizes)


def test_every_variable_moves_at_its_own_rate():
    layers = [keras.Variable(np.zeros(3, "float32")) for _ in range(3)]
    optimizer = DepthwiseAdamW(factors([[layers[0]], [layers[1]], [layers[2]]], 0.5), learning_rate=0.1, weight_decay=0)
    optimizer.build(layers)
    optimizer.apply([np.ones(3, "float32")] * 3, layers)
    # The first step of Adam is of the size of its rate.
    np.testing.assert_allclose([v[0] for v in values(layers)], [-0.025, -0.05, -0.1], rtol=1e-4)


def test_the_rates_hold_in_a_compiled_fit(images):
    model = classifier(tiny("ae_conv"), ["a", "b"])
    grouped = groups(model)
    model.head.kernel.assign(np.random.default_rng(0).standard_normal(model.head.kernel.shape))
    before = [values(group) for group in grouped]
    optimizer = DepthwiseAdamW(factors(grouped, 0.1), learning_rate=1e-2, weight_decay=0)
    model.compile(optimizer, keras.losses.CategoricalCrossentropy(from_logits=True))
    model.fit(images, np.eye(2, dtype=np.float32)[np.arange(40) % 2], batch_size=40, verbose=0)
    moved = [max(np.abs(a - b).max() for a, b in zip(values(group), old)) for group, old in zip(grouped, before)]
    np.testing.assert_allclose(moved, [1e-5, 1e-4, 1e-3, 1e-2], rtol=0.1)


# -- batches


def test_mixed_images_have_mixed_classes():
    # Image i is the number i everywhere, so that an image tells what it was made of.
    x = np.arange(1, 9, dtype=np.float32)[:, None, None, None] / 10 * np.ones((8, 8, 8, 1), np.float32)
    rows = np.eye(8, dtype=np.float32)
    for mixed, y in labelled_batches(x, rows, 8, 0, 0, 6, mixup=1.0):
        np.testing.assert_allclose(mixed[:, 0, 0, 0], y.numpy() @ x[:, 0, 0, 0], atol=1e-5)
        np.testing.assert_allclose(y.numpy().sum(axis=1), 1, atol=1e-5)
    shares = set()
    for mixed, y in labelled_batches(x, rows, 8, 0, 0, 6, cutmix=1.0):
        np.testing.assert_allclose(mixed.numpy().mean(axis=(1, 2, 3)), y.numpy() @ x[:, 0, 0, 0], atol=1e-5)
        assert np.isin(np.round(mixed.numpy(), 4), np.round(x[:, 0, 0, 0], 4)).all()
        shares |= set(np.round(y.numpy().max(axis=1), 3))
    assert len(shares) > 4
    both = [y.numpy() for _, y in labelled_batches(x, rows, 8, 0, 0, 20, mixup=1.0, cutmix=1.0)]
    again = [y.numpy() for _, y in labelled_batches(x, rows, 8, 0, 10, 10, mixup=1.0, cutmix=1.0)]
    np.testing.assert_array_equal(both[10:], again)
    for plain, y in labelled_batches(x, rows, 8, 0, 0, 2):
        np.testing.assert_allclose(plain[:, 0, 0, 0], y.numpy() @ x[:, 0, 0, 0], atol=1e-6)


# -- training


@pytest.mark.slow
def test_frozen_depths_stay_and_fresh_ones_do_not(digits, tmp_path):
    images, labels = digits[0][:300], digits[1][:300]
    model = tiny("ae_conv")
    names = list(map(str, range(10)))
    before = {path: ops.convert_to_numpy(v) for path, v in named_variables(model.encoder).items()}

    def moved(folder, x=images, **options):
        trained, report = finetune(model, x, labels, names, tmp_path / folder, Settings(**{**QUICK, **options}), progress=None)
        after = named_variables(trained.encoder)
        found = {path: ops.convert_to_numpy(variable) for path, variable in after.items()}
        return {p for p, old in before.items() if not np.array_equal(found[p], old)}, report

    assert moved("all", freeze="all")[0] == set()
    assert moved("one", freeze=1)[0] == {p for p in before if not p.startswith("backbone/stages/0")}
    assert moved("none")[0] == set(before)
    large = np.kron(images, np.ones((1, 2, 2, 1), np.uint8))
    trained, report = moved("large", large, freeze="all")
    assert report["reinitialized"] == ["encoder/bottleneck/dense/kernel"] and trained == {"bottleneck/dense/kernel"}
    np.testing.assert_array_equal(
        [ops.convert_to_numpy(v).sum() for v in named_variables(model.encoder).values()], [v.sum() for v in before.values()]
    )


def test_a_killed_run_goes_on_as_if_it_had_not_been(digits, tmp_path, monkeypatch):
    images, labels, names = digits[0][:200], digits[1][:200], list(map(str, range(10)))
    model = tiny("ae_mlp", dropout=0.2)
    settings = Settings(**QUICK, mixup=0.3, transforms=("affine",))
    whole, _ = finetune(model, images, labels, names, tmp_path / "whole", settings, progress=None)

    original = Checkpoint.on_epoch_end

    def killed(self, epoch, logs=None):
        original(self, epoch, logs)
        if epoch == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "on_epoch_end", killed)
    with pytest.raises(KeyboardInterrupt):
        finetune(model, images, labels, names, tmp_path / "cut", settings, progress=None)
    monkeypatch.undo()
    lines = []
    resumed, report = finetune(model, images, labels, names, tmp_path / "cut", settings, progress=lines.append)
    assert "resuming after epoch 2" in lines and report["epochs"] == 4
    np.testing.assert_array_equal(resumed.classify(images), whole.classify(images))
    # Labels that were corrected since are another run's.
    corrected = np.where(np.arange(200) == 7, (labels + 1) % 10, labels)
    for given, differing in ((dict(labels=corrected), "labels"), (dict(class_names=names[::-1]), "classes")):
        with pytest.raises(ZooError, match=f"different values of {differing};"):
            given = {"labels": labels, "class_names": names, **given}
            finetune(model, images, folder=tmp_path / "cut", settings=settings, progress=None, **given)


@pytest.mark.parametrize(
    "labels, names, message",
    [
        ([-1, *range(39)], "0123456789", "labels from -1 to 38, expected integers from 0 to 9"),
        (range(39), "0123456789", r"labels of shape \(39,\) and type int64, expected .* one for each of 40 images"),
        (["a", "b"] * 20, "ab", "type <U1, expected integers"),
        ([0, 1] * 20, None, "labels without class_names"),
    ],
    ids=["range", "count", "words", "names"],
)
def test_labels_are_numbers_of_classes(labels, names, message, tmp_path):
    with pytest.raises(ZooError, match=message):
        finetune(tiny("ae_mlp"), np.zeros((40, 8, 8, 1)), list(labels), names, tmp_path / "out", Settings(**QUICK), progress=None)
    assert not (tmp_path / "out").exists()


def test_batches_are_no_larger_than_the_data(images, tmp_path, eagerly):
    labels = np.arange(40) % 2
    _, report = finetune(tiny("ae_mlp"), images, labels, ["a", "b"], tmp_path, Settings(epochs=1, batch_size=64), progress=None)
    assert report["epochs"] == 1 and report["train"] < 40 and np.isfinite(report["loss"])


def test_trained_in_bfloat16_and_given_back_in_single_precision(digits, tmp_path, monkeypatch):
    images, labels = digits[0][:600], digits[1][:600]
    settings = Settings(**{**QUICK, "epochs": 8}, precision="mixed_bfloat16")
    seen = []
    model = tiny("ae_conv", filters=(16, 32))
    fit = Classifier.fit
    monkeypatch.setattr(Classifier, "fit", lambda self, *args, **kw: (seen.append(self.compute_dtype), fit(self, *args, **kw))[1])
    trained, report = finetune(model, images, labels, list(map(str, range(10))), tmp_path, settings, progress=None)
    assert seen == ["bfloat16"] and trained.compute_dtype == "float32" and keras.config.dtype_policy().name == "float32"
    assert report["accuracy"] > 0.8
    np.testing.assert_array_equal(trained.classify(images), zoo.load(tmp_path / "model").classify(images))


@pytest.mark.slow
def test_patches_are_left_out_while_a_classifier_is_trained(digits, tmp_path):
    images, labels = digits[0][:600], digits[1][:600]
    settings = Settings(**{**QUICK, "epochs": 20}, patch_dropout=0.5, layer="block2", pool="mean")
    model = tiny("mae_vit", width=32)
    trained, report = finetune(model, images, labels, list(map(str, range(10))), tmp_path, settings, progress=None)
    assert report["accuracy"] > 0.7
    np.testing.assert_array_equal(trained.classify(images), trained.classify(images))
    np.testing.assert_array_equal(trained.classify(images), zoo.load(tmp_path / "model").classify(images))


@pytest.mark.slow
def test_shares_of_patches_take_turns_and_a_killed_run_goes_on_in_its_turn(digits, tmp_path, monkeypatch):
    images, labels = digits[0][:300], digits[1][:300]
    settings = Settings(**{**QUICK, "epochs": 4}, patch_dropout=(0.75, 0.5, 0.5, 0.0), layer="block2", pool="mean")
    seen, run = [], ViTEncoder.run

    def watched(self, tokens, *args, **kwargs):
        seen.append(tokens.shape[1])
        return run(self, tokens, *args, **kwargs)

    monkeypatch.setattr(ViTEncoder, "run", watched)
    model, names = tiny("mae_vit", width=32), list(map(str, range(10)))
    whole, _ = finetune(model, images, labels, names, tmp_path / "whole", settings, progress=None)
    # Of 16 patches and a token beside them, by the order in which the graphs are traced; all of them for what is held out.
    assert [count for count, _ in itertools.groupby(c for c in seen if c != 17)] == [5, 9]

    stop = Checkpoint.on_epoch_end

    def killed(self, epoch, logs=None):
        stop(self, epoch, logs)
        if epoch == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "on_epoch_end", killed)
    with pytest.raises(KeyboardInterrupt):
        finetune(model, images, labels, names, tmp_path / "killed", settings, progress=None)
    monkeypatch.setattr(Checkpoint, "on_epoch_end", stop)
    again, report = finetune(model, images, labels, names, tmp_path / "killed", settings, progress=None)
    assert report["epochs"] == 4
    for a, b in zip(whole.get_weights(), again.get_weights()):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_share_that_leaves_no_patch_out_is_refused_before_the_training(digits, tmp_path):
    settings = Settings(**QUICK, patch_dropout=(0.75, 0.01), layer="block2", pool="mean")
    with pytest.raises(ZooError, match="ratio=0.01 leaves 16 of 16 patches"):
        finetune(tiny("mae_vit"), digits[0][:100], digits[1][:100], list("0123456789"), tmp_path / "out", settings, progress=None)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("shares", [(0.5, 1.0), (-0.1, 0.5), ()], ids=str)
def test_shares_that_cannot_be_are_refused(shares):
    with pytest.raises(ZooError, match="patch_dropout=.*a fraction of at least 0 and below 1, or several"):
        Settings(patch_dropout=shares, layer="block2", pool="mean")


@pytest.mark.parametrize("setting", [{"layer": "block1"}, {"mixup": 0.2}, {"freeze": 1}, {"layer_decay": 0.5}], ids=str)
def test_what_decides_nothing_without_classes_is_refused(setting, tmp_path):
    (name,) = setting
    with pytest.raises(ZooError, match=f"{name}=.* without classes"):
        finetune(tiny("ae_mlp"), np.zeros((40, 8, 8, 1)), None, None, tmp_path / "out", Settings(**setting), progress=None)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vae_mlp", "mae_vit", "m2_vae_mlp"])
def test_autoencoders_are_trained_on(name, digits, tmp_path):
    model = tiny(name)
    images = digits[0][:300]
    settings = Settings(**{**QUICK, "epochs": 12})
    trained, report = finetune(model, images, None, None, tmp_path / "run", settings, progress=None)
    rows = np.genfromtxt(tmp_path / "run" / "history.csv", delimiter=",", names=True)
    assert rows["val_loss"][-1] < rows["val_loss"][0] and report["held_out"] == 30
    again = zoo.load(tmp_path / "run" / "model")
    np.testing.assert_allclose(again.encode(images), trained.encode(images), atol=1e-6)


# -- the command


@pytest.fixture(scope="module")
def folder(digits, tmp_path_factory):
    """A folder of digits, one sub-folder a class."""
    from PIL import Image

    root = tmp_path_factory.mktemp("images")
    for i, (image, label) in enumerate(zip(*digits)):
        if label < 4 and i < 600:
            place = root / f"digit {label}"
            place.mkdir(exist_ok=True)
            Image.fromarray(image[..., 0]).save(place / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The folder of a saved model."""
    place = tmp_path_factory.mktemp("saved") / "model"
    zoo.save(tiny("ae_conv"), place)
    return place


def test_from_a_folder_to_a_classifier(folder, tmp_path, capsys):
    zoo.save(tiny("ae_conv", filters=(16, 32)), tmp_path / "pretrained")
    command = ["finetune", str(tmp_path / "pretrained"), "--data", str(folder), "--output", str(tmp_path / "out")]
    command += ["--layer", "stage2", "--epochs", "12", "--batch-size", "16", "--learning-rate", "0.01", "--layer-decay", "0.9"]
    assert main(command) == 0
    said = capsys.readouterr().out
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["accuracy"] >= 0.9 and f"{report['accuracy']:.1%} of {report['held_out']} held-out images correct" in said
    assert report["classes"] == [f"digit {i}" for i in range(4)]
    assert np.sum(report["confusion"]) == report["held_out"] and np.trace(report["confusion"]) >= 0.9 * report["held_out"]
    assert {p.name for p in (tmp_path / "out").iterdir()} >= {
        "model",
        "report.json",
        "history.csv",
        "curves.png",
        "confusion.png",
    }
    model = zoo.load(tmp_path / "out" / "model")
    assert model.classes == report["classes"]
    from zoo.data import sources

    data = sources.load(folder)
    probabilities = model.classify(data.images)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (probabilities.argmax(axis=1) == data.labels).mean() > 0.9
    features = zoo.load_encoder(tmp_path / "out" / "model")
    np.testing.assert_allclose(features(data.images[:3]), model.encode(data.images[:3]), atol=1e-5)
    # A second time: nothing is left to do, and the result is the same.
    assert main(command) == 0
    np.testing.assert_array_equal(zoo.load(tmp_path / "out" / "model").classify(data.images), probabilities)
    # What is not the same run is refused, and --restart begins anew.
    assert main([*command, "--seed", "1"]) == 2
    assert "different values of seed" in capsys.readouterr().err
    assert main([*command, "--seed", "1", "--epochs", "1", "--restart"]) == 0


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--epochs", "0"], "epochs=0, expected at least 1"),
        (["--freeze", "9"], "freeze=9, expected at most 3"),
        (["--layer", "stage7"], "no feature layer 'stage7'"),
        (["--transforms", "flop"], "transform 'flop', expected one of .* Did you mean 'flip'"),
        (["--precision", "float8"], "invalid choice: 'float8'"),
        (["--drop-path", "0.1"], "no option 'drop_path'"),
        (["--patch-dropout", "0.5"], "patch_dropout=0.5, expected it together with a block"),
        (["--patch-dropout", "half"], "got 'half', expected a fraction, or several"),
        (["--patch-dropout", "0.75,0.5"], r"patch_dropout=\(0.75, 0.5\), expected it together with a block"),
        (["--patch-dropout", "0.5", "--layer", "stage1", "--pool", "mean"], "no option 'patch_dropout'"),
        (["--classes", "folders"], "from-folders"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(flags, message, folder, saved, tmp_path, capfd):
    assert main(["finetune", str(saved), "--data", str(folder), "--output", str(tmp_path / "out"), *flags]) == 2
    error = capfd.readouterr().err.strip().splitlines()[-1]
    import re

    assert re.search(message, error), error
    assert not (tmp_path / "out" / "model").exists()


def test_images_without_classes(tmp_path, digits, capfd):
    np.save(tmp_path / "x.npy", digits[0][:50])
    zoo.save(tiny("ae_mlp"), tmp_path / "model")
    command = ["finetune", str(tmp_path / "model"), "--data", str(tmp_path / "x.npy"), "--output", str(tmp_path / "out")]
    assert main(command) == 2
    assert "has no classes" in capfd.readouterr().err
    assert main([*command, "--autoencode", "--epochs", "1", "--batch-size", "20"]) == 0


# -- what is on the disk of a user


def write_images(folder, digits, *names):
    from PIL import Image

    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(digits[0][i, ..., 0]).save(folder / name)


def quickly(tmp_path, source, *flags):
    """The exit code of a short fine-tuning on `source`, and its report."""
    if not (tmp_path / "pretrained").exists():
        zoo.save(tiny("vae_mlp"), tmp_path / "pretrained")
    code = main(
        ["finetune", str(tmp_path / "pretrained"), "--data", str(source), "--output", str(tmp_path / "out")]
        + ["--epochs", "1", "--batch-size", "4", *flags]
    )
    report = tmp_path / "out" / "report.json"
    return code, json.loads(report.read_text()) if report.exists() else None


def test_what_is_left_out_is_named_and_counted(tmp_path, digits, eagerly, capsys):
    write_images(tmp_path / "x", digits, *(f"{name}/{i}.png" for name in ("cat", "dog") for i in range(6)))
    (tmp_path / "x" / "dog" / "0.png").write_bytes(b"")
    code, report = quickly(tmp_path, tmp_path / "x", "--skip-unreadable")
    said = capsys.readouterr()
    assert code == 0 and report["skipped"] == ["dog/0.png"] and report["train"] + report["held_out"] == 11
    assert "skipped dog/0.png" in said.err and "images skipped because they cannot be read: 1" in said.out


def test_no_class_vanishes(tmp_path, digits, capsys):
    write_images(tmp_path / "x", digits, *(f"{name}/{i}.png" for name in ("cat", "dog", "emu") for i in range(3)))
    for i in range(3):
        (tmp_path / "x" / "dog" / f"{i}.png").write_bytes(b"")
    assert quickly(tmp_path, tmp_path / "x", "--skip-unreadable") == (2, None)
    assert "no image of the class 'dog' can be read" in capsys.readouterr().err
    for i in range(3):
        (tmp_path / "x" / "dog" / f"{i}.png").unlink()
    assert quickly(tmp_path, tmp_path / "x") == (2, None)
    assert "the folders dog/ of" in capsys.readouterr().err
    write_images(tmp_path / "x", digits, "dog/0.png")
    assert quickly(tmp_path, tmp_path / "x") == (2, None)
    assert "one image of class 'dog'" in capsys.readouterr().err


def test_splits_of_a_folder_are_trained_on_and_measured_by(tmp_path, digits, eagerly, capsys):
    names = [f"{split}/{name}/{i}.png" for split in ("train", "val", "test") for name in ("cat", "dog") for i in range(4)]
    write_images(tmp_path / "x", digits, *names)
    code, report = quickly(tmp_path, tmp_path / "x")
    said = capsys.readouterr()
    assert code == 0 and report["classes"] == ["cat", "dog"]
    assert (report["train"], report["held_out"], report["test"]["images"]) == (8, 8, 8)
    assert np.sum(report["test"]["confusion"]) == 8 and "8 images of the test split" in said.out
    assert "contains the splits train, val, test" in said.err
    code, report = quickly(tmp_path, tmp_path / "x", "--autoencode", "--restart")
    assert code == 0 and report["test"]["loss"] > 0


def test_names_of_classes_may_hold_anything(tmp_path, digits, eagerly):
    names = ["c$a_t$", "зебра", "猫", "कुत्ता", "l" * 200, "a\nb", "b\udcff", "_^{", " "]
    write_images(tmp_path / "x", digits, *(f"{name}/{i}.png" for name in names for i in range(2)))
    code, report = quickly(tmp_path, tmp_path / "x")
    assert code == 0 and sorted(report["classes"]) == sorted(names)
    assert (tmp_path / "out" / "confusion.png").is_file() and zoo.load(tmp_path / "out" / "model").classes == report["classes"]


def test_labels_of_classes_have_no_boxes():
    import warnings

    from zoo.finetuning.class_labels import class_labels
    from zoo.finetuning.report import figure

    names = ["$x_1$", "l" * 99, "a\nb", "\U0010fffd", "b\udcff", ""]
    labels, style = class_labels(names)
    assert labels == ["$x_1$", "l" * 23 + "…", "a b", "class 3", "class 4", "class 5"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of each glyph that it draws as a box
        canvas = figure((2, 2))
        canvas.subplots().set_xticks(range(len(labels)), labels, **style)
        canvas.draw_without_rendering()


def test_the_report_is_there_when_the_pictures_are_drawn(tmp_path, digits, eagerly, monkeypatch):
    from zoo.finetuning import finetune as module

    def fail(*arguments):
        raise RuntimeError("no picture")

    monkeypatch.setattr(module, "draw_curves", fail)
    with pytest.raises(RuntimeError, match="no picture"):
        finetune(tiny("ae_mlp"), digits[0][:20], None, None, tmp_path, Settings(epochs=1, batch_size=4), progress=None)
    assert (tmp_path / "report.json").is_file()


def test_a_folder_with_something_else_is_refused_before_the_training(tmp_path, digits, capsys):
    write_images(tmp_path / "x", digits, *(f"{name}/{i}.png" for name in ("cat", "dog") for i in range(4)))
    (tmp_path / "out" / "model").mkdir(parents=True)
    (tmp_path / "out" / "model" / "notes.txt").touch()
    assert quickly(tmp_path, tmp_path / "x") == (2, None)
    said = capsys.readouterr()
    assert "exists and was not written by zoo.save" in said.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model"], "nothing was trained"


@pytest.mark.parametrize("name", ["vae_mlp", "vq_vae_conv", pytest.param("mae_vit", marks=pytest.mark.slow)])
def test_no_gradient_is_missed(name, digits, tmp_path, eagerly, recwarn):
    images, labels = digits[0][:20], np.arange(20) % 2
    settings = Settings(epochs=np.int64(1), batch_size=np.int32(8))
    finetune(tiny(name), images, labels, ["a", "b"], tmp_path, settings, progress=None)
    assert not [str(w.message) for w in recwarn if "radients do not exist" in str(w.message)]
