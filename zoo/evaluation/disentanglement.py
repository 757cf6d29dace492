"""How well single numbers of a code stand for single factors of the data: MIG, the FactorVAE score, SAP and DCI.

Each as disentanglement_lib defines it, with the sizes of its study (Locatello et al. 2019, "Challenging common assumptions in the
unsupervised learning of disentangled representations", arXiv:1811.12359): factors drawn uniformly and independently over the
whole data set, codes without chance, scores from 0 to 1, higher is better.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from zoo.errors import ZooError

# Images rendered and encoded at a time: some tens of megabytes.
_BLOCK = 4096


@dataclass(frozen=True)
class FactorData:
    """A data set that is made by its factors.

    `sizes` is the number of values of every factor, (F,); `render` makes images (N, ...) of integer factors (N, F).
    """

    sizes: tuple
    render: Callable

    def __post_init__(self):
        if min(self.sizes) < 2:
            raise ZooError(f"got factors of {tuple(self.sizes)} values, expected each to have at least 2: one says nothing.")


def mig(represent, data, n=10_000, bins=20, seed=0):
    """Mutual information gap (Chen et al. 2018, arXiv:1802.04942, section 4).

    The mean over factors of the gap between the two numbers of the code with the most mutual information with it, as a share of
    its entropy; every number of the code is cut into `bins` of equal width.

    Args:
        represent: function from images (N, ...) to codes (N, D), numpy.
        data: a `FactorData`.
        n: images drawn.
        bins: of every number of the code.
        seed: of the draws.

    Returns:
        A mapping: `mig`, and `gaps`, that of every factor.
    """
    factors, codes = _sample(represent, data, n, np.random.default_rng(seed))
    binned = np.stack([np.digitize(c, np.histogram(c, bins)[1][:-1]) - 1 for c in codes.T], axis=1)
    information = np.array([[_mutual_information(b, f) for f in factors.T] for b in binned.T])
    entropy = np.array([_mutual_information(f, f) for f in factors.T])
    gaps = _gaps(information) / entropy
    return {"mig": float(gaps.mean()), "gaps": gaps.tolist()}


def factor_vae_score(represent, data, votes=10_000, test_votes=5_000, batch_size=64, n=10_000, threshold=0.05, seed=0):
    """The score of Kim & Mnih 2018 ("Disentangling by factorising", arXiv:1802.05983, section 4): an accuracy.

    A vote: of a batch of images that share the value of one factor, the number of the code that varies least, relative to its
    variance over the data. Every number is taken to stand for the factor with most of its votes; the score is the share of
    `test_votes` further votes for which that is the factor that was held.

    Args:
        represent: function from images (N, ...) to codes (N, D), numpy.
        data: a `FactorData`.
        votes: by which numbers are given to factors.
        test_votes: by which that is judged.
        batch_size: images of a vote.
        n: images from which the variance over the data is taken.
        threshold: numbers with a smaller standard deviation over the data have no part; with none left the score is 0.
        seed: of the draws.

    Returns:
        A mapping: `factor_vae_score`, `train` (the share of the first votes), `active` (how many numbers have a part).
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

    The mean over factors of the gap between the two numbers of the code that predict it best, each alone: the accuracy on
    `test_n` images of a linear support vector machine (C = 0.01, classes weighted to the same mass) that was fitted to `n`.

    Args:
        represent: function from images (N, ...) to codes (N, D), numpy.
        data: a `FactorData`.
        n: images fitted to.
        test_n: images judged on.
        seed: of the draws.

    Returns:
        A mapping: `sap`, and `gaps`, that of every factor.
    """
    svm = _scikit_learn("svm")
    rng = np.random.default_rng(seed)
    (factors, codes), (test_factors, test_codes) = (_sample(represent, data, count, rng) for count in (n, test_n))

    def accuracy(i, j):
        # The primal has the same solution as the dual of the definition, and needs no random order of the images to find it.
        machine = svm.LinearSVC(C=0.01, class_weight="balanced", dual=False).fit(codes[:, i : i + 1], factors[:, j])
        return machine.score(test_codes[:, i : i + 1], test_factors[:, j])

    gaps = _gaps(np.array([[accuracy(i, j) for j in range(factors.shape[1])] for i in range(codes.shape[1])]))
    return {"sap": float(gaps.mean()), "gaps": gaps.tolist()}


def dci(represent, data, n=10_000, test_n=5_000, seed=0):
    """Disentanglement, completeness and informativeness (Eastwood & Williams 2018, ICLR, section 2).

    Gradient boosted trees predict every factor from the whole code; what each number of the code counts in them is its
    importance. Disentanglement: 1 - the entropy over factors of a number's importances, mean over numbers weighted by their
    importance. Completeness: the same with numbers and factors exchanged. Informativeness: the trees' accuracy.

    Args:
        represent: function from images (N, ...) to codes (N, D), numpy.
        data: a `FactorData`.
        n: images fitted to.
        test_n: images judged on.
        seed: of the draws.

    Returns:
        A mapping: `disentanglement`, `completeness`, `informativeness` (on the further images), `importance` (D, F).
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
    """1 - entropy of every row, in units of its largest, mean over rows weighted by their sums; 0 where all is zero."""
    if importance.sum() == 0 or importance.shape[1] == 1:
        return float(importance.sum() > 0)
    share = importance + 1e-11
    share = share / share.sum(axis=1, keepdims=True)
    entropy = -np.sum(share * np.log(share), axis=1) / np.log(share.shape[1])
    return float(np.sum((1 - entropy) * importance.sum(axis=1)) / importance.sum())


def _gaps(scores):
    """Of scores (D, F), none negative: the largest less the second of every factor, (F,). A lone number has nothing beside it."""
    ordered = np.sort(np.vstack([np.zeros(scores.shape[1]), scores]), axis=0)
    return ordered[-1] - ordered[-2]


def _mutual_information(a, b):
    """Of two rows of small integers (N,), in nats."""
    joint = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(joint, (a, b), 1 / len(a))
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float(np.sum(joint[seen] * np.log(joint[seen] / independent[seen])))


def _draw(data, n, rng):
    return rng.integers(data.sizes, size=(n, len(data.sizes)))


def _sample(represent, data, n, rng):
    """Factors (n, F), drawn uniformly, and their codes (n, D)."""
    factors = _draw(data, n, rng)
    return factors, _encode(represent, data, factors)


def _encode(represent, data, factors):
    """The codes (N, D) of factors (N, F), every distinct image rendered and encoded once."""
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
        raise ZooError("sap and dci_disentanglement need scikit-learn: pip install 'autoencoder-zoo[sklearn]'") from None
