"""The page of diagnostics_report as a real browser shows it.

Where Debian's package `chromium`, or another Chromium, is installed.
"""

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from sknumerai.inspection import diagnostics_report
from tests.inspection.reports import noisy_models, tournament

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")
image = pytest.importorskip("matplotlib.image")
BROWSER = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    ),
    None,
)
pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="no chromium is installed"),
    pytest.mark.filterwarnings("ignore"),
]
# What the page looks like to a script: the page itself has and allows none. It is shown
# in a frame, which may be narrower than a window.
PROBE = """<script>onload = () => {
const of = (all) => [...document.querySelectorAll(all)].map(e => e.getBoundingClientRect());
const style = getComputedStyle(document.body);
parent.document.body.insertAdjacentHTML("beforeend", "<pre id=probe>" + JSON.stringify({
  width: innerWidth, scroll: document.documentElement.scrollWidth,
  paper: style.backgroundColor, ink: style.color,
  figures: of("figure svg").map(r => [r.left, r.right, r.width, r.height]),
  tables: of(".scroll").map(r => [r.left, r.right]),
  text: of("figure svg text").map(r => r.height),
}) + "</pre>")}</script>"""
FRAME = """<!DOCTYPE html><meta name="color-scheme" content="light dark">
<iframe style="width: {width}px; height: 2000px; border: 0" srcdoc="{page}"></iframe>"""


@pytest.fixture(scope="module", autouse=True)
def browser_works(tmp_path_factory):
    """Packages in a box of their own (snap) see no temporary files."""
    folder = tmp_path_factory.mktemp("browser")
    path = folder / "hello.html"
    path.write_text("<p>hello</p>", encoding="utf-8")
    try:
        seen = browse(folder, path, "--dump-dom")
    except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"{BROWSER} does not start: {error}")
    if "hello" not in seen:
        pytest.skip(f"{BROWSER} cannot read files of the temporary folder")


@pytest.fixture(scope="module")
def report():
    data = tournament()
    # a name that is as long as a line of a phone
    models = noisy_models(data, ("ridge", "a_model_whose_name_is_rather_long" * 2))
    return diagnostics_report(
        data.target,
        models,
        meta_model=data.meta_model,
        benchmark=data.benchmark,
        features=data.data,
        n_resamples=20,
    )


def browse(folder, path, *options, width=1280, height=2000, dark=False):
    """What the browser prints of a file."""
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
        "--disable-background-networking", "--force-color-profile=srgb",
        f"--user-data-dir={folder / 'profile'}", f"--window-size={width},{height}",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        *options, path.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def probe(report, folder, width, dark):
    """Sizes and colours that the page has in a frame of so many pixels."""
    page = re.sub(r"<meta http-equiv[^>]*>", "", report.html)
    page = page.replace("</body>", PROBE + "</body>")
    path = folder / "probe.html"
    path.write_text(FRAME.format(width=width, page=html.escape(page)), encoding="utf-8")
    dom = browse(folder, path, "--dump-dom", dark=dark)
    return json.loads(re.search(r"<pre id=\"probe\">(.*?)</pre>", dom)[1])


def screenshot(report, folder, **kwargs):
    """The pixels, of shape (height, width, 3), from 0 to 1."""
    path, shot = report.save(folder / "report.html"), folder / "shot.png"
    browse(folder, path, f"--screenshot={shot}", **kwargs)
    return image.imread(shot)[:, :, :3]


def check_layout(found, width, dark):
    assert found["width"] == width
    # nothing is wider than the window; wide tables scroll on their own
    assert found["scroll"] <= width
    assert len(found["figures"]) >= 8 and len(found["tables"]) >= 5
    for left, right, across, down in found["figures"]:
        assert 0 <= left < right <= width
        assert across >= min(300, 0.75 * width) and down > 60
    for left, right in found["tables"]:
        assert 0 <= left < right <= width
    # pixels: what stands in figures can be read
    assert np.median(found["text"]) >= 9
    paper, ink = (
        np.mean([int(n) for n in re.findall(r"\d+", found[name])[:3]])
        for name in ("paper", "ink")
    )
    assert paper < 60 and ink > 180 if dark else paper > 240 and ink < 80


def check_pixels(pixels, dark):
    paper = pixels[2, 2]
    assert paper.mean() < 0.25 if dark else paper.mean() > 0.95
    # curves are the most colourful of it, and are all over the page
    colourful = pixels.max(axis=2) - pixels.min(axis=2) > 0.3
    assert colourful.any(axis=1).mean() > 0.1
    # letters and lines
    assert (np.abs(pixels - paper).max(axis=2) > 0.3).mean() > 0.01
    # the margins stay empty from top to bottom
    assert np.abs(pixels[:, :3] - paper).max() < 0.02
    assert np.abs(pixels[:, -3:] - paper).max() < 0.02


@pytest.mark.parametrize(
    "width, dark",
    [
        (1280, False),
        (390, True),
        pytest.param(1280, True, marks=pytest.mark.slow),
        pytest.param(390, False, marks=pytest.mark.slow),
    ],
)
def test_it_fits_the_window_in_both_schemes(report, tmp_path, width, dark):
    found = probe(report, tmp_path, width, dark)
    check_layout(found, width, dark)
    height = 2600 if width > 1000 else 5200  # phones show figures one by one
    pixels = screenshot(report, tmp_path, width=width, height=height, dark=dark)
    assert pixels.shape == (height, width, 3)
    check_pixels(pixels, dark)


@pytest.mark.slow
def test_it_prints_light_and_whole(report, tmp_path):
    path, pdf = report.save(tmp_path / "report.html"), tmp_path / "report.pdf"
    browse(tmp_path, path, f"--print-to-pdf={pdf}", dark=True)
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF") and len(content) > 20_000
    assert content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") >= 2
