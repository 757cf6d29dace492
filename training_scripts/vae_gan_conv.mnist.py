"""Convolutional VAE-GAN on MNIST, 16 latents, images compared by the features of the discriminator."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="vae_gan_conv.mnist",
    model=dict(
        variant="vae_gan",
        backbone="conv",
        input_shape=(28, 28, 1),
        latent_dim=16,
        weight=20.0,
        filters=(32, 64, 128),
        kernel_size=4,
        activation="leaky_relu",
    ),
    dataset="mnist",
    epochs=15,
    batch_size=128,
    learning_rate=5e-4,
    metrics=("mse", "frechet_distance"),
)

if __name__ == "__main__":
    run(RECIPE)
