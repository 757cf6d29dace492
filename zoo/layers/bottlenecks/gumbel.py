"""Categorical codes through the Gumbel-softmax (Jang, Gu & Poole 2017, arXiv:1611.01144; Maddison, Mnih & Teh 2017,
arXiv:1611.00712)."""

import math

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.layers.bottlenecks.code import flatten
from zoo.layers.bottlenecks.discrete import DiscreteCode, straight_through
from zoo.layers.math.fast import argmax
from zoo.layers.state import add_state


class GumbelCode(DiscreteCode):
    """Categorical variables with `codes` classes, π = softmax(vectors). Samples are one-hot vectors, in training relaxed ones:

        z = softmax((log π + g) / τ),  g ~ Gumbel(0, 1)

    The loss term is Σ KL(π || uniform) = Σ_variables Σ_k π_k log(codes π_k) in nats, mean over the batch. Outside training,
    samples are one-hot, so that the loss is the bound of the discrete model. The code is the most probable class; the features
    are π.

    τ decreases with the training steps t, updated every `anneal_every` steps: max(`min_temperature`, `temperature`
    exp(-`anneal_rate` t)).

    Args:
        codes: number of classes per variable.
        groups: number of variables, if the encoder's output is a vector.
        temperature: initial τ.
        min_temperature: lowest τ.
        anneal_rate: r.
        anneal_every: training steps between updates of τ.
        straight_through: decode one-hot samples in training, too, with the gradient of the relaxed samples.
    """

    loss_names = ("kl",)
    in_nats = True

    def __init__(
        self,
        codes,
        groups=1,
        temperature=1.0,
        min_temperature=0.5,
        anneal_rate=3e-5,
        anneal_every=1000,
        straight_through=False,
        **kwargs,
    ):
        super().__init__(codes, codes, groups, **kwargs)
        if not 0 < min_temperature <= temperature:
            got = f"min_temperature={min_temperature}, temperature={temperature}"
            raise ZooError(f"got {got}, expected both positive and the first at most the second.")
        if anneal_rate < 0 or anneal_every < 1:
            raise ZooError(
                f"got anneal_rate={anneal_rate}, anneal_every={anneal_every}, expected a non-negative rate and at least 1 step."
            )
        self.temperature = temperature
        self.min_temperature = min_temperature
        self.anneal_rate = anneal_rate
        self.anneal_every = anneal_every
        self.straight_through = straight_through
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape):
        self.step = add_state(self, "step")
        super().build(input_shape)
        if len(self.positions) == 1:
            # Each variable of a vector has its own classes; on a grid, the decoder applies the same weights to all positions.
            self.codebook_count = self.groups

    def log_probabilities(self, h):
        """log π (N, *positions, codes), float32."""
        return ops.log_softmax(self.vectors(h), axis=-1)

    def current_temperature(self):
        """τ after the training steps so far."""
        steps = self.anneal_every * ops.floor(ops.convert_to_tensor(self.step) / self.anneal_every)
        return ops.maximum(self.temperature * ops.exp(-self.anneal_rate * steps), self.min_temperature)

    def call(self, h, training=None):
        logits = self.log_probabilities(h)
        divergence = ops.exp(logits) * (logits + math.log(self.code_count))
        self.add_term("kl", ops.sum(flatten(divergence), axis=-1))
        perturbed = logits + _gumbel(ops.shape(logits), self.seed_generator)
        hard = self.embed(argmax(perturbed))
        if not training:
            return self.as_code(hard)
        soft = ops.softmax(perturbed / self.current_temperature(), axis=-1)
        self.step.assign(ops.convert_to_tensor(self.step) + 1.0)
        return self.as_code(straight_through(soft, hard) if self.straight_through else soft)

    def indices(self, h):
        return argmax(self.vectors(h))

    def embed(self, indices):
        return ops.one_hot(indices, self.code_count, dtype="float32")

    def to_code(self, z):
        """As in `Bottleneck`; from probabilities, which the features are, it takes the most probable classes."""
        code = super().to_code(z)
        if code is None:
            return None
        likeliest = code.reshape(-1, *self.positions, self.code_count).argmax(axis=-1)
        return np.eye(self.code_count, dtype=np.float32)[likeliest].reshape(code.shape)

    def features(self, h):
        return ops.cast(flatten(ops.exp(self.log_probabilities(h))), self.compute_dtype)

    def importance_samples(self, h, k, seed):
        """`k` one-hot samples per row from q(z|x) and their weights: z (N, k, *code_shape), log p(z) - log q(z|x) (N, k)."""
        logits = ops.expand_dims(self.log_probabilities(h), 1)
        shape = (ops.shape(logits)[0], k, *self.positions, self.code_count)
        z = self.embed(argmax(logits + _gumbel(shape, seed)))
        chosen = ops.sum(ops.reshape(z * logits, (-1, k, math.prod(shape[2:]))), axis=-1)
        log_prior = -math.prod(self.positions) * math.log(self.code_count)
        return ops.reshape(z, (-1, k, *self.code_shape)), log_prior - chosen


def _gumbel(shape, seed):
    """Standard Gumbel noise, float32: the argmax of logits plus this noise is a sample from their softmax."""
    # The minimum keeps the logarithm finite; the maximum is already below one.
    u = keras.random.uniform(shape, minval=1e-20, dtype="float32", seed=seed)
    return -ops.log(-ops.log(u))
