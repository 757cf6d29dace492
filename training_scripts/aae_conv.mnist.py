"""Convolutional adversarial autoencoder on MNIST, 16 latents whose distribution is matched to a standard normal prior."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="aae_conv.mnist",
    model=dict(
        variant="aae",
        backbone="conv",
        input_shape=(28, 28, 1),
        latent_dim=16,
        weight=20.0,
        discriminator=(512, 512),
        loss="bernoulli",
        filters=(32, 64, 128),
        kernel_size=5,
        activation="gelu",
    ),
    dataset="mnist",
    epochs=25,
    batch_size=128,
    learning_rate=1e-3,
    metrics=("mse", "frechet_distance"),
)

if __name__ == "__main__":
    run(RECIPE)
