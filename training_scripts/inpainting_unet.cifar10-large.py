"""Inpainting of CIFAR-10 images, as `inpainting_unet.cifar10`, at full resolution and deeper: for a GPU.

Its weights are not published, because no GPU has been available. Dropout prevents overfitting in 200 epochs.
"""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="inpainting_unet.cifar10-large",
    model=dict(
        variant="inpainting",
        backbone="unet",
        input_shape=(32, 32, 3),
        size=(0.25, 0.5),
        filters=(64, 128, 256, 256),
        blocks=3,
        activation="silu",
        dropout=0.1,
    ),
    dataset="cifar10",
    transforms=("flip",),
    epochs=200,
    batch_size=128,
    learning_rate=5e-4,
    warmup_epochs=1,
    precision="mixed_bfloat16",
    ema=0.9995,
    metrics=("inpainted_mse",),
)

if __name__ == "__main__":
    run(RECIPE)
