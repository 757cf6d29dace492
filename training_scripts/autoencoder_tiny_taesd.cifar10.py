"""Tiny autoencoder on CIFAR-10: 8 x 8 positions of 4 numbers, convolutions with 32 channels."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="autoencoder_tiny_taesd.cifar10",
    model=dict(
        variant="autoencoder_tiny",
        backbone="taesd",
        input_shape=(32, 32, 3),
        latent_channels=4,
        filters=32,
        blocks=(1, 2, 2),
    ),
    dataset="cifar10",
    transforms=("flip",),
    epochs=7,
    batch_size=50,
    learning_rate=1e-3,
    warmup_epochs=0.5,
    precision="mixed_bfloat16",
    ema=0.999,
    metrics=("mse", "psnr", "ssim", "pca_mse"),
)

if __name__ == "__main__":
    run(RECIPE)
