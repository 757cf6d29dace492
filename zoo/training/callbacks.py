"""Callbacks of the training: checkpoints to resume from, early stopping, a stop on NaN, logs."""

import csv
import importlib.util
import io
import json
import math
import time
import zipfile
from pathlib import Path

import keras
import numpy as np

from zoo.errors import ZooError
from zoo.utils.distributions import missing_package
from zoo.utils.files import write_atomically


class Checkpoint(keras.callbacks.Callback):
    """Writes the state of the run to one file after each epoch, and the history to a CSV file in the same folder.

    The state consists of the variables of the model (including its random generators, which Keras's backup omits) and of the
    optimizer, the epoch, the history, and the state of early stopping.

    Args:
        folder: of the run.
        recipe: JSON-able mapping; a checkpoint of a different recipe is refused.
        stopping: an `EarlyStopping`, or None.
    """

    def __init__(self, folder, recipe, stopping=None):
        super().__init__()
        self.path = Path(folder) / "checkpoint.npz"
        self.log_path = Path(folder) / "history.csv"
        self.recipe = recipe
        self.stopping = stopping
        self.epoch = 0
        self.rows = []
        self.seconds = 0.0

    def restore(self, model):
        """Restore `model` and this callback from the checkpoint, if there is one; returns the number of finished epochs.

        Raises:
            ZooError: if the checkpoint is of a different recipe or cannot be read; `model` is unchanged.
        """
        if not self.path.exists():
            return 0
        variables = _state_variables(model)
        try:
            with np.load(self.path, allow_pickle=False) as file:
                state = json.loads(file["state"].tobytes())
                values = [file[f"variable{i}"] for i in range(len(variables))]
                best = [file[f"best{i}"] for i in range(state["best"])]
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise ZooError(f"{self.path} cannot be read ({error}); give --restart to start again.") from None
        if state["recipe"] != self.recipe:
            keys = sorted(k for k in {**state["recipe"], **self.recipe} if state["recipe"].get(k) != self.recipe.get(k))
            raise ZooError(
                f"{self.path} belongs to a run with different values of {', '.join(keys)}; "
                "give the same values, another folder, or --restart to discard that run."
            )
        if [value.shape for value in values] != [tuple(variable.shape) for variable in variables]:
            raise ZooError(f"{self.path} does not match the model that this version builds; give --restart to start again.")
        for variable, value in zip(variables, values):
            variable.assign(value)
        if self.stopping is not None:
            self.stopping.restore(state["stopping"], best)
        self.epoch, self.rows, self.seconds = state["epoch"], state["rows"], state["seconds"]
        return self.epoch

    @property
    def stopped(self):
        """Whether early stopping has ended the run."""
        return self.stopping is not None and self.stopping.done

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.time()

    def on_epoch_end(self, epoch, logs=None):
        self.epoch = epoch + 1
        self.seconds += time.time() - self._began
        self.rows.append({"epoch": self.epoch, **{k: float(v) for k, v in (logs or {}).items()}})
        best = self.stopping.best_weights or [] if self.stopping else []
        state = {
            "recipe": self.recipe,
            "epoch": self.epoch,
            "rows": self.rows,
            "seconds": self.seconds,
            "steps": (self.params or {}).get("steps", 0),
            "stopping": self.stopping.memory() if self.stopping else None,
            "best": len(best),
        }
        arrays = {f"variable{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(_state_variables(self.model))}
        arrays |= {f"best{i}": value for i, value in enumerate(best)}
        arrays["state"] = np.frombuffer(json.dumps(state).encode(), dtype=np.uint8)
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        write_atomically(self.path, buffer.getbuffer())
        self._write_log()

    def _write_log(self):
        # Always written completely: a row that a killed run appended after its last checkpoint would occur twice.
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(self.rows[0]), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomically(self.log_path, text.getvalue().encode())


def _state_variables(model):
    metrics = {id(v) for metric in model.metrics for v in metric.variables}
    own = [v for v in model.variables if id(v) not in metrics]
    own_ids = {id(v) for v in own}
    return own + [v for v in model.optimizer.variables if id(v) not in own_ids]


class EarlyStopping(keras.callbacks.Callback):
    """Stops after `patience` epochs without a lower validation loss and restores the best weights.

    The callback of Keras loses its state when a run is resumed; the state of this one is part of the checkpoint.
    """

    def __init__(self, patience):
        super().__init__()
        self.patience = patience
        self.best, self.wait, self.best_weights, self.done = math.inf, 0, None, False

    def memory(self):
        return {"best": self.best, "wait": self.wait, "done": self.done}

    def restore(self, memory, weights):
        self.best, self.wait, self.done = memory["best"], memory["wait"], memory["done"]
        self.best_weights = weights or None

    def on_epoch_end(self, epoch, logs=None):
        if logs["val_loss"] < self.best:
            self.best, self.wait = logs["val_loss"], 0
            self.best_weights = self.model.get_weights()
        else:
            self.wait += 1
            self.done = self.wait >= self.patience
            self.model.stop_training = self.done

    def restore_best(self):
        """Set the weights of the model to the best ones so far."""
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)


class StopOnNaN(keras.callbacks.Callback):
    """Ends the training if a loss or weight is not finite, with a message that names the step, the term and remedies."""

    def on_train_batch_end(self, batch, logs=None):
        self._refuse([name for name, value in (logs or {}).items() if not math.isfinite(value)])

    def on_epoch_end(self, epoch, logs=None):
        # A rectifier may turn NaN into 0, so that the loss is finite although the weights are not.
        weights = self.model.trainable_variables
        self._refuse([v.path for v in weights if not np.isfinite(keras.ops.convert_to_numpy(v)).all()])

    def _refuse(self, bad):
        if bad:
            rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
            raise ZooError(
                f"the training diverged: {', '.join(bad)} became NaN or infinite by step {int(self.model.optimizer.iterations)} "
                f"at a learning rate of {rate:.2g}; lower the learning rate, clip the gradients (clip_norm), or train in float32."
            )


def tensorboard_log(folder):
    """The callback that writes the history to `folder` for TensorBoard. Raises ZooError if tensorboard is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise missing_package("a log for TensorBoard", "tensorboard")
    return keras.callbacks.TensorBoard(folder, write_graph=False)
