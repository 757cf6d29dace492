"""Where the gradients of the adversarial models go, against finite differences; what `tests/test_layers_adversary.py` runs in
its own process on TensorFlow, and as a script with KERAS_BACKEND=jax, where it prints its findings as one line of JSON.
"""

import json

import keras
import numpy as np
from keras import ops
from tiny import tiny

# Of every model, the groups of weights and the terms that each is meant to lower.
MEANT = {
    "factor_vae_mlp": {
        "adversary": ("discriminator",),
        "decoder": ("reconstruction",),
        "encoder": ("reconstruction", "kl", "tc"),
    },
    "aae_mlp": {
        "adversary": ("discriminator",),
        "decoder": ("reconstruction",),
        "encoder": ("reconstruction", "adversarial"),
    },
    "vae_gan_mlp": {
        "adversary": ("discriminator",),
        "decoder": ("reconstruction", "adversarial"),
        "encoder": ("reconstruction", "kl"),
    },
}


def findings(name):
    """Of every group: the slope of the loss along a random direction of its weights, as back-propagated; that of the terms that
    it is meant to lower, and of all terms, by finite differences.
    """
    keras.utils.set_random_seed(0)
    # Smooth throughout, so that finite differences are good.
    model = tiny(name, activation="tanh", **({"discriminator": ()} if "gan" not in name else {}))
    x = np.random.default_rng(0).random((6, 8, 8, 1), dtype=np.float32)
    adversary = {id(v) for v in model.bottleneck.adversary.trainable_variables}
    decoder = {id(v) for v in model.decoder.trainable_variables}
    groups = [
        "adversary" if id(v) in adversary else "decoder" if id(v) in decoder else "encoder" for v in model.trainable_variables
    ]
    values = [ops.convert_to_numpy(v) for v in model.trainable_variables]
    state = [ops.convert_to_numpy(v) for v in model.non_trainable_variables]

    def terms(weights):
        # The seeds are part of the state: the same noise every time.
        mapping = [*zip(model.trainable_variables, weights), *zip(model.non_trainable_variables, state)]
        with keras.StatelessScope(state_mapping=mapping, collect_losses=True):
            outputs = model(x, training=False)
            added = dict(zip((*model.bottleneck.loss_names, "reconstruction"), model.losses))
            if "reconstruction" not in added:
                added["reconstruction"] = ops.mean(model.reconstruction_loss.call(ops.convert_to_tensor(x), outputs))
        return added

    gradients = gradient(lambda weights: sum(terms(weights).values()), values)
    rng, found = np.random.default_rng(1), {}
    for group, meant in MEANT[name].items():
        along = [rng.normal(size=v.shape) * 0.5 if g == group else np.zeros(v.shape) for v, g in zip(values, groups)]
        slope = sum(float((ops.convert_to_numpy(g) * a).sum()) for g, a in zip(gradients, along))
        step = 2e-3
        up, down = (terms([(v + s * a).astype("float32") for v, a in zip(values, along)]) for s in (step, -step))
        differences = {key: float(up[key] - down[key]) / (2 * step) for key in up}
        found[group] = {"slope": slope, "meant": sum(differences[key] for key in meant), "all": sum(differences.values())}
    return found


def gradient(function, values):
    values = [ops.convert_to_tensor(v) for v in values]
    if keras.backend.backend() == "jax":
        import jax

        return jax.grad(function)(values)
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(values)
        total = function(values)
    return tape.gradient(total, values, unconnected_gradients="zero")


def main():
    assert keras.backend.backend() == "jax"
    print(json.dumps({name: findings(name) for name in MEANT}))


if __name__ == "__main__":
    main()
