"""Patch dictionary of CIFAR-10: 400 atoms of 6 x 6 pixels by spherical k-means, codes averaged over four quarters."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="patch_dictionary_conv.cifar10",
    model=dict(variant="patch_dictionary", input_shape=(32, 32, 3), atoms=400, size=6, threshold=0.5, regions=2),
    dataset="cifar10",
    start="patches",
    epochs=0,
    batch_size=100,
    metrics=("linear_accuracy", "knn_accuracy", "mse"),
    baseline=(
        "linear_accuracy",
        0.796,
        "k-means with 4,000 atoms and a linear SVM, Coates, Lee & Ng 2011 (abstract)",
    ),
)

if __name__ == "__main__":
    run(RECIPE)
