"""Denoiser of CIFAR-10 images, as `denoising_unet.cifar10`, at full resolution and with four times the weights: for a GPU.

Its weights are not published, because no GPU has been available. An image takes seven times as long as with the small model.
"""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="denoising_unet.cifar10-large",
    model=dict(
        variant="denoising",
        backbone="unet",
        input_shape=(32, 32, 3),
        level=(0.0, 0.2),
        filters=(64, 128, 256),
        blocks=3,
        activation="relu",
    ),
    dataset="cifar10",
    transforms=("flip",),
    epochs=200,
    batch_size=128,
    learning_rate=5e-4,
    warmup_epochs=1,
    precision="mixed_bfloat16",
    ema=0.9995,
    metrics=("denoised_psnr",),
)

if __name__ == "__main__":
    run(RECIPE)
