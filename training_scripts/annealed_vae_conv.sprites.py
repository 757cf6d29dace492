"""Annealed VAE on sprites: ten latents with a capacity that increases to 20 nats per image."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="annealed_vae_conv.sprites",
    model=dict(
        variant="annealed_vae",
        backbone="conv",
        input_shape=(64, 64, 1),
        latent_dim=10,
        # At 30 and 100, with twice the learning rate, the decoder did not use the latents.
        gamma=10.0,
        c_max=20.0,
        c_steps=4500,
        filters=(8, 16, 32, 64),
        kernel_size=4,
        loss="bernoulli",
    ),
    dataset="sprites",
    epochs=6,
    batch_size=256,
    learning_rate=1e-3,
    warmup_epochs=0.5,
    precision="mixed_bfloat16",
    metrics=("mig", "factor_vae_score", "sap", "dci_disentanglement", "elbo", "mse"),
)

if __name__ == "__main__":
    run(RECIPE)
