"""VAE with inverse autoregressive flows on MNIST, dynamically binarized, 50 latents: the networks of vae_mlp.mnist."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="vae_iaf_mlp.mnist",
    model=dict(
        variant="vae_iaf",
        input_shape=(28, 28, 1),
        latent_dim=50,
        n_made=4,
        made_hidden=(320,),
        context_dim=100,
        hidden=(500, 500),
        activation="gelu",
        loss="bernoulli",
    ),
    dataset="mnist",
    transforms=("binarize",),
    epochs=200,
    batch_size=128,
    learning_rate=1e-3,
    metrics=({"metric": "nll", "k": 5000, "n": 2000}, "elbo", "mse"),
    baseline=("nll", 85.67, "vae_mlp.mnist, the same networks with a Gaussian posterior"),
)

if __name__ == "__main__":
    run(RECIPE)
