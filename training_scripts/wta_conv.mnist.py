"""Convolutional winner-take-all autoencoder on MNIST: one winner per feature map, a linear deconvolution as decoder."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="wta_conv.mnist",
    model=dict(
        variant="wta",
        backbone="conv",
        input_shape=(28, 28, 1),
        filters=(32, 128),
        kernel_size=5,
        strides=(1, 2),
        rate=0.2,
        pool=5,
        pool_stride=2,
        atom=11,
    ),
    dataset="mnist",
    epochs=12,
    batch_size=100,
    learning_rate=1e-3,
    warmup_epochs=0.5,
    metrics=("linear_error", "knn_error"),
    baseline=(
        "linear_error",
        0.012,
        "fully connected winner-take-all autoencoder and linear SVM, Makhzani & Frey 2015 (quoted by guoguo12/tensorflow-fcwta)",
    ),
    embedded=True,
)

if __name__ == "__main__":
    run(RECIPE)
