"""Training speed in the zoo, in a plain PyTorch loop and in pythae, with the same networks, batches and losses on the same cores.

    pip install -e . torch==2.13.0 pythae
    python benchmarks/training.py

They alternate, each in a process of its own, so that threads and memory are not shared. A turn trains one epoch as a warm-up and
measures the next two; the median over the turns is reported. The ratio is more meaningful than the speeds, which depend on the
machine. The images are random, because the speed does not depend on them.
"""

import argparse
import json
import os
import tempfile
import time

from turns import as_markdown, take_turns, write_table

NETS = {
    "mlp": dict(about="VAE 784-500-50-500-784, Bernoulli, batch 100", shape=(28, 28, 1), batch=100, images=60_000),
    "conv": dict(about="autoencoder 32-64-128 filters, 128 latents, MSE, batch 128", shape=(32, 32, 3), batch=128, images=6_400),
}
CONTENDERS = {
    "mlp": ("zoo", "torch", "pythae"),
    "conv": ("zoo", "torch", "torch-channels-last", "pythae"),
}
EPOCHS = 3


def images(net):
    """Random uint8 images (N, H, W, C)."""
    import numpy as np

    spec = NETS[net]
    return np.random.default_rng(0).integers(0, 256, (spec["images"], *spec["shape"]), dtype=np.uint8)


def train_zoo(net):
    from zoo.training import Recipe
    from zoo.training.callbacks import Checkpoint
    from zoo.training.fit import fit

    models = {
        "mlp": dict(variant="vae", backbone="mlp", input_shape=(28, 28, 1), latent_dim=50, hidden=(500,)),
        "conv": dict(variant="ae", backbone="conv", input_shape=(32, 32, 3), latent_dim=128, filters=(32, 64, 128)),
    }
    recipe = Recipe(
        name=net, model=models[net], dataset="", epochs=EPOCHS, batch_size=NETS[net]["batch"], metrics=(), schedule="constant"
    )
    # The time is that of a training script, including a checkpoint after every epoch.
    ends, original = [], Checkpoint.on_epoch_end

    def on_epoch_end(self, epoch, logs=None):
        original(self, epoch, logs)
        ends.append(time.perf_counter())

    Checkpoint.on_epoch_end = on_epoch_end
    with tempfile.TemporaryDirectory() as folder:
        model, _ = fit(recipe, images(net), folder)
    return ends, model.count_params()


def torch_net(net):
    """Encoder and decoder with the layers of the zoo's."""
    from torch import nn

    if net == "mlp":
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 500), nn.ReLU())
        decoder = nn.Sequential(nn.Linear(50, 500), nn.ReLU(), nn.Linear(500, 784), nn.Unflatten(1, (1, 28, 28)))
        return encoder, decoder
    down, up = [], []
    for before, after in ((3, 32), (32, 64), (64, 128)):
        down += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU()]
    for before, after in ((128, 64), (64, 32), (32, 3)):
        up += [nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1), nn.ReLU()]
    encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(2048, 128))
    decoder = nn.Sequential(nn.Linear(128, 2048), nn.ReLU(), nn.Unflatten(1, (128, 4, 4)), *up[:-1])
    return encoder, decoder


def float_images(net):
    """The same images as float tensors (N, C, H, W) for PyTorch, converted before the time is measured."""
    import torch

    return torch.from_numpy(images(net)).permute(0, 3, 1, 2).contiguous().float() / 255


def train_torch(net, channels_last=False):
    import torch
    from torch import nn
    from torch.nn import functional

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    encoder, decoder = torch_net(net)
    heads = nn.ModuleList([nn.Linear(500, 50), nn.Linear(500, 50)] if net == "mlp" else [])
    modules = nn.ModuleList([encoder, decoder, heads])
    x = float_images(net)
    if channels_last:
        modules = modules.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(modules.parameters(), 1e-3)
    batch, ends = NETS[net]["batch"], []
    for _ in range(EPOCHS):
        order = torch.randperm(len(x))
        for i in range(len(x) // batch):
            images_ = x[order[i * batch : (i + 1) * batch]]
            if net == "mlp":
                h = encoder(images_)
                mean, log_variance = heads[0](h), heads[1](h)
                z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
                divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1).mean()
                loss = divergence + functional.binary_cross_entropy_with_logits(decoder(z), images_, reduction="sum") / batch
            else:
                loss = functional.mse_loss(decoder(encoder(images_)), images_)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        ends.append(time.perf_counter())
    return ends, sum(p.numel() for p in modules.parameters())


def train_pythae(net):
    import torch
    from pythae.data.datasets import BaseDataset
    from pythae.models import AE, VAE, AEConfig, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from pythae.trainers.training_callbacks import TrainingCallback
    from torch import nn

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    inner_encoder, inner_decoder = torch_net(net)

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.net = inner_encoder
            self.heads = nn.ModuleList([nn.Linear(500, 50), nn.Linear(500, 50)] if net == "mlp" else [])

        def forward(self, x):
            h = self.net(x)
            if net == "mlp":
                return ModelOutput(embedding=self.heads[0](h), log_covariance=self.heads[1](h))
            return ModelOutput(embedding=h)

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            # pythae's Bernoulli loss requires probabilities.
            self.net = nn.Sequential(inner_decoder, nn.Sigmoid()) if net == "mlp" else inner_decoder

        def forward(self, z):
            return ModelOutput(reconstruction=self.net(z))

    ends = []

    class Clock(TrainingCallback):
        def on_epoch_end(self, training_config, **kwargs):
            ends.append(time.perf_counter())

    x = float_images(net)
    shape = tuple(x.shape[1:])
    if net == "mlp":
        model = VAE(VAEConfig(input_dim=shape, latent_dim=50, reconstruction_loss="bce"), encoder=Encoder(), decoder=Decoder())
    else:
        model = AE(AEConfig(input_dim=shape, latent_dim=128), encoder=Encoder(), decoder=Decoder())
    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=EPOCHS,
            per_device_train_batch_size=NETS[net]["batch"],
            learning_rate=1e-3,
            no_cuda=True,
        )
        trainer = BaseTrainer(model, BaseDataset(x, torch.zeros(len(x))), training_config=config, callbacks=[Clock()])
        trainer.train()
    return ends, sum(p.numel() for p in model.parameters())


def turn(net, contender):
    """Images per second of one contender, in this process, and its number of parameters."""
    train = {"zoo": train_zoo, "torch": train_torch, "pythae": train_pythae}.get(contender)
    ends, parameters = train(net) if train else train_torch(net, channels_last=True)
    steps = NETS[net]["images"] // NETS[net]["batch"]
    return {"speed": steps * NETS[net]["batch"] * (len(ends) - 1) / (ends[-1] - ends[0]), "parameters": parameters}


def about(net, parameters):
    """A description of the model."""
    return f"{NETS[net]['about']}; {parameters:,} parameters"


def main():
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--rounds", type=int, default=3, help="number of turns of each contender (3)")
    flags.add_argument("--docs", action="store_true", help="write the table to its page of the documentation")
    flags.add_argument("--turn", nargs=2, metavar=("NET", "CONTENDER"), help=argparse.SUPPRESS)
    arguments = flags.parse_args()
    if arguments.turn:
        print("\n" + json.dumps(turn(*arguments.turn)))
        return
    tables = {net: take_turns(__file__, net, CONTENDERS[net], arguments.rounds) for net in NETS}
    text = as_markdown(tables, arguments.rounds, "network", about)
    print(text)
    if arguments.docs:
        write_table("speed", text)


if __name__ == "__main__":
    main()
