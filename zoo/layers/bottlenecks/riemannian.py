"""The Hamiltonian bottleneck with a learned Riemannian metric."""

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.layers.bottlenecks.code import flatten
from zoo.layers.bottlenecks.hamiltonian import HamiltonianCode
from zoo.layers.state import add_state

# Number of iterations that solve the implicit steps, as in the authors' code.
_FIXED_POINT_ITERATIONS = 3


class Metric:
    """G⁻¹(z) = Σ_i M_i exp(-|z - c_i|² / T²) + λ I.

    Args:
        centroids: c (n, D).
        matrices: M (n, D, D), symmetric and positive semidefinite.
        temperature: T.
        regularization: λ.
    """

    def __init__(self, centroids, matrices, temperature, regularization):
        self.centroids = centroids
        self.units = centroids.shape[-1]
        self.matrices = ops.reshape(matrices, (-1, self.units**2))
        self.temperature = temperature
        self.regularization = regularization

    def kernel(self, z):
        """exp(-|z - c_i|² / T²), (N, n)."""
        squares = ops.sum(ops.square(ops.expand_dims(z, 1) - self.centroids), axis=-1)
        return ops.exp(-squares / self.temperature**2)

    def inverse(self, z):
        """G⁻¹ (N, D, D) at z (N, D)."""
        sums = ops.reshape(ops.matmul(self.kernel(z), self.matrices), (-1, self.units, self.units))
        return sums + self.regularization * ops.eye(self.units, dtype=sums.dtype)

    def slope(self, z, form):
        """∇_z ½ <form, G⁻¹(z)> (N, D), for matrices `form` (N, D, D) treated as constant."""
        products = ops.matmul(ops.reshape(form, (-1, self.units**2)), ops.transpose(self.matrices))
        weights = self.kernel(z) * products / self.temperature**2
        return ops.matmul(weights, self.centroids) - ops.sum(weights, axis=-1, keepdims=True) * z


class RiemannianCode(HamiltonianCode):
    """The flow of `HamiltonianCode` with momentum ρ ~ N(0, G(z) / β) in a learned metric, by generalized leapfrog steps.

    Chadebec, Mantoux & Allassonnière 2020, "Geometry-aware Hamiltonian variational auto-encoder", arXiv:2010.11518. In
    training, the metric's centroids and matrices are the posterior means and L_i L_iᵀ of the batch; those of the most recent
    images are stored in weights, which define the metric outside training.

    Args:
        units, n_lf, eps_lf, beta_zero: see `HamiltonianCode`.
        temperature: T.
        regularization: λ.
        n_centroids: number of stored centroids.
    """

    def __init__(self, units, n_lf, eps_lf, beta_zero, temperature, regularization, n_centroids, **kwargs):
        if not (temperature > 0 and regularization > 0 and n_centroids > 0):
            raise ZooError(
                f"got temperature={temperature}, regularization={regularization}, n_centroids={n_centroids}, expected positive "
                "numbers."
            )
        super().__init__(units, n_lf, eps_lf, beta_zero, **kwargs)
        self.temperature = temperature
        self.regularization = regularization
        self.n_centroids = n_centroids
        self.factor = keras.layers.Dense(
            units * (units + 1) // 2, kernel_initializer=keras.initializers.RandomNormal(stddev=0.01)
        )

    def build(self, input_shape):
        super().build(input_shape)
        self.factor.build((None, int(np.prod(input_shape[1:]))))
        n, units = self.n_centroids, self.code_shape[0]
        self.centroids = add_state(self, "centroids", (n, units))
        self.matrices = add_state(self, "matrices", (n, units, units))
        self.position = add_state(self, "position")

    def metric(self):
        """The metric of the stored centroids; its inverse is λ I before training."""
        kept = ops.convert_to_tensor(self.centroids), ops.convert_to_tensor(self.matrices)
        return Metric(*kept, self.temperature, self.regularization)

    def _metric_of(self, h, mean):
        """The metric of a batch; stores its centroids and matrices in place of the oldest ones."""
        factors = lower_triangular(ops.cast(self.factor(flatten(h)), "float32"), self.code_shape[0])
        matrices = ops.matmul(factors, ops.transpose(factors, (0, 2, 1)))
        last = ops.stop_gradient(mean[-self.n_centroids :]), ops.stop_gradient(matrices[-self.n_centroids :])
        count = ops.shape(last[0])[0]
        position = ops.cast(ops.convert_to_tensor(self.position), "int32")
        index = ops.expand_dims((position + ops.arange(count, dtype="int32")) % self.n_centroids, -1)
        for variable, rows in zip((self.centroids, self.matrices), last):
            variable.assign(ops.scatter_update(ops.convert_to_tensor(variable), index, rows))
        self.position.assign(ops.cast((position + count) % self.n_centroids, "float32"))
        return Metric(mean, matrices, self.temperature, self.regularization)

    def evolve(self, h, force, training=None):
        mean, log_variance = self.posterior(h)
        start = z = self.draw(mean, log_variance)
        noise = keras.random.normal(ops.shape(mean), dtype="float32", seed=self.seed_generator)
        metric = self._metric_of(h, mean) if training else self.metric()
        step, temper = self.step_size(), self.inverse_temperatures()
        inverse = metric.inverse(z)
        root = ops.cholesky(inverse)
        log_det_start = log_det = half_log_det(root)
        # Covariance G = (R Rᵀ)⁻¹, by a product with R⁻ᵀ.
        momentum = _times(ops.transpose(ops.inv(root), (0, 2, 1)), noise) / temper[0]
        outputs, slope = force(z)
        for k in range(self.n_lf):
            z, momentum, outputs, slope = generalized_leapfrog(z, momentum, step, force, slope, metric)
            momentum = momentum * temper[k] / temper[k + 1]
        if self.n_lf:
            inverse = metric.inverse(z)
            log_det = half_log_det(ops.cholesky(inverse))
        # -log N(ρ_K; 0, G(z_K)) + log N(ρ_0; 0, G(z_0) / β_0), without the constants and β_0.
        energy = 0.5 * (momentum * _times(inverse, momentum) - ops.square(noise))
        volume = (log_det_start - log_det) / self.code_shape[0]
        self.add_bound(mean, log_variance, start, z, energy + ops.expand_dims(volume, -1))
        return outputs


def lower_triangular(values, units):
    """Lower triangular matrices (N, units, units) with a positive diagonal, from (N, units (units + 1) / 2) free numbers."""
    # Bounded to e^±5, so that the metric stays well conditioned.
    diagonal = ops.exp(ops.clip(values[:, :units], -5.0, 5.0))
    rows, columns = (np.concatenate([np.arange(units), i]) for i in np.tril_indices(units, -1))
    places = np.zeros((len(rows), units * units), "float32")
    places[np.arange(len(rows)), rows * units + columns] = 1
    flat = ops.matmul(ops.concatenate([diagonal, values[:, units:]], axis=-1), places)
    return ops.reshape(flat, (-1, units, units))


def half_log_det(root):
    """½ log det (R Rᵀ) (N,) of Cholesky factors R (N, D, D)."""
    return ops.sum(ops.log(ops.diagonal(root, axis1=-2, axis2=-1)), axis=-1)


def generalized_leapfrog(z, momentum, step, force, slope, metric):
    """One step in H(z, ρ) = U(z) + ½ ρᵀ G⁻¹(z) ρ + ½ log det G(z), reversible up to the error of the fixed points.

    Girolami & Calderhead 2011, "Riemann manifold Langevin and Hamiltonian Monte Carlo methods". Arguments and results are
    those of `zoo.layers.bottlenecks.hamiltonian.leapfrog`; `metric` is a `Metric`.
    """
    inverse = metric.inverse(z)
    # The part of ∇H without the momentum: ∇ ½ log det G = -∇ ½ <G, G⁻¹> with the first G constant.
    fixed = slope - metric.slope(z, ops.inv(inverse))
    half = momentum
    for _ in range(_FIXED_POINT_ITERATIONS):
        half = momentum - 0.5 * step * (fixed + metric.slope(z, _outer(half)))
    before = after = _times(inverse, half)
    for _ in range(_FIXED_POINT_ITERATIONS):
        moved = z + 0.5 * step * (before + after)
        inverse = metric.inverse(moved)
        after = _times(inverse, half)
    outputs, slope = force(moved)
    full = slope + metric.slope(moved, _outer(half) - ops.inv(inverse))
    return moved, half - 0.5 * step * full, outputs, slope


def _outer(v):
    return ops.expand_dims(v, 2) * ops.expand_dims(v, 1)


def _times(matrices, v):
    return ops.squeeze(ops.matmul(matrices, ops.expand_dims(v, -1)), axis=-1)
