"""Deep compression autoencoder on CIFAR-10, small: 4 x 4 positions of 16 numbers, attention at the lowest resolution."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="autoencoder_dc_dcae.cifar10",
    model=dict(
        variant="autoencoder_dc",
        backbone="dcae",
        input_shape=(32, 32, 3),
        latent_channels=16,
        scaling=1.0,
        loss="mse",
        filters=(32, 64, 128, 128),
        # The first stage has no blocks, because at full resolution they would take most of the time.
        blocks=(0, 1, 1, 1),
        kinds=("residual", "residual", "residual", "attention"),
        scales=((), (), (), (5,)),
    ),
    dataset="cifar10",
    transforms=("flip",),
    epochs=5,
    batch_size=50,
    learning_rate=1e-3,
    warmup_epochs=0.5,
    precision="mixed_bfloat16",
    ema=0.999,
    metrics=("mse", "psnr", "ssim", "pca_mse"),
)

if __name__ == "__main__":
    run(RECIPE)
