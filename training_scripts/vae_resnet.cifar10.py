"""Variational autoencoder on CIFAR-10, 128 latents, discretized logistic mixture, with a linear path initialized by PCA."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="vae_resnet.cifar10",
    model=dict(
        variant="vae",
        backbone="resnet",
        input_shape=(32, 32, 3),
        latent_dim=128,
        loss="logistic_mixture",
        filters=(48,),
        blocks=1,
        linear_path=True,
    ),
    dataset="cifar10",
    start="pca",
    epochs=2,
    batch_size=100,
    learning_rate=1e-3,
    warmup_epochs=0.3,
    clip_norm=200.0,
    metrics=("bits_per_dim", "mse", "pca_mse"),
    baseline=("bits_per_dim", 4.51, "convolutional VAE, van den Oord et al. 2017, section 4.1"),
    # Samples from the prior are blobs without objects.
    samples=False,
)

if __name__ == "__main__":
    run(RECIPE)
