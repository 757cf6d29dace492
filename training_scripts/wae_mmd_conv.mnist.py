"""Wasserstein autoencoder with maximum mean discrepancy on MNIST, 16 latents: Fréchet distance 0.125.

`python training_scripts/wae_mmd_conv.mnist.py`, 34 minutes on a third of a CPU core.
"""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="wae_mmd_conv.mnist",
    model=dict(
        variant="wae_mmd",
        backbone="conv",
        input_shape=(28, 28, 1),
        latent_dim=16,
        # In nats: the reconstruction loss is a sum over the pixels.
        lambda_=300.0,
        loss="bernoulli",
        filters=(32, 64, 128),
        kernel_size=4,
        activation="gelu",
    ),
    dataset="mnist",
    epochs=12,
    batch_size=256,
    learning_rate=2e-3,
    warmup_epochs=0.5,
    metrics=("frechet_distance", "mse", "linear_error", "knn_error"),
)

if __name__ == "__main__":
    run(RECIPE)
