"""Hamiltonian variational autoencoder on MNIST, dynamically binarized, 50 latents, two leapfrog steps."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="hvae_mlp.mnist",
    model=dict(
        variant="hvae", input_shape=(28, 28, 1), latent_dim=50, n_lf=2, hidden=(500, 500), activation="gelu", loss="bernoulli"
    ),
    dataset="mnist",
    transforms=("binarize",),
    epochs=220,
    batch_size=128,
    learning_rate=1e-3,
    metrics=({"metric": "nll", "k": 5000, "n": 2000}, "mse"),
    baseline=("nll", 86.21, "HVAE of pythae, static binarization"),
)

if __name__ == "__main__":
    run(RECIPE)
