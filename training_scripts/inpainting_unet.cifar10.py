"""Inpainting of CIFAR-10 images: boxes of up to half of each side, and strokes."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="inpainting_unet.cifar10",
    model=dict(
        variant="inpainting",
        backbone="unet",
        input_shape=(32, 32, 3),
        size=(0.25, 0.5),
        filters=(48, 96, 192),
        activation="relu",
        first_stride=2,
    ),
    dataset="cifar10",
    transforms=("flip",),
    epochs=20,
    batch_size=50,
    learning_rate=1e-3,
    warmup_epochs=0.2,
    precision="mixed_bfloat16",
    ema=0.999,
    metrics=("inpainted_mse",),
)

if __name__ == "__main__":
    run(RECIPE)
