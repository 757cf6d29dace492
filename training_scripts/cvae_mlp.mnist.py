"""Conditional variational autoencoder on MNIST, dynamically binarized, 50 latents and the class label."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="cvae_mlp.mnist",
    model=dict(variant="cvae", input_shape=(28, 28, 1), latent_dim=50, hidden=(500, 500), activation="gelu", loss="bernoulli"),
    dataset="mnist",
    labelled="all",
    transforms=("binarize",),
    epochs=100,
    batch_size=128,
    learning_rate=1e-3,
    metrics=({"metric": "nll", "k": 5000, "n": 2000}, "elbo", "mse", "frechet_distance"),
)

if __name__ == "__main__":
    run(RECIPE)
