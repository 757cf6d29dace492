"""The documentation: its pages are built without a warning, and its Python runs."""

import os
import re
import subprocess
import sys

import pytest
from blocks import ROOT, python_of, run

from zoo.models import registry
from zoo.pretrained import manifest

PAGES = sorted((ROOT / "docs").rglob("*.md"))
BLOCKS = [(page, block) for page in PAGES for block in python_of(page)]


@pytest.mark.slow
@pytest.mark.parametrize("page, block", BLOCKS, ids=[f"{page.stem}{i}" for i, (page, _) in enumerate(BLOCKS)])
def test_python_runs(page, block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(block, page)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocs")
    pytest.importorskip("mkdocstrings")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_every_variant_has_a_page_with_its_builder_and_pictures(site):
    entries = manifest.read()
    for name in registry.variants():
        text = (site / "variants" / name / "index.html").read_text(encoding="utf-8")
        assert f"zoo.models.{name}.build" in text
        for key in (key for key, entry in entries.items() if entry["config"]["variant"] == name):
            assert key in text
            pictures = re.findall(rf'src="\.\./\.\./cards/({re.escape(key)}[^"]*)"', text)
            assert pictures and all((site / "cards" / picture).is_file() for picture in pictures)


@pytest.mark.slow
def test_the_pages_need_no_network(site):
    for page in (site / "index.html", site / "variants" / "vae" / "index.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r'<(?:script|img|link rel="stylesheet")[^>]*(?:src|href)="(https?:)?//', text)
