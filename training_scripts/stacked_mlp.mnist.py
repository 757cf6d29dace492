"""Stacked autoencoder 784-1000-500-250-30 on MNIST: each layer pretrained by a shallow autoencoder, then all fine-tuned."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="stacked_mlp.mnist",
    model=dict(
        variant="stacked", input_shape=(28, 28, 1), latent_dim=30, hidden=(1000, 500, 250), activation="gelu", loss="bernoulli"
    ),
    dataset="mnist",
    start="layerwise",
    start_epochs=5,
    epochs=100,
    batch_size=128,
    optimizer="adamw",
    weight_decay=3e-2,
    learning_rate=1e-3,
    metrics=("sse", "mse", "pca_mse"),
    baseline=("sse", 13.87, "PCA, 30 components"),
)

if __name__ == "__main__":
    run(RECIPE)
