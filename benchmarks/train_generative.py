"""Training speed of generative variants in the zoo and in pythae, with the same networks and batches on the same cores.

    pip install -e . pythae
    python benchmarks/train_generative.py

Encoders and decoders have the same layers in both libraries, which is checked by the numbers of parameters; the rest is each
library's own implementation of the variant. The libraries alternate, each in a process of its own, so that threads and memory are
not shared. A turn trains one epoch as a warm-up and measures the next two; the median over the turns is reported. The ratio is
more meaningful than the speeds, which depend on the machine. The images are random, because the speed does not depend on them.
"""

import argparse
import json
import math
import os
import sys
import tempfile
import time

from turns import as_markdown, take_turns, write_table

SAMPLES = 8
_MLP = dict(net="mlp", shape=(28, 28, 1), batch=100, images=30_000, latents=50)
_CONV = dict(net="conv", shape=(32, 32, 3), batch=64, images=6_400, latents=64)
VARIANTS = {
    "vae": dict(about="VAE", **_MLP),
    "iwae": dict(about=f"IWAE, k = {SAMPLES}", **_MLP),
    "wae_mmd": dict(about="WAE-MMD", **_MLP),
    "vq_vae": dict(about="VQ-VAE, 4 x 4 of 512 codes, moving averages", **_CONV),
    "vae_gan": dict(about="VAE-GAN", **_CONV),
}
NETS = {"mlp": "784-500-{latents}-500-784, batch {batch}", "conv": "32-64-128 filters, {latents} latents, batch {batch}"}
# pythae trains in half precision only on GPUs.
CONTENDERS = ("zoo", "zoo-bfloat16", "pythae")
EPOCHS = 3


def images(spec, count):
    """Random uint8 images (N, H, W, C)."""
    import numpy as np

    return np.random.default_rng(0).integers(0, 256, (count, *spec["shape"]), dtype=np.uint8)


def train_zoo(variant, count, precision="float32"):
    from zoo.training import Recipe
    from zoo.training.callbacks import Checkpoint
    from zoo.training.fit import fit

    spec = VARIANTS[variant]
    net = dict(hidden=(500,)) if spec["net"] == "mlp" else dict(filters=(32, 64, 128))
    own = {"iwae": dict(k=SAMPLES)}.get(variant, {})
    model = dict(variant=variant, backbone=spec["net"], input_shape=spec["shape"], latent_dim=spec["latents"], **net, **own)
    recipe = Recipe(
        name=variant,
        model=model,
        dataset="",
        epochs=EPOCHS,
        batch_size=spec["batch"],
        metrics=(),
        schedule="constant",
        precision=precision,
    )
    # The time is that of a training script, including a checkpoint after every epoch.
    ends, original = [], Checkpoint.on_epoch_end

    def on_epoch_end(self, epoch, logs=None):
        original(self, epoch, logs)
        ends.append(time.perf_counter())

    Checkpoint.on_epoch_end = on_epoch_end
    with tempfile.TemporaryDirectory() as folder:
        model, _ = fit(recipe, images(spec, count), folder)
    return ends, sum(math.prod(v.shape) for v in (*model.encoder.backbone.weights, *model.decoder.weights))


def pythae_components(variant):
    """Encoder and decoder as classes of pythae, with the layers of the zoo's."""
    import torch
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from torch import nn

    spec = VARIANTS[variant]
    latents = spec["latents"]
    if spec["net"] == "mlp":
        body, width = nn.Sequential(nn.Flatten(), nn.Linear(784, 500), nn.ReLU()), 500
        back = [nn.Linear(latents, 500), nn.ReLU(), nn.Linear(500, 784), nn.Unflatten(1, (1, 28, 28))]
    else:
        body, up, width = nn.Sequential(*_down(), *([] if variant == "vq_vae" else [nn.Flatten()])), [], 2048
        first = [nn.Linear(latents, 2048), nn.ReLU(), nn.Unflatten(1, (128, 4, 4))]
        for before, after in (((latents if variant == "vq_vae" else 128), 64), (64, 32), (32, 3)):
            up += [nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1), nn.ReLU()]
        back = [*([] if variant == "vq_vae" else first), *up[:-1]]
    squashed = variant in ("vae", "iwae", "vae_gan")

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.net = body
            if variant == "vq_vae":
                self.mean = nn.Conv2d(128, latents, 1)
            else:
                self.mean = nn.Linear(width, latents)
            self.log_variance = nn.Linear(width, latents) if squashed else None

        def forward(self, x):
            h = self.net(x)
            if self.log_variance is None:
                return ModelOutput(embedding=self.mean(h))
            return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            # pythae's Bernoulli loss and discriminator require values between 0 and 1.
            self.net = nn.Sequential(*back, *([nn.Sigmoid()] if squashed else []))

        def forward(self, z):
            return ModelOutput(reconstruction=self.net(z))

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    return Encoder(), Decoder()


def _down():
    from torch import nn

    layers = []
    for before, after in ((3, 32), (32, 64), (64, 128)):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU()]
    return layers


def pythae_discriminator():
    """A discriminator with the layers of the zoo's, which are those of its encoder; the features are those before the logit."""
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDiscriminator
    from torch import nn

    class Discriminator(BaseDiscriminator):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(*_down(), nn.Flatten())
            self.head = nn.Sequential(nn.Linear(2048, 1), nn.Sigmoid())
            self.depth = 2

        def forward(self, x, output_layer_levels=None):
            features = self.net(x)
            if output_layer_levels == [1]:
                return ModelOutput(embedding_layer_1=features)
            return ModelOutput(embedding=self.head(features))

    return Discriminator()


def train_pythae(variant, count):
    import torch
    from pythae import models, trainers
    from pythae.data.datasets import BaseDataset
    from pythae.trainers.training_callbacks import TrainingCallback

    spec = VARIANTS[variant]
    encoder, decoder = pythae_components(variant)
    # The same images as float tensors (N, C, H, W) in memory, converted before the time is measured.
    x = torch.from_numpy(images(spec, count)).permute(0, 3, 1, 2).contiguous().float() / 255
    common = dict(input_dim=tuple(x.shape[1:]), latent_dim=spec["latents"])
    components = dict(encoder=encoder, decoder=decoder)
    if variant == "vae":
        model = models.VAE(models.VAEConfig(**common, reconstruction_loss="bce"), **components)
    elif variant == "iwae":
        model = models.IWAE(models.IWAEConfig(**common, reconstruction_loss="bce", number_samples=SAMPLES), **components)
    elif variant == "wae_mmd":
        model = models.WAE_MMD(models.WAE_MMD_Config(**common), **components)
    elif variant == "vq_vae":
        model = models.VQVAE(models.VQVAEConfig(**common, num_embeddings=512, use_ema=True), **components)
    else:
        config = models.VAEGANConfig(**common, reconstruction_layer=1)
        model = models.VAEGAN(config, **components, discriminator=pythae_discriminator())

    ends = []

    class Clock(TrainingCallback):
        def on_epoch_end(self, training_config, **kwargs):
            ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        settings = dict(output_dir=folder, num_epochs=EPOCHS, per_device_train_batch_size=spec["batch"], no_cuda=True)
        if variant == "vae_gan":
            kind, config = (
                trainers.CoupledOptimizerAdversarialTrainer,
                trainers.CoupledOptimizerAdversarialTrainerConfig(**settings),
            )
        else:
            kind, config = trainers.BaseTrainer, trainers.BaseTrainerConfig(**settings, learning_rate=1e-3)
        kind(model, BaseDataset(x, torch.zeros(len(x))), training_config=config, callbacks=[Clock()]).train()
    parameters = sum(p.numel() for p in (*encoder.net.parameters(), *decoder.parameters()))
    return ends, parameters


def turn(variant, contender, count):
    """Images per second of one contender, in this process, and the number of parameters of encoder and decoder without those of
    the bottleneck."""
    if contender == "pythae":
        ends, parameters = train_pythae(variant, count)
    else:
        ends, parameters = train_zoo(variant, count, "mixed_bfloat16" if contender == "zoo-bfloat16" else "float32")
    batch = VARIANTS[variant]["batch"]
    seen = count // batch * batch * (len(ends) - 1)
    return {"speed": seen / (ends[-1] - ends[0]), "parameters": int(parameters)}


def measure(variant, rounds, fraction):
    """The results of `take_turns`, after a check that the networks have equal numbers of parameters."""
    count = max(2 * VARIANTS[variant]["batch"], int(VARIANTS[variant]["images"] * fraction))
    table = take_turns(__file__, variant, CONTENDERS, rounds, count)
    if len({row[-1] for row in table.values()}) != 1:
        sys.exit(f"{variant}: the networks differ, { ({contender: row[-1] for contender, row in table.items()}) } parameters.")
    return table


def about(variant, parameters):
    """A description of the model."""
    spec = VARIANTS[variant]
    return f"{spec['about']}, {NETS[spec['net']].format(**spec)}; {parameters:,} parameters without the bottleneck"


def main():
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--rounds", type=int, default=3, help="number of turns of each library (3)")
    flags.add_argument("--fraction", type=float, default=1.0, help="fraction of the images of an epoch, for a quick test (1.0)")
    flags.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    flags.add_argument("--docs", action="store_true", help="write the table to its page of the documentation")
    flags.add_argument("--turn", nargs=3, metavar=("VARIANT", "CONTENDER", "IMAGES"), help=argparse.SUPPRESS)
    arguments = flags.parse_args()
    if arguments.turn:
        variant, contender, count = arguments.turn
        print("\n" + json.dumps(turn(variant, contender, int(count))))
        return
    tables = {variant: measure(variant, arguments.rounds, arguments.fraction) for variant in arguments.variants}
    text = as_markdown(tables, arguments.rounds, "variant", about)
    print(text)
    if arguments.docs:
        write_table("generative speed", text)


if __name__ == "__main__":
    main()
