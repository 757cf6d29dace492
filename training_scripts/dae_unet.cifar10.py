"""Denoising autoencoder on a U-Net, CIFAR-10: reconstructs the local contrast of images with Gaussian noise of standard
deviation up to 0.1; the first layer is a dictionary of patches by k-means."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="dae_unet.cifar10",
    model=dict(
        variant="dae",
        backbone="unet",
        input_shape=(32, 32, 3),
        noise="gaussian",
        level=(0.0, 0.1),
        loss="contrast_mse",
        atoms=1024,
        filters=(64, 128),
        blocks=1,
        activation="relu",
        first_stride=2,
        features="down1",
    ),
    dataset="cifar10",
    transforms=("flip",),
    epochs=6,
    batch_size=50,
    learning_rate=1e-3,
    warmup_epochs=0.2,
    precision="mixed_bfloat16",
    ema=0.999,
    start="patches",
    # Measured at "down1", which denoising trains; the k-means dictionary is measured in patch_dictionary_conv.cifar10. With 3,000
    # training images, a linear classifier on "down1" has an accuracy of 0.60.
    metrics=("linear_accuracy", "knn_accuracy"),
    baseline=("linear_accuracy", 0.9005, "denoising diffusion autoencoder with 35.7 million parameters, Xiang et al. 2023"),
)

if __name__ == "__main__":
    run(RECIPE)
