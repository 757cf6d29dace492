"""Multinomial logistic regression with an L2 penalty, by preconditioned L-BFGS: deterministic, without a learning rate.

The curvature of the softmax is bounded by ½ XᵀX / N for every class (Böhning 1992, "Multinomial logistic regression
algorithm"), for any weights. L-BFGS (Nocedal & Wright 2006, algorithm 7.4) uses the inverse of this bound as its initial estimate
of the inverse Hessian, so that correlated features need a few dozen passes over the data instead of thousands. The estimate is
scaled to the curvature of the last step (their equation 7.20), which is far below the bound where most classes are certain.
"""

import numpy as np

_MEMORY = 10


class SoftmaxRegression:
    """Linear classifiers of the rows of `x`, for several weight decays.

    Args:
        x: features (N, D), float32, standardized (each column of mean zero).
        y: classes (N,), integers 0..classes - 1.
        classes: number of classes.
        bound: `curvature_bound` of these rows or of a larger set that contains them; by default of `x`.
    """

    def __init__(self, x, y, classes, bound=None):
        self.x, self.classes = x, classes
        self.targets = np.eye(classes, dtype=np.float32)[y]
        self.bound = curvature_bound(x) if bound is None else bound

    def fit(self, weight_decay, start=None, tolerance=1e-4, iterations=200):
        """The minimum of the mean cross-entropy in nats + ½ `weight_decay` ||W||²: (D + 1, classes), the last row the bias.

        Args:
            weight_decay: of the weights, not of the bias.
            start: (D + 1, classes), by default zeros.
            tolerance: the fit stops if the predicted decrease of the next step is below this fraction of the objective.
            iterations: maximum number of steps.
        """
        curvature = self.bound.copy()
        curvature[np.diag_indices_from(curvature)] += np.float32(weight_decay + 1e-6)
        inverse = np.linalg.inv(curvature)

        def precondition(gradient):
            # In float32, because the product of mixed precisions would convert the inverse each time.
            return np.concatenate([inverse @ gradient[:-1].astype(np.float32), 2 * gradient[-1:]])

        def objective(w):
            return self._objective(w, weight_decay)

        w = np.zeros((self.x.shape[1] + 1, self.classes)) if start is None else start
        return _lbfgs(objective, w.astype(np.float64), precondition, tolerance, iterations)

    def fit_by_adam(self, epochs, seed=0, learning_rate=1e-3, batch_size=128):
        """Weights (D + 1, classes) after `epochs` of Adam (Kingma & Ba 2015), initialized with zeros.

        There is no weight decay, the learning rate is constant, and batches are shuffled in each epoch, with `seed`.
        """
        w = np.zeros((self.x.shape[1] + 1, self.classes), np.float32)
        first, second, step = np.zeros_like(w), np.zeros_like(w), 0
        gradient = np.empty_like(w)
        rng = np.random.default_rng(seed)
        for _ in range(epochs):
            order = rng.permutation(len(self.x))
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                x = self.x[rows]
                p = x @ w[:-1] + w[-1]
                p = np.exp(p - p.max(axis=1, keepdims=True))
                p = p / p.sum(axis=1, keepdims=True) - self.targets[rows]
                gradient[:-1], gradient[-1] = x.T @ p / len(rows), p.mean(axis=0)
                step += 1
                first += 0.1 * (gradient - first)
                second += 0.001 * (np.square(gradient) - second)
                size = learning_rate * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
                w -= size * first / (np.sqrt(second) + 1e-7)
        return w

    def _objective(self, w, weight_decay):
        weights = w[:-1].astype(np.float32)
        p = self.x @ weights
        p += w[-1].astype(np.float32)
        p -= p.max(axis=1, keepdims=True)
        true = np.einsum("nk,nk->n", p, self.targets)
        np.exp(p, out=p)
        total = p.sum(axis=1, keepdims=True)
        value = np.mean(np.log(total[:, 0]) - true, dtype=np.float64) + 0.5 * weight_decay * np.sum(w[:-1] ** 2)
        p /= total
        p -= self.targets
        gradient = np.empty_like(w)
        gradient[:-1] = (self.x.T @ p) / len(p) + weight_decay * w[:-1]
        gradient[-1] = p.mean(axis=0, dtype=np.float64)
        return value, gradient


def curvature_bound(x):
    """½ XᵀX / N (D, D) of rows x (N, D).

    All rows count: without the few rows in which a rare feature is not constant, steps along it would be far too long.
    """
    return (x.T @ x) / np.float32(2 * len(x))


def predict(x, w):
    """Classes (N,) of rows x (N, D) under the weights (D + 1, classes) of `SoftmaxRegression.fit`."""
    return np.argmax(x @ w[:-1].astype(np.float32) + w[-1].astype(np.float32), axis=1)


def _lbfgs(objective, w, precondition, tolerance, iterations):
    value, gradient = objective(w)
    pairs = []
    for i in range(iterations):
        step = -_inverse_curvature(gradient, pairs, precondition)
        slope = np.vdot(step, gradient)
        # The first step is not scaled yet, so that its predicted decrease would end a fit that starts near the minimum too early.
        if i and -slope < 2 * tolerance * value:
            break
        length = 1.0
        while True:
            new_value, new_gradient = objective(w + length * step)
            if new_value <= value + 1e-4 * length * slope:
                break
            length /= 2
            if length < 1e-4:  # no further decrease in float32
                return w
        moved, turned = length * step, new_gradient - gradient
        if np.vdot(moved, turned) > 0:
            pairs = [*pairs[1 - _MEMORY :], (moved, turned)]
        w, value, gradient = w + moved, new_value, new_gradient
    return w


def _inverse_curvature(gradient, pairs, precondition):
    """The two-loop recursion: the estimate of the inverse Hessian, times the gradient."""
    q = gradient.copy()
    weights = []
    for s, y in reversed(pairs):
        weights.append(np.vdot(s, q) / np.vdot(s, y))
        q -= weights[-1] * y
    q = _scale(pairs, precondition) * precondition(q)
    for (s, y), a in zip(pairs, reversed(weights)):
        q += (a - np.vdot(y, q) / np.vdot(s, y)) * s
    return q


def _scale(pairs, precondition):
    """The factor by which the preconditioner is adapted to the curvature along the last step."""
    if not pairs:
        return 1.0
    s, y = pairs[-1]
    return np.vdot(s, y) / np.vdot(y, precondition(y))
