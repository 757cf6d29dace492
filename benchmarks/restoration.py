"""Image restoration: the zoo's restoration models beside classical methods, on the same degraded images.

    pip install -e '.[dev]'
    python benchmarks/restoration.py --docs

Each task takes the first test images of its data set, damages them as `zoo evaluate` does, and gives the result, 8 bits a
pixel, to every method. Methods that need to know the noise level or the place of the hole are told; the autoencoders are not.
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


def each(mend):
    """A method that mends all images (N, H, W, C), one after the other; floats 0..1 or bytes out."""

    def method(damaged, where):
        made = [mend(image, where[i] if where is not None and where.ndim > 2 else where) for i, image in enumerate(damaged)]
        return unit_array(np.stack(made)).reshape(len(damaged), *made[0].shape[:2], -1)

    return method


def as_it_is(image, where):
    return image


def median(size):
    def mend(image, where):
        from scipy.ndimage import median_filter

        return median_filter(image, (size, size, 1))

    return mend


def bm3d(image, where):
    from bm3d import bm3d, bm3d_rgb

    found = (bm3d_rgb if image.shape[-1] == 3 else bm3d)(unit_array(image), SIGMA)
    return np.clip(found, 0, 1).reshape(image.shape)


def nonlocal_means(image, where):
    from skimage.restoration import denoise_nl_means

    options = dict(patch_size=5, patch_distance=6, h=0.6 * SIGMA, sigma=SIGMA, fast_mode=False, channel_axis=-1)
    return np.clip(denoise_nl_means(unit_array(image), **options), 0, 1)


def opencv_inpaint(method):
    def mend(image, where):
        import cv2

        flag = {"telea": cv2.INPAINT_TELEA, "navier-stokes": cv2.INPAINT_NS}[method]
        return cv2.inpaint(np.ascontiguousarray(image), where.astype(np.uint8), 3, flag).reshape(image.shape)

    return mend


def enlarge(method):
    def mend(image, where):
        import cv2

        flag = {"bicubic": cv2.INTER_CUBIC, "lanczos": cv2.INTER_LANCZOS4, "nearest": cv2.INTER_NEAREST}[method]
        return cv2.resize(image, None, fx=2, fy=2, interpolation=flag)

    return mend


def gaussian_noise(images):
    return noisy(images, "gaussian", SIGMA), None


def black_pixels(images):
    """Half of the pixels black, and which: the same draw as `noisy` makes on white."""
    return noisy(images, "masking", 0.5), noisy(np.full_like(images, 255), "masking", 0.5)[..., 0] == 0


def box(images):
    damaged, inside = boxed(images, 16)
    return damaged, inside


TASKS = {
    "denoising_unet.cifar10": dict(
        about="Gaussian noise of deviation 25/255, clipped",
        damage=gaussian_noise,
        methods={
            "none (degraded image)": as_it_is,
            "median 3 x 3": median(3),
            "non-local means": nonlocal_means,
            "BM3D, colour": bm3d,
        },
    ),
    "denoising_conv.mnist": dict(
        about="half of the pixels black",
        damage=black_pixels,
        methods={
            "none (degraded image)": as_it_is,
            "median 3 x 3": median(3),
            "Telea, mask given": opencv_inpaint("telea"),
            "Navier-Stokes, mask given": opencv_inpaint("navier-stokes"),
        },
    ),
    "inpainting_unet.cifar10": dict(
        about="a black box of 16 x 16 in the middle, error inside",
        damage=box,
        methods={"Telea": opencv_inpaint("telea"), "Navier-Stokes": opencv_inpaint("navier-stokes")},
    ),
    "superres_resnet.cifar10-x2": dict(
        about="half the size, bicubic and antialiased",
        damage=lambda images: (shrunk(images, 2), None),
        methods={"nearest": enlarge("nearest"), "bicubic": enlarge("bicubic"), "Lanczos": enlarge("lanczos")},
    ),
}


def measure(name, count, data_dir):
    """Rows (method, PSNR in dB, mean squared error where the damage is, seconds an image) of one task, ours last."""
    task, model = TASKS[name], load(name)
    images = sources.load(
        name.partition(".")[2].partition("-")[0], "test", data_dir, image_shape=image_file_shape(model.data_shape)
    )
    clean = images.images[:count]
    damaged, where = task["damage"](clean)
    rows = []
    methods = {method: each(mend) for method, mend in task["methods"].items()}
    methods[f"**{name}**"] = lambda damaged, where: model.reconstruct(damaged)
    for method, mend in methods.items():
        # What is loaded or compiled first: ours for batches of the size that is timed, the others for one image.
        first = damaged if method == f"**{name}**" else damaged[:1]
        mend(first, where if where is None or where.ndim == 2 else where[: len(first)])
        start = time.perf_counter()
        made = mend(damaged, where)
        seconds = (time.perf_counter() - start) / count
        squared = np.square(unit_array(clean, np.float64) - made)
        inside = squared[:, where] if where is not None and where.ndim == 2 else squared
        error = inside.reshape(count, -1).mean(axis=1)
        rows.append((method, float(psnr(error).mean()), float(error.mean()), seconds))
        print(f"{name} {method}: {rows[-1][1]:.2f} dB, squared error {rows[-1][2]:.5f}", file=sys.stderr, flush=True)
    return rows


def as_markdown(tables, count):
    lines = [f"The first {count} test images; PSNR in dB is the mean over images.", ""]
    lines += ["| degradation | restored by | PSNR | squared error | ms an image |", "|---|---|---|---|---|"]
    for name, rows in tables.items():
        for i, (method, ratio, error, seconds) in enumerate(rows):
            about = TASKS[name]["about"] if not i else ""
            lines.append(f"| {about} | {method} | {ratio:.2f} | {error:.5f} | {1000 * seconds:.2g} |")
    return "\n".join(lines)


def main():
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--images", type=int, default=200, help="test images of each task (200)")
    flags.add_argument("--data-dir", help="where TFDS data lies or goes")
    flags.add_argument("--docs", action="store_true", help="write the table into its page of the documentation")
    arguments = flags.parse_args()
    there = [name for name in TASKS if name in manifest.read()]
    tables = {name: measure(name, arguments.images, arguments.data_dir) for name in there}
    text = as_markdown(tables, arguments.images)
    print(text)
    if arguments.docs:
        write_table("restoration", text)


if __name__ == "__main__":
    main()
