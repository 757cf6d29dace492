"""InfoVAE on MNIST, dynamically binarized, 10 latents: half of the KL divergence and an MMD penalty."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="info_vae_mlp.mnist",
    model=dict(
        variant="info_vae",
        input_shape=(28, 28, 1),
        latent_dim=10,
        alpha=0.5,
        lambda_=1000.0,
        hidden=(500, 500),
        activation="gelu",
        loss="bernoulli",
    ),
    dataset="mnist",
    transforms=("binarize",),
    epochs=60,
    batch_size=128,
    learning_rate=1e-3,
    metrics=({"metric": "nll", "k": 5000, "n": 2000}, "elbo", "mse", "frechet_distance"),
)

if __name__ == "__main__":
    run(RECIPE)
