"""Residual undercomplete autoencoder on CIFAR-10, 128 latents, with a linear path initialized by PCA."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="ae_resnet.cifar10",
    model=dict(
        variant="ae",
        backbone="resnet",
        input_shape=(32, 32, 3),
        latent_dim=128,
        filters=(48,),
        blocks=1,
        linear_path=True,
    ),
    dataset="cifar10",
    start="pca",
    epochs=8,
    batch_size=100,
    learning_rate=1e-3,
    warmup_epochs=0.3,
    metrics=("mse", "psnr", "ssim", "pca_mse"),
    embedded=True,
)

if __name__ == "__main__":
    run(RECIPE)
