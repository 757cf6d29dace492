"""Combination importance weighted autoencoder on MNIST, dynamically binarized, 8 samples per image, 50 latents."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="ciwae_mlp.mnist",
    model=dict(
        variant="ciwae",
        input_shape=(28, 28, 1),
        latent_dim=50,
        k=8,
        beta=0.5,
        hidden=(500, 500),
        activation="gelu",
        loss="bernoulli",
    ),
    dataset="mnist",
    transforms=("binarize",),
    epochs=80,
    batch_size=100,
    learning_rate=2e-3,
    metrics=({"metric": "nll", "k": 5000, "n": 2000}, "elbo", "mse"),
    baseline=("nll", 84.74, "CIWAE of pythae, dynamic binarization"),
)

if __name__ == "__main__":
    run(RECIPE)
