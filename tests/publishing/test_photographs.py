"""The table of restored photographs: every figure with its baselines and what was published for the same images."""

from pathlib import Path

from zoo.publishing import photographs
from zoo.publishing.photographs import photographs_table
from zoo.publishing.readme import _Cards

CARDS = _Cards(Path("cards"), 0)


def entry(variant, channels, metrics, **config):
    config = {"variant": variant, "input_shape": [64, 64, channels], **config}
    return {"config": config, "metrics": metrics, "dataset": {"name": "photos", "test": "bsd68"}}


def row(table, start):
    [found] = [line for line in table.splitlines() if line.startswith(f"| {start} |")]
    return [cell.strip() for cell in found.strip("| ").split(" | ")]


def test_figures_stand_beside_baselines_and_published_values():
    noise = {"value": 29.1234, "baselines": {"degraded image": 20.18, "BM3D": 28.559}}
    entries = {
        "denoising_unet.photos-grey": entry(
            "denoising",
            1,
            {"denoised_psnr_unclipped": noise, "denoised_psnr_unclipped.set12": {"value": 30.3}, "mse": {"value": 1}},
        ),
        "denoising_unet.photos": entry("denoising", 3, {"denoised_psnr_unclipped_50.kodak": {"value": 28.5}}),
        "superres_resnet.photos-x2": entry(
            "superres", 3, {"enlarged_psnr_luma.set5": {"value": 37.2}, "enlarged_ssim_luma.set5": {"value": 0.95711}}, scale=2
        ),
        "artifact_removal_unet.photos": entry("artifact_removal", 3, {"jpeg_psnr_luma_10.kodak": {"value": 29}}),
    }
    table = photographs_table(entries, CARDS)
    assert len(table.splitlines()) == 2 + 6 and " mse" not in table
    found = [line for line in table.splitlines() if line.startswith("| Gaussian noise, σ = 25 | bsd68")]
    link = "[`denoising_unet.photos-grey`](weights/cards/denoising_unet.photos-grey.md)"
    assert found == [
        f"| Gaussian noise, σ = 25 | bsd68 | {link} | 29.12 | degraded image 20.18, BM3D 28.56 | BM3D 28.57, DnCNN-B 29.16, "
        "DnCNN for this σ 29.23 |"
    ]
    assert row(table, "super-resolution by 2")[-1].endswith("DnCNN-3 37.58")
    assert row(table, "super-resolution by 2, SSIM")[3] == "0.9571"
    assert row(table, "JPEG of quality 10")[-1].startswith("LIVE1: AR-CNN")
    # The published values for noise are those of gray images.
    assert row(table, "Gaussian noise, σ = 50")[-1] in ("28.50", "")


def test_published_values_belong_to_tasks_of_the_table():
    tasks = {words.format(scale=scale) for words in photographs._TASKS.values() for scale in (2, 3, 4)}
    assert {task for task, _ in photographs._PUBLISHED} | photographs._ON_LIVE1.keys() <= tasks


def test_without_photographs_there_is_no_table():
    assert photographs_table({"a": entry("ae", 1, {"mse": {"value": 1}})}, CARDS) == "None yet."
