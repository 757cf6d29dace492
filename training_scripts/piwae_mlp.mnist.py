"""Partially importance weighted autoencoder on MNIST, dynamically binarized, 2 bounds of 8 samples per image, 50 latents."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="piwae_mlp.mnist",
    model=dict(
        variant="piwae",
        input_shape=(28, 28, 1),
        latent_dim=50,
        m=2,
        k=8,
        hidden=(500, 500),
        activation="gelu",
        loss="bernoulli",
    ),
    dataset="mnist",
    transforms=("binarize",),
    epochs=20,
    batch_size=100,
    learning_rate=2e-3,
    metrics=({"metric": "nll", "k": 5000, "n": 2000}, "elbo", "mse"),
    baseline=("nll", 84.58, "PIWAE of pythae, dynamic binarization"),
)

if __name__ == "__main__":
    run(RECIPE)
