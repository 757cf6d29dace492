"""Sparse autoencoder on MNIST, 3000 sigmoid units, KL penalty on their mean activation."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="sparse_mlp.mnist",
    model=dict(
        variant="sparse", input_shape=(28, 28, 1), latent_dim=3000, penalty="kl", weight=0.1, target=0.05, loss="bernoulli"
    ),
    dataset="mnist",
    epochs=20,
    batch_size=256,
    learning_rate=1e-3,
    metrics=("linear_error", "knn_error", "mse"),
)

if __name__ == "__main__":
    run(RECIPE)
