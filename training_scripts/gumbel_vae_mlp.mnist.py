"""Categorical VAE on MNIST, dynamically binarized, 30 variables of 10 classes."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="gumbel_vae_mlp.mnist",
    model=dict(
        variant="gumbel_vae",
        input_shape=(28, 28, 1),
        codes=10,
        groups=30,
        hidden=(500, 500),
        activation="gelu",
        loss="bernoulli",
    ),
    dataset="mnist",
    transforms=("binarize",),
    epochs=100,
    batch_size=128,
    learning_rate=1e-3,
    metrics=({"metric": "nll", "k": 5000, "n": 2000}, "elbo", "mse"),
)

if __name__ == "__main__":
    run(RECIPE)
