"""How far models with published weights are from the original code, on the backend in KERAS_BACKEND.

    python published.py FOLDER NAME...

prints a JSON mapping of each name to the mapping of what was compared to the largest difference, as a fraction of the largest
value. FOLDER/NAME has the files of the weights as they were published, and what the original code computes with them.
"""

import json
import sys
from pathlib import Path

import numpy as np


def differences(folder, name):
    """Mapping of what was compared to the largest difference as a fraction of the largest value."""
    import zoo

    expected = dict(np.load(Path(folder) / name / "expected.npz"))
    if "noisy" in expected:
        return {"image": _fraction(*_denoised(Path(folder) / name, **expected))}
    images, latents, decoded = (expected[key] for key in ("images", "latents", "decoded"))
    model = zoo.load(Path(folder) / name, input_shape=images.shape[1:])
    code = model.encode(images)
    return {
        "code": _fraction(code.reshape(latents.shape), latents),
        # Of the code as it is returned here, and as it is in other libraries.
        "image": _fraction(model.decode(code), np.clip(decoded, 0, 1)),
        "image of the latents": _fraction(model.decode(latents), np.clip(decoded, 0, 1)),
    }


def _denoised(folder, noisy, denoised_crop_of_96):
    """The outputs for an image with noise that exceeds 0..1, and those expected."""
    import zoo

    model = zoo.load(folder, input_shape=(*noisy.shape, 1))
    return np.asarray(model.decoder.backbone(model.code(noisy[None, ..., None])))[0, ..., 0], denoised_crop_of_96


def _fraction(found, expected):
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / np.abs(expected).max())


if __name__ == "__main__":
    print(json.dumps({name: differences(sys.argv[1], name) for name in sys.argv[2:]}))
