"""Denoiser of MNIST digits of which half of the pixels are black."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="denoising_conv.mnist",
    model=dict(
        variant="denoising",
        backbone="conv",
        input_shape=(28, 28, 1),
        noise="masking",
        level=0.5,
        filters=(16, 64, 64),
        strides=(1, 2, 1),
        convs_per_stage=3,
        activation="relu",
    ),
    dataset="mnist",
    epochs=15,
    batch_size=100,
    learning_rate=1e-3,
    warmup_epochs=0.2,
    precision="mixed_bfloat16",
    ema=0.999,
    metrics=({"metric": "denoised_psnr", "noise": "masking", "level": 0.5},),
    embedded=True,
)

if __name__ == "__main__":
    run(RECIPE)
