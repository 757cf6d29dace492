"""Classification metrics: probes of the features, and the model's own classifier."""

import numpy as np

from zoo.errors import ZooError
from zoo.evaluation import probes
from zoo.evaluation.metrics.subject import rounded


def _linear(share):
    def metric(subject, *, layer="code", pool=None, flips=False, adam_epochs=0):
        layer, pool = _depth(subject, layer, pool)

        def compute():
            inputs = subject.probe_inputs(layer, pool)
            mirrored = subject.mirrored_features(layer, pool) if flips else None
            return probes.linear_probe(*inputs, seed=subject.seed, mirrored=mirrored, adam_epochs=adam_epochs)

        def of_baseline(name):
            train, test, mirrored = subject.baseline_features(name, layer, pool, flips)
            found = train, subject.labels("train"), test, subject.labels("test")
            return probes.linear_probe(*found, seed=subject.seed, mirrored=mirrored)

        probe = subject.once(("linear", layer, pool, flips, adam_epochs), compute)
        baselines = _baselines(subject, share, ("linear", layer, pool, flips), of_baseline)
        by_adam = {}
        if adam_epochs:
            accuracy = probe["adam_accuracy"]
            by_adam = {"adam": rounded(accuracy if share == "accuracy" else 1 - accuracy)}
        return {
            "value": probe[share],
            "n": len(subject.test_images()),
            "protocol": f"StandardScaler and LogisticRegression(C={probe['C']:.3g}) of scikit-learn on {probe['features']:,} "
            f"features ({_depth_text(layer, pool)}); C chosen on a tenth of the training split, then fitted to the whole split"
            f"{' and its mirror images' if flips else ''}"
            + (f"; with {adam_epochs} epochs of Adam (learning rate 1e-3) instead: {by_adam['adam']:.4g}" if adam_epochs else ""),
            "weight_decay": probe["weight_decay"],
            "features": probe["features"],
            "baselines": baselines,
            **by_adam,
            "parameters": {"layer": layer, "pool": pool},
            "tolerance": share_tolerance(len(subject.test_images())),
        }

    return metric


def _depth(subject, layer, pool):
    """The layer and pooling of a probe: those given, or those with the most accurate linear classifier."""
    return subject.once("best layer", lambda: _best_layer(subject)) if layer == "best" else (layer, pool)


def _depth_text(layer, pool):
    return "the code" if (layer, pool) == ("code", None) else f"{layer}, pool {pool or 'flatten'}"


def _baselines(subject, share, key, probe):
    """Mapping of baseline name to the value of the same probe on the features of the baseline."""
    return {name: rounded(subject.once((*key, name), lambda name=name: probe(name))[share]) for name in subject.baseline_names()}


def _best_layer(subject):
    train = subject.train().images, subject.labels("train")
    return probes.best_feature_layer(subject.model, *train, seed=subject.seed, progress=subject.progress)


def _knn(share):
    def metric(subject, *, k=20, layer="code", pool=None):
        layer, pool = _depth(subject, layer, pool)

        def of_baseline(name):
            train, test, _ = subject.baseline_features(name, layer, pool)
            return probes.knn_probe(train, subject.labels("train"), test, subject.labels("test"), k=k)

        inputs = subject.probe_inputs(layer, pool)
        probe = subject.once(("knn", k, layer, pool), lambda: probes.knn_probe(*inputs, k=k))
        return {
            "value": probe[share],
            "n": len(subject.test_images()),
            "protocol": f"{k} nearest neighbors by cosine similarity, votes weighted by similarity, on {inputs[0].shape[1]:,} "
            f"features ({_depth_text(layer, pool)})",
            "features": inputs[0].shape[1],
            "baselines": _baselines(subject, share, ("knn", k, layer, pool), of_baseline),
            "parameters": {"layer": layer, "pool": pool},
            "tolerance": share_tolerance(len(subject.test_images())),
        }

    return metric


def share_tolerance(n):
    # Rounding on another machine may change the class of one or two images; a tenth of a percent is far more than that.
    return max(1e-3, 2 / n)


def _classification_error(subject):
    """Fraction of the test images that the model's own classifier assigns to a wrong class."""
    labels = subject.labels("test")
    if not hasattr(subject.model, "classify"):
        raise ZooError(f"{subject.model.name} has no classifier; measure linear_error, or a model with one, such as m2_vae_mlp.")
    labels = _as_indices(subject, labels)
    wrong = np.argmax(subject.model.classify(subject.test_images()), axis=1) != labels
    words = "classification error of the model's own classifier"
    return {"value": float(wrong.mean()), "n": len(labels), "protocol": words, "tolerance": share_tolerance(len(labels))}


def _as_indices(subject, labels):
    """Test labels (N,) in the numbering of the classifier, matched by class name if the classifier has names."""
    known = getattr(subject.model, "classes", None)
    if known is None:
        return labels
    # As in fine-tuning, the name of a class without a name is its number. Names are matched because the numbers of the classes
    # change if the folder lacks one of them.
    given = subject.data("test").class_names
    called = {label: str(given[label]) if given else str(label) for label in np.unique(labels)}
    unknown = sorted(set(called.values()) - set(known))
    if unknown:
        raise ZooError(f"got images of the classes {', '.join(unknown)}, expected the classes of the model: {', '.join(known)}.")
    return np.array([known.index(called[label]) for label in labels])


METRICS = {
    "linear_accuracy": _linear("accuracy"),
    "linear_error": _linear("error"),
    "knn_accuracy": _knn("accuracy"),
    "knn_error": _knn("error"),
    "classification_error": _classification_error,
}
