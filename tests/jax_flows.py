"""Run with KERAS_BACKEND=jax: flows and the samplers made of them, and prints what was found as one line of JSON."""

import json

import jax
import keras
import numpy as np

from zoo.flows.autoregressive import Autoregressive, GatedAutoregressive
from zoo.flows.flow import Chain
from zoo.flows.permutation import Reverse
from zoo.flows.planar import Planar
from zoo.flows.radial import Radial
from zoo.samplers import IAFSampler, MAFSampler, TwoStageSampler


def examine(flow, rng):
    """How far the log-determinant is from the Jacobian's, and the way back from the start."""
    flow.build((None, 3), (None, 2))
    for variable in flow.trainable_variables:
        variable.assign(rng.normal(0, 0.3, variable.shape))
    z, context = (rng.normal(size=(8, size)).astype(np.float32) for size in (3, 2))
    moved, log_det = flow(z, context)
    jacobians = [jax.jacfwd(lambda row, c=c: flow(row[None], c[None])[0][0])(row) for row, c in zip(z, context)]
    expected = np.linalg.slogdet(np.array(jacobians, np.float64))[1]
    back, _ = flow.inverse(moved, context)
    return {
        "determinant": float(np.abs(np.array(log_det) - expected).max()),
        "back": float(np.abs(np.array(back) - z).max()),
    }


def moments(sampler, z):
    """Mean and deviation of what a sampler fitted to vectors draws."""
    sampler.code_shape = z.shape[1:]
    sampler.fit_vectors(z)
    drawn = sampler.draw(2000, 0)
    return [drawn.mean(axis=0).tolist(), drawn.std(axis=0).tolist()]


def main():
    assert keras.backend.backend() == "jax"
    rng = np.random.default_rng(0)
    z = (rng.normal(size=(600, 2)) * [2.0, 0.5] + [1.0, -3.0]).astype(np.float32)
    chain = Chain([Planar(), Radial(), Autoregressive(3, (8,)), Reverse(), GatedAutoregressive(3, (8,))])
    found = {"chain": examine(chain, rng)}
    for name, kind, options in (
        ("maf", MAFSampler, {"blocks": 2, "hidden": (8,), "epochs": 3}),
        ("iaf", IAFSampler, {"blocks": 2, "hidden": (8,), "epochs": 3}),
        ("two_stage", TwoStageSampler, {"hidden": (32,), "epochs": 3}),
    ):
        found[name] = moments(kind(**options), z)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
