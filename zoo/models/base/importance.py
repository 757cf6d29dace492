"""Base of the models trained on importance-weighted bounds: several samples per image, decoded as one batch."""

from keras import ops

from zoo.errors import ZooError
from zoo.layers.loss_layer import term
from zoo.layers.math.importance import importance_bound, log_densities, resample
from zoo.models.base.autoencoder import Autoencoder
from zoo.utils.numbers import is_whole


class ImportanceWeightedAutoencoder(Autoencoder):
    """Minimizes -L(log w), a bound of log w_i = log p(x|z_i) + log p(z_i) - log q(z_i|x) for several samples z_i per image.

    In the history, the loss is split by the bound's derivatives v_i = ∂L/∂log w_i, which sum to one: `reconstruction` is
    -Σ_i v_i log p(x|z_i), and `kl` is the rest. For IWAE this is the divergence of the importance-weighted posterior from the
    prior (Cremer et al. 2017, arXiv:1704.02916), and for one sample log q(z|x) - log p(z).

    `call` returns the decoder's outputs for one sample of the posterior, for metrics and `predict`. The samples of the bound are
    taken in `terms`, because only there the target is available. Sample weights multiply the bound of an image.

    Args:
        samples: number of samples per image and group.
        groups: number of independent bounds per image, which are averaged.
        gradient_samples: number of samples per image that the gradient is computed for, or None for all. They are chosen by their
            v_i after computing the bound; the expected gradient of their mean log w is that of the bound (Burda et al. 2016,
            section 3).
    """

    def __init__(self, *args, samples, groups=1, gradient_samples=None, **kwargs):
        counts = {"k": samples, "m": groups, "gradient_samples": 1 if gradient_samples is None else gradient_samples}
        for name, count in counts.items():
            if not is_whole(count) or count < 1:
                raise ZooError(f"got {name}={count!r}, expected a whole number of samples per image, at least 1.")
        super().__init__(*args, **kwargs)
        self.samples = samples
        self.groups = groups
        self.gradient_samples = gradient_samples

    def call(self, x, training=None):
        z, _ = self.draw(x, 1, training)
        return self.decode_rows(z[:, 0], training)

    def terms(self, x, y, y_pred, training):
        bound, shares, log_p = self.estimate(x, self._target(x, y), training)
        reconstruction = -ops.sum(shares * log_p, axis=1)
        return {"reconstruction": term(reconstruction), "kl": term(-bound - reconstruction)}

    def estimate(self, x, y, training):
        """The bound (N,) of images x with targets y, and for all samples the derivatives v and log p(y|z), (N, samples)."""
        z, log_ratio = self.draw(x, self.groups * self.samples, training)
        if self.gradient_samples is None:
            log_p = self.log_p(y, z, training)
            return *self.bound(log_p + log_ratio), log_p
        log_p = ops.stop_gradient(self.log_p(y, ops.stop_gradient(z), training))
        bound, shares = self.bound(log_p + ops.stop_gradient(log_ratio))
        chosen = resample(shares, self.gradient_samples, self.bottleneck.seed_generator)
        kept = self.log_p(y, ops.take_along_axis(z, ops.expand_dims(chosen, 2), axis=1), training)
        slope = ops.mean(kept + ops.take_along_axis(log_ratio, chosen, axis=1), axis=1)
        return bound + slope - ops.stop_gradient(slope), shares, log_p

    def bound(self, log_weights):
        """The bound (N,) of log weights (N, samples), and its derivatives (N, samples)."""
        return importance_bound(log_weights, self.groups)

    def draw(self, x, count, training):
        """Samples (N, count, D) from the posterior of images x, and their log p(z) - log q(z|x), (N, count); float32."""
        x = self.modality.to_input(x, self.compute_dtype)
        if self.corruption is not None:
            x = self.corruption(x, training=training)
        h = self.encoder.backbone(x, training=training)
        return self.bottleneck.importance_samples(h, count, self.bottleneck.seed_generator)

    def decode_rows(self, z, training):
        return self.decoder.backbone(ops.cast(z, self.compute_dtype), training=training)

    def log_p(self, y, z, training):
        """log p(y|z), (N, k), of targets y and codes z (N, k, D)."""
        return log_densities(lambda rows: self.decode_rows(rows, training), self.reconstruction_loss, y, z)
