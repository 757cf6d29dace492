"""Denoising autoencoder on MNIST, 3000 rectified units, half of the pixels masked."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="dae_mlp.mnist",
    model=dict(
        variant="dae",
        input_shape=(28, 28, 1),
        latent_dim=3000,
        noise="masking",
        level=0.5,
        code_activation="relu",
        loss="bernoulli",
    ),
    dataset="mnist",
    epochs=20,
    batch_size=256,
    learning_rate=1e-3,
    metrics=("linear_error", "knn_error", "mse"),
)

if __name__ == "__main__":
    run(RECIPE)
