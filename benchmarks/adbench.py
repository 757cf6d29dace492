"""Outlier detection in tables by the protocol of ADBench, beside PyOD's detectors in the same run.

    pip install -e '.[dev]'
    python benchmarks/adbench.py --data ../shared/data/adbench --results runs/adbench --docs

Semi-supervised: trained on a random half of the normal rows; the other half and all anomalous rows are the test. Unsupervised:
trained on all rows without labels, and tested on the same. Columns are standardized by the training rows. Compared are the area
under the ROC curve (AUROC) and the average precision (AUPR). All detectors have one configuration for all tables: that of the
library. PyOD's autoencoder and VAE need PyTorch; without it they are left out. `--parts` measures what each part of the zoo's
detector contributes. Results are written to `--results` after each measurement, with which an interrupted run resumes.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from turns import write_table

OURS, MODES = "zoo", ("semi-supervised", "unsupervised")
PYOD = {
    "kNN": ("knn", "KNN"),
    "IForest": ("iforest", "IForest"),
    "PCA": ("pca", "PCA"),
    "MCD": ("mcd", "MCD"),
    "AutoEncoder": ("auto_encoder", "AutoEncoder"),
    "VAE": ("vae", "VAE"),
}


def split(path, mode, seed, most):
    """Training rows, test rows, and whether each test row is anomalous, of one table."""
    with np.load(path) as file:
        x, anomalous = file["X"].astype(np.float64), file["y"].reshape(-1) == 1
    rng = np.random.default_rng(seed)
    if most and len(x) > most:
        kept = rng.choice(len(x), most, replace=False)
        x, anomalous = x[kept], anomalous[kept]
    train = np.arange(len(x))
    test = train
    if mode == MODES[0]:
        normal = rng.permutation(np.flatnonzero(~anomalous))
        train = normal[: len(normal) // 2]
        test = np.concatenate([normal[len(normal) // 2 :], np.flatnonzero(anomalous)])
    mean, scale = x[train].mean(axis=0), x[train].std(axis=0)
    scale[scale < 1e-12] = 1
    x = (x - mean) / scale
    return x[train], x[test], anomalous[test]


def scores_of(name, train, test, seed):
    """Mapping of a detector's name to anomaly scores (N,) of the test rows; for the zoo, of each part, too."""
    if name == OURS:
        from zoo.sklearn import AutoencoderOutlierDetector

        detector = AutoencoderOutlierDetector(random_state=seed).fit(train)
        rarities = detector.model_.apply(detector.model_.rarities, test - detector.origin_)
        found = {OURS: rarities.mean(axis=1)}
        for i, part in enumerate(detector.model_.parts):
            found[f"{OURS}, {part} only"] = rarities[:, i]
            found[f"{OURS} without {part}"] = np.delete(rarities, i, axis=1).mean(axis=1)
        return found
    import importlib

    module, kind = PYOD[name]
    made = getattr(importlib.import_module(f"pyod.models.{module}"), kind)
    seeded = {} if name == "kNN" else {"random_state": seed}
    np.random.seed(seed)
    return {name: made(**seeded).fit(train).decision_function(test)}


def measure(name, path, mode, seed, most):
    from sklearn.metrics import average_precision_score, roc_auc_score

    train, test, anomalous = split(path, mode, seed, most)
    start = time.perf_counter()
    found = scores_of(name, train, test, seed)
    seconds = time.perf_counter() - start
    figures = {}
    for detector, scores in found.items():
        scores = np.nan_to_num(scores, posinf=np.finfo(np.float64).max)
        figures[detector] = {
            "auroc": float(roc_auc_score(anomalous, scores)),
            "aupr": float(average_precision_score(anomalous, scores)),
        }
    return {"figures": figures, "seconds": seconds, "train": len(train), "test": len(test)}


def detectors():
    """Names of the detectors whose packages are installed."""
    from importlib.util import find_spec

    torch = find_spec("torch") is not None
    if not torch:
        print("PyTorch is not installed: PyOD's AutoEncoder and VAE are left out.", file=sys.stderr)
    return [OURS, *(name for name in PYOD if torch or name not in ("AutoEncoder", "VAE"))]


def as_markdown(results, mode, most):
    """A table of AUROC in percent, means over the seeds: one row per data set, one column per detector; at last the means."""
    rows = {key: result for key, result in results.items() if key.split("|")[1] == mode}
    names = sorted({key.split("|")[0] for key in rows})
    known = list(dict.fromkeys(name for result in rows.values() for name in result["figures"]))
    whole = [name for name in known if not name.startswith(f"{OURS}, ") and not name.startswith(f"{OURS} without")]
    seeds = sorted({int(key.split("|")[2]) for key in rows})

    def value(data, detector, figure):
        found = [r["figures"][detector][figure] for k, r in rows.items() if k.startswith(f"{data}|") and detector in r["figures"]]
        return 100 * np.mean(found) if found else np.nan

    # The data sets that all detectors have been measured on.
    complete = [data for data in names if all(np.isfinite(value(data, name, "auroc")) for name in whole)]
    minutes = sum(result["seconds"] for result in rows.values()) / 60
    limit = f", at most {most} rows" if most else ""
    lines = [
        f"{mode.capitalize()}, {len(complete)} tables{limit}, seeds {', '.join(map(str, seeds))}, {minutes:.0f} minutes. AUROC "
        "in percent.",
        "",
        f"| | {' | '.join(f'**{name}**' if name == OURS else name for name in whole)} |",
        "|---|" + "---|" * len(whole),
    ]
    for data in complete:
        shown = [f"{value(data, name, 'auroc'):.1f}" for name in whole]
        lines.append(f"| {data} | {' | '.join(shown)} |")
    for figure, title in (("auroc", "mean AUROC"), ("aupr", "mean AUPR")):
        means = [np.mean([value(data, name, figure) for data in complete]) for name in whole]
        lines.append(f"| **{title}** | {' | '.join(f'**{mean:.2f}**' for mean in means)} |")
    parts = [name for name in known if name not in whole]
    if parts:
        lines += ["", "| parts of the zoo's detector | mean AUROC |", "|---|---|"]
        for name in (OURS, *parts):
            lines.append(f"| {name} | {np.mean([value(data, name, 'auroc') for data in complete]):.2f} |")
    return "\n".join(lines)


def main():
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--data", type=Path, required=True, help="folder of the .npz files of ADBench")
    flags.add_argument("--sets", nargs="+", help="names of tables (default: all)")
    flags.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    flags.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    flags.add_argument("--detectors", nargs="+", help="names of detectors (default: all that are installed)")
    flags.add_argument("--most", type=int, help="largest number of rows of a table: a random sample of more (default: all)")
    flags.add_argument("--results", type=Path, required=True, help="folder for the results")
    flags.add_argument("--docs", action="store_true", help="write the tables to their page of the documentation")
    arguments = flags.parse_args()
    kept = arguments.results / f"adbench{f'.{arguments.most}' if arguments.most else ''}.json"
    results = json.loads(kept.read_text()) if kept.exists() else {}
    # Small tables first: they take seconds.
    paths = sorted(arguments.data.glob("*.npz"), key=lambda path: path.stat().st_size)
    for seed in arguments.seeds:
        for mode in arguments.modes:
            for path in (path for path in paths if not arguments.sets or path.stem in arguments.sets):
                for name in arguments.detectors or detectors():
                    key = "|".join((path.stem, mode, str(seed), name))
                    if key in results:
                        continue
                    results[key] = measure(name, path, mode, seed, arguments.most)
                    shown = {n: round(100 * f["auroc"], 1) for n, f in results[key]["figures"].items()}
                    print(key, shown, f"{results[key]['seconds']:.0f} s", file=sys.stderr, flush=True)
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    kept.write_text(json.dumps(results))
    text = "\n\n".join(as_markdown(results, mode, arguments.most) for mode in arguments.modes)
    print(text)
    if arguments.docs:
        write_table("adbench", text)


if __name__ == "__main__":
    main()
