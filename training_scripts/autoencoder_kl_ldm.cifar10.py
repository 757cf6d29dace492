"""Latent diffusion's autoencoder on CIFAR-10, small: 8 x 8 positions of 4 numbers with a deviation near 1."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="autoencoder_kl_ldm.cifar10",
    model=dict(
        variant="autoencoder_kl",
        backbone="ldm",
        input_shape=(32, 32, 3),
        latent_channels=4,
        scaling=1.0,
        beta=1.0,
        loss="gaussian",
        filters=(16, 32, 64),
        blocks=1,
        groups=8,
    ),
    dataset="cifar10",
    transforms=("flip",),
    epochs=6,
    batch_size=50,
    learning_rate=1e-3,
    warmup_epochs=0.5,
    precision="mixed_bfloat16",
    ema=0.999,
    metrics=("mse", "psnr", "ssim", "pca_mse"),
)

if __name__ == "__main__":
    run(RECIPE)
