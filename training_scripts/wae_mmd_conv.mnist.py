"""Wasserstein autoencoder with maximum mean discrepancy on MNIST, 8 latents."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="wae_mmd_conv.mnist",
    model=dict(
        variant="wae_mmd",
        backbone="conv",
        input_shape=(28, 28, 1),
        latent_dim=8,
        filters=(32, 64, 128),
        kernel_size=4,
        activation="gelu",
    ),
    dataset="mnist",
    epochs=20,
    batch_size=256,
    learning_rate=1e-3,
    metrics=("frechet_distance", "mse", "linear_error", "knn_error"),
)

if __name__ == "__main__":
    run(RECIPE)
