"""Removal of JPEG artifacts from color photographs of any size and quality."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="artifact_removal_unet.photos",
    model=dict(
        variant="artifact_removal",
        backbone="unet",
        input_shape=(64, 64, 3),
        quality=(5, 95),
        filters=(64, 128),
        blocks=2,
        activation="relu",
        first_stride=2,
    ),
    # The 400 images of the train and test parts of BSDS500.
    dataset="photos",
    patches=100,
    test="kodak",
    transforms=("dihedral",),
    epochs=1,
    batch_size=16,
    learning_rate=2e-3,
    warmup_epochs=0.1,
    clip_norm=0.05,
    precision="mixed_bfloat16",
    ema=0.999,
    metrics=(
        "jpeg_psnr_luma_10.kodak",
        "jpeg_psnr_luma_20.kodak",
        "jpeg_psnr_luma_30.kodak",
        "jpeg_psnr_luma_40.kodak",
    ),
)

if __name__ == "__main__":
    run(RECIPE)
