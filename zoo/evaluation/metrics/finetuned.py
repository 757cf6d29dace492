"""Classification accuracy of the fine-tuned encoder."""

import tempfile

import numpy as np

from zoo.evaluation.metrics.classes import share_tolerance


def _finetuned(value_of):
    def metric(
        subject,
        *,
        epochs=20,
        batch_size=128,
        learning_rate=1e-3,
        layer_decay=0.75,
        weight_decay=0.05,
        mixup=0.0,
        cutmix=0.0,
        drop_path=None,
        patch_dropout=None,
        transforms=("flip", "crop"),
        layer=None,
        pool=None,
        precision="float32",
    ):
        given = dict(
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            layer_decay=layer_decay,
            weight_decay=weight_decay,
            mixup=mixup,
            cutmix=cutmix,
            drop_path=drop_path,
            patch_dropout=tuple(patch_dropout) if isinstance(patch_dropout, list) else patch_dropout,
            transforms=tuple(transforms),
            layer=layer,
            pool=pool,
            precision=precision,
        )
        accuracy, epoch = subject.once(("finetuned", *given.values()), lambda: _accuracy(subject, given))
        extra = [f"{name} {given[name]}" for name in ("mixup", "cutmix", "drop_path", "patch_dropout") if given[name]]
        read = "whole encoder" if layer is None else f"encoder up to {layer}{f' (pool {pool})' if pool else ''}"
        how = "" if precision == "float32" else f" in {precision}"
        return {
            "value": value_of(accuracy),
            "n": len(subject.test_images()),
            "protocol": f"{read} and a linear head trained{how} for {epoch} epochs on nine tenths of the training split, the "
            f"best epoch chosen on the rest; AdamW, learning rate decayed by {layer_decay} per depth, "
            f"{', '.join([*transforms, *extra]) or 'no augmentation'}",
            "parameters": {"transforms": list(transforms)},
            # Rounding differs between machines, and the differences grow over thousands of steps.
            "tolerance": max(0.01, share_tolerance(len(subject.test_images()))),
        }

    return metric


def _accuracy(subject, given):
    from zoo.finetuning.finetune import Settings, finetune

    images, labels = subject.train().images, subject.labels("train")
    classes, labels = np.unique(labels, return_inverse=True)
    settings = Settings(**given, patience=given["epochs"], seed=subject.seed)
    with tempfile.TemporaryDirectory() as folder:
        model, report = finetune(
            subject.model, images, labels, [str(c) for c in classes], folder, settings, progress=subject.progress
        )
    guesses = classes[np.argmax(model.classify(subject.test_images()), axis=1)]
    return float(np.mean(guesses == subject.labels("test"))), report["epochs"]


METRICS = {
    "finetuned_accuracy": _finetuned(lambda accuracy: accuracy),
    "finetuned_error": _finetuned(lambda accuracy: 1 - accuracy),
}
