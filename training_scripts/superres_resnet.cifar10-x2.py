"""Super-resolution of CIFAR-10 images: from 16 x 16 to 32 x 32 pixels."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="superres_resnet.cifar10-x2",
    model=dict(
        variant="superres",
        backbone="resnet",
        input_shape=(32, 32, 3),
        scale=2,
        filters=(48,),
        blocks=6,
        activation="relu",
        first_stride=1,
    ),
    dataset="cifar10",
    transforms=("flip",),
    epochs=10,
    batch_size=50,
    learning_rate=1e-3,
    warmup_epochs=0.2,
    precision="mixed_bfloat16",
    ema=0.999,
    metrics=("enlarged_psnr",),
)

if __name__ == "__main__":
    run(RECIPE)
