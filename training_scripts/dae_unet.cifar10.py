"""Denoising autoencoder on a U-Net, CIFAR-10: the local contrast of images from ones with Gaussian noise of up to a tenth, read
through a dictionary of patches that k-means finds before the training."""

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
    # Of what denoising taught: the dictionary, which k-means finds before, is read in patch_dictionary_conv.cifar10. By a linear
    # classifier on 3,000 training images "down1" reads .60 of the test images.
    metrics=({"metric": "linear_accuracy", "flips": True}, "knn_accuracy"),
    baseline=("linear_accuracy", 0.9005, "denoising diffusion autoencoder with 35.7 million parameters, Xiang et al. 2023"),
)

if __name__ == "__main__":
    run(RECIPE)
