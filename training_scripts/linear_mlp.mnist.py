"""Linear autoencoder on MNIST, 32 latents: learns the subspace of PCA by gradient descent."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="linear_mlp.mnist",
    model=dict(variant="linear", input_shape=(28, 28, 1), latent_dim=32),
    dataset="mnist",
    epochs=30,
    batch_size=200,
    learning_rate=2e-3,
    metrics=("mse_unclipped", {"metric": "pca_mse", "clip": False}, "mse"),
    embedded=True,
)

if __name__ == "__main__":
    run(RECIPE)
