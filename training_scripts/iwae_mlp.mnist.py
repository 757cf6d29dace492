"""Importance weighted autoencoder on MNIST, dynamically binarized, 50 samples per image, 50 latents."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="iwae_mlp.mnist",
    model=dict(
        variant="iwae",
        input_shape=(28, 28, 1),
        latent_dim=50,
        k=50,
        gradient_samples=5,
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
    baseline=("nll", 84.78, "IWAE with k=50, one stochastic layer, dynamic binarization, Burda et al. 2016"),
)

if __name__ == "__main__":
    run(RECIPE)
