"""Speed from a folder of photographs to a file of features: `zoo encode`, and PyTorch's DataLoader with the same network.

    pip install -e . torch==2.13.0
    python benchmarks/encode_folder.py --photographs FOLDER --docs

The folder of photographs is filled with JPEG files of 500 x 375 pixels: random crops of the photographs of FOLDER, half of them
mirrored, of qualities 85 to 95. Every run is a process of its own, from its start to the written file; the contenders alternate.
Both resize with Pillow, bilinear with antialiasing. The DataLoader has two workers, which hand over bytes, not floats.

The steady state is that of the last four fifths of the images: the time for all of them, less the time for a fifth of them. The
last two columns count the time of all cores together, which depends less on what else the machine does.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from encode import torch_of
from PIL import Image, ImageOps
from turns import write_table

WIDTH, HEIGHT = 500, 375
WORKERS = 2
NETS = {
    "resnet": dict(about="resnet, 32-64-128 filters, a block each, 64 x 64", side=64, batch=128, share=1.0),
    # A hundredth of the images: the network takes a hundred times as long.
    "vit": dict(about="ViT-B/16, 224 x 224", side=224, batch=16, share=0.01),
}


def fill(folder, photographs, count):
    """Write JPEG files made of the photographs of a folder, always the same ones."""
    files = [path for path in sorted(Path(photographs).rglob("*")) if path.suffix.lower() in (".png", ".bmp", ".jpg")]
    images = [Image.open(path).convert("RGB") for path in files]
    images = [image for image in images if image.width >= WIDTH and image.height >= HEIGHT]
    if not images:
        sys.exit(f"{photographs} contains no photographs of at least {WIDTH} x {HEIGHT} pixels.")
    rng = np.random.default_rng(0)
    for i in range(count):
        image = images[rng.integers(len(images))]
        left, top = rng.integers(image.width - WIDTH + 1), rng.integers(image.height - HEIGHT + 1)
        part = image.crop((left, top, left + WIDTH, top + HEIGHT))
        part = ImageOps.mirror(part) if rng.random() < 0.5 else part
        part.save(folder / f"{i:05d}.jpg", quality=int(rng.integers(85, 96)))


def make(net, folder):
    """Save the model of the zoo, with initial weights, on which the speed does not depend."""
    import zoo

    shape = (NETS[net]["side"], NETS[net]["side"], 3)
    if net == "vit":
        sizes = dict(patch_size=16, width=768, depth=12, heads=12, decoder_width=64, decoder_depth=1)
        model = zoo.create("mae", backbone="vit", input_shape=shape, **sizes)
    else:
        sizes = dict(filters=(32, 64, 128), blocks=1, latent_dim=128, activation="relu")
        model = zoo.create("ae", backbone="resnet", input_shape=shape, **sizes)
    zoo.save(model, folder)


def vit_in_torch():
    """ViT-B/16 of PyTorch's own layers, which have a fast path for inference; the features are the first token."""
    import torch
    from torch import nn

    class ViT(nn.Module):
        def __init__(self, width=768, depth=12, heads=12):
            super().__init__()
            self.patches = nn.Conv2d(3, width, 16, stride=16)
            self.first = nn.Parameter(torch.zeros(1, 1, width))
            self.positions = nn.Parameter(torch.zeros(1, 197, width))
            block = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
            self.blocks = nn.TransformerEncoder(block, depth, nn.LayerNorm(width), enable_nested_tensor=False)

        def forward(self, x):
            tokens = self.patches(x).flatten(2).transpose(1, 2)
            tokens = torch.cat([self.first.expand(len(x), -1, -1), tokens], dim=1)
            return self.blocks(tokens + self.positions)[:, 0]

    return ViT().eval()


def encode_in_torch(net, files, output):
    """The features of files, by a DataLoader and a network of PyTorch."""
    import torch
    from torch.utils.data import DataLoader, Dataset

    side = NETS[net]["side"]

    class Files(Dataset):
        def __len__(self):
            return len(files)

        def __getitem__(self, i):
            image = Image.open(files[i]).convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
            return torch.from_numpy(np.array(image))

    network = vit_in_torch() if net == "vit" else torch_of(net, side)
    rows = []
    with torch.inference_mode():
        for images in DataLoader(Files(), NETS[net]["batch"], num_workers=WORKERS):
            given = images.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.channels_last) / 255
            rows.append(network(given).numpy())
    np.savez(output, features=np.concatenate(rows), ids=np.array([os.path.basename(file) for file in files]))


def timed(command, cache):
    """Duration and processor time of a process, in seconds."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, env={**os.environ, "ZOO_CACHE": str(cache)})
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measured(net, place, photographs, count, rounds):
    """Rows of the table for a network."""
    folders = {}
    for name, number in (("all", count), ("fifth", count // 5)):
        folders[name] = place / f"{net}-{name}"
        folders[name].mkdir()
        fill(folders[name], photographs, number)
    model, cache = place / net, place / f"{net}-cache"
    timed([__file__, "--make", net, str(model)], cache)
    encode = ["-m", "zoo", "encode", str(model)]
    contenders = {
        "`zoo encode`": lambda folder: [*encode, folder, "--resize", "--output", str(place / "zoo.npz")],
        "`zoo encode --dtype int8`": lambda folder: [
            *encode, folder, "--resize", "--dtype", "int8", "--output", str(place / "int8.npz")
        ],
        "DataLoader, PyTorch": lambda folder: [__file__, "--turn", net, folder, str(place / "torch.npz")],
    }  # fmt: skip
    first = {name: timed(command(str(folders["all"])), cache)[0] for name, command in contenders.items()}
    # int8 graphs are made for a folder.
    timed(contenders["`zoo encode --dtype int8`"](str(folders["fifth"])), cache)
    turns = [
        {name: {part: timed(command(str(folders[part])), cache) for part in folders} for name, command in contenders.items()}
        for _ in range(rounds)
    ]
    speeds = {}
    for name in contenders:
        speeds[name] = [count / first[name]]
        for kind in (0, 1):  # durations, and times of all cores
            whole, fifth = ([turn[name][part][kind] for turn in turns] for part in ("all", "fifth"))
            speeds[name].append(count / statistics.median(whole))
            speeds[name].append((count - count // 5) / statistics.median(a - b for a, b in zip(whole, fifth)))
    *_, reference = speeds.values()
    lines = []
    for i, (name, found) in enumerate(speeds.items()):
        cells = [f"{speed:,.3g} ({speed / other:.2f})" for speed, other in zip(found, reference)]
        about = "" if i else f"{NETS[net]['about']}; {count:,} images"
        lines.append(f"| {about} | {name} | {' | '.join(cells)} |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photographs", help="folder of photographs of at least 500 x 375 pixels, such as Kodak's")
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--nets", default=",".join(NETS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--docs", action="store_true", help="write the table to its page of the documentation")
    parser.add_argument("--make", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--turn", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if arguments.make:
        return make(*arguments.make)
    if arguments.turn:
        net, folder, output = arguments.turn
        return encode_in_torch(net, sorted(str(path) for path in Path(folder).iterdir()), output)
    if not arguments.photographs:
        parser.error("give --photographs FOLDER")
    lines = [f"{len(os.sched_getaffinity(0))} cores of a CPU, JPEG files of {WIDTH} x {HEIGHT}, images per second, median of"]
    lines += [f"{arguments.rounds} rounds; in brackets relative to PyTorch.", ""]
    heads = (
        "network",
        "",
        "whole process, first time",
        "later",
        "steady state",
        "whole process, per core",
        "steady state, per core",
    )
    lines += [f"| {' | '.join(heads)} |"]
    lines += ["|---" * len(heads) + "|"]
    with tempfile.TemporaryDirectory() as place:
        for net in arguments.nets.split(","):
            count = max(10, round(arguments.images * NETS[net]["share"]))
            lines += measured(net, Path(place), arguments.photographs, count, arguments.rounds)
    text = "\n".join(lines)
    print(text)
    if arguments.docs:
        write_table("encode folder", text)


if __name__ == "__main__":
    main()
