"""Hyperspherical variational autoencoder on MNIST, dynamically binarized, 10 numbers on the unit sphere."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="svae_mlp.mnist",
    model=dict(variant="svae", input_shape=(28, 28, 1), latent_dim=10, hidden=(500, 500), activation="gelu", loss="bernoulli"),
    dataset="mnist",
    transforms=("binarize",),
    epochs=100,
    batch_size=128,
    learning_rate=1e-3,
    metrics=({"metric": "nll", "k": 5000, "n": 2000}, "mse", "frechet_distance"),
    baseline=("nll", 93.13, "SVAE of pythae, dynamic binarization"),
)

if __name__ == "__main__":
    run(RECIPE)
