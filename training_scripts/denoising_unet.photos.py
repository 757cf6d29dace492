"""Denoiser of color photographs of any size: Gaussian noise of any deviation up to 55/255."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="denoising_unet.photos",
    model=dict(
        variant="denoising",
        backbone="unet",
        input_shape=(64, 64, 3),
        level=(0.0, 55 / 255),
        clip=False,
        filters=(64, 128),
        blocks=2,
        activation="relu",
        first_stride=2,
    ),
    # The 400 images of the train and test parts of BSDS500; its validation part overlaps BSD68.
    dataset="photos",
    patches=100,
    test="kodak",
    transforms=("dihedral",),
    epochs=4,
    batch_size=16,
    learning_rate=2e-3,
    warmup_epochs=0.1,
    clip_norm=0.05,
    precision="mixed_bfloat16",
    ema=0.999,
    metrics=(
        "denoised_psnr_unclipped.kodak",
        "denoised_psnr_unclipped_15.kodak",
        "denoised_psnr_unclipped_50.kodak",
    ),
)

if __name__ == "__main__":
    run(RECIPE)
