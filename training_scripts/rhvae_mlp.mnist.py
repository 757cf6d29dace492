"""Riemannian Hamiltonian variational autoencoder on MNIST, dynamically binarized, 10 latents moved by three leapfrog steps."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="rhvae_mlp.mnist",
    model=dict(
        variant="rhvae",
        input_shape=(28, 28, 1),
        latent_dim=10,
        n_lf=3,
        hidden=(500, 500),
        activation="gelu",
        loss="bernoulli",
    ),
    dataset="mnist",
    transforms=("binarize",),
    epochs=20,
    batch_size=128,
    learning_rate=1e-3,
    metrics=({"metric": "nll", "k": 5000, "n": 2000}, "mse", "frechet_distance"),
)

if __name__ == "__main__":
    run(RECIPE)
