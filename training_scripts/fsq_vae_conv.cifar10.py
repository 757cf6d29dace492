"""Convolutional autoencoder with finite scalar quantization on CIFAR-10, an 8 x 8 grid of 8³ = 512 codes: 576 bits per image."""

from zoo.training import Recipe, run

RECIPE = Recipe(
    name="fsq_vae_conv.cifar10",
    model=dict(
        variant="fsq_vae",
        backbone="conv",
        input_shape=(32, 32, 3),
        levels=(8, 8, 8),
        filters=(64, 128, 128),
        strides=(2, 2, 1),
        convs_per_stage=2,
    ),
    dataset="cifar10",
    epochs=34,
    batch_size=50,
    learning_rate=1e-3,
    warmup_epochs=0.2,
    precision="mixed_bfloat16",
    metrics=("mse", "psnr", "codebook_usage", "codebook_perplexity"),
    baseline=("mse", 0.003286, "vq_vae_conv.cifar10, with the same number of bits"),
)

if __name__ == "__main__":
    run(RECIPE)
