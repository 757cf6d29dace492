"""Vector-quantized convolutional autoencoder on CIFAR-10, an 8 x 8 grid of 512 codes: 576 bits per image."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="vq_vae_conv.cifar10",
    model=dict(
        variant="vq_vae",
        backbone="conv",
        input_shape=(32, 32, 3),
        latent_dim=32,
        codes=512,
        filters=(64, 128),
        convs_per_stage=2,
    ),
    dataset="cifar10",
    epochs=36,
    batch_size=50,
    learning_rate=1e-3,
    warmup_epochs=0.2,
    precision="mixed_bfloat16",
    metrics=("mse", "psnr", "codebook_usage", "codebook_perplexity"),
    baseline=("mse", 0.0035, "VQ-VAE with an 8 x 8 grid of 512 codes, Sonnet's example"),
    embedded=True,
)

if __name__ == "__main__":
    run(RECIPE)
