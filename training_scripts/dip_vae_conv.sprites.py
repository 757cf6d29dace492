"""DIP-VAE-II on sprites: ten latents with a covariance close to the identity."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="dip_vae_conv.sprites",
    model=dict(
        variant="dip_vae",
        backbone="conv",
        input_shape=(64, 64, 1),
        latent_dim=10,
        kind="II",
        # At 200, with twice the learning rate, the decoder did not use the latents.
        lambda_od=20.0,
        lambda_d=20.0,
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
