"""Ladder VAE on CIFAR-10, discretized logistic mixture: three stochastic layers from 4 x 4 to 16 x 16, as two cores allow.

On a GPU: filters (128, 192, 192, 192) of strides (1, 2, 2, 2), three convolutions a stage, rungs (4, 5, 4, 2), silu, batches of
64 at 6e-4, 100 epochs and more, patches read as here.
"""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="ladder_vae_conv.cifar10",
    model=dict(
        variant="ladder_vae",
        backbone="conv",
        input_shape=(32, 32, 3),
        filters=(48, 64, 64),
        strides=(2, 2, 2),
        activation="relu",
        rungs=(1, 1, 1),
        latents=16,
        warmup_steps=400,
        patches=True,
        loss="logistic_mixture",
    ),
    dataset="cifar10",
    transforms=("flip",),
    epochs=27,
    batch_size=64,
    learning_rate=2e-3,
    optimizer="adamw",
    weight_decay=1e-2,
    warmup_epochs=0.1,
    clip_norm=200.0,
    ema=0.999,
    precision="mixed_bfloat16",
    metrics=("bits_per_dim", "mse"),
    anchor=("bits_per_dim", 3.11, "ResNet VAE with IAF, Kingma et al. 2016, table 3"),
    embedded=False,
)

if __name__ == "__main__":
    run(RECIPE)
