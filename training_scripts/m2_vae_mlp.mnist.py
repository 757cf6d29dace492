"""M2 on MNIST with 100 labels, ten of each digit: ten labelled images per batch, all images rotated and sheared slightly."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="m2_vae_mlp.mnist",
    model=dict(
        variant="m2_vae",
        backbone="mlp",
        input_shape=(28, 28, 1),
        latent_dim=30,
        hidden=(500, 500),
        activation="silu",
        alpha=20.0,
        loss="bernoulli",
    ),
    dataset="mnist",
    labelled=100,
    labelled_share=0.1,
    transforms=("affine",),
    epochs=60,
    batch_size=100,
    learning_rate=1e-3,
    ema=0.999,
    metrics=("classification_error", "elbo", "mse"),
    baseline=("classification_error", 0.1197, "M2 with 100 labels, Kingma et al. 2014, table 1"),
)

if __name__ == "__main__":
    run(RECIPE)
