"""Requirements of the metrics, declared as data, so that they can be checked before a training and without a model."""

from dataclasses import dataclass

from zoo.errors import ZooError


@dataclass(frozen=True)
class Needs:
    """Requirements of a metric on the data and the model.

    Args:
        train: whether a training split is required in addition to the test split.
        labels: the splits whose labels are required.
        image: whether inputs must be images: always, or if the parameter of this name is true.
        test_images: whether the parameter `n` is a number of test images, which is limited by their number.
        inside: name of a parameter that is a number of pixels, smaller than the height and width of the images.
        decoder: whether a decoder is required, which classifiers do not have.
    """

    train: bool = False
    labels: tuple = ()
    image: bool | str = False
    test_images: bool = False
    inside: str = ""
    decoder: bool = True

    def check(self, name, subject, parameters):
        """Raise a `ZooError` if the data of a `zoo.evaluation.metrics.subject.Subject` does not meet the requirements."""
        for split in self.labels:
            subject.labels(split)
        if self.train:
            subject.train()
        images = subject.test_images(parameters.get("n") if self.test_images else None)
        if (self.image is True or parameters.get(self.image)) and images.ndim != 4:
            raise ZooError(f"{name} does not apply to inputs of shape {images.shape[1:]}, expected (height, width, channels).")
        if self.inside and not 1 <= parameters[self.inside] < min(images.shape[1:3]):
            raise ZooError(
                f"got {self.inside}={parameters[self.inside]}, expected from 1 to {min(images.shape[1:3]) - 1} for images of "
                f"{images.shape[1]} x {images.shape[2]}."
            )


_PROBE = Needs(train=True, labels=("train", "test"), image="flips", decoder=False)
_FACTORS = Needs(decoder=False)
_PHOTOGRAPHS = Needs(image=True, test_images=True)
_DEFECTS = Needs(train=True, image=True, test_images=True, decoder=False)

NEEDS = {
    "mse": Needs(),
    "mse_unclipped": Needs(),
    "sse": Needs(),
    "psnr": Needs(),
    "ssim": Needs(image=True),
    "pca_mse": Needs(train=True),
    "denoised_psnr": Needs(test_images=True),
    "denoised_psnr_unclipped": _PHOTOGRAPHS,
    "denoised_psnr_unclipped_15": _PHOTOGRAPHS,
    "denoised_psnr_unclipped_50": _PHOTOGRAPHS,
    "enlarged_psnr_luma": _PHOTOGRAPHS,
    "enlarged_ssim_luma": _PHOTOGRAPHS,
    "jpeg_psnr_luma_10": _PHOTOGRAPHS,
    "jpeg_psnr_luma_20": _PHOTOGRAPHS,
    "jpeg_psnr_luma_30": _PHOTOGRAPHS,
    "jpeg_psnr_luma_40": _PHOTOGRAPHS,
    "inpainted_psnr_scratches": _PHOTOGRAPHS,
    "inpainted_psnr_boxes": _PHOTOGRAPHS,
    "inpainted_mse": Needs(image=True, test_images=True, inside="box"),
    "enlarged_psnr": Needs(image=True, test_images=True),
    "linear_accuracy": _PROBE,
    "linear_error": _PROBE,
    "knn_accuracy": _PROBE,
    "knn_error": _PROBE,
    "classification_error": Needs(labels=("test",), decoder=False),
    "finetuned_accuracy": _PROBE,
    "finetuned_error": _PROBE,
    "nll": Needs(test_images=True),
    "elbo": Needs(test_images=True),
    "bits_per_dim": Needs(test_images=True),
    "frechet_distance": Needs(train=True),
    "fid": Needs(train=True),
    "codebook_usage": Needs(),
    "codebook_perplexity": Needs(),
    "mig": _FACTORS,
    "factor_vae_score": _FACTORS,
    "sap": _FACTORS,
    "dci_disentanglement": _FACTORS,
    "pixel_auroc": _DEFECTS,
    "image_auroc": _DEFECTS,
}
