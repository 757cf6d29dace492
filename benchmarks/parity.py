"""Differences between converted models and the originals in other libraries, with random weights.

    pip install -e '.[convert-test,jax]'
    python benchmarks/parity.py --docs

The originals run in separate processes, by `tests/references.py`; `tests/parity.py` makes the comparison.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from turns import write_table

TESTS = Path(__file__).parents[1] / "tests"
MODELS = {
    "mae": "ViTMAEForPreTraining, small, also on images of another size",
    "mae_pixels": "ViTMAEForPreTraining, small, predicting pixels",
    "mae_vit_base": "ViTMAEForPreTraining, ViT-MAE base",
    "mae_encoder": "VisionTransformer of timm, small, from a file of torch.save in the layout of MAE",
    "hiera": "HieraForPreTraining, small",
    "hiera_encoder": "Hiera of timm, small",
    "swin": "SwinForMaskedImageModeling, small, also on images of another size",
    "simmim_swin_base": "SwinForMaskedImageModeling, SimMIM base",
    "convnextv2": "ConvNeXt of timm, small, with global response normalization",
    "kl": "AutoencoderKL, small, in 39 shards",
    "kl_plain": "AutoencoderKL, small, no convolutions around the code",
    "sd_vae": "AutoencoderKL, Stable Diffusion 1, 2 and SDXL",
    "flux_vae": "AutoencoderKL, Stable Diffusion 3 and FLUX.1",
    "flux2": "AutoencoderKLFlux2, small",
    "flux2_vae": "AutoencoderKLFlux2, FLUX.2",
    "hunyuan": "AutoencoderKLHunyuanImage, small",
    "asymmetric": "AsymmetricAutoencoderKL, small, without a condition",
    "rae_mae": "AutoencoderRAE, small, of MAE",
    "rae_dinov2": "AutoencoderRAE, small, of DINOv2 with registers",
    "rae_dinov2_base": "AutoencoderRAE, DINOv2-B with a decoder ViT-XL",
    "vq": "VQModel, small, attention in its blocks",
    "tiny": "AutoencoderTiny, small",
    "taesd": "AutoencoderTiny, TAESD",
    "shuffling": "AutoencoderDC, small, with pixel shuffles",
    "interpolating": "AutoencoderDC, small, with interpolation",
    "sana": "AutoencoderDC, DC-AE f32c32 of SANA",
}
CODES = ("tokens", "mean", "vectors", "code", "features")
IMAGES = ("logits", "reconstruction", "image")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(MODELS), help=f"models to compare, of {', '.join(MODELS)}")
    parser.add_argument("--docs", action="store_true", help="write the table to its page of the documentation")
    arguments = parser.parse_args()
    lines = ["Largest difference as a fraction of the largest value, float32, TensorFlow / JAX.", ""]
    lines += ["| original | at any depth | code | image |", "|---|---|---|---|"]
    # Several GB of files. All names in one process each, because importing the libraries takes longer than most comparisons.
    with tempfile.TemporaryDirectory() as folder:
        run("references.py", folder, *arguments.names)
        found = [
            json.loads(run("parity.py", folder, *arguments.names, backend=b).splitlines()[-1]) for b in ("tensorflow", "jax")
        ]
    for name in arguments.names:
        cells = []
        for keys in (None, CODES, IMAGES):
            fractions = [[value for key, value in each[name].items() if keys is None or key in keys] for each in found]
            # An encoder alone has no image.
            cells.append(" / ".join(f"{max(values):.1e}" for values in fractions if values))
        lines.append(f"| {MODELS[name]} | {' | '.join(cells)} |")
    print("\n".join(lines))
    if arguments.docs:
        write_table("parity", "\n".join(lines))


def run(script, *arguments, backend="tensorflow"):
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, TESTS / script, *arguments], capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"{script} {' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
