"""A hierarchy of stochastic layers: a deterministic bottom-up pass, and a top-down pass shared by posterior and prior.

Sønderby et al. 2016, "Ladder variational autoencoders", arXiv:1602.02282; residual and bidirectional inference from Kingma et al.
2016, arXiv:1606.04934; blocks, and layers at several resolutions, from Child 2021, "Very deep VAEs", arXiv:2011.10650.
"""

import keras
import numpy as np
from keras import layers, ops

from zoo.errors import ZooError
from zoo.layers.blocks.fold import fold, side
from zoo.layers.bottlenecks.code import Bottleneck, pool_features
from zoo.layers.bottlenecks.gaussian import at_least, divergence
from zoo.layers.state import add_state, warmup
from zoo.utils.batching import apply_in_batches

# Log deviations are softly bounded to ± this value, because one extreme layer would make the sum over many layers overflow.
_WIDEST = 5.0
# With patches, the initial log deviation of posteriors: the first samples should be close to the posterior mean.
_PRECISE = -1.5
# Regions per side of the grid over which a layer's latent means are averaged to features.
_GRID = 4


class BottomUp(layers.Layer):
    """The bottom-up pass: images to the feature maps after each named stage of `backbone`, finest first.

    Args:
        backbone: the `Backbone` of the stages.
        patches: whether to return the image as well, after the maps, with values scaled to -2..2.
    """

    def __init__(self, backbone, patches=False, **kwargs):
        super().__init__(**kwargs)
        self.backbone = backbone
        self.patches = patches

    def build(self, input_shape):
        self.backbone.build(input_shape)
        self.built = True

    @property
    def stage_names(self):
        """Names of the depths that `until` accepts."""
        return self.backbone.stage_names

    def until(self, x, name):
        """The output of the stage called `name`."""
        return self.backbone.until(x, name)

    def depths(self):
        """Mapping of the name of every depth to the layers that lead to it from the one before."""
        return self.backbone.depths()

    def call(self, x):
        maps = self.backbone.every(x)
        return [*maps, 4 * (x - 0.5)] if self.patches else maps


class Block(layers.Layer):
    """A bottleneck block, (N, H, W, C) -> (N, H, W, outputs): 1 x 1, two 3 x 3 and 1 x 1 convolutions, as in Child 2021.

    On maps of at most 2 x 2, all convolutions are 1 x 1.

    Args:
        outputs: number of output maps.
        middle: number of maps of the inner convolutions.
        scale: scale of the last convolution's initial variance.
        activation: activation function before each convolution.
    """

    def __init__(self, outputs, middle, scale, activation, **kwargs):
        super().__init__(**kwargs)
        self.outputs, self.middle, self.scale = outputs, middle, scale
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        size = 3 if min(input_shape[1:3]) > 2 else 1
        last = keras.initializers.VarianceScaling(self.scale, "fan_avg", "uniform")
        self.convolutions = [
            layers.Conv2D(self.middle, 1, data_format="channels_last"),
            layers.Conv2D(self.middle, size, padding="same", data_format="channels_last"),
            layers.Conv2D(self.middle, size, padding="same", data_format="channels_last"),
            layers.Conv2D(self.outputs, 1, kernel_initializer=last, data_format="channels_last"),
        ]
        shape = tuple(input_shape)
        for convolution in self.convolutions:
            convolution.build(shape)
            shape = (*shape[:3], convolution.filters)
        self.built = True

    def call(self, x):
        for convolution in self.convolutions:
            x = convolution(self.activation(x))
        return x


class StochasticLayer(layers.Layer):
    """One stochastic layer of the top-down pass, given a state s (N, H, W, C) and the feature maps h of the bottom-up pass.

    p(z|s) = N(μ(s), σ(s)²) and, relative to it, q(z|s, h) = N(μ + σ Δμ, (σ Δσ)²), so that their divergence is
    KL(N(Δμ, Δσ²) || N(0, 1)); both are parametrized as z = μ + σ u. Then s <- s + r(s) + W z, and a residual block.

    Given patches of the image, q(z|s, h) = N(m, τ²) does not depend on the prior, and m is initially close to a linear map of the
    patches. Relative to the prior, the mean would contain μ, and the prediction of the layers above would have to be subtracted.

    Args:
        latents: number of maps of z.
        scale: scale of the initial variance of the updates of the state, 1 / number of stochastic layers.
        activation: activation function of the blocks.
    """

    def __init__(self, latents, scale, activation, **kwargs):
        super().__init__(**kwargs)
        self.latents, self.scale, self.activation = latents, scale, activation

    def build(self, state_shape, found_shape, patch_shape=None):
        width = state_shape[-1]
        middle = inner_width(width)
        self.prior = Block(2 * self.latents + width, middle, self.scale, self.activation)
        self.posterior = Block(2 * self.latents, middle, 0.1, self.activation)
        start = keras.initializers.VarianceScaling(self.scale, "fan_avg", "uniform")
        if patch_shape is not None:
            self.read = layers.Conv2D(
                self.latents, 1, kernel_initializer=keras.initializers.VarianceScaling(1.0, "fan_in"), data_format="channels_last"
            )
            self.read.build(patch_shape)
        self.project = layers.Conv2D(width, 1, kernel_initializer=start, data_format="channels_last")
        self.refine = Block(width, middle, self.scale, self.activation)
        self.prior.build(state_shape)
        self.posterior.build((*state_shape[:-1], width + found_shape[-1]))
        self.project.build((*state_shape[:-1], self.latents))
        self.refine.build(state_shape)
        self.built = True

    def prior_moments(self, state):
        """Mean and log deviation (N, H, W, latents), float32, of p(z|s), and the state's update without z."""
        mean, log_deviation, gain = ops.split(self.prior(state), [self.latents, 2 * self.latents], axis=-1)
        return ops.cast(mean, "float32"), _bounded(log_deviation), gain

    def posterior_moments(self, state, h, prior, patches=None):
        """Δμ and log Δσ² (N, H, W, latents), float32, of q(z|s, h) relative to `prior`, its mean and log deviation.

        `patches` is the image, folded to (N, H, W, C), for a stochastic layer that was built with patches.
        """
        mean, log_deviation = ops.split(self.posterior(ops.concatenate([state, h], axis=-1)), 2, axis=-1)
        if patches is None:
            return ops.cast(mean, "float32"), 2 * _bounded(log_deviation)
        mean, log_deviation = ops.cast(mean + self.read(patches), "float32"), _bounded(log_deviation + _PRECISE)
        return (mean - prior[0]) * ops.exp(-prior[1]), 2 * (log_deviation - prior[1])

    def update_state(self, state, gain, z):
        """The state after this stochastic layer."""
        state = state + gain + self.project(ops.cast(z, self.compute_dtype))
        return state + self.refine(state)


def inner_width(width):
    """Number of inner maps of a block for `width` maps."""
    # Half instead of the quarter of Child 2021, because the widths here are tens of maps, not hundreds.
    return max(4, width // 2)


def _bounded(log_deviation):
    return _WIDEST * ops.tanh(ops.cast(log_deviation, "float32") / _WIDEST)


class Ladder(Bottleneck):
    """The whole top-down pass; the code is the state (N, H, W, C) at the finest resolution, which the decoder takes.

    Adds w(t) Σ_c max(KL_c, λ) to the loss for each stochastic layer, coarsest first, under the names kl_1, kl_2, ...; KL_c is
    the divergence in nats of all latents of map c, averaged over the batch.

    Args:
        stochastic_layers: number of stochastic layers at each stage of the bottom-up pass, finest first; 0 for a deterministic
            stage.
        latents: number of maps of z in each stochastic layer.
        activation: activation function of the blocks.
        warmup_steps: training steps over which w(t) rises linearly from 0 to 1.
        free_bits: λ, in nats per map of z: a divergence below λ is not reduced further (Kingma et al. 2016).
    """

    in_nats = True

    def __init__(self, stochastic_layers, latents, activation="silu", warmup_steps=0, free_bits=0.0, **kwargs):
        super().__init__(**kwargs)
        self.plan = tuple(stochastic_layers)
        total = sum(self.plan)
        self.stochastic_layers = [[StochasticLayer(latents, 1 / total, activation) for _ in range(count)] for count in self.plan]
        self.latents = latents
        self.activation = activation
        self.warmup_steps = warmup_steps
        self.free_bits = free_bits
        self.loss_names = tuple(f"kl_{i + 1}" for i in range(total))
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shapes):
        shapes = [tuple(shape) for shape in input_shapes]
        image = shapes.pop() if self._with_image(shapes) else None
        self.code_shape = shapes[0][1:]
        # (height, width) of each stochastic layer, in the order of the top-down pass; determines its part of the noise.
        self.sizes = [shape[1:3] for shape, count in zip(reversed(shapes), reversed(self.plan)) for _ in range(count)]
        self.starts = [
            self.add_weight(name=f"start{i + 1}", shape=shape[1:], initializer="zeros") for i, shape in enumerate(shapes)
        ]
        # With zeros, the first stochastic layer's blocks would have no gradient.
        self.starts[-1].assign(keras.random.normal(shapes[-1][1:], stddev=0.1, seed=keras.random.SeedGenerator()))
        self.narrow = []
        for coarse, fine in zip(shapes[1:], shapes[:-1]):
            self.narrow.append(layers.Conv2D(fine[-1], 1, data_format="channels_last"))
            self.narrow[-1].build(coarse)
        # The blocks after each enlargement, also at stages without stochastic layers.
        scale = 1 / sum(self.plan)
        self.enter = [Block(shape[-1], inner_width(shape[-1]), scale, self.activation) for shape in shapes]
        for block, shape in zip(self.enter, shapes):
            block.build(shape)
        for shape, stochastic_layers in zip(shapes, self.stochastic_layers):
            for stochastic_layer in stochastic_layers:
                stochastic_layer.build(shape, shape, _folded(image, shape[1:3]) if image else None)
        if self.warmup_steps:
            self.step = add_state(self, "step")
        self.built = True

    def _with_image(self, h):
        """Whether the bottom-up pass returned the image as well, after the maps of its stages."""
        return len(h) > len(self.plan)

    @property
    def noise_size(self):
        """Total number of latent variables."""
        return sum(height * width * self.latents for height, width in self.sizes)

    def top_down(self, count, noise=None, h=None):
        """The top-down pass, for `count` rows.

        Args:
            count: number of rows.
            noise: (count, noise_size) standard normal, or None for the means.
            h: output of the bottom-up pass, or None to sample from the prior.

        Returns:
            The state (count, *code_shape) and, for each stochastic layer, (Δμ, log Δσ², u, z), each (count, H, W, latents)
            float32; the first two are None without `h`.
        """
        parts = None if noise is None else self._parts(noise)
        state, passed = None, []
        for stage in reversed(range(len(self.plan))):
            start = ops.expand_dims(ops.cast(ops.convert_to_tensor(self.starts[stage]), self.compute_dtype), 0)
            if state is None:
                state = ops.repeat(start, count, axis=0)
            else:
                state = enlarged(self.narrow[stage](state), start.shape[1:3]) + start
            state = state + self.enter[stage](state)
            patches = fold(h[-1], state.shape[1:3]) if h is not None and self._with_image(h) else None
            for stochastic_layer in self.stochastic_layers[stage]:
                mean, log_deviation, gain = stochastic_layer.prior_moments(state)
                if h is None:
                    delta, log_variance, u = None, None, parts[len(passed)]
                else:
                    delta, log_variance = stochastic_layer.posterior_moments(state, h[stage], (mean, log_deviation), patches)
                    u = delta if parts is None else delta + ops.exp(0.5 * log_variance) * parts[len(passed)]
                z = mean + ops.exp(log_deviation) * u
                state = stochastic_layer.update_state(state, gain, z)
                passed.append((delta, log_variance, u, z))
        return state, passed

    def _parts(self, noise):
        """The noise of each stochastic layer, (N, H, W, latents)."""
        ends = np.cumsum([height * width * self.latents for height, width in self.sizes])
        shares = ops.split(noise, [int(end) for end in ends[:-1]], axis=-1) if len(ends) > 1 else [noise]
        return [ops.reshape(share, (-1, *size, self.latents)) for share, size in zip(shares, self.sizes)]

    def call(self, h, training=None):
        count = ops.shape(h[0])[0]
        noise = keras.random.normal((count, self.noise_size), dtype="float32", seed=self.seed_generator)
        state, passed = self.top_down(count, noise, h)
        weight = warmup(self, training)
        for name, (delta, log_variance, _, _) in zip(self.loss_names, passed):
            kl = at_least(ops.sum(divergence(delta, log_variance), axis=(1, 2)), self.free_bits)
            self.add_term(name, weight * ops.sum(kl, axis=-1))
        return state

    def code(self, h):
        return self.top_down(ops.shape(h[0])[0], None, h)[0]

    def features(self, h):
        """The latent means of all stochastic layers, coarsest first, each averaged over a grid of at most 4 x 4 regions."""
        _, passed = self.top_down(ops.shape(h[0])[0], None, h)
        means = [pool_features(z, min(_GRID, *z.shape[1:3])) for *_, z in passed]
        return ops.cast(ops.concatenate(means, axis=-1), self.compute_dtype)

    def importance_samples(self, h, k, seed):
        """`k` samples per row from q(z|x): states (N, k, *code_shape), and log p(z) - log q(z|x), all layers together (N, k)."""
        count = ops.shape(h[0])[0]
        # Sampled together, because with a fixed seed every stochastic layer would get the same noise.
        noise = keras.random.normal((count * k, self.noise_size), dtype="float32", seed=seed)
        state, passed = self.top_down(count * k, noise, [ops.repeat(maps, k, axis=0) for maps in h])
        # As in GaussianCode; the affine map by p(z|s) scales both densities equally.
        log_ratio = 0.5 * ops.sum(ops.square(noise), axis=-1)
        for _, log_variance, u, _ in passed:
            log_ratio = log_ratio + 0.5 * ops.sum(log_variance - ops.square(u), axis=(1, 2, 3))
        return ops.reshape(state, (-1, k, *self.code_shape)), ops.reshape(log_ratio, (-1, k))

    def sample_prior(self, n, seed):
        noise = np.random.default_rng(seed).standard_normal((n, self.noise_size), dtype=np.float32)
        return apply_in_batches(self, self.from_noise, noise, 256)

    def from_noise(self, noise):
        """States (N, *code_shape) from the prior, given standard normal noise (N, noise_size) for all stochastic layers."""
        return self.top_down(ops.shape(noise)[0], noise)[0]


def _folded(shape, size):
    """The shape (N, *size, C) of `fold`'s result for images of `shape`."""
    return (*shape[:1], *size, shape[-1] * side(shape[1:3], size) ** 2)


def enlarged(x, size):
    """Nearest-neighbor enlargement, (N, h, w, C) to (N, *size, C), cropped at the edges."""
    for axis, wanted in zip((1, 2), size):
        times = -(-wanted // x.shape[axis])
        x = ops.repeat(x, times, axis=axis) if times > 1 else x
    return x[:, : size[0], : size[1]]


def plan(stochastic_layers, stages):
    """`stochastic_layers`, a number or one per stage, as a tuple of length `stages`. Raises ZooError if it is not valid."""
    found = (stochastic_layers,) * stages if isinstance(stochastic_layers, int) else tuple(stochastic_layers)
    if len(found) != stages or min(found) < 0 or sum(found) < 1:
        raise ZooError(
            f"got stochastic_layers={stochastic_layers!r}, expected one number for each of the {stages} stages of the "
            "backbone, finest first, at least one of them positive, or a single number for all stages."
        )
    return found
