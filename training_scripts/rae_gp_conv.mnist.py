"""Convolutional regularized autoencoder on MNIST, 16 latents, gradient penalty on the decoder."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="rae_gp_conv.mnist",
    model=dict(
        variant="rae_gp",
        backbone="conv",
        input_shape=(28, 28, 1),
        latent_dim=16,
        beta=0.05,
        weight=0.05,
        loss="bernoulli",
        filters=(32, 64, 128),
        kernel_size=5,
        activation="gelu",
    ),
    dataset="mnist",
    epochs=20,
    batch_size=128,
    learning_rate=1e-3,
    metrics=("mse", "frechet_distance"),
)

if __name__ == "__main__":
    run(RECIPE)
