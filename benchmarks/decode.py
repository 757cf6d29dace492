"""Whether decoding limits the speed: images per second of decoding alone, of the model alone, and of both in parallel.

    pip install -e .
    python benchmarks/decode.py --docs

The folders contain noise, which cannot be compressed, so that decoding takes longer than for photographs: 5,000 PNG files of
32 x 32 pixels for a model of that size, and 2,000 JPEG files of 256 x 256, at that size and resized to 32 x 32. If decoding and
computing took place one after the other, at speeds a and b, the joint speed would be 1 / (1/a + 1/b); if each of them occupies
all cores, no higher speed is possible.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from turns import write_table

FOLDERS = {
    "5,000 PNG, 32 x 32": dict(count=5000, side=32, suffix=".png", model=32),
    "2,000 JPEG, 256 x 256": dict(count=2000, side=256, suffix=".jpg", model=256),
    "2,000 JPEG, 256 x 256 to 32 x 32": dict(count=2000, side=256, suffix=".jpg", model=32),
}
ROUNDS = 3


def fill(folder, count, side, suffix, model):
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(count):
        Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(folder / f"{i:05d}{suffix}", quality=90)


def seconds(function):
    start, busy = time.perf_counter(), time.process_time()
    function()
    taken = time.perf_counter() - start
    return taken, (time.process_time() - busy) / taken


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", action="store_true", help="write the table to its page of the documentation")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import zoo
    from zoo.data import sources

    lines = [f"{len(os.sched_getaffinity(0))} cores of a CPU; images per second, median of {ROUNDS} rounds.", ""]
    lines += [
        "| folder | decoding alone | model alone | one after the other | in parallel | busy cores |",
        "|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as place:
        for i, (about, spec) in enumerate(FOLDERS.items()):
            folder, shape = Path(place) / str(i), (spec["model"], spec["model"], 3)
            fill(folder, **spec)
            model = zoo.create("ae", backbone="conv", input_shape=shape, filters=(32, 64, 128), latent_dim=128)

            def stream(folder=folder, shape=shape):
                return sources.stream(folder, 1024, shape, resize=True)

            images = np.concatenate([batch for _, batch in stream()])
            jobs = {
                "decode": lambda stream=stream: [None for _ in stream()],
                "model": lambda model=model, images=images: zoo.extract_features(model, images),
                "both": lambda model=model, folder=folder: zoo.extract_features(model, folder, resize=True),
            }
            jobs["both"]()
            # In alternation, so that other activity on the machine affects all of them.
            rounds = [{name: seconds(job) for name, job in jobs.items()} for _ in range(ROUNDS)]
            taken = {name: statistics.median(r[name][0] for r in rounds) for name in jobs}
            cores = statistics.median(r["both"][1] for r in rounds)
            count = spec["count"]
            speeds = (taken["decode"], taken["model"], taken["decode"] + taken["model"], taken["both"])
            lines.append(f"| {about} | {' | '.join(f'{count / s:,.0f}' for s in speeds)} | {cores:.1f} |")
    text = "\n".join(lines)
    print(text)
    if arguments.docs:
        write_table("decoding", text)


if __name__ == "__main__":
    main()
