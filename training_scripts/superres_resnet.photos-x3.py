"""Super-resolution of photographs of any size by a factor of 3."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="superres_resnet.photos-x3",
    model=dict(
        variant="superres",
        backbone="resnet",
        input_shape=(96, 96, 3),
        scale=3,
        edges="mirror",
        filters=(64,),
        blocks=6,
        activation="relu",
        first_stride=1,
    ),
    # The 400 images of the train and test parts of BSDS500.
    dataset="photos",
    patches=60,
    test="set5",
    transforms=("dihedral",),
    epochs=1,
    batch_size=16,
    learning_rate=1e-3,
    warmup_epochs=0.1,
    precision="mixed_bfloat16",
    ema=0.999,
    metrics=("enlarged_psnr_luma.set5", "enlarged_ssim_luma.set5", "enlarged_psnr_luma.set14"),
)

if __name__ == "__main__":
    run(RECIPE)
