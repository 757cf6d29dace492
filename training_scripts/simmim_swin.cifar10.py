"""SimMIM of a small Swin on CIFAR-10: patches of 4 x 4 pixels, two stages, 45 of 64 squares of 4 x 4 masked."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="simmim_swin.cifar10",
    model=dict(
        variant="simmim",
        backbone="swin",
        input_shape=(32, 32, 3),
        mask_ratio=0.7,
        mask_size=4,
        features="stage2",
        mean=(0.4914, 0.4822, 0.4465),
        deviation=(0.247, 0.2435, 0.2616),
        patch_size=4,
        width=64,
        blocks=(2, 2),
        heads=2,
        window=4,
    ),
    dataset="cifar10",
    transforms=("crop", "flip"),
    epochs=10,
    batch_size=100,
    learning_rate=1e-3,
    optimizer="adamw",
    weight_decay=0.05,
    warmup_epochs=0.5,
    precision="mixed_bfloat16",
    metrics=(
        {"metric": "linear_accuracy", "layer": "stage2", "pool": 2},
        {"metric": "knn_accuracy", "layer": "stage2", "pool": 2},
    ),
)

if __name__ == "__main__":
    run(RECIPE)
