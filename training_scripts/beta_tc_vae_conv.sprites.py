"""β-TC-VAE on sprites: ten latents, each of which should represent one factor."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="beta_tc_vae_conv.sprites",
    model=dict(
        variant="beta_tc_vae",
        backbone="conv",
        input_shape=(64, 64, 1),
        latent_dim=10,
        dataset_size=250_000,
        beta=20.0,
        gamma=0.2,
        filters=(8, 16, 32, 64),
        kernel_size=4,
        loss="bernoulli",
    ),
    dataset="sprites",
    epochs=6,
    batch_size=256,
    learning_rate=2e-3,
    precision="mixed_bfloat16",
    metrics=("mig", "factor_vae_score", "sap", "dci_disentanglement", "elbo", "mse"),
    baseline=("mig", 0.45, "β-TC-VAE on dSprites, best reported"),
    embedded=True,
    # With this gamma the distribution of the codes may differ from the prior, from which many samples are no sprites.
    samples=False,
)

if __name__ == "__main__":
    run(RECIPE)
