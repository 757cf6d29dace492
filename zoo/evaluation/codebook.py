"""Use of the codebooks of a discrete code."""

import numpy as np

from zoo.errors import ZooError
from zoo.layers.bottlenecks.discrete import DiscreteCode
from zoo.modalities.image import check_images
from zoo.modalities.tensors import to_unit
from zoo.utils.batching import apply_in_batches


def code_indices(model, images, batch_size=256):
    """Code indices of images (N, *input_shape), uint8 or floats 0..1: integers (N, *index_shape) below `bottleneck.code_count`.

    Raises:
        ZooError: if the code of the model is not discrete.
    """
    if not isinstance(model.bottleneck, DiscreteCode):
        raise ZooError(f"{model.name} has no discrete code, expected a model such as vq_vae, rq_vae, fsq_vae or gumbel_vae.")

    def indices_of_images(x):
        return model.bottleneck.indices(model.encoder.backbone(to_unit(x, model.compute_dtype)))

    return apply_in_batches(model, indices_of_images, check_images(images, model.data_shape), batch_size).astype(np.int32)


def codebook_counts(model, images):
    """Number of occurrences of each code in the codes of `images`: integers (codebooks, code_count)."""
    indices, count = code_indices(model, images), model.bottleneck.codebook_count
    indices = indices.reshape(-1, count)
    return np.stack([np.bincount(indices[:, i], minlength=model.bottleneck.code_count) for i in range(count)])


def codebook_usage(counts):
    """Fraction of the codes that occur at least once, mean over the codebooks, from counts (codebooks, codes)."""
    return float((counts > 0).mean())


def codebook_perplexity(counts):
    """exp of the entropy of the frequencies of the codes, mean over the codebooks: the effective number of codes in use."""
    frequencies = counts / counts.sum(axis=1, keepdims=True)
    entropies = -(frequencies * np.log(np.where(frequencies > 0, frequencies, 1.0))).sum(axis=1)
    return float(np.exp(entropies).mean())
