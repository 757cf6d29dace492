"""Masked autoencoder of a small vision transformer on CIFAR-10, patches of 4 x 4, three quarters hidden."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="mae_vit_tiny.cifar10",
    model=dict(
        variant="mae",
        backbone="vit",
        input_shape=(32, 32, 3),
        mask_ratio=0.75,
        patch_size=4,
        width=192,
        depth=12,
        heads=3,
        decoder_width=96,
        decoder_depth=2,
        decoder_heads=3,
    ),
    dataset="cifar10",
    transforms=("crop", "flip"),
    epochs=20,
    batch_size=100,
    learning_rate=1e-3,
    optimizer="adamw",
    weight_decay=0.05,
    warmup_epochs=1,
    precision="mixed_bfloat16",
    # Of the twelve blocks and the code the best on a part of the training images, after fifteen epochs of this recipe.
    metrics=(
        {"metric": "linear_accuracy", "layer": "block7", "pool": "mean"},
        {
            "metric": "finetuned_accuracy",
            "layer": "block7",
            "pool": "mean",
            "epochs": 36,
            "batch_size": 128,
            "learning_rate": 2.5e-3,
            "patch_dropout": (0.75, 0.75, 0.75, 0.5),
            "precision": "mixed_bfloat16",
        },
    ),
    anchor=("linear_accuracy", 0.493, "masked autoencoder of the Keras examples, 100 epochs"),
    embedded=False,
)

if __name__ == "__main__":
    run(RECIPE)
