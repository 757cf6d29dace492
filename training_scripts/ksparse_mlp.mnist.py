"""k-sparse autoencoder on MNIST, 4000 units, of which 25 are active."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="ksparse_mlp.mnist",
    model=dict(variant="ksparse", input_shape=(28, 28, 1), latent_dim=4000, k=25, alpha=96.0),
    dataset="mnist",
    epochs=20,
    batch_size=256,
    learning_rate=1e-3,
    metrics=("linear_error", "knn_error", "mse"),
)

if __name__ == "__main__":
    run(RECIPE)
