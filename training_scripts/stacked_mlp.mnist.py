"""Stacked autoencoder 784-1000-500-250-30 on MNIST: every layer pretrained by a shallow autoencoder, then all fine-tuned."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="stacked_mlp.mnist",
    model=dict(variant="stacked", input_shape=(28, 28, 1), latent_dim=30, hidden=(1000, 500, 250), activation="gelu"),
    dataset="mnist",
    start="layerwise",
    start_epochs=5,
    epochs=80,
    batch_size=128,
    optimizer="adamw",
    weight_decay=1e-2,
    learning_rate=1e-3,
    metrics=("sse", "mse", "pca_mse"),
)

if __name__ == "__main__":
    run(RECIPE)
