"""Denoising convolutional autoencoder on CIFAR-10, Gaussian noise of standard deviation 0.2."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="dae_conv.cifar10",
    model=dict(
        variant="dae",
        backbone="conv",
        input_shape=(32, 32, 3),
        latent_dim=None,
        noise="gaussian",
        level=0.2,
        filters=(192, 64),
        strides=(1, 2),
        batch_norm=True,
        features="stage1",
    ),
    dataset="cifar10",
    epochs=3,
    batch_size=100,
    learning_rate=1e-3,
    warmup_epochs=0.2,
    metrics=({"metric": "linear_accuracy", "layer": "best"}, {"metric": "knn_accuracy", "layer": "best"}, "mse"),
    embedded=True,
)

if __name__ == "__main__":
    run(RECIPE)
