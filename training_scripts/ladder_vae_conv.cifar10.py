"""Ladder VAE on CIFAR-10, discretized logistic mixture: fifteen stochastic layers from 4 x 4 to 32 x 32. Made for a GPU."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="ladder_vae_conv.cifar10",
    model=dict(
        variant="ladder_vae",
        backbone="conv",
        input_shape=(32, 32, 3),
        filters=(128, 192, 192, 192),
        strides=(1, 2, 2, 2),
        convs_per_stage=3,
        activation="silu",
        rungs=(4, 5, 4, 2),
        latents=16,
        warmup_steps=4000,
        loss="logistic_mixture",
    ),
    dataset="cifar10",
    transforms=("flip",),
    epochs=100,
    batch_size=64,
    learning_rate=6e-4,
    optimizer="adamw",
    weight_decay=1e-2,
    warmup_epochs=0.5,
    clip_norm=200.0,
    ema=0.9995,
    metrics=("bits_per_dim", "mse"),
    anchor=("bits_per_dim", 3.11, "ResNet VAE with IAF, Kingma et al. 2016, table 3"),
)

if __name__ == "__main__":
    run(RECIPE)
