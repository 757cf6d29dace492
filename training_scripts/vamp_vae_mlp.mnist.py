"""VAE with a VampPrior of 500 components on MNIST, dynamically binarized, 40 latents."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="vamp_vae_mlp.mnist",
    model=dict(
        variant="vamp_vae",
        input_shape=(28, 28, 1),
        latent_dim=40,
        pseudo_inputs=500,
        hidden=(500, 500),
        activation="gelu",
        loss="bernoulli",
    ),
    dataset="mnist",
    transforms=("binarize",),
    epochs=120,
    batch_size=128,
    learning_rate=1e-3,
    metrics=({"metric": "nll", "k": 5000, "n": 2000}, "elbo", "mse"),
    baseline=("nll", 85.79, "VampPrior VAE of pythae, static binarization"),
)

if __name__ == "__main__":
    run(RECIPE)
