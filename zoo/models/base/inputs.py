"""Checks of the data given to Keras's `fit`, `evaluate`, `predict` and similar methods, on the host, before any graph.

Checks inside a graph have no effect under XLA, which is Keras's default on a GPU, and under JAX's `jit`. Arrays are checked once,
at the call; batches of a `tf.data.Dataset`, a `keras.utils.PyDataset` or a generator are checked one by one.
"""

import contextlib
import inspect
import types
from collections.abc import Mapping

import keras
import numpy as np

from zoo.errors import ZooError


class ChecksInputs:
    """Mixin, before `keras.Model` in the bases, for models that take raw data: Keras's methods check their data.

    A subclass defines `input_rule`, that of its modality, see `zoo.modalities.image_rule.ImageRule`. All methods raise ZooError
    if the data violates it, on any backend and whether or not the step is compiled. `tf.distribute` data sets and loaders of
    other libraries are not checked here: for them, and for a model inside a user's functional model, there is only the check
    within the graph, see `Modality.assert_valid`.
    """

    def __call__(self, x, *args, **kwargs):
        """As `keras.Model.__call__`."""
        if self.built:
            self.input_rule.check_shape(x)
        return super().__call__(x, *args, **kwargs)

    def fit(self, x=None, y=None, *args, **kwargs):
        """As `keras.Model.fit`."""
        given = inspect.signature(super().fit).bind(x, y, *args, **kwargs)
        with _InputCheck(self.input_rule, compared=True) as inputs:
            given.arguments["x"], given.arguments["y"] = inputs.checked(x, y), y
            held = given.arguments.get("validation_data")
            if isinstance(held, (tuple, list)):
                x, y, weights = keras.utils.unpack_x_y_sample_weight(tuple(held))
                held = inputs.checked(x, y), *held[1:]
            elif held is not None:
                held = inputs.checked(held)
            if held is not None:
                given.arguments["validation_data"] = held
            return super().fit(*given.args, **given.kwargs)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """As `keras.Model.evaluate`."""
        # With this argument, `fit` evaluates its validation data, which have already been checked.
        if kwargs.get("_use_cached_eval_dataset"):
            return super().evaluate(x, y, *args, **kwargs)
        with _InputCheck(self.input_rule, compared=True) as inputs:
            return super().evaluate(inputs.checked(x, y), y, *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        """As `keras.Model.predict`."""
        with _InputCheck(self.input_rule) as inputs:
            return super().predict(inputs.checked(x), *args, **kwargs)

    def train_on_batch(self, x, y=None, *args, **kwargs):
        """As `keras.Model.train_on_batch`."""
        x = self.input_rule.converted(x)
        self.input_rule.check(x, y, compared=True)
        return super().train_on_batch(x, y, *args, **kwargs)

    def test_on_batch(self, x, y=None, *args, **kwargs):
        """As `keras.Model.test_on_batch`."""
        x = self.input_rule.converted(x)
        self.input_rule.check(x, y, compared=True)
        return super().test_on_batch(x, y, *args, **kwargs)

    def predict_on_batch(self, x):
        """As `keras.Model.predict_on_batch`."""
        x = self.input_rule.converted(x)
        self.input_rule.check(x)
        return super().predict_on_batch(x)


class _InputCheck(contextlib.AbstractContextManager):
    """Checks batches, and raises the error at its end, because a data pipeline would wrap it in an error of its own."""

    def __init__(self, rule, compared=False):
        self.rule, self.compared = rule, compared
        self.fault = None

    def __exit__(self, kind, error, trace):
        if isinstance(error, Exception) and self.fault is not None and error is not self.fault:
            raise self.fault from None

    def checked(self, x, y=None):
        """`x` as an array or unchanged, after checking it with `y`; for a data set, a data set that checks each batch."""
        if x is None:
            return x
        x = self.rule.converted(x)
        if _is_tf_dataset(x):
            return self._checked_dataset(x)
        if isinstance(x, keras.utils.PyDataset):
            return _CheckedPyDataset(x, self)
        if isinstance(x, types.GeneratorType):
            return self._checked_generator(x)
        if isinstance(x, Mapping) or hasattr(x, "__array__"):
            self.rule.check(x, y, self.compared)
        return x

    def check_batch(self, batch):
        """Check a batch of arrays: x, (x,), (x, y) or (x, y, weights)."""
        try:
            self.rule.check(*self.rule.checked_part(batch, self.compared), compared=self.compared)
        except ZooError as fault:
            self.fault = fault
            raise

    def _checked_generator(self, batches):
        for batch in batches:
            self.check_batch(batch)
            yield batch

    def _checked_dataset(self, data):
        import tensorflow as tf

        kinds = self.rule.checked_part(data.element_spec, self.compared)
        specs = tf.nest.flatten(kinds)
        if not all(isinstance(spec, tf.TensorSpec) for spec in specs):
            return data
        if self.rule.is_always_valid([spec.dtype.name for spec in specs]):
            return data

        def check(*arrays):
            self.check_batch(tf.nest.pack_sequence_as(kinds, list(arrays)))
            return np.int8(0)

        def pass_on(*batch):
            batch = batch if isinstance(data.element_spec, tuple) else batch[0]
            seen = tf.nest.flatten(self.rule.checked_part(batch, self.compared))
            with tf.control_dependencies([tf.numpy_function(check, seen, tf.int8)]):
                return tf.nest.map_structure(tf.identity, batch)

        return data.map(pass_on)


class _CheckedPyDataset(keras.utils.PyDataset):
    """A `PyDataset` that checks each batch in the worker that loads it."""

    def __init__(self, data, inputs):
        super().__init__(workers=data.workers, use_multiprocessing=data.use_multiprocessing, max_queue_size=data.max_queue_size)
        self.data, self.inputs = data, inputs

    @property
    def num_batches(self):
        return self.data.num_batches

    def __getitem__(self, index):
        batch = self.data[index]
        self.inputs.check_batch(batch)
        return batch

    def on_epoch_begin(self):
        self.data.on_epoch_begin()

    def on_epoch_end(self):
        self.data.on_epoch_end()


def _is_tf_dataset(x):
    # By name, to avoid importing TensorFlow.
    kinds = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(x).__mro__}
    return ("tensorflow", "DatasetV2") in kinds
