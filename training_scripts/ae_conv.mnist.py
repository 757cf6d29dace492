"""Convolutional undercomplete autoencoder on MNIST, 16 latents."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="ae_conv.mnist",
    model=dict(
        variant="ae",
        backbone="conv",
        input_shape=(28, 28, 1),
        latent_dim=16,
        filters=(32, 64, 128),
        kernel_size=5,
        activation="gelu",
        loss="bernoulli",
    ),
    dataset="mnist",
    transforms=("affine",),
    epochs=45,
    batch_size=128,
    learning_rate=2e-3,
    optimizer="adamw",
    weight_decay=0.02,
    warmup_epochs=1,
    metrics=("mse", "psnr", "ssim", "pca_mse", "linear_error", "knn_error"),
    embedded=True,
)

if __name__ == "__main__":
    run(RECIPE)
