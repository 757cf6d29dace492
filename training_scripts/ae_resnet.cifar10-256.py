"""Residual undercomplete autoencoder on CIFAR-10, 256 latents, with a linear path initialized by PCA."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="ae_resnet.cifar10-256",
    model=dict(
        variant="ae",
        backbone="resnet",
        input_shape=(32, 32, 3),
        latent_dim=256,
        filters=(48,),
        blocks=1,
        linear_path=True,
    ),
    dataset="cifar10",
    start="pca",
    epochs=3,
    batch_size=100,
    learning_rate=1e-3,
    warmup_epochs=0.3,
    metrics=("mse", "psnr", "ssim", "pca_mse"),
)

if __name__ == "__main__":
    run(RECIPE)
