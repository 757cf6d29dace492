"""Gradients inside the forward pass, for all backends, because keras.ops does not provide them."""

import keras


def vector_jacobian_product(function, x):
    """`function(x)` and the differentiable function v -> vᵀJ, J the Jacobian at x."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        code, pull = jax.vjp(function, x)
        return code, lambda v: pull(v)[0]
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(x)
            code = function(x)
        return code, lambda v: tape.gradient(code, x, output_gradients=v)
    import torch

    # Keras disables gradients in `evaluate` and `predict`, but they are needed there, too.
    with torch.enable_grad():
        x = x if x.requires_grad else x.detach().requires_grad_(True)
        code = function(x)

    def pull(v):
        with torch.enable_grad():
            return torch.autograd.grad(code, x, v, create_graph=True)[0]

    return code, pull
