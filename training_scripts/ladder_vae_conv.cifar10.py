"""Ladder VAE on CIFAR-10, discretized logistic mixture: a stochastic layer at 4 x 4 and two at 8 x 8, pixels in seven groups.

Dependence between neighboring pixels needs no latent variables: the decoder samples a sixteenth of the pixels from the code, and
the others in two doublings of the resolution. Four free nats per map of latents keep the latents in use.

On a GPU: filters (128, 192, 192, 192) of strides (1, 2, 2, 2), three convolutions per stage, stochastic_layers (0, 5, 4, 2),
silu, groups (192, 256), batches of 64 at a learning rate of 6e-4, 100 epochs and more, patches as here.
"""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="ladder_vae_conv.cifar10",
    model=dict(
        variant="ladder_vae",
        backbone="conv",
        input_shape=(32, 32, 3),
        filters=(32, 64, 64),
        strides=(2, 2, 2),
        activation="relu",
        stochastic_layers=(0, 2, 1),
        latents=16,
        free_bits=4.0,
        patches=True,
        groups=(96, 128),
        loss="logistic_mixture",
    ),
    dataset="cifar10",
    transforms=("flip",),
    epochs=16,
    batch_size=64,
    learning_rate=2e-3,
    optimizer="adamw",
    weight_decay=1e-2,
    warmup_epochs=0.1,
    clip_norm=200.0,
    ema=0.999,
    precision="mixed_bfloat16",
    metrics=("bits_per_dim", "mse"),
    baseline=("bits_per_dim", 3.11, "ResNet VAE with IAF, Kingma et al. 2016, table 3"),
    # Samples from the prior are texture without objects.
    samples=False,
)

if __name__ == "__main__":
    run(RECIPE)
