"""Convolutional regularized autoencoder on MNIST, 16 latents, weight decay on the decoder."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="rae_l2_conv.mnist",
    model=dict(
        variant="rae_l2",
        backbone="conv",
        input_shape=(28, 28, 1),
        latent_dim=16,
        beta=0.05,
        weight=1e-3,
        loss="bernoulli",
        filters=(32, 64, 128),
        kernel_size=5,
        activation="gelu",
    ),
    dataset="mnist",
    epochs=15,
    batch_size=128,
    learning_rate=1e-3,
    metrics=("mse", "frechet_distance"),
)

if __name__ == "__main__":
    run(RECIPE)
