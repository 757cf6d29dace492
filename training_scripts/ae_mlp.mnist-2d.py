"""Deep undercomplete autoencoder on MNIST with two latents, for plots of the latent plane."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="ae_mlp.mnist-2d",
    model=dict(variant="ae", input_shape=(28, 28, 1), latent_dim=2, hidden=(1000, 500, 250), activation="gelu", loss="bernoulli"),
    dataset="mnist",
    epochs=80,
    batch_size=128,
    optimizer="adamw",
    weight_decay=1e-2,
    learning_rate=1e-3,
    warmup_epochs=1,
    metrics=("mse", "pca_mse", "linear_error", "knn_error"),
)

if __name__ == "__main__":
    run(RECIPE)
