"""Hamiltonian flows of the Gaussian posterior: leapfrog steps with the energy of the true posterior, and tempering.

The steps need the gradient of the decoder, so the model computes the force on z, see `zoo.models.base.hamiltonian`.
"""

import math

import keras
from keras import ops

from zoo.errors import ZooError
from zoo.layers.bottlenecks.gaussian import GaussianCode, divergence

# The leapfrog method is stable for steps up to twice the smallest standard deviation of the posterior.
_MAX_STEP = 0.5


class HamiltonianCode(GaussianCode):
    """z_0 ~ q(z|x) and momentum ρ_0 ~ N(0, I / β_0), transformed by K leapfrog steps with tempering to z_K and ρ_K.

    Caterini, Doucet & Sejdinovic 2018, "Hamiltonian variational auto-encoder", arXiv:1805.11328. Only the tempering
    changes the volume, and this cancels with the scale of the momentum. The negative bound is -log p(x|z_K) plus two terms: `kl`,
    log q(z_0|x) - log p(z_K), and `momentum`, ½ |ρ_K|² - ½ β_0 |ρ_0|². The expectation over z_0 is computed in closed form, as in
    the paper, so that without steps `kl` is the divergence of the VAE. The features are the means of q. Importance samples are
    from q before the steps: the likelihood from many samples is correct, but the bound from one sample is not the training bound.

    Args:
        units: number of latent variables.
        n_lf: K.
        eps_lf: initial step size, below 0.5; a step size for each latent variable is learned.
        beta_zero: initial inverse temperature β_0, between 0 and 1; learned.
    """

    loss_names = ("kl", "momentum")

    def __init__(self, units, n_lf, eps_lf, beta_zero, **kwargs):
        if n_lf < 0 or not 0 < eps_lf < _MAX_STEP or not 0 < beta_zero < 1:
            raise ZooError(
                f"got n_lf={n_lf}, eps_lf={eps_lf}, beta_zero={beta_zero}, expected n_lf >= 0, eps_lf between 0 and {_MAX_STEP}, "
                "beta_zero between 0 and 1."
            )
        super().__init__(units, **kwargs)
        self.n_lf = n_lf
        self.eps_lf = eps_lf
        self.beta_zero = beta_zero

    def build(self, input_shape):
        super().build(input_shape)
        self.step_logit = self._logit("step_logit", self.code_shape, self.eps_lf / _MAX_STEP)
        self.temper_logit = self._logit("temper_logit", (), math.sqrt(self.beta_zero))

    def _logit(self, name, shape, start):
        value = math.log(start / (1 - start))
        return self.add_weight(
            name=name, shape=shape, initializer=keras.initializers.Constant(value), dtype="float32", autocast=False
        )

    def step_size(self):
        """(D,), float32."""
        return _MAX_STEP * ops.sigmoid(ops.convert_to_tensor(self.step_logit))

    def inverse_temperatures(self):
        """√β_k for k = 0..K, float32 scalars, from √β_0 to 1: 1/√β_k decreases with k², as in the paper."""
        if not self.n_lf:
            return [1.0]
        start = 1 / ops.sigmoid(ops.convert_to_tensor(self.temper_logit))
        return [1 / (start + (1 - start) * (k / self.n_lf) ** 2) for k in range(self.n_lf + 1)]

    def evolve(self, h, force, training=None):
        """The decoder's outputs at z_K; adds the loss terms.

        Args:
            h: output of the encoder's backbone.
            force: function z (N, D) -> decoder outputs and ∇_z -log p(x, z) (N, D).
            training: as in `call`.
        """
        mean, log_variance = self.posterior(h)
        start = z = self.draw(mean, log_variance)
        noise = keras.random.normal(ops.shape(mean), dtype="float32", seed=self.seed_generator)
        step, temper = self.step_size(), self.inverse_temperatures()
        momentum = noise / temper[0]
        outputs, slope = force(z)
        for k in range(self.n_lf):
            z, momentum, outputs, slope = leapfrog(z, momentum, step, force, slope)
            momentum = momentum * temper[k] / temper[k + 1]
        self.add_bound(mean, log_variance, start, z, 0.5 * (ops.square(momentum) - ops.square(noise)))
        return outputs

    def add_bound(self, mean, log_variance, start, z, momentum):
        """Add the loss terms, given q, the start and end of the path and the momentum term, (N, D) each."""
        kl = divergence(mean, log_variance) + 0.5 * (ops.square(z) - ops.square(start))
        self.add_term("kl", ops.sum(kl, axis=-1))
        self.add_term("momentum", ops.sum(momentum, axis=-1))


def leapfrog(z, momentum, step, force, slope):
    """One step in H(z, ρ) = U(z) + ½ |ρ|²: reversible and volume-preserving for any step sizes.

    Args:
        z: (N, D).
        momentum: ρ (N, D).
        step: step sizes (D,).
        force: function z -> anything, ∇U(z) (N, D).
        slope: ∇U at `z`.

    Returns:
        The new z and ρ, and the result of `force` at this z.
    """
    momentum = momentum - 0.5 * step * slope
    z = z + step * momentum
    outputs, slope = force(z)
    return z, momentum - 0.5 * step * slope, outputs, slope
