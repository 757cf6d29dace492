"""Residual-quantized autoencoder on CIFAR-10, a 4 x 4 grid of stacks of four of 512 codes: 576 bits per image."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="rq_vae_conv.cifar10",
    model=dict(
        variant="rq_vae",
        backbone="conv",
        input_shape=(32, 32, 3),
        latent_dim=64,
        codes=512,
        depth=4,
        filters=(64, 128, 256),
        convs_per_stage=2,
    ),
    dataset="cifar10",
    epochs=12,
    batch_size=50,
    learning_rate=1e-3,
    warmup_epochs=0.2,
    precision="mixed_bfloat16",
    metrics=("mse", "psnr", "codebook_usage", "codebook_perplexity"),
    baseline=("mse", 0.003286, "vq_vae_conv.cifar10, with the same number of bits"),
)

if __name__ == "__main__":
    run(RECIPE)
