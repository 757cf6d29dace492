"""Latent variables and a class label y: q(z|x, y), and for unknown labels q(y|x). The code is the concatenation [z, y]."""

import math

import keras
import numpy as np
from keras import layers, ops

from zoo.errors import ZooError
from zoo.layers.bottlenecks.code import flatten
from zoo.layers.bottlenecks.gaussian import GaussianCode, divergence, log_ratio
from zoo.layers.math.fast import argmax

# Units of the layer that combines image and label.
_JOINT = 256


class LabelledCode(GaussianCode):
    """Base: a Gaussian posterior q(z|x, y) given the encoder's output and y; the code is [z, y], (N, units + classes).

    Args:
        units: number of Gaussian latent variables.
        classes: number of classes; an unknown label, -1, is represented by a vector of zeros.
    """

    def __init__(self, units, classes, **kwargs):
        super().__init__(units, **kwargs)
        self.units, self.classes = units, classes
        self.code_shape = (units + classes,)
        self.from_image = layers.Dense(_JOINT)
        self.from_label = layers.Dense(_JOINT, use_bias=False)

    def build(self, input_shape):
        self.from_image.build((None, int(np.prod(input_shape[1:]))))
        self.from_label.build((None, self.classes))
        super().build((None, _JOINT))

    def vector(self, labels):
        """Labels (N,), integers, to one-hot vectors (N, classes), float32; zeros for -1 and other unknown values."""
        if len(labels.shape) != 1:
            raise ZooError(
                f"got labels of shape {tuple(labels.shape)}, expected one integer per image, (N,); flatten them first."
            )
        labels = ops.expand_dims(ops.cast(labels, "int32"), 1)
        return ops.cast(ops.equal(labels, ops.expand_dims(ops.arange(self.classes, dtype="int32"), 0)), "float32")

    def conditional_posterior(self, h, y):
        """Mean and log variance of q(z|x, y), float32: (N, units) for y (N, classes), (N, K, units) for y (1, K, classes)."""
        image, label = self.from_image(flatten(h)), self.from_label(ops.cast(y, self.compute_dtype))
        joint = ops.silu((image if len(label.shape) == 2 else ops.expand_dims(image, 1)) + label)
        mean, log_variance = ops.cast(self.mean(joint), "float32"), ops.cast(self.log_variance(joint), "float32")
        return mean, ops.clip(log_variance, -14.0, 14.0)

    def label_probabilities(self, h):
        """The label distribution given the image alone, (N, classes), float32."""
        raise NotImplementedError

    def posterior(self, h):
        return self.conditional_posterior(h, self.label_probabilities(h))

    def code(self, h):
        y = self.label_probabilities(h)
        return ops.cast(ops.concatenate([self.conditional_posterior(h, y)[0], y], axis=-1), self.compute_dtype)

    def joint_code(self, z, y):
        """The code [z, y] from z (..., units) and y (..., classes)."""
        return ops.cast(ops.concatenate([z, y], axis=-1), self.compute_dtype)

    def sample_prior(self, n, seed):
        """[z, y] with standard normal z and uniformly sampled labels."""
        return self.sample_labelled(np.random.default_rng((seed, 1)).integers(self.classes, size=n), seed)

    def sample_labelled(self, labels, seed):
        """[z, y] with standard normal z for labels (n,), integers."""
        z = np.random.default_rng(seed).standard_normal((len(labels), self.units), dtype=np.float32)
        return np.concatenate([z, np.eye(self.classes, dtype=np.float32)[labels]], axis=1)


class ConditionalCode(LabelledCode):
    """The bottleneck of a conditional VAE: z ~ q(z|x, y), with the loss term KL(q(z|x, y) || N(0, I)) (Sohn et al. 2015).

    The features are the means of z; an image without a label is encoded as one with an unknown label.

    Args:
        units, classes: see `LabelledCode`.
        label_dropout: fraction of the labels hidden in training, so that the model can encode images without a label.
    """

    def __init__(self, units, classes, label_dropout=0.1, **kwargs):
        super().__init__(units, classes, **kwargs)
        self.label_dropout = label_dropout

    def label_probabilities(self, h):
        return ops.zeros((ops.shape(h)[0], self.classes), "float32")

    def call(self, h, labels=None, training=None):
        y = self.label_probabilities(h) if labels is None else self.vector(labels)
        if training and self.label_dropout:
            shown = keras.random.uniform((ops.shape(h)[0], 1), seed=self.seed_generator) >= self.label_dropout
            y = y * ops.cast(shown, "float32")
        mean, log_variance = self.conditional_posterior(h, y)
        self.add_term("kl", ops.sum(divergence(mean, log_variance), axis=-1))
        return self.joint_code(self.draw(mean, log_variance), y)

    def features(self, h):
        return ops.cast(self.posterior(h)[0], self.compute_dtype)

    def to_code(self, z):
        """As in `Bottleneck`; z alone (N, units), which the features are, is combined with an unknown label."""
        if z.shape[1:] == (self.units,):
            z = np.pad(z, ((0, 0), (0, self.classes)))
        return super().to_code(z)

    def importance_samples(self, h, k, seed):
        """As `GaussianCode`, with the label unknown; z is the whole code (N, k, units + classes)."""
        mean, log_variance = (ops.expand_dims(t, 1) for t in self.posterior(h))
        noise = keras.random.normal((ops.shape(mean)[0], k, self.units), seed=seed)
        z = mean + ops.exp(0.5 * log_variance) * noise
        code = ops.concatenate([z, ops.zeros((*ops.shape(z)[:2], self.classes))], axis=-1)
        return code, log_ratio(z, noise, log_variance)


class SemiSupervisedCode(LabelledCode):
    """The bottleneck of M2 (Kingma et al. 2014, arXiv:1406.5298): unknown labels are marginalized under q(y|x).

    Calling it returns the codes of all classes, (N, classes, units + classes), and their weights w, (N, classes): q(y|x) if the
    label is unknown, a one-hot vector if it is known. The loss terms, each a mean over the batch, are kl, Σ_y w_y KL(q(z|x, y) ||
    N(0, I)); label_kl, Σ_y w_y log(w_y / p(y)) with p(y) uniform; and classification, α times the mean of -log q(y|x) over the
    images with known label. The features are the means of z, given the expected label under q(y|x), and q(y|x).

    Args:
        units, classes: see `LabelledCode`.
        alpha: α, in nats per image.
    """

    loss_names = ("kl", "label_kl", "classification")

    def __init__(self, units, classes, alpha, **kwargs):
        super().__init__(units, classes, **kwargs)
        self.alpha = alpha
        self.hidden = layers.Dense(_JOINT, activation="silu")
        self.logits = layers.Dense(classes)

    def build(self, input_shape):
        self.hidden.build((None, int(np.prod(input_shape[1:]))))
        self.logits.build((None, _JOINT))
        super().build(input_shape)

    def label_log_probabilities(self, h):
        """log q(y|x), (N, classes) float32."""
        return ops.log_softmax(ops.cast(self.logits(self.hidden(flatten(h))), "float32"), axis=-1)

    def label_probabilities(self, h):
        return ops.exp(self.label_log_probabilities(h))

    def call(self, h, labels=None):
        label_log_probabilities = self.label_log_probabilities(h)
        y = ops.zeros_like(label_log_probabilities) if labels is None else self.vector(labels)
        known = ops.sum(y, axis=-1, keepdims=True)
        weights = y + (1 - known) * ops.exp(label_log_probabilities)
        every = ops.expand_dims(ops.eye(self.classes), 0)
        mean, log_variance = self.conditional_posterior(h, every)
        kl = ops.sum(divergence(mean, log_variance), axis=-1)
        # For a known label, w log w is zero.
        entropy = -ops.sum((1 - known) * ops.exp(label_log_probabilities) * label_log_probabilities, axis=-1)
        self.add_term("kl", ops.sum(weights * kl, axis=-1))
        self.add_term("label_kl", math.log(self.classes) - entropy)
        # Scaled so that the mean over all images is the mean over the labelled images.
        share = ops.cast(ops.shape(y)[0], "float32") / ops.maximum(ops.sum(known), 1.0)
        self.add_term("classification", -self.alpha * share * ops.sum(y * label_log_probabilities, axis=-1))
        labels = ops.broadcast_to(every, (*ops.shape(mean)[:2], self.classes))
        return self.joint_code(self.draw(mean, log_variance), labels), weights

    def importance_samples(self, h, k, seed):
        """`k` samples of y from q(y|x), z from q(z|x, y): codes (N, k, units + classes), log p(y, z) - log q(y, z|x) (N, k)."""
        label_log_probabilities = self.label_log_probabilities(h)
        mean, log_variance = self.conditional_posterior(h, ops.expand_dims(ops.eye(self.classes), 0))
        # Sampled together, because with a fixed seed two calls would return the same noise.
        noise = keras.random.normal((ops.shape(mean)[0], k, self.units + self.classes), seed=seed)
        noise, even = noise[..., : self.units], 0.5 * (1 + ops.erf(noise[..., self.units :] / math.sqrt(2)))
        gumbel = -ops.log(-ops.log(ops.clip(even, 1e-7, 1 - 1e-7)))
        y = ops.one_hot(argmax(ops.expand_dims(label_log_probabilities, 1) + gumbel), self.classes, dtype="float32")
        mean, log_variance = ops.matmul(y, mean), ops.matmul(y, log_variance)
        z = mean + ops.exp(0.5 * log_variance) * noise
        of_labels = -math.log(self.classes) - ops.sum(y * ops.expand_dims(label_log_probabilities, 1), axis=-1)
        return ops.concatenate([z, y], axis=-1), log_ratio(z, noise, log_variance) + of_labels
