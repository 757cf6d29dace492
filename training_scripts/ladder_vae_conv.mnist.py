"""Ladder VAE on MNIST, dynamically binarized: three stochastic layers at 4 x 4 and two at 7 x 7, with eight maps each."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="ladder_vae_conv.mnist",
    model=dict(
        variant="ladder_vae",
        backbone="conv",
        input_shape=(28, 28, 1),
        filters=(32, 64, 64),
        activation="relu",
        stochastic_layers=(0, 2, 3),
        latents=8,
        free_bits=0.2,
        loss="bernoulli",
    ),
    dataset="mnist",
    transforms=("binarize",),
    epochs=75,
    batch_size=100,
    learning_rate=2e-3,
    optimizer="adamw",
    weight_decay=1e-4,
    warmup_epochs=0.5,
    clip_norm=200.0,
    precision="mixed_bfloat16",
    ema=0.999,
    metrics=({"metric": "nll", "k": 200, "n": 1000}, "elbo", "mse"),
    baseline=("nll", 81.74, "ladder VAE with five layers, Sønderby et al. 2016, table 1"),
)

if __name__ == "__main__":
    run(RECIPE)
