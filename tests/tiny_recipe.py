"""A recipe that trains in a blink on handwritten digits, and a training that kills itself.

As a script, `tiny_recipe.py FOLDER ARRAYS MOMENT`, it trains that recipe on the images of an .npy file and sends itself SIGKILL:
"step", in the middle of the second epoch that it trains; "write", in the middle of writing the checkpoint of the second epoch.
"""

import os
import signal
import sys

from zoo.training import Recipe

# All that has a state of its own at once: noise, dropout, two optimizer moments, moving averages, a warm-up.
MODEL = dict(
    variant="dae",
    input_shape=(8, 8, 1),
    latent_dim=6,
    noise="masking",
    level=0.3,
    hidden=(16,),
    dropout=0.1,
)


def tiny_recipe(**changes):
    """The recipe: 16 steps an epoch on 256 images."""
    fields = dict(
        name="dae_mlp.digits",
        model=MODEL,
        dataset="digits.npz",
        epochs=4,
        batch_size=16,
        metrics=("mse",),
        optimizer="adamw",
        weight_decay=1e-2,
        ema=0.9,
        warmup_epochs=0.5,
        transforms=("flip",),
        learning_rate=1e-2,
        half=False,
    )
    return Recipe(**{**fields, **changes})


def main(folder, arrays, moment):
    import numpy as np

    from zoo.training import callbacks, fit

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    # Four calls an epoch, so that there is a middle.
    fit._STEPS_A_CALL = 4
    if moment == "step":
        calls = []
        callbacks.StopOnNaN.on_train_batch_end = lambda self, batch, logs=None: calls.append(batch) or (len(calls) == 6 and die())
    elif moment == "write":
        begin = callbacks.Checkpoint.on_epoch_begin

        def on_epoch_begin(self, epoch, logs=None):
            begin(self, epoch, logs)
            if self.epoch:
                os.fsync = lambda file: os.truncate(file, 1000) or die()

        callbacks.Checkpoint.on_epoch_begin = on_epoch_begin
    fit.fit(tiny_recipe(), np.load(arrays), folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
