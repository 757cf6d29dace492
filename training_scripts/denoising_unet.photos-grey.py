"""Denoiser of gray photographs of any size: Gaussian noise of any deviation up to 55/255."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="denoising_unet.photos-grey",
    model=dict(
        variant="denoising",
        backbone="unet",
        input_shape=(64, 64, 1),
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
    test="bsd68",
    transforms=("dihedral",),
    epochs=4,
    batch_size=16,
    learning_rate=2e-3,
    warmup_epochs=0.1,
    clip_norm=0.05,
    precision="mixed_bfloat16",
    ema=0.999,
    metrics=(
        "denoised_psnr_unclipped.bsd68",
        "denoised_psnr_unclipped_15.bsd68",
        "denoised_psnr_unclipped_50.bsd68",
        "denoised_psnr_unclipped.set12",
    ),
    baseline=("denoised_psnr_unclipped.bsd68", 28.57, "BM3D, which is given the noise level, Zhang et al. 2017, table II"),
)

if __name__ == "__main__":
    run(RECIPE)
