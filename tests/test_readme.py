"""What README says: its Python runs, its commands parse, the pictures and links it shows are there."""

import re

import numpy as np
import pytest
from blocks import ROOT, names, python_of, run

from zoo.cli.main import main
from zoo.pretrained import manifest
from zoo.pretrained.public import public
from zoo.publishing.readme import SELECTION, rendered

README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = python_of(README)


def test_there_are_blocks():
    assert len(BLOCKS) >= 3


def test_it_is_short():
    assert len(TEXT.splitlines()) < 250


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("\n")[0][:40])
def test_python_runs(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scope = run(block, README)
    if "features" in scope:
        assert scope["features"].shape[0] == 20 and np.isfinite(scope["features"]).all()


def test_features_are_the_same_from_either_kind_of_images():
    import zoo

    images = names("")["images"]
    encoder = zoo.load_encoder("ae_conv.mnist")
    np.testing.assert_allclose(encoder.predict(images, verbose=0), encoder.predict(images / 255, verbose=0), rtol=1e-4, atol=1e-5)


def test_the_tables_are_those_of_the_manifest():
    for page, text in rendered(ROOT, manifest.read(ROOT / "weights")).items():
        assert text == (ROOT / page).read_text(encoding="utf-8"), "render it again: python -m zoo.publishing.readme"


def test_the_selection_names_what_is_there():
    entries = manifest.read(ROOT / "weights")
    for _, name, metric in SELECTION:
        assert metric in (entries[name]["metrics"] if name in entries else public()[name]["reported"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_links_to_exists(page):
    links = re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    for file, _, baseline in (link.partition("#") for link in links if not link.startswith("http")):
        target = page.parent / file if file else page
        assert target.exists(), file
        if baseline:
            heads = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert baseline in [re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads]


def test_every_page_of_the_guide_is_linked():
    for page in PAGES[1:]:
        assert f"({page.relative_to(ROOT).as_posix()}" in TEXT


def test_its_first_command_ends_in_features(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = next(line for line in TEXT.splitlines() if "/zoo sample" in line)
    steps = [step.split("/zoo ")[1].split() for step in line.split("&&") if "/zoo " in step]
    assert [step[0] for step in steps] == ["sample", "encode"]
    for step in steps:
        assert main(step) == 0
    with np.load("features.npz") as file:
        assert file["features"].shape[0] == len(file["ids"]) == 64
