"""Variational autoencoder on MNIST, dynamically binarized, 50 latents."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="vae_mlp.mnist",
    model=dict(variant="vae", input_shape=(28, 28, 1), latent_dim=50, hidden=(500, 500), activation="gelu", loss="bernoulli"),
    dataset="mnist",
    transforms=("binarize",),
    epochs=200,
    batch_size=128,
    learning_rate=1e-3,
    metrics=({"metric": "nll", "k": 5000, "n": 2000}, "elbo", "mse", "pixel_auroc", "image_auroc"),
    baseline=("nll", 89.78, "VAE of pythae, static binarization"),
    embedded=True,
)

if __name__ == "__main__":
    run(RECIPE)
