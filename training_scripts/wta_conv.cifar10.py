"""Convolutional winner-take-all autoencoder on CIFAR-10: local contrast normalization, one winner per feature map."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="wta_conv.cifar10",
    model=dict(
        variant="wta",
        backbone="conv",
        input_shape=(32, 32, 3),
        filters=(384,),
        kernel_size=7,
        strides=(1,),
        rate=0.2,
        pool=8,
        pool_stride=8,
        pooling="average",
        atom=7,
        loss="contrast_mse",
    ),
    dataset="cifar10",
    transforms=("flip",),
    epochs=8,
    batch_size=100,
    learning_rate=1e-2,
    warmup_epochs=0.2,
    precision="mixed_bfloat16",
    metrics=({"metric": "linear_accuracy", "flips": True}, "knn_accuracy"),
    baseline=(
        "linear_accuracy",
        0.796,
        "k-means with 4,000 atoms and a linear SVM, Coates, Lee & Ng 2011 (abstract)",
    ),
    embedded=True,
)

if __name__ == "__main__":
    run(RECIPE)
