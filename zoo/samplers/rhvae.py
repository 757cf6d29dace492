"""Codes from the volume of a learned metric (Chadebec, Mantoux & Allassonnière 2020, arXiv:2010.11518, section 4).

p(z) ∝ √det G⁻¹(z), by Hamiltonian Monte Carlo (Duane et al. 1987) from the metric's centroids
"""

import keras
import numpy as np

from zoo.errors import ZooError
from zoo.layers.bottlenecks.hamiltonian import leapfrog
from zoo.layers.bottlenecks.riemannian import RiemannianCode
from zoo.samplers.sampler import Sampler


class RHVAESampler(Sampler):
    """Hamiltonian Monte Carlo in the metric of a trained `rhvae`, which stays close to the codes of training images.

    Far from all centroids the density is constant and therefore not integrable; chains start at the centroids and stay near
    them.

    Args:
        steps: number of proposals per chain; each sample is the end of an independent chain.
        n_lf: number of leapfrog steps per proposal.
        eps_lf: size of a leapfrog step.
    """

    def __init__(self, steps=100, n_lf=15, eps_lf=0.03):
        if min(steps, n_lf) < 1 or not eps_lf > 0:
            raise ZooError(f"got steps={steps}, n_lf={n_lf}, eps_lf={eps_lf}, expected steps >= 1, n_lf >= 1 and eps_lf > 0.")
        self.steps = steps
        self.n_lf = n_lf
        self.eps_lf = eps_lf

    def fit_codes(self, model, x):
        """Use the metric of the model; images `x` are ignored."""
        bottleneck = model.bottleneck
        if not isinstance(bottleneck, RiemannianCode):
            raise ZooError(f"{model.name} has no learned metric, expected an rhvae.")
        kept = (keras.ops.convert_to_numpy(v).astype(np.float64) for v in (bottleneck.centroids, bottleneck.matrices))
        centroids, matrices = kept
        filled = np.einsum("iaa->i", matrices) > 0
        if not filled.any():
            raise ZooError(f"{model.name} has not been trained, so its metric is flat; train it before sampling.")
        self.centroids, self.matrices = centroids[filled], matrices[filled]
        self.temperature, self.regularization = bottleneck.temperature, bottleneck.regularization

    def draw(self, n, seed):
        rng = np.random.default_rng(seed)
        z = self.centroids[rng.integers(len(self.centroids), size=n)]
        log_density, slope = self._force(z)
        for _ in range(self.steps):
            momentum = rng.standard_normal(z.shape)
            energy = 0.5 * (momentum**2).sum(axis=1) - log_density
            moved, moved_log_density, moved_slope = z, log_density, slope
            for _ in range(self.n_lf):
                moved, momentum, moved_log_density, moved_slope = leapfrog(moved, momentum, self.eps_lf, self._force, moved_slope)
            gain = energy - 0.5 * (momentum**2).sum(axis=1) + moved_log_density
            accepted = np.log(rng.random(n)) < gain
            z = np.where(accepted[:, None], moved, z)
            log_density = np.where(accepted, moved_log_density, log_density)
            slope = np.where(accepted[:, None], moved_slope, slope)
        return z.astype(np.float32)

    def _force(self, z):
        """log p (N,) at z (N, D), up to a constant, and the gradient of the potential -log p, (N, D)."""
        log_density, slope = self.log_density(z)
        return log_density, -slope

    def log_density(self, z):
        """½ log det G⁻¹ (N,) at z (N, D), and its gradient (N, D)."""
        units = z.shape[1]
        flat = self.matrices.reshape(-1, units**2)
        # |z - c|² from matrix products, because the differences of all codes and centroids would need many times the memory.
        squares = (z**2).sum(axis=1)[:, None] + (self.centroids**2).sum(axis=1) - 2 * z @ self.centroids.T
        nearness = np.exp(-squares / self.temperature**2)
        inverse = (nearness @ flat).reshape(-1, units, units) + self.regularization * np.eye(units)
        weights = nearness * (np.linalg.inv(inverse).reshape(-1, units**2) @ flat.T) / self.temperature**2
        return 0.5 * np.linalg.slogdet(inverse)[1], weights @ self.centroids - weights.sum(axis=1, keepdims=True) * z
