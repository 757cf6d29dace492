"""The autoencoder and its five components: corruption, encoder, bottleneck, decoder, reconstruction loss."""

import math

import keras
import numpy as np
from keras import ops

from zoo.data.arrays import arrays_of
from zoo.errors import ZooError
from zoo.layers.loss_layer import LossLayer, Term, term
from zoo.models.base.inputs import ChecksInputs
from zoo.models.base.reconstructor import reconstructor
from zoo.models.base.serialization import Serializable, registered
from zoo.models.base.weighting import SampleWeights, explicit_target
from zoo.utils.batching import apply_in_batches, apply_to_batches, forget_compiled
from zoo.utils.keras_internals import flatten_layers, has_compiled_metrics
from zoo.utils.replicas import replicas


@registered("Autoencoder")
class Autoencoder(ChecksInputs, SampleWeights, Serializable, keras.Model):
    """An encoder, a bottleneck that implements the variant, a decoder, and the loss that compares input and reconstruction.

    Trained by `fit(images)` (the target is the input) or `fit(degraded, clean)`; images are uint8 0..255 or floats 0..1.
    `history` contains `loss`, `reconstruction`, and each term of the loss layers under its name.

    Args:
        encoder: an `Encoder`.
        decoder: a `Decoder`, whose `reconstruction_loss` is the reconstruction loss.
        corruption: a layer active in training only, or None.
        config: the mapping from which `zoo.models.registry.build` rebuilds this model.
    """

    def __init__(self, encoder, decoder, corruption=None, config=None, **kwargs):
        super().__init__(**kwargs)
        self.corruption = corruption
        self.encoder = encoder
        self.decoder = decoder
        # Bypasses Keras, which wraps mappings in attributes; callers compare the plain mapping and write it as JSON.
        object.__setattr__(self, "config", dict(config or {}))
        for part in (encoder, decoder):
            # One mapping for all three, because a part is rebuilt as a part of the whole model.
            object.__setattr__(part, "config", self.config)
        object.__setattr__(self, "_trackers", {})

    def build(self, input_shape):
        if self.corruption is not None and not self.corruption.built:
            self.corruption.build((None, *self.data_shape))
        # The encoder is already built; its bottleneck determines the decoder's input shape.
        self.decoder.build((None, *self.bottleneck.code_shape))
        self.built = True

    # -- properties

    @property
    def bottleneck(self):
        return self.encoder.bottleneck

    @property
    def reconstruction_loss(self):
        """One of `zoo.losses`: the meaning of the decoder's outputs, and their comparison with the image."""
        return self.decoder.reconstruction_loss

    @property
    def data_shape(self):
        """Shape of one input, without the batch axis."""
        return self.modality.data_shape(self.config["input_shape"])

    @property
    def modality(self):
        """What its raw data is, see `zoo.modalities.modality`: that of the encoder."""
        return self.encoder.modality

    @property
    def degraded_shape(self):
        """Shape of one input of `reconstruct`, without the batch axis; for super-resolution, smaller than `data_shape`."""
        return self.data_shape

    def loss_layers(self):
        """The layers that add terms to the loss, in the order of the forward pass."""
        return [layer for layer in flatten_layers(self) if isinstance(layer, LossLayer)]

    # -- training

    def call(self, x, training=None):
        seen = self.modality.to_input(x, self.compute_dtype)
        if self.corruption is not None:
            seen = self.corruption(seen, training=training)
        # The training flag is passed to each layer explicitly: on JAX, nested layers do not receive it otherwise, and dropout,
        # warm-ups and codebooks would be inactive.
        h = self.encoder.backbone(seen, training=training)
        return self.decoder.outputs(self.bottleneck(h, training=training), x, training=training)

    def compile(self, optimizer="adam", loss=None, **kwargs):
        """As `keras.Model.compile`; `loss` is one of `zoo.losses` or its name, by default that of the model."""
        from zoo import losses

        if loss is not None:
            if "loss" not in self.config:
                raise ZooError(f"got loss={loss!r}, but the loss of {self.name} cannot be changed; compile without a loss.")
            loss = losses.get(loss)
            self.check_loss(loss)
            if loss.parameters(1) != self.reconstruction_loss.parameters(1):
                raise ZooError(
                    f"got the loss {loss.name!r}, which requires {loss.parameters(1)} decoder outputs per pixel, but this one "
                    f"has {self.reconstruction_loss.parameters(1)}; give it to zoo.create(..., loss=...) instead."
                )
            self.decoder.reconstruction_loss = loss
            self.config["loss"] = losses.spec(loss)
            for model in (self, self.decoder):
                forget_compiled(model)
        else:
            self.check_loss(self.reconstruction_loss)
        if kwargs.get("loss_weights") is not None:
            raise ZooError("got loss_weights; the weights of the terms are options of the variant, see zoo.create.")
        # No loss is passed to Keras: `compute_loss` computes it, and Keras would trace the model again to build its own.
        super().compile(optimizer=optimizer, **kwargs)
        names = ["reconstruction", *(name for layer in self.loss_layers() for name in layer.loss_names)]
        if any(getattr(layer, "kernel_regularizer", None) for layer in flatten_layers(self)):
            names.append("weight_decay")
        object.__setattr__(self, "_trackers", {name: keras.metrics.Mean(name=name) for name in names})

    def check_loss(self, loss):
        """Raise ZooError if the variant does not support `loss`, one of `zoo.losses`.

        A divergence in nats requires a likelihood summed over an image: a mean over the pixels is so much smaller that the
        posterior collapses to the prior and all reconstructions are the same. Variants without an option `loss` weight their
        divergence accordingly.
        """
        if "loss" in self.config and self.bottleneck.in_nats and not loss.is_likelihood:
            raise ZooError(
                f"the reconstruction loss {loss.name!r} is a mean over pixels, but the divergence of {self.config['variant']} is "
                "a sum in nats, so that the posterior would collapse; use 'gaussian' (a squared error summed over an image), "
                "'bernoulli' or 'logistic_mixture'."
            )

    @property
    def input_rule(self):
        """The inputs that `fit`, `evaluate` and `predict` accept, see `zoo.models.base.inputs.ChecksInputs`."""
        return self.modality.rule(
            (self.degraded_shape, self.data_shape), self.data_shape, self.reconstruction_loss.of_probabilities
        )

    def make_train_function(self, force=False):
        # Otherwise TensorFlow creates the optimizer's state inside the graph, which takes half of the time until the first step.
        if self.built and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)
        return super().make_train_function(force)

    @property
    def metrics(self):
        return [*super().metrics, *self._trackers.values()]

    def terms(self, x, y, y_pred, training):
        """The terms of the loss of a batch, except weight decay: a mapping of name to `Term`."""
        loss = self.reconstruction_loss
        each = loss.call(self._target(x, y), ops.cast(y_pred, "float32"))
        return {"reconstruction": term(ops.mean(each) if loss.of_batch else each), **self.layer_terms()}

    def layer_terms(self, more=()):
        """The terms that the loss layers added in this forward pass, by name; `more` lists additional expected names."""
        current = {id(value) for value in self.losses}
        found = {}
        for layer in self.loss_layers():
            found.update({name: one for name, one in layer.terms.items() if id(one.mean) in current})
        wanted = [*(name for layer in self.loss_layers() for name in layer.loss_names), *more]
        if set(found) != set(wanted):
            got = f"{', '.join(found) or 'none'}, expected {', '.join(wanted) or 'none'}"
            raise ZooError(f"{self.name} added the loss terms {got}; call the model on the batch first.")
        return found

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        terms = self.terms(x, y, y_pred, training)
        known = {id(one.mean) for one in terms.values()}
        # The other losses of the layers are the penalties of Keras's regularizers.
        decay = [ops.cast(value, "float32") for value in self.losses if id(value) not in known]
        terms["weight_decay"] = Term(sum(decay, ops.zeros(())), of_weights=True)
        if sample_weight is not None:
            sample_weight = self._checked_weights(sample_weight, terms)
        values = {name: one.weighted(sample_weight) for name, one in terms.items()}
        count = ops.shape(keras.tree.flatten(x)[0])[0]
        for name, tracker in self._trackers.items():
            # Weighted like Keras's own mean of the loss, because the last batch of an epoch may be smaller.
            tracker.update_state(values[name], sample_weight=count)
        return sum(values.values()) / replicas()

    def _checked_weights(self, sample_weight, terms):
        """Sample weights as float32 (N,). Raises ZooError if there is not one per image, or a term does not support weights."""
        whole = [name for name, one in terms.items() if one.each is None and not one.of_weights]
        if whole:
            raise ZooError(
                f"sample_weight is not supported by {self.name}, because its loss has terms of the whole batch "
                f"({', '.join(whole)}); omit the weights, or repeat or drop images."
            )
        if len(sample_weight.shape) > 1 and any(side != 1 for side in sample_weight.shape[1:]):
            raise ZooError(f"got sample_weight of shape {tuple(sample_weight.shape)}, expected one number per image, (N,).")
        return ops.reshape(ops.cast(sample_weight, "float32"), (-1,))

    def get_compile_config(self):
        # The loss is already part of the model's config.
        config = {key: value for key, value in super().get_compile_config().items() if key != "loss"}
        return {**config, "optimizer_has_state": self.optimizer.built}

    def compile_from_config(self, config):
        settings = dict(keras.saving.deserialize_keras_object(config))
        has_state = settings.pop("optimizer_has_state", False)
        self.compile(**settings)
        if has_state:
            self.optimizer.build(self.trainable_variables)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        if has_compiled_metrics(self):
            y = self._target(x, y)
            y_pred = self.reconstruction_loss.to_image(ops.cast(y_pred, "float32"))
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def _target(self, x, y):
        y = x if explicit_target(y) is None else y
        if tuple(y.shape[1:]) != self.data_shape:
            raise ZooError(
                f"got targets of shape {tuple(y.shape)}, expected images (N, {', '.join(map(str, self.data_shape))}); "
                "call fit(images), or fit(degraded, clean)."
            )
        self.modality.assert_valid(y)
        return self.modality.to_input(y, "float32")

    # -- use

    def encode(self, x, batch_size=256):
        """Features (N, D), float32 numpy, of images (N, *input_shape), uint8 0..255 or floats 0..1. Deterministic.

        Args:
            x: an array of images, a batched `tf.data.Dataset` or a `keras.utils.PyDataset` of images, of pairs of images and
                labels, or of mappings with "image" or "images".
            batch_size: number of images per batch.
        """
        raw = (self.modality.check(part, self.data_shape) for part in arrays_of(x))
        return apply_to_batches(self.encoder, self.encoder.call, raw, batch_size)

    def decode(self, z, batch_size=256):
        """Images (N, *input_shape), float32 0..1, of codes (N, *code_shape), or flattened (N, D), as `encode` returns them.

        Raises:
            ZooError: if the shape is different, for example that of features that are not codes, such as pooled features.
        """
        z = np.asarray(z, dtype="float32")
        code = self.bottleneck.to_code(z)
        if code is None or len(z) == 0:
            shape = tuple(self.bottleneck.code_shape)
            flat = (math.prod(shape),)
            wanted = " or ".join(f"(N, {', '.join(map(str, one))})" for one in dict.fromkeys((flat, shape)))
            hint = ""
            if z.shape[1:] == self.encoder.output_shape[1:]:
                hint = f" The features of {self.name} do not contain the whole code; get codes from model.code(x)."
            raise ZooError(f"got codes of shape {z.shape}, expected {wanted} with N >= 1.{hint}")
        return apply_in_batches(self.decoder, self.decoder.call, code, batch_size)

    def reconstruct(self, x, batch_size=256):
        """Reconstructions of images (N, *input_shape), uint8 0..255 or floats 0..1: float32 0..1, same shape. Deterministic.

        For restoration models, the inputs are degraded images (N, *degraded_shape).
        """
        shape = self.degraded_shape if np.shape(x)[1:] == self.degraded_shape else self.data_shape
        made = apply_in_batches(self, self._reconstruct, self.modality.check(x, shape), batch_size)
        return self.modality.returned(made, x)

    def _reconstruct(self, x):
        return self.modality.reversed(self.decoder(self.code(x)), x)

    def predict(self, x, *args, **kwargs):
        """As `keras.Model.predict`, for any data that it accepts: the reconstructions (N, *input_shape), float32 0..1."""
        return reconstructor(self).predict(x, *args, **kwargs)

    def predict_on_batch(self, x):
        """As `keras.Model.predict_on_batch`: the reconstructions, see `reconstruct`."""
        return reconstructor(self).predict_on_batch(x)

    def example(self, x):
        """Float images (N, *input_shape) as the model receives them in training, and their reconstructions, as tensors."""
        shown = x if self.corruption is None else self.corruption(x, training=True)
        return shown, self._reconstruct(shown)

    def code(self, x):
        """The deterministic code (N, *code_shape), a tensor, of images (N, *input_shape), without corruption."""
        return self.bottleneck.code(self.encoder.backbone(self.modality.to_input(x, self.compute_dtype)))

    def sample(self, n, seed=0, batch_size=256):
        """`n` images, float32 0..1, from the variant's own prior: the mean of p(x|z) for z sampled with `seed`."""
        if n < 1:
            raise ZooError(f"got n={n} samples, expected at least 1.")
        return self.decode(self.bottleneck.sample_prior(n, seed), batch_size)

    def reconstruction_error(self, x, batch_size=256):
        """The reconstruction loss (N,) of each image (N, *input_shape), from the deterministic code."""
        return apply_in_batches(self, self._reconstruction_error, self.modality.check(x, self.data_shape), batch_size)

    def _reconstruction_error(self, x):
        outputs = ops.cast(self.decoder.outputs(self.code(x), x), "float32")
        return self.reconstruction_loss.error(self.modality.to_input(x, "float32"), outputs)

    def anomaly_map(self, x, batch_size=256, sigma=None):
        """Where images (N, H, W, C) are anomalous: (N, H, W), float32 numpy; higher is more anomalous. Deterministic.

        The squared error of the reconstruction of each pixel in 0..1, mean over channels, smoothed. Models trained with the loss
        "contrast_mse" compare local contrast. Masked models reconstruct each patch from others, see `zoo.models.base.masked`;
        models for inpainting, each region from its surroundings, see `zoo.models.inpainting`; and models for super-resolution,
        the detail of the image from its reduced version. `zoo.anomaly.PatchDetector` compares features with those of normal
        images instead.

        Args:
            x: images, uint8 0..255 or floats 0..1.
            batch_size: number of images per batch.
            sigma: standard deviation of the Gaussian that smoothes the errors, in pixels; by default 1/32 of the shorter side.

        Raises:
            ZooError: if the inputs of the model are not images, or `sigma` is negative.
        """
        from zoo.anomaly.maps import check_maps, smoothed

        check_maps(self.data_shape, self.name)
        return smoothed(apply_in_batches(self, self._error_map, self.modality.check(x, self.data_shape), batch_size), sigma)

    def _error_map(self, x):
        outputs = ops.cast(self.decoder.outputs(self.code(x), x), "float32")
        return self.reconstruction_loss.error_map(self.modality.to_input(x, "float32"), outputs)

    def anomaly_score(self, x, batch_size=256, by="reconstruction", normal=None):
        """Anomaly scores (N,) of images (N, *input_shape); higher is more anomalous.

        Args:
            x: images.
            batch_size: number of images per batch.
            by: `"reconstruction"`, `"map"` (a robust maximum of `anomaly_map`), `"likelihood"`, `"knn"` or `"combined"`, see
                `zoo.anomaly.AnomalyDetector`, which also stores normal images for several calls.
            normal: normal images (M, *input_shape), which `"knn"` and `"combined"` require.
        """
        from zoo.anomaly import AnomalyDetector

        detector = AnomalyDetector(self, by)
        if detector.needs_fit and normal is None:
            raise ZooError(f"the anomaly score {by!r} requires normal images; give them as normal=.")
        return (detector.fit(normal, batch_size) if detector.needs_fit else detector).score(x, batch_size)
