"""β-VAE on sprites: ten latents, each of which should represent one factor; β increases to 16."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="beta_vae_conv.sprites",
    model=dict(
        variant="beta_vae",
        backbone="conv",
        input_shape=(64, 64, 1),
        latent_dim=10,
        # With 20 from the first step, the latents were not used.
        beta=16.0,
        warmup_steps=1500,
        filters=(8, 16, 32, 64),
        kernel_size=4,
        loss="bernoulli",
    ),
    dataset="sprites",
    epochs=6,
    batch_size=256,
    learning_rate=2e-3,
    warmup_epochs=0.5,
    precision="mixed_bfloat16",
    metrics=("mig", "factor_vae_score", "sap", "dci_disentanglement", "elbo", "mse"),
    baseline=("mig", 0.21, "β-VAE on dSprites, best reported"),
)

if __name__ == "__main__":
    run(RECIPE)
