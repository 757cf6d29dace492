"""How much of a codebook is used, and how evenly."""

import numpy as np
import pytest
from tiny import tiny

from zoo.errors import ZooError
from zoo.evaluation.codebook import code_indices, codebook_counts, codebook_perplexity, codebook_usage
from zoo.evaluation.measurement import measure


def test_usage_and_perplexity_of_known_counts():
    even, half, one = np.full((1, 8), 5), np.array([[3, 3, 3, 3, 0, 0, 0, 0]]), np.array([[9, 0, 0, 0, 0, 0, 0, 0]])
    assert [codebook_usage(c) for c in (even, half, one)] == [1, 0.5, 0.125]
    np.testing.assert_allclose([codebook_perplexity(c) for c in (even, half, one)], [8, 4, 1], rtol=1e-9)
    assert codebook_perplexity(np.concatenate([even, half])) == pytest.approx(6)


@pytest.mark.parametrize(
    "name, codebooks", [("vq_vae_conv", 1), ("rq_vae_conv", 2), ("gumbel_vae_mlp", 4), ("gumbel_vae_conv", 1)]
)
def test_counts_are_of_every_index(name, codebooks, images):
    model = tiny(name)
    indices, counts = code_indices(model, images), codebook_counts(model, images)
    assert counts.shape == (codebooks, model.bottleneck.code_count)
    assert counts.sum() == indices.size
    assert counts[-1, 2] == (indices.reshape(-1, codebooks)[:, -1] == 2).sum()


def test_the_metrics_have_names(tmp_path, images):
    np.savez(tmp_path / "data.npz", x_train=images[:20], x_test=images[20:])
    found = measure(tiny("vq_vae_conv"), ("codebook_usage", "codebook_perplexity"), str(tmp_path / "data.npz"), progress=None)
    assert 0 < found["codebook_usage"]["value"] <= 1 <= found["codebook_perplexity"]["value"] <= 8
    assert found["codebook_usage"]["n"] == 20


def test_other_codes_have_none(images):
    with pytest.raises(ZooError, match="no discrete code"):
        codebook_counts(tiny("ae_mlp"), images)
