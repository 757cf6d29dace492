"""Denoiser of CIFAR-10 images: Gaussian noise of any deviation up to 0.2."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="denoising_unet.cifar10",
    model=dict(
        variant="denoising",
        backbone="unet",
        input_shape=(32, 32, 3),
        level=(0.0, 0.2),
        filters=(64, 128),
        blocks=3,
        activation="relu",
        first_stride=2,
    ),
    dataset="cifar10",
    transforms=("flip",),
    epochs=12,
    batch_size=50,
    # At 3e-3, without gradient clipping, the training diverged in its third epoch.
    learning_rate=1.5e-3,
    warmup_epochs=0.5,
    clip_norm=0.02,
    precision="mixed_bfloat16",
    ema=0.999,
    metrics=("denoised_psnr",),
    embedded=True,
)

if __name__ == "__main__":
    run(RECIPE)
