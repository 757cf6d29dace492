"""The gallery: every weight set is on the page, which needs nothing else; looked at in a real browser where there is one."""

import html
import json
import re
import shutil

import numpy as np
import pytest

from zoo.cli.main import main
from zoo.errors import ZooError
from zoo.pretrained import manifest
from zoo.publishing.gallery import chart
from zoo.publishing.gallery.page import write

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The folder of the gallery of this checkout's weight sets."""
    folder = tmp_path_factory.mktemp("gallery")
    assert main(["gallery", str(folder)]) == 0
    return folder


def test_every_set_is_there_with_its_figures_and_pictures(page):
    text = (page / "index.html").read_text(encoding="utf-8")
    entries = manifest.read()
    assert re.findall(r'<article id="([^"]+)"', text) == sorted(entries)
    for name, entry in entries.items():
        article = text[text.index(f'id="{name}"') :].split("</article>")[0]
        for metric, result in entry["metrics"].items():
            assert metric in article and f"{result['value']:.4g}" in article
        assert html.escape(f'zoo.load("{name}")') in article
    sources = re.findall(r'<img src="([^"]+)"', text)
    assert len(sources) >= len(entries) and all((page / source).is_file() for source in sources)
    assert "<svg" in text


def test_nothing_is_fetched_from_elsewhere(page):
    text = (page / "index.html").read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!#|images/|data:,)', text) and "@import" not in text and "url(" not in text


def test_what_a_set_says_is_text_and_no_markup(tmp_path):
    name, entry = next(iter(manifest.read().items()))
    entry = json.loads(json.dumps(entry))
    entry["dataset"]["name"] = "<script>alert(1)</script>"
    weights = tmp_path / "weights"
    manifest.write_entry(name, entry, weights)
    write(tmp_path / "page", weights)
    assert "<script>alert" not in (tmp_path / "page" / "index.html").read_text(encoding="utf-8")


def test_where_there_is_nothing_to_show_and_nowhere_to_show_it(tmp_path):
    with pytest.raises(ZooError, match="contains no weight sets"):
        write(tmp_path / "page", tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ZooError, match="is a file, expected a folder"):
        write(tmp_path / "file")


def test_a_curve_spans_what_was_recorded(tmp_path):
    (tmp_path / "history.csv").write_text("epoch,loss,val_loss\n1,8,9\n2,4,\n3,2,3\n")
    svg = chart.curve(chart.read(tmp_path / "history.csv"), "a<b")
    lines = dict(re.findall(r'<polyline class="(\w+)" points="([^"]+)"', svg))
    points = {key: np.array([pair.split(",") for pair in text.split()], float) for key, text in lines.items()}
    assert points["loss"].shape == (3, 2) and points["val_loss"].shape == (2, 2)
    assert np.all(np.diff(points["loss"][:, 1]) > 0), "a lower loss lies lower"
    # On the logarithmic scale that this range has, halves are equal steps.
    np.testing.assert_allclose(*np.diff(points["loss"][:, 1]), atol=0.2)
    assert "a&lt;b" in svg
    assert chart.curve(chart.read(tmp_path / "absent.csv"), "a") == "" == chart.curve([{"epoch": 1.0, "loss": 2.0}], "a")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("scheme", ("light", "dark"))
@pytest.mark.parametrize("width", (360, 1400))
def test_in_a_browser(page, scheme, width):
    api = pytest.importorskip("playwright.sync_api")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        try:
            tab = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
            faults = []
            tab.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
            tab.on("pageerror", lambda error: faults.append(str(error)))
            tab.on("requestfailed", lambda request: faults.append(request.url))
            tab.goto((page / "index.html").as_uri())
            # Pictures below the fold load when they come near.
            tab.evaluate("for (const image of document.images) image.loading = 'eager'")
            tab.wait_for_function("[...document.images].every(image => image.complete)")
            assert tab.evaluate("[...document.images].filter(image => !image.naturalWidth).map(image => image.src)") == []
            assert tab.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
            ink, paper = tab.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
            brightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ink, paper)]
            assert (brightness[0] < brightness[1]) == (scheme == "light")
            tab.fill("#search", "cifar10 denoising")
            shown = tab.evaluate("[...document.querySelectorAll('article')].filter(a => !a.hidden).map(a => a.id)")
            assert shown and all("cifar10" in name for name in shown)
            assert tab.inner_text("#shown") == str(len(shown))
            tab.locator("article:not([hidden]) .code button").first.click()
            # The clipboard answers when it likes.
            button = "document.querySelector('article:not([hidden]) .code button')"
            tab.wait_for_function(f"['copied', 'selected'].includes({button}.innerText)")
            assert faults == []
        finally:
            browser.close()
