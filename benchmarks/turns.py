"""Measurement of contenders in alternation, each in a process of its own, so that threads and memory are not shared."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

LABELS = {
    "zoo": "**zoo**",
    "zoo-bfloat16": "**zoo**, mixed_bfloat16",
    "torch": "PyTorch loop",
    "torch-channels-last": "PyTorch loop, channels last",
    "pythae": "pythae",
}


def take_turns(script, subject, contenders, rounds, *arguments):
    """Mapping of contender to the median, lowest and highest number of images per second, and its number of parameters.

    A turn is `script --turn SUBJECT CONTENDER ARGUMENTS`, whose last line of output is JSON with `speed` and `parameters`.
    """
    results = {contender: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            command = [sys.executable, script, "--turn", subject, contender, *map(str, arguments)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{subject} of {contender} failed:\n{done.stderr}")
            results[contender].append(json.loads(done.stdout.splitlines()[-1]))
    table = {}
    for contender, turns in results.items():
        speeds = [turn["speed"] for turn in turns]
        table[contender] = (statistics.median(speeds), min(speeds), max(speeds), turns[0]["parameters"])
    return table


def as_markdown(tables, rounds, head, about):
    """The results for all subjects as one table; `about(subject, parameters)` describes a subject."""
    cores = len(os.sched_getaffinity(0))
    lines = [f"{cores} cores of a CPU, images per second, median of {rounds} turns (lowest to highest).", ""]
    lines += [f"| {head} | trained by | images/s | speed-up of the zoo |", "|---|---|---|---|"]
    for subject, table in tables.items():
        for contender, (median, least, most, parameters) in table.items():
            shown = about(subject, parameters) if contender == "zoo" else ""
            ratio = "" if contender.startswith("zoo") else _ratios(table, median)
            lines.append(f"| {shown} | {LABELS[contender]} | {median:,.0f} ({least:,.0f} to {most:,.0f}) | {ratio} |")
    return "\n".join(lines)


def _ratios(table, median):
    """The speed of the zoo divided by `median`, in single precision and, if measured, in bfloat16."""
    single = f"{table['zoo'][0] / median:.2f}"
    return single if "zoo-bfloat16" not in table else f"{single}, in bfloat16 {table['zoo-bfloat16'][0] / median:.2f}"


def write_table(mark, text):
    """Write text between `<!-- MARK: begin -->` and `<!-- MARK: end -->` in the only page of `docs/` that contains them."""
    begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    docs = Path(__file__).parents[1] / "docs"
    pages = [page for page in sorted(docs.rglob("*.md")) if begin in page.read_text(encoding="utf-8")]
    if len(pages) != 1:
        sys.exit(f"expected one page of {docs} with {begin}, found {len(pages)}.")
    head, _, rest = pages[0].read_text(encoding="utf-8").partition(begin)
    _, closed, tail = rest.partition(end)
    if not closed:
        sys.exit(f"{pages[0]} has {begin} without {end}.")
    pages[0].write_text(f"{head}{begin}\n{text}\n{end}{tail}", encoding="utf-8")
