"""Disentanglement scores: MIG, the FactorVAE score, SAP and DCI.

They measure whether single variables of a code represent single factors of the data. Each is defined as in disentanglement_lib,
with the sample sizes of its study (Locatello et al. 2019, "Challenging common assumptions in the
unsupervised learning of disentangled representations", arXiv:1811.12359): factors sampled uniformly and independently from
the whole data set, deterministic codes, scores from 0 to 1, higher is better.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from zoo.errors import ZooError
from zoo.utils.distributions import missing_package

# Number of images that are rendered and encoded at a time: some tens of megabytes.
_BLOCK = 4096


@dataclass(frozen=True)
class FactorData:
    """A data set whose images are determined by discrete factors.

    `sizes` is the number of values of each factor, (F,); `render` is a function from integer factors (N, F) to images (N, ...).
    """

    sizes: tuple
    render: Callable

    def __post_init__(self):
        if min(self.sizes) < 2:
            raise ZooError(f"got factors with {tuple(self.sizes)} values, expected at least 2 values for each factor.")


def mig(represent, data, n=10_000, bins=20, seed=0):
    """Mutual information gap (Chen et al. 2018, arXiv:1802.04942, section 4).

    For each factor, the difference between the two largest values of mutual information with a variable of the code, divided by
    the entropy of the factor; mean over factors. Each variable of the code is discretized into `bins` of equal width.

    Args:
        represent: function from images (N, ...) to codes (N, D), numpy.
        data: a `FactorData`.
        n: number of images to sample.
        bins: number of bins of each variable of the code.
        seed: random seed.

    Returns:
        A mapping: `mig`, and `gaps`, the value of each factor.
    """
    factors, codes = _sample(represent, data, n, np.random.default_rng(seed))
    binned = np.stack([np.digitize(c, np.histogram(c, bins)[1][:-1]) - 1 for c in codes.T], axis=1)
    information = np.array([[_mutual_information(b, f) for f in factors.T] for b in binned.T])
    entropy = np.array([_mutual_information(f, f) for f in factors.T])
    gaps = _gaps(information) / entropy
    return {"mig": float(gaps.mean()), "gaps": gaps.tolist()}


def factor_vae_score(represent, data, votes=10_000, test_votes=5_000, batch_size=64, n=10_000, threshold=0.05, seed=0):
    """The score of Kim & Mnih 2018 ("Disentangling by factorising", arXiv:1802.05983, section 4): an accuracy.

    A vote is the variable of the code with the smallest variance, relative to its variance over the data, in a batch of images
    that share the value of one factor. Each variable is assigned to the factor with most of its votes; the score is the fraction
    of `test_votes` further votes whose variable is assigned to the factor that was fixed.

    Args:
        represent: function from images (N, ...) to codes (N, D), numpy.
        data: a `FactorData`.
        votes: number of votes to assign variables to factors.
        test_votes: number of votes to evaluate the assignment.
        batch_size: number of images of a vote.
        n: number of images to estimate the variance over the data.
        threshold: variables with a smaller standard deviation over the data are excluded; if none is left, the score is 0.
        seed: random seed.

    Returns:
        A mapping: `factor_vae_score`, `train` (the accuracy on the first votes), `active` (the number of variables in use).
    """
    rng = np.random.default_rng(seed)
    spread = _sample(represent, data, n, rng)[1].std(axis=0, ddof=1)
    active = spread >= threshold
    if not active.any():
        return {"factor_vae_score": 0.0, "train": 0.0, "active": 0}
    ballots = np.arange(votes + test_votes)
    held = rng.integers(len(data.sizes), size=len(ballots))
    factors = _draw(data, len(ballots) * batch_size, rng).reshape(len(ballots), batch_size, -1)
    factors[ballots, :, held] = factors[ballots, 0, held][:, None]
    codes = _encode(represent, data, factors.reshape(-1, len(data.sizes)))[:, active]
    variances = codes.reshape(len(ballots), batch_size, -1).var(axis=1, ddof=1, dtype=np.float64)
    least = np.argmin(variances / np.square(spread[active]), axis=1)
    counts = np.zeros((len(data.sizes), int(active.sum())), int)
    np.add.at(counts, (held[:votes], least[:votes]), 1)
    right = np.argmax(counts, axis=0)[least] == held
    return {
        "factor_vae_score": float(right[votes:].mean()),
        "train": float(right[:votes].mean()),
        "active": int(active.sum()),
    }


def sap(represent, data, n=10_000, test_n=5_000, seed=0):
    """Separated attribute predictability (Kumar et al. 2018, arXiv:1711.00848, section 3).

    For each factor, the difference between the accuracies of the two variables of the code that predict it best, each alone;
    mean over factors. The accuracy is that of a linear support vector machine (C = 0.01, balanced class weights) that is fitted
    to `n` images and evaluated on `test_n` images.

    Args:
        represent: function from images (N, ...) to codes (N, D), numpy.
        data: a `FactorData`.
        n: number of training images.
        test_n: number of test images.
        seed: random seed.

    Returns:
        A mapping: `sap`, and `gaps`, the value of each factor.
    """
    svm = _scikit_learn("svm")
    rng = np.random.default_rng(seed)
    (factors, codes), (test_factors, test_codes) = (_sample(represent, data, count, rng) for count in (n, test_n))

    def accuracy(i, j):
        # The primal problem has the same solution as the dual one of the definition, and its solver is deterministic.
        machine = svm.LinearSVC(C=0.01, class_weight="balanced", dual=False).fit(codes[:, i : i + 1], factors[:, j])
        return machine.score(test_codes[:, i : i + 1], test_factors[:, j])

    gaps = _gaps(np.array([[accuracy(i, j) for j in range(factors.shape[1])] for i in range(codes.shape[1])]))
    return {"sap": float(gaps.mean()), "gaps": gaps.tolist()}


def dci(represent, data, n=10_000, test_n=5_000, seed=0):
    """Disentanglement, completeness and informativeness (Eastwood & Williams 2018, ICLR, section 2).

    Gradient boosted trees predict each factor from the whole code; their feature importances are the importances of the variables
    of the code. Disentanglement: 1 - the entropy over factors of the importances of a variable, mean over variables weighted by
    their importance. Completeness: the same with variables and factors exchanged. Informativeness: the accuracy of the trees.

    Args:
        represent: function from images (N, ...) to codes (N, D), numpy.
        data: a `FactorData`.
        n: number of training images.
        test_n: number of test images.
        seed: random seed.

    Returns:
        A mapping: `disentanglement`, `completeness`, `informativeness` (on the test images), `importance` (D, F).
    """
    ensemble = _scikit_learn("ensemble")
    rng = np.random.default_rng(seed)
    (factors, codes), (test_factors, test_codes) = (_sample(represent, data, count, rng) for count in (n, test_n))
    importance, accuracy = [], []
    for factor, test_factor in zip(factors.T, test_factors.T):
        trees = ensemble.GradientBoostingClassifier(random_state=seed).fit(codes, factor)
        importance.append(np.abs(trees.feature_importances_))
        accuracy.append(trees.score(test_codes, test_factor))
    importance = np.array(importance).T
    return {
        "disentanglement": _concentration(importance),
        "completeness": _concentration(importance.T),
        "informativeness": float(np.mean(accuracy)),
        "importance": importance.tolist(),
    }


def _concentration(importance):
    """1 - entropy of each row, relative to the maximum, mean over rows weighted by their sums; 0 if all values are zero."""
    if importance.sum() == 0 or importance.shape[1] == 1:
        return float(importance.sum() > 0)
    share = importance + 1e-11
    share = share / share.sum(axis=1, keepdims=True)
    entropy = -np.sum(share * np.log(share), axis=1) / np.log(share.shape[1])
    return float(np.sum((1 - entropy) * importance.sum(axis=1)) / importance.sum())


def _gaps(scores):
    """The difference between the two largest of the scores (D, F) of each factor, (F,); 0 is the second if D is 1."""
    ordered = np.sort(np.vstack([np.zeros(scores.shape[1]), scores]), axis=0)
    return ordered[-1] - ordered[-2]


def _mutual_information(a, b):
    """Mutual information of two vectors of small integers (N,), in nats."""
    joint = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(joint, (a, b), 1 / len(a))
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float(np.sum(joint[seen] * np.log(joint[seen] / independent[seen])))


def _draw(data, n, rng):
    return rng.integers(data.sizes, size=(n, len(data.sizes)))


def _sample(represent, data, n, rng):
    """Factors (n, F), sampled uniformly, and their codes (n, D)."""
    factors = _draw(data, n, rng)
    return factors, _encode(represent, data, factors)


def _encode(represent, data, factors):
    """The codes (N, D) of factors (N, F); each distinct image is rendered and encoded once."""
    distinct, where = np.unique(np.ravel_multi_index(factors.T, data.sizes), return_inverse=True)
    codes = []
    for start in range(0, len(distinct), _BLOCK):
        block = np.stack(np.unravel_index(distinct[start : start + _BLOCK], data.sizes), axis=1)
        codes.append(np.asarray(represent(data.render(block))))
        if codes[-1].ndim != 2 or len(codes[-1]) != len(block) or not np.isfinite(codes[-1]).all():
            raise ZooError(f"got codes of shape {codes[-1].shape} for {len(block)} images, expected finite numbers (N, D).")
    return np.concatenate(codes)[where]


def _scikit_learn(module):
    import importlib

    try:
        return importlib.import_module(f"sklearn.{module}")
    except ImportError:
        raise missing_package("disentanglement by sap or dci_disentanglement", "sklearn") from None
