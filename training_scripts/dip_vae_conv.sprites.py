"""DIP-VAE-I on sprites: ten latents whose covariance should be the identity."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="dip_vae_conv.sprites",
    model=dict(
        variant="dip_vae",
        backbone="conv",
        input_shape=(64, 64, 1),
        latent_dim=10,
        kind="I",
        lambda_od=10.0,
        lambda_d=100.0,
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
)

if __name__ == "__main__":
    run(RECIPE)
