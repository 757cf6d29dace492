"""Image restoration: the zoo's restoration models compared with classical methods on the same degraded images.

    pip install -e '.[dev]'
    python benchmarks/restoration.py --docs

Each task degrades the first test images of its data set as `zoo evaluate` does, and gives the result, with 8 bits per channel, to
every method. Methods that require the noise level or the mask get them; the autoencoders do not.
"""

import argparse
import sys
import time

import numpy as np
from turns import write_table

from zoo.data import sources
from zoo.evaluation.degradation import boxed, noisy, shrunk
from zoo.evaluation.reconstruction import psnr
from zoo.modalities.image import image_file_shape, unit_array
from zoo.pretrained import manifest
from zoo.pretrained.loading import load

SIGMA = 25 / 255


def each(restore):
    """A method for images (N, H, W, C), from one for a single image that gives floats 0..1 or uint8."""

    def method(degraded, mask):
        found = [restore(image, mask[i] if mask is not None and mask.ndim > 2 else mask) for i, image in enumerate(degraded)]
        return unit_array(np.stack(found)).reshape(len(degraded), *found[0].shape[:2], -1)

    return method


def unchanged(image, mask):
    return image


def median(size):
    def restore(image, mask):
        from scipy.ndimage import median_filter

        return median_filter(image, (size, size, 1))

    return restore


def bm3d(image, mask):
    from bm3d import bm3d, bm3d_rgb

    found = (bm3d_rgb if image.shape[-1] == 3 else bm3d)(unit_array(image), SIGMA)
    return np.clip(found, 0, 1).reshape(image.shape)


def nonlocal_means(image, mask):
    from skimage.restoration import denoise_nl_means

    options = dict(patch_size=5, patch_distance=6, h=0.6 * SIGMA, sigma=SIGMA, fast_mode=False, channel_axis=-1)
    return np.clip(denoise_nl_means(unit_array(image), **options), 0, 1)


def opencv_inpaint(method):
    def restore(image, mask):
        import cv2

        flag = {"telea": cv2.INPAINT_TELEA, "navier-stokes": cv2.INPAINT_NS}[method]
        return cv2.inpaint(np.ascontiguousarray(image), mask.astype(np.uint8), 3, flag).reshape(image.shape)

    return restore


def enlarge(method):
    def restore(image, mask):
        import cv2

        flag = {"bicubic": cv2.INTER_CUBIC, "lanczos": cv2.INTER_LANCZOS4, "nearest": cv2.INTER_NEAREST}[method]
        return cv2.resize(image, None, fx=2, fy=2, interpolation=flag)

    return restore


def gaussian_noise(images):
    return noisy(images, "gaussian", SIGMA), None


def black_pixels(images):
    """Images with half of the pixels black, and the mask, which is found by the same random choice on white images."""
    return noisy(images, "masking", 0.5), noisy(np.full_like(images, 255), "masking", 0.5)[..., 0] == 0


def box(images):
    return boxed(images, 16)


TASKS = {
    "denoising_unet.cifar10": dict(
        about="Gaussian noise, standard deviation 25/255, clipped",
        degrade=gaussian_noise,
        methods={
            "none (degraded image)": unchanged,
            "median 3 x 3": median(3),
            "non-local means": nonlocal_means,
            "BM3D, color": bm3d,
        },
    ),
    "denoising_conv.mnist": dict(
        about="half of the pixels black",
        degrade=black_pixels,
        methods={
            "none (degraded image)": unchanged,
            "median 3 x 3": median(3),
            "Telea, mask given": opencv_inpaint("telea"),
            "Navier-Stokes, mask given": opencv_inpaint("navier-stokes"),
        },
    ),
    "inpainting_unet.cifar10": dict(
        about="a black box of 16 x 16 in the middle, error inside the box",
        degrade=box,
        methods={"Telea": opencv_inpaint("telea"), "Navier-Stokes": opencv_inpaint("navier-stokes")},
    ),
    "superres_resnet.cifar10-x2": dict(
        about="half the size, by bicubic interpolation with antialiasing",
        degrade=lambda images: (shrunk(images, 2), None),
        methods={"nearest": enlarge("nearest"), "bicubic": enlarge("bicubic"), "Lanczos": enlarge("lanczos")},
    ),
}


def measure(name, count, data_dir):
    """Rows (method, PSNR in dB, mean squared error in the degraded region, seconds per image) of one task, ours last."""
    task, model = TASKS[name], load(name)
    images = sources.load(
        name.partition(".")[2].partition("-")[0], "test", data_dir, image_shape=image_file_shape(model.data_shape)
    )
    clean = images.images[:count]
    degraded, mask = task["degrade"](clean)
    rows = []
    methods = {method: each(restore) for method, restore in task["methods"].items()}
    methods[f"**{name}**"] = lambda degraded, mask: model.reconstruct(degraded)
    for method, restore in methods.items():
        # A warm-up call: ours is compiled for the batch size that is timed, the others need one image.
        first = degraded if method == f"**{name}**" else degraded[:1]
        restore(first, mask if mask is None or mask.ndim == 2 else mask[: len(first)])
        start = time.perf_counter()
        restored = restore(degraded, mask)
        seconds = (time.perf_counter() - start) / count
        squared = np.square(unit_array(clean, np.float64) - restored)
        inside = squared[:, mask] if mask is not None and mask.ndim == 2 else squared
        error = inside.reshape(count, -1).mean(axis=1)
        rows.append((method, float(psnr(error).mean()), float(error.mean()), seconds))
        print(f"{name} {method}: {rows[-1][1]:.2f} dB, squared error {rows[-1][2]:.5f}", file=sys.stderr, flush=True)
    return rows


def as_markdown(tables, count):
    lines = [f"The first {count} test images; PSNR in dB is the mean over images.", ""]
    lines += ["| degradation | restored by | PSNR | squared error | ms per image |", "|---|---|---|---|---|"]
    for name, rows in tables.items():
        for i, (method, ratio, error, seconds) in enumerate(rows):
            about = TASKS[name]["about"] if not i else ""
            lines.append(f"| {about} | {method} | {ratio:.2f} | {error:.5f} | {1000 * seconds:.2g} |")
    return "\n".join(lines)


def main():
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--images", type=int, default=200, help="number of test images per task (200)")
    flags.add_argument("--data-dir", help="folder of the TFDS data sets")
    flags.add_argument("--docs", action="store_true", help="write the table to its page of the documentation")
    arguments = flags.parse_args()
    present = [name for name in TASKS if name in manifest.read()]
    tables = {name: measure(name, arguments.images, arguments.data_dir) for name in present}
    text = as_markdown(tables, arguments.images)
    print(text)
    if arguments.docs:
        write_table("restoration", text)


if __name__ == "__main__":
    main()
