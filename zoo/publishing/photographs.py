"""The table of restored photographs: figures of the manifest beside those that were published for the same test images."""

from zoo.publishing.card import number

# Metric -> task, quantity and scale of the values. The order is that of the table.
_TASKS = {
    "denoised_psnr_unclipped_15": "Gaussian noise, σ = 15",
    "denoised_psnr_unclipped": "Gaussian noise, σ = 25",
    "denoised_psnr_unclipped_50": "Gaussian noise, σ = 50",
    "enlarged_psnr_luma": "super-resolution by {scale}",
    "enlarged_ssim_luma": "super-resolution by {scale}, SSIM",
    "jpeg_psnr_luma_10": "JPEG of quality 10",
    "jpeg_psnr_luma_20": "JPEG of quality 20",
    "jpeg_psnr_luma_30": "JPEG of quality 30",
    "jpeg_psnr_luma_40": "JPEG of quality 40",
    "inpainted_psnr_scratches": "scratches",
    "inpainted_psnr_boxes": "boxes of 16 to 32 pixels",
}
# (task, test images) -> published values, read in the tables of github.com/cszn/DnCNN; for Set12, those of the paper in
# github.com/SaoYan/DnCNN-PyTorch. The blind models are DnCNN-B, for noise, and DnCNN-3, for three kinds of degradation.
_PUBLISHED = {
    ("Gaussian noise, σ = 15", "bsd68"): "BM3D 31.07, DnCNN-B 31.61, DnCNN for this σ 31.73",
    ("Gaussian noise, σ = 25", "bsd68"): "BM3D 28.57, DnCNN-B 29.16, DnCNN for this σ 29.23",
    ("Gaussian noise, σ = 50", "bsd68"): "BM3D 25.62, DnCNN-B 26.23, DnCNN for this σ 26.23",
    ("Gaussian noise, σ = 15", "set12"): "DnCNN-B 32.68, DnCNN for this σ 32.86",
    ("Gaussian noise, σ = 25", "set12"): "DnCNN-B 30.36, DnCNN for this σ 30.44",
    ("Gaussian noise, σ = 50", "set12"): "DnCNN-B 27.21, DnCNN for this σ 27.18",
    ("super-resolution by 2", "set5"): "TNRD 36.86, VDSR 37.56, DnCNN-3 37.58",
    ("super-resolution by 3", "set5"): "TNRD 33.18, VDSR 33.67, DnCNN-3 33.75",
    ("super-resolution by 4", "set5"): "TNRD 30.85, VDSR 31.35, DnCNN-3 31.40",
    ("super-resolution by 2", "set14"): "TNRD 32.51, VDSR 33.02, DnCNN-3 33.03",
    ("super-resolution by 3", "set14"): "TNRD 29.43, VDSR 29.77, DnCNN-3 29.81",
    ("super-resolution by 4", "set14"): "TNRD 27.66, VDSR 27.99, DnCNN-3 28.04",
    ("super-resolution by 2, SSIM", "set5"): "VDSR 0.9591, DnCNN-3 0.9590",
    ("super-resolution by 3, SSIM", "set5"): "VDSR 0.9220, DnCNN-3 0.9222",
    ("super-resolution by 4, SSIM", "set5"): "VDSR 0.8845, DnCNN-3 0.8845",
    ("super-resolution by 2, SSIM", "set14"): "VDSR 0.9128, DnCNN-3 0.9128",
    ("super-resolution by 3, SSIM", "set14"): "VDSR 0.8318, DnCNN-3 0.8321",
    ("super-resolution by 4, SSIM", "set14"): "VDSR 0.7659, DnCNN-3 0.7672",
}
# Published on other photographs, those of LIVE1, most of which are smaller versions of Kodak's.
_ON_LIVE1 = {
    "JPEG of quality 10": "AR-CNN 28.96, DnCNN-3 29.19",
    "JPEG of quality 20": "AR-CNN 31.29, DnCNN-3 31.59",
    "JPEG of quality 30": "AR-CNN 32.67, DnCNN-3 32.98",
    "JPEG of quality 40": "AR-CNN 33.63, DnCNN-3 33.96",
}


def photographs_table(entries, cards):
    """Markdown table of the figures on photographs of the manifest's entries; `cards`: see `zoo.publishing.readme`."""
    lines = ["| degradation | test images | restored by | result | measured in the same run | published |", "|---" * 6 + "|"]
    for metric, words in _TASKS.items():
        for name, entry in sorted(entries.items()):
            task = words.format(scale=entry["config"].get("scale"))
            for data, result in _results(entry, metric):
                baselines = ", ".join(f"{key} {_value(value, metric)}" for key, value in result.get("baselines", {}).items())
                cells = [task, data, cards.link(name), _value(result["value"], metric), baselines, published(task, data, entry)]
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) if len(lines) > 2 else "None yet."


def published(task, data, entry):
    """Text with the published values for a task and the name of test images; empty if there are none."""
    gray = entry["config"]["input_shape"][-1] == 1
    # Noise is that of gray images in the published tables; everything else is measured on the luma.
    if task.startswith("Gaussian") and not gray:
        return ""
    found = _PUBLISHED.get((task, data), "")
    return found or (f"LIVE1: {_ON_LIVE1[task]}" if task in _ON_LIVE1 else "")


def _results(entry, metric):
    """Pairs of the test images' name and the result, of a metric on all data that it was measured on."""
    for name, result in entry["metrics"].items():
        measured, _, data = name.partition(".")
        if measured == metric:
            yield data or entry["dataset"].get("test") or entry["dataset"]["name"], result


def _value(value, metric):
    return number(round(value, 4)) if "ssim" in metric else f"{value:.2f}"
