"""Contractive autoencoder on MNIST, 3000 sigmoid units, the exact penalty of one layer."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="contractive_mlp.mnist",
    model=dict(variant="contractive", input_shape=(28, 28, 1), latent_dim=3000, weight=0.3, penalty="exact", loss="bernoulli"),
    dataset="mnist",
    epochs=6,
    batch_size=256,
    learning_rate=1e-3,
    # The features are badly conditioned, so the accuracy of a probe trained with Adam is measured, too.
    metrics=({"metric": "linear_error", "adam_epochs": 30}, "knn_error", "mse"),
)

if __name__ == "__main__":
    run(RECIPE)
