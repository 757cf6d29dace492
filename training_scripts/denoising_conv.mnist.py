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
        filters=(32, 64, 64),
        convs_per_stage=2,
        activation="gelu",
    ),
    dataset="mnist",
    epochs=15,
    batch_size=100,
    learning_rate=1e-3,
    metrics=({"metric": "denoised_psnr", "noise": "masking", "level": 0.5},),
)

if __name__ == "__main__":
    run(RECIPE)
