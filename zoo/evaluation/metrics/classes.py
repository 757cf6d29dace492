"""What features, or a model's own classifier, know of the classes."""

import numpy as np

from zoo.errors import ZooError
from zoo.evaluation import probes


def _linear(share):
    def metric(subject, *, layer="code", pool=None, flips=False):
        if layer == "best":
            layer, pool = subject.once("best layer", lambda: _best_layer(subject))

        def compute():
            inputs = subject.probe_inputs(layer, pool)
            mirrored = subject.mirrored_features(layer, pool) if flips else None
            return probes.linear_probe(*inputs, seed=subject.seed, mirrored=mirrored)

        probe = subject.once(("linear", layer, pool, flips), compute)
        at = "the code" if (layer, pool) == ("code", None) else f"{layer}, pool {pool or 'flatten'}"
        return {
            "value": probe[share],
            "n": len(subject.test_images()),
            "protocol": f"softmax regression on standardized features ({at}), L2 decay chosen on a tenth of the training split, "
            f"fitted again on all of it{', and on its mirror images' if flips else ''}",
            "weight_decay": probe["weight_decay"],
            "features": probe["features"],
            "parameters": {"layer": layer, "pool": pool},
            "tolerance": share_tolerance(len(subject.test_images())),
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
            "tolerance": share_tolerance(len(subject.test_images())),
        }

    return metric


def share_tolerance(n):
    # Another machine's rounding moves an image or two across the boundary; a tenth of a percent is far more than that.
    return max(1e-3, 2 / n)


def _classification_error(subject):
    """Share of the test images whose most probable class is not theirs, by the model's own classifier."""
    labels = subject.labels("test")
    if not hasattr(subject.model, "classify"):
        raise ZooError(f"{subject.model.name} has no classifier; measure linear_error, or a model with one, such as m2_vae_mlp.")
    labels = _numbered(subject, labels)
    wrong = np.argmax(subject.model.classify(subject.test_images()), axis=1) != labels
    words = "share of images whose most probable class by the model's own classifier is not theirs"
    return {"value": float(wrong.mean()), "n": len(labels), "protocol": words, "tolerance": share_tolerance(len(labels))}


def _numbered(subject, labels):
    """Test labels (N,) as the classifier numbers its classes: by their names, where it has names for them."""
    known = getattr(subject.model, "classes", None)
    if known is None:
        return labels
    # As in fine-tuning: a class without a name is called by its number. A folder that lacks a class numbers the others anew.
    given = subject.data("test").class_names
    called = {label: str(given[label]) if given else str(label) for label in np.unique(labels)}
    strange = sorted(set(called.values()) - set(known))
    if strange:
        raise ZooError(
            f"got images of the class {', '.join(strange)}, which the classifier does not know, expected {', '.join(known)}."
        )
    return np.array([known.index(called[label]) for label in labels])


METRICS = {
    "linear_accuracy": _linear("accuracy"),
    "linear_error": _linear("error"),
    "knn_accuracy": _knn("accuracy"),
    "knn_error": _knn("error"),
    "classification_error": _classification_error,
}
