"""Use of the codebook of a model with discrete codes."""

from zoo.evaluation.codebook import codebook_counts, codebook_perplexity, codebook_usage


def _codebook(statistic, words, tolerance):
    def metric(subject):
        images = subject.test_images()
        counts = subject.once("codebook", lambda: codebook_counts(subject.model, images))
        value = statistic(counts)
        protocol = words.format(counts.shape[1]) + (f", mean over {len(counts)} codebooks" if len(counts) > 1 else "")
        return {"value": value, "n": len(images), "protocol": protocol, "tolerance": tolerance(counts, value)}

    return metric


METRICS = {
    "codebook_usage": _codebook(
        codebook_usage,
        "fraction of the {} codes that occur at least once in the test split",
        lambda counts, value: max(5e-3, 2 / counts.shape[1]),
    ),
    "codebook_perplexity": _codebook(
        codebook_perplexity, "exp of the entropy of the frequencies of the {} codes", lambda counts, value: 5e-3 * value
    ),
}
