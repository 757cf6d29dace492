"""Selection of the rows that represent a set of feature vectors: greedy k-center (Sener & Savarese 2018, arXiv:1708.00489)."""

import numpy as np

# Number of dimensions to which features are projected at random. Distances are approximately preserved (Johnson & Lindenstrauss
# 1984), and the selection takes correspondingly less time.
_PROJECTED = 128
# Squared distances below this fraction of the largest one are rounding errors.
_ROUNDING = 1e-6


def coreset(rows, count, seed=0):
    """Indices of at most `count` of `rows` (N, D), float32, in the order of selection.

    The first row is random; each of the following is the one farthest from those selected before. The selection ends earlier if
    all other rows are equal to selected ones.

    Memory: N x min(D, 128) numbers besides the rows. Time: `count` products of this matrix with a vector.
    """
    rng = np.random.default_rng(seed)
    if rows.shape[1] > _PROJECTED:
        rows = rows @ (rng.standard_normal((rows.shape[1], _PROJECTED), dtype=np.float32) / np.float32(np.sqrt(_PROJECTED)))
    # Centered, because the squares of a distance far from the origin cancel.
    rows = rows - rows.mean(axis=0)
    norms = np.einsum("nd,nd->n", rows, rows)
    least = _ROUNDING * float(norms.max())
    chosen, farthest = [], int(rng.integers(len(rows)))
    nearest = np.full(len(rows), np.inf, np.float32)
    while len(chosen) < count and nearest[farthest] > least:
        chosen.append(farthest)
        squared = norms - 2 * (rows @ rows[farthest]) + norms[farthest]
        nearest = np.minimum(nearest, squared)
        nearest[farthest] = 0
        farthest = int(np.argmax(nearest))
    return np.array(chosen)
