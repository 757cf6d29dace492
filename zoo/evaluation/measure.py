"""Metrics by name: what a recipe asks for, a card states and `zoo evaluate --check` repeats."""

import inspect

import numpy as np

from zoo.data import sources, sprites
from zoo.errors import ZooError, suggest
from zoo.evaluation import disentanglement, frechet, likelihood, probes
from zoo.evaluation.codebook import codebook_counts, codebook_perplexity, codebook_usage
from zoo.evaluation.pca import pca_mse
from zoo.evaluation.reconstruction import reconstruction_metrics, unclipped_mse
from zoo.images import picture_shape


def measure(model, metrics, dataset, data_dir=None, seed=0, progress=print):
    """Measure `model` on the test split of `dataset`.

    Args:
        model: an `Autoencoder`.
        metrics: names, or mappings such as `{"metric": "nll", "k": 5000, "n": 1000}` with the parameters of a metric; see
            `names`, and the functions of this file for what each takes. `layer="best"` has a probe look for its depth.
        dataset: a TFDS name, a .npy or .npz file, or a folder of images.
        data_dir: where TFDS data lies.
        seed: of every random choice.
        progress: called with a line of text as each metric is done; None for silence.

    Returns:
        A mapping of metric name to a JSON-able mapping: `value` (6 significant digits), `split`, `n` (test images),
        `protocol` (in words), `parameters` and `seed` (what `repeat` needs), `tolerance` (absolute; how far another machine's
        value may lie), and whatever else the metric has to say.

    Raises:
        ZooError: on an unknown metric or parameter, and where a metric does not apply to the model or the data.
    """
    wanted = check(metrics)
    subject = _Subject(model, dataset, data_dir, seed, progress or (lambda line: None))
    results = {}
    for name, given in wanted:
        measured = _METRICS[name](subject, **given)
        value = _rounded(measured["value"])
        measured["parameters"] = {**_defaults(name), **given, **measured.get("parameters", {})}
        measured["tolerance"] = _rounded(measured["tolerance"])
        results[name] = {"split": "test", **measured, "value": value, "seed": seed}
        subject.progress(f"{name} {value:.6g}")
    return results


def check(metrics):
    """The (name, parameters given) of each of `metrics`; `ZooError` on an unknown one, and on one that comes twice."""
    wanted = [_resolve(metric) for metric in metrics]
    for name, _ in wanted:
        if sum(name == other for other, _ in wanted) > 1:
            raise ZooError(f"got the metric {name!r} twice, expected each at most once: a card has one value under a name.")
    return wanted


def repeat(model, recorded, dataset, data_dir=None, progress=print):
    """Measure again, exactly as it was done, what an earlier `measure` returned."""
    seeds = {result.get("seed", 0) for result in recorded.values()}
    results = {}
    for seed in sorted(seeds):
        metrics = [
            {"metric": name, **result.get("parameters", {})} for name, result in recorded.items() if result.get("seed", 0) == seed
        ]
        results |= measure(model, metrics, dataset, data_dir, seed, progress)
    return {name: results[name] for name in recorded}


def names():
    """Names of all metrics."""
    return list(_METRICS)


class _Subject:
    """A model and its data, with what several metrics share computed once."""

    def __init__(self, model, dataset, data_dir, seed, progress):
        self.model, self.dataset, self.data_dir, self.seed, self.progress = model, dataset, data_dir, seed, progress
        self._known = {}

    def once(self, key, compute):
        if key not in self._known:
            self._known[key] = compute()
        return self._known[key]

    def data(self, split):
        shape = picture_shape(self.model.data_shape)
        return self.once(("data", split), lambda: sources.load(self.dataset, split, self.data_dir, image_shape=shape))

    def train(self):
        """The training split; one that is the test split again would make every figure that needs it a false one."""
        train, test = self.data("train"), self.data("test")
        if train is test or self.once("one split", lambda: np.array_equal(train.images, test.images)):
            raise ZooError(
                f"{self.dataset} has one split only, expected training and test images of their own for a probe or pca_mse; give "
                "an .npz file with x_train, y_train, x_test and y_test, or a TFDS name."
            )
        return train

    def test_images(self, n=None):
        images = self.data("test").images
        if n is not None and not 1 <= n <= len(images):
            raise ZooError(f"got n={n}, expected between 1 and the {len(images)} images of the test split of {self.dataset}.")
        return images[:n]

    def labels(self, split):
        labels = (self.train() if split == "train" else self.data("test")).labels
        if labels is None:
            raise ZooError(f"{self.dataset} has no labels in its {split} split; probes need them. Measure mse, psnr or ssim.")
        return np.asarray(labels)

    def features(self, split, layer, pool):
        images = self.data(split).images
        return self.once(("features", split, layer, pool), lambda: probes.probe_features(self.model, images, layer, pool))

    def probe_inputs(self, layer, pool):
        labels = self.labels("train"), self.labels("test")
        return self.features("train", layer, pool), labels[0], self.features("test", layer, pool), labels[1]

    def factors(self):
        """What is known of how the data were made."""
        if sources.kind_of(self.dataset) != "sprites":
            raise ZooError(f"the factors by which {self.dataset} was made are not known; measure disentanglement on 'sprites'.")
        return disentanglement.FactorData(sprites.SIZES, sprites.render)

    def reconstruction(self):
        return self.once("reconstruction", lambda: reconstruction_metrics(self.model, self.test_images()))


def _reconstruction(name, words, tolerance):
    def metric(subject):
        metrics = subject.reconstruction()
        if name not in metrics:
            raise ZooError(f"{name} does not apply to inputs of shape {subject.model.data_shape}; measure mse instead.")
        value = metrics[name]
        return {"value": value, "n": len(subject.test_images()), "protocol": words, "tolerance": tolerance(value)}

    return metric


def _mse_unclipped(subject):
    value = unclipped_mse(subject.model, subject.test_images())
    protocol = "squared error, mean over pixels in 0..1, of the decoder's outputs before they are clipped to 0..1"
    return {"value": value, "n": len(subject.test_images()), "protocol": protocol, "tolerance": 0.005 * value}


def _pca_mse(subject, *, clip=True):
    """That of principal components of the training split, as many as the code has numbers: the bar for an autoencoder."""
    count = int(np.prod(subject.model.bottleneck.code_shape))
    value = pca_mse(subject.train().images, subject.test_images(), count, clip)
    protocol = (
        f"mse of {count} principal components of the training split, as many as the code has numbers, reconstructions "
        f"{'clipped to 0..1' if clip else 'not clipped'}"
    )
    return {"value": value, "n": len(subject.test_images()), "protocol": protocol, "tolerance": 0.002 * value}


def _linear(share):
    def metric(subject, *, layer="code", pool=None):
        if layer == "best":
            layer, pool = subject.once("best layer", lambda: _best_layer(subject))
        key = ("linear", layer, pool)
        probe = subject.once(key, lambda: probes.linear_probe(*subject.probe_inputs(layer, pool), seed=subject.seed))
        at = "the code" if (layer, pool) == ("code", None) else f"{layer}, pool {pool or 'flatten'}"
        return {
            "value": probe[share],
            "n": len(subject.test_images()),
            "protocol": f"softmax regression on standardized features ({at}), L2 decay chosen on a tenth of the training split, "
            "fitted again on all of it",
            "weight_decay": probe["weight_decay"],
            "features": probe["features"],
            "parameters": {"layer": layer, "pool": pool},
            "tolerance": _share_tolerance(len(subject.test_images())),
        }

    return metric


def _best_layer(subject):
    train = subject.train().images, subject.labels("train")
    return probes.best_feature_layer(subject.model, *train, seed=subject.seed, progress=subject.progress)


def _knn(share):
    def metric(subject, *, k=20, layer="code", pool=None):
        probe = subject.once(("knn", k, layer, pool), lambda: probes.knn_probe(*subject.probe_inputs(layer, pool), k=k))
        return {
            "value": probe[share],
            "n": len(subject.test_images()),
            "protocol": f"{k} nearest training features by cosine similarity, votes weighted by it",
            "tolerance": _share_tolerance(len(subject.test_images())),
        }

    return metric


def _share_tolerance(n):
    # Another machine's rounding moves an image or two across the boundary; a tenth of a percent is far more than that.
    return max(1e-3, 2 / n)


def _classification_error(subject):
    """Share of the test images whose most probable class is not theirs, by the model's own classifier."""
    if not hasattr(subject.model, "classify"):
        raise ZooError(f"{subject.model.name} has no classifier; measure linear_error, or a model with one, such as m2_vae_mlp.")
    labels = subject.labels("test")
    wrong = np.argmax(subject.model.classify(subject.test_images()), axis=1) != labels
    words = "share of images whose most probable class by the model's own classifier is not theirs"
    return {"value": float(wrong.mean()), "n": len(labels), "protocol": words, "tolerance": _share_tolerance(len(labels))}


def _nll(subject, *, k=5000, n=1000):
    values = -likelihood.log_likelihood(subject.model, subject.test_images(n), k=k, seed=subject.seed)
    words = f"-log p(x) in nats by {k} importance samples (Burda et al. 2016)" + _binarized(subject)
    return {**_mean(values), "protocol": words, "tolerance": 0.05}


def _elbo(subject, *, k=1, n=None):
    values = likelihood.elbo(subject.model, subject.test_images(n), k=k, seed=subject.seed)
    words = f"evidence lower bound in nats, {k} sample{'s' * (k > 1)} an image" + _binarized(subject)
    return {**_mean(values), "protocol": words, "tolerance": 0.25}


def _bits_per_dim(subject, *, k=1, n=None):
    if subject.model.reconstruction_loss.name != "logistic_mixture":
        raise ZooError(
            f"bits_per_dim needs a likelihood of the 256 levels of a pixel, got {subject.model.reconstruction_loss.name!r}; "
            "build the model with loss='logistic_mixture'."
        )
    values = -likelihood.log_likelihood(subject.model, subject.test_images(n), k=k, seed=subject.seed)
    words = "evidence lower bound" if k == 1 else f"-log p(x) by {k} importance samples"
    bits = likelihood.bits_per_dim(values, subject.model.data_shape)
    return {**_mean(bits), "protocol": f"{words}, in bits a pixel and channel", "tolerance": 0.005}


def _binarized(subject):
    return f", pixels binarized once with seed {subject.seed}" if subject.model.reconstruction_loss.name == "bernoulli" else ""


def _codebook(statistic, words, tolerance):
    def metric(subject):
        images = subject.test_images()
        counts = subject.once("codebook", lambda: codebook_counts(subject.model, images))
        value = statistic(counts)
        over = f" of {counts.shape[1]}" + (f", mean over {len(counts)} codebooks" if len(counts) > 1 else "")
        return {"value": value, "n": len(images), "protocol": words + over, "tolerance": tolerance(counts, value)}

    return metric


def _frechet_distance(subject, *, encoder=None, layer=None, pool=None, n=10_000):
    if encoder is None:
        known = frechet.ENCODERS
        if subject.dataset not in known:
            raise ZooError(
                f"frechet_distance has no encoder of its own for {subject.dataset}, only for {', '.join(known)}; name one, for "
                "example {'metric': 'frechet_distance', 'encoder': 'ae_conv.mnist'}."
            )
        encoder, *depth = known[subject.dataset]
        layer, pool = (layer, pool) if layer is not None else depth
    features = subject.once(("looker", encoder, layer, pool), lambda: frechet.encoder_features(encoder, layer, pool))
    eyes = f"features of {encoder} ({'the code' if layer in (None, 'code') else layer}, pool {pool or 'flatten'})"
    found = _distance_of_samples(subject, features, eyes, n)
    return {**found, "parameters": {"encoder": encoder, "layer": layer, "pool": pool}}


def _fid(subject, *, n=10_000):
    features = subject.once("inception", frechet.inception_features)
    eyes = "features of InceptionV3 of keras.applications (pooled, images resized to 299: not the network of published FIDs)"
    return _distance_of_samples(subject, features, eyes, n)


def _distance_of_samples(subject, features, eyes, n):
    """The Fréchet distance of `n` samples to the test split, and `floor`, that of as many training images."""
    if n < 2:
        raise ZooError(f"got n={n} samples, expected at least 2: one has no covariance.")
    test, train = features(subject.test_images()), subject.train().images
    chosen = np.random.default_rng(subject.seed).permutation(len(train))[:n]
    floor = frechet.frechet_distance(features(train[np.sort(chosen)]), test)
    value = frechet.frechet_distance(features(subject.model.sample(n, seed=subject.seed)), test)
    return {
        "value": value,
        "n": len(test),
        "protocol": f"Fréchet distance of {n} samples to the test split, {eyes}; floor is that of {len(chosen)} training images",
        "floor": _rounded(floor),
        "tolerance": 0.01 * value + 0.01 * floor,
    }


def _mig(subject, *, n=10_000):
    found = disentanglement.mig(subject.model.encode, subject.factors(), n=n, seed=subject.seed)
    words = "mutual information gap (Chen et al. 2018), 20 bins a feature"
    return _of_factors(found, "mig", n, words, 0.002)


def _factor_vae_score(subject, *, votes=10_000, test_votes=5_000):
    sizes = dict(votes=votes, test_votes=test_votes, seed=subject.seed)
    found = disentanglement.factor_vae_score(subject.model.encode, subject.factors(), **sizes)
    words = f"accuracy of majority votes of 64 images (Kim & Mnih 2018), {votes} to fit, {test_votes} to judge"
    return _of_factors(found, "factor_vae_score", 64 * (votes + test_votes), words, max(0.005, 10 / test_votes))


def _sap(subject, *, n=10_000, test_n=5_000):
    found = disentanglement.sap(subject.model.encode, subject.factors(), n=n, test_n=test_n, seed=subject.seed)
    words = f"separated attribute predictability (Kumar et al. 2018), linear SVM on {n} images, judged on {test_n}"
    return _of_factors(found, "sap", n + test_n, words, 0.002)


def _dci_disentanglement(subject, *, n=10_000, test_n=5_000):
    found = disentanglement.dci(subject.model.encode, subject.factors(), n=n, test_n=test_n, seed=subject.seed)
    words = f"disentanglement of DCI (Eastwood & Williams 2018), gradient boosted trees on {n} images"
    return _of_factors(found, "disentanglement", n + test_n, words, 0.01)


def _of_factors(found, score, n, words, tolerance):
    """A measurement of `found[score]`; the other single numbers that were found go with it."""
    beside = {key: _rounded(value) for key, value in found.items() if key != score and not isinstance(value, list)}
    protocol = f"{words}; factors drawn over the whole data set, as in disentanglement_lib"
    return {"value": found[score], "n": n, "split": "all", "protocol": protocol, "tolerance": tolerance, **beside}


def _mean(values):
    error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return {"value": float(values.mean()), "n": len(values), "standard_error": error and _rounded(error)}


_METRICS = {
    "mse": _reconstruction("mse", "squared error, mean over pixels in 0..1", lambda value: 0.005 * value),
    "mse_unclipped": _mse_unclipped,
    "sse": _reconstruction("sse", "squared error summed over an image, pixels in 0..1", lambda value: 0.005 * value),
    "psnr": _reconstruction("psnr", "in dB, peak 1, mean over images", lambda value: 0.05),
    "ssim": _reconstruction("ssim", "Gaussian window 11 x 11, deviation 1.5, mean over images", lambda value: 0.002),
    "pca_mse": _pca_mse,
    "linear_accuracy": _linear("accuracy"),
    "linear_error": _linear("error"),
    "knn_accuracy": _knn("accuracy"),
    "knn_error": _knn("error"),
    "classification_error": _classification_error,
    "nll": _nll,
    "elbo": _elbo,
    "bits_per_dim": _bits_per_dim,
    "mig": _mig,
    "factor_vae_score": _factor_vae_score,
    "sap": _sap,
    "dci_disentanglement": _dci_disentanglement,
    "frechet_distance": _frechet_distance,
    "fid": _fid,
    "codebook_usage": _codebook(
        codebook_usage,
        "codes used at least once on the test split, as a share",
        lambda counts, value: max(5e-3, 2 / counts.shape[1]),
    ),
    "codebook_perplexity": _codebook(
        codebook_perplexity, "exp of the entropy of the frequencies of the codes, out", lambda counts, value: 5e-3 * value
    ),
}


def _resolve(metric):
    """A name or a mapping -> name, parameters given; both known."""
    given = {"metric": metric} if isinstance(metric, str) else dict(metric)
    name = given.pop("metric", None)
    if name not in _METRICS:
        raise ZooError(f"there is no metric {name!r}.{suggest(name, _METRICS)} There are {', '.join(_METRICS)}.")
    known = _defaults(name)
    for parameter in given:
        if parameter not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise ZooError(f"the metric {name!r} has no parameter {parameter!r}; {takes}.{suggest(parameter, known)}")
    return name, given


def _defaults(name):
    parameters = inspect.signature(_METRICS[name]).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def _rounded(value):
    return float(f"{value:.6g}")
