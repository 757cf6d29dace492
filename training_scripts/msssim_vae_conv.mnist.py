"""VAE on MNIST with multi-scale structural similarity as its reconstruction loss, 16 latents."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="msssim_vae_conv.mnist",
    model=dict(
        variant="msssim_vae",
        backbone="conv",
        input_shape=(28, 28, 1),
        latent_dim=16,
        beta=1e-3,
        filters=(32, 64, 128),
        kernel_size=4,
        activation="gelu",
    ),
    dataset="mnist",
    epochs=12,
    batch_size=128,
    learning_rate=1e-3,
    precision="mixed_bfloat16",
    metrics=("ssim", "mse", "frechet_distance"),
)

if __name__ == "__main__":
    run(RECIPE)
