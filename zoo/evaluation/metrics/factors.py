"""Disentanglement metrics: whether single latent variables represent single factors of the data."""

import importlib.util

from zoo.data import sources, sprites
from zoo.errors import ZooError
from zoo.evaluation import disentanglement
from zoo.evaluation.metrics.subject import rounded
from zoo.utils.distributions import missing_package


def _mig(subject, *, n=10_000):
    found = disentanglement.mig(subject.model.encode, _factor_data(subject), n=n, seed=subject.seed)
    words = "mutual information gap (Chen et al. 2018), 20 bins per feature"
    return _result(found, "mig", n, words, 0.002)


def _factor_vae_score(subject, *, votes=10_000, test_votes=5_000):
    sizes = dict(votes=votes, test_votes=test_votes, seed=subject.seed)
    found = disentanglement.factor_vae_score(subject.model.encode, _factor_data(subject), **sizes)
    words = f"accuracy of majority votes over 64 images (Kim & Mnih 2018), {votes} training and {test_votes} test votes"
    return _result(found, "factor_vae_score", 64 * (votes + test_votes), words, max(0.005, 10 / test_votes))


def _sap(subject, *, n=10_000, test_n=5_000):
    found = disentanglement.sap(subject.model.encode, _factor_data(subject), n=n, test_n=test_n, seed=subject.seed)
    words = f"separated attribute predictability (Kumar et al. 2018), linear SVM fitted to {n} images, evaluated on {test_n}"
    return _result(found, "sap", n + test_n, words, 0.002)


def _dci_disentanglement(subject, *, n=10_000, test_n=5_000):
    found = disentanglement.dci(subject.model.encode, _factor_data(subject), n=n, test_n=test_n, seed=subject.seed)
    words = f"disentanglement of DCI (Eastwood & Williams 2018), gradient boosted trees fitted to {n} images"
    return _result(found, "disentanglement", n + test_n, words, 0.01)


def _factor_data(subject):
    """The factors of the data."""
    _check_dataset({}, subject.dataset)
    return disentanglement.FactorData(sprites.SIZES, sprites.render)


def _check_dataset(given, dataset):
    if dataset is not None and sources.kind_of(dataset) != "sprites":
        raise ZooError(f"the factors of {dataset} are not known; measure disentanglement on 'sprites'.")


def _check_package(given, dataset):
    if importlib.util.find_spec("sklearn") is None:
        raise missing_package("disentanglement by sap or dci_disentanglement", "sklearn")
    _check_dataset(given, dataset)


def _result(found, score, n, words, tolerance):
    """The result of a metric whose value is `found[score]`; the other numbers in `found` are further fields of it."""
    others = {key: rounded(value) for key, value in found.items() if key != score and not isinstance(value, list)}
    protocol = f"{words}; factors sampled from the whole data set, as in disentanglement_lib"
    return {"value": found[score], "n": n, "split": "all", "protocol": protocol, "tolerance": tolerance, **others}


METRICS = {
    "mig": _mig,
    "factor_vae_score": _factor_vae_score,
    "sap": _sap,
    "dci_disentanglement": _dci_disentanglement,
}
CHECKS = {"mig": _check_dataset, "factor_vae_score": _check_dataset, "sap": _check_package, "dci_disentanglement": _check_package}
