"""ViT-B/16 and Stable Diffusion's autoencoder in the zoo and in transformers and diffusers: speed, load time and memory.

    pip install -e '.[convert-test,openvino]'
    python benchmarks/public.py --docs

Weights are random; speed and memory do not depend on them. The libraries alternate, each in a process of its own; after a warm-up
call, the median over the calls of a turn is taken, then the median over the turns.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from turns import write_table

SUBJECTS = {
    "vit": "ViT-B/16, features of 8 images of 224 x 224",
    "encode": "SD autoencoder, the code of an image of 256 x 256",
    "decode": "SD autoencoder, an image of 256 x 256 from its code",
}
CONTENDERS = {
    "torch": "transformers, diffusers (PyTorch)",
    "torch-bfloat16": "the same, bfloat16",
    "zoo": "**zoo, TensorFlow**",
    "zoo-bfloat16": "**zoo, TensorFlow**, bfloat16",
    "openvino": "**zoo, OpenVINO**",
}
CALLS = 5


def write_models(folder):
    """Write the two models in the formats of their libraries."""
    from diffusers import AutoencoderKL
    from transformers import ViTMAEConfig, ViTMAEForPreTraining

    blocks = dict(down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4)
    autoencoder = AutoencoderKL(**blocks, block_out_channels=[128, 256, 512, 512], layers_per_block=2)
    autoencoder.save_pretrained(f"{folder}/sd")
    model = ViTMAEForPreTraining(ViTMAEConfig())
    embeddings = model.vit.embeddings
    # In a new model the position embeddings are zeros (transformers 5.23), unlike in published ones.
    embeddings.patch_embeddings.projection._is_hf_initialized = False
    embeddings.initialize_weights()
    model.decoder.initialize_weights(embeddings.patch_embeddings.num_patches)
    model.save_pretrained(f"{folder}/vit")


def inputs(subject):
    """Images in 0..1, or a code, channels last."""
    import numpy as np

    shape = {"vit": (8, 224, 224, 3), "encode": (1, 256, 256, 3), "decode": (1, 32, 32, 4)}[subject]
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def torch_function(subject, folder, dtype):
    """A function without arguments, and the `measured` loading of its model."""
    import torch
    from diffusers import AutoencoderKL
    from transformers import ViTMAEModel

    loaded = measured(lambda: (ViTMAEModel if subject == "vit" else AutoencoderKL).from_pretrained(f"{folder}/{_model(subject)}"))
    model = loaded.result.eval().to(getattr(torch, dtype))
    if subject == "vit":
        # All patches, as for features.
        model.config.mask_ratio = 0.0
    else:
        model = model.to(memory_format=torch.channels_last)
    x = torch.from_numpy(inputs(subject)).permute(0, 3, 1, 2).to(getattr(torch, dtype))

    def call():
        with torch.inference_mode():
            if subject == "vit":
                return model(2 * x - 1).last_hidden_state[:, 1:].mean(dim=1)
            return model.encode(2 * x - 1).latent_dist.mean if subject == "encode" else model.decode(x).sample

    return call, loaded


def zoo_function(subject, folder, dtype):
    """As `torch_function`, for the zoo on TensorFlow."""
    import keras
    import tensorflow  # noqa: F401 - its import is not part of the loading time

    import zoo
    from zoo.utils.batching import compiled

    if dtype != "float32":
        keras.config.set_dtype_policy(f"mixed_{dtype}")
    shape = None if subject == "vit" else (256, 256, 3)
    loaded = measured(lambda: zoo.load(f"{folder}/{_model(subject)}", input_shape=shape))
    component = loaded.result.decoder if subject == "decode" else loaded.result.encoder
    run, x = compiled(component, component.call), inputs(subject)
    return lambda: run(x), loaded


def openvino_function(subject, folder, _):
    """As `torch_function`, for the zoo's export to OpenVINO."""
    import openvino
    from openvino.properties import hint

    import zoo

    shape = None if subject == "vit" else (256, 256, 3)
    loaded = measured(lambda: zoo.load(f"{folder}/{_model(subject)}", input_shape=shape))
    path = f"{folder}/{subject}.xml"
    if not Path(path).is_file():
        zoo.export(loaded.result, path, "openvino", "decoder" if subject == "decode" else "encoder", values="float32")
    single = {hint.inference_precision(): openvino.Type.f32}
    graph, x = openvino.Core().compile_model(path, "CPU", single), inputs(subject)
    return lambda: graph(x), loaded


class measured:
    """Calls a function; keeps its `result`, its duration in `seconds`, and the increase of the peak memory in `megabytes`."""

    def __init__(self, function):
        before, start = _peak(), time.perf_counter()
        self.result = function()
        self.seconds = time.perf_counter() - start
        self.megabytes = _peak() - before


def _peak():
    # Not the resident memory: the system may have released pages of libraries, which would be counted as the model's later.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _model(subject):
    return "vit" if subject == "vit" else "sd"


def turn(subject, contender, folder):
    """One turn: prints JSON with the median duration of a call and the seconds and megabytes of loading."""
    kind, _, dtype = contender.partition("-")
    make = {"torch": torch_function, "zoo": zoo_function, "openvino": openvino_function}[kind]
    call, loaded = make(subject, folder, dtype or "float32")
    call()
    seconds = []
    for _ in range(CALLS):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"call": statistics.median(seconds), "load": loaded.seconds, "megabytes": loaded.megabytes}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--docs", action="store_true", help="write the tables to their page of the documentation")
    parser.add_argument("--turn", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--write", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if arguments.turn:
        turn(*arguments.turn)
        return
    if arguments.write:
        write_models(arguments.write)
        return
    with tempfile.TemporaryDirectory() as folder:
        run("--write", folder)
        sizes = {m: sum(p.stat().st_size for p in Path(folder, m).glob("*.safetensors")) / 1e6 for m in ("vit", "sd")}
        found = {(s, c): [] for s in SUBJECTS for c in CONTENDERS}
        for _ in range(arguments.rounds):
            for subject, contender in found:
                found[subject, contender].append(json.loads(run("--turn", subject, contender, folder)))
    text = table(found, sizes, arguments.rounds)
    print(text)
    if arguments.docs:
        write_table("public", text)


def run(*arguments):
    done = subprocess.run([sys.executable, __file__, *arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return (done.stdout.splitlines() or [""])[-1]


def table(found, sizes, rounds):
    def median(subject, contender, key):
        return statistics.median(result[key] for result in found[subject, contender])

    lines = [f"{len(os.sched_getaffinity(0))} cores of a CPU, milliseconds per call, median of {rounds} turns; in brackets the"]
    lines += [
        "speed-up over PyTorch in the same precision.",
        "",
        f"| | {' | '.join(SUBJECTS.values())} |",
        "|---" * (len(SUBJECTS) + 1) + "|",
    ]
    for contender, label in CONTENDERS.items():
        cells = []
        for subject in SUBJECTS:
            taken = median(subject, contender, "call")
            peer = median(subject, "torch-bfloat16" if "bfloat16" in contender else "torch", "call")
            cells.append(f"{1000 * taken:,.0f}" + ("" if contender.startswith("torch") else f" ({peer / taken:.2f})"))
        lines.append(f"| {label} | {' | '.join(cells)} |")
    lines += [
        "",
        "| loading | files | seconds, zoo | seconds, original | peak memory of the zoo, as a multiple of the files |",
        "|---|---|---|---|---|",
    ]
    for model, subject, label in (("vit", "vit", "ViT-MAE base"), ("sd", "encode", "SD autoencoder")):
        seconds = [f"{median(subject, contender, 'load'):.1f}" for contender in ("zoo", "torch")]
        share = median(subject, "zoo", "megabytes") * 1.048576 / sizes[model]
        lines.append(f"| {label} | {sizes[model]:,.0f} MB | {seconds[0]} | {seconds[1]} | {share:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
