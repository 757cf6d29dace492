"""β-TC-VAE on sprites: ten latents that should each stand for one factor."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="beta_tc_vae_conv.sprites",
    model=dict(
        variant="beta_tc_vae",
        backbone="conv",
        input_shape=(64, 64, 1),
        latent_dim=10,
        dataset_size=250_000,
        beta=6.0,
        filters=(16, 32, 64, 64),
        kernel_size=4,
        loss="bernoulli",
    ),
    dataset="sprites",
    epochs=8,
    batch_size=128,
    learning_rate=1e-3,
    metrics=("mig", "factor_vae_score", "sap", "dci_disentanglement", "elbo", "mse"),
)

if __name__ == "__main__":
    run(RECIPE)
