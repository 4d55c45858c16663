"""The page of diagnostics_report: one file, escaped, accessible, small."""

import html
import re

import numpy as np
import pandas as pd
import pytest

from sknumerai.inspection import diagnostics_report
from sknumerai.inspection._report_figures import (
    VARIABLES,
    as_svg,
    new_figure,
    styled,
)
from tests.inspection.reports import Page, noisy_models, tournament

matplotlib = pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")
pytestmark = pytest.mark.filterwarnings(
    "ignore::sknumerai.exceptions.HorizonWarning",
    "ignore::sknumerai.exceptions.LeakageWarning",
)
EVIL = "<script>alert('x')</script>\"&"


@pytest.fixture(scope="module")
def report():
    data = tournament()
    models = noisy_models(data, ("plain", EVIL))
    before = dict(matplotlib.rcParams)
    made = diagnostics_report(
        data.target,
        models,
        meta_model=data.meta_model,
        benchmark=data.benchmark.rename(columns={"v53_lgbm_ender20": "<b>bold</b>"}),
        features=data.data.rename(columns={"feature_0": "<img src=x>"}),
        train_eras={EVIL: ["0001"]},
        title=f"Title {EVIL}",
        n_resamples=50,
    )
    assert dict(matplotlib.rcParams) == before
    from matplotlib import pyplot

    assert pyplot.get_fignums() == []
    return made


@pytest.fixture
def no_figures(monkeypatch):
    nothing = {"intervals": [], "eras": [], "exposure": [], "data": []}
    monkeypatch.setattr(
        "sknumerai.inspection._diagnostics_report.draw_figures", lambda *args: nothing
    )


@pytest.fixture(scope="module")
def page(report):
    return Page(report.html)


def test_all_elements_are_closed_and_ids_differ(page):
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(set(ids)) == len(ids)
    known = {f"#{i}" for i in ids}
    links = [a.get("href", a.get("xlink:href")) for _, a in page.elements]
    links = [link for link in links if link]
    assert links and set(links) <= known | {
        link for link in links if link.startswith("data:")
    }


def test_nothing_is_fetched(report, page):
    """No address, no script, no font, no style of elsewhere; the browser forbids it."""
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            if name in ("src", "href", "xlink:href", "srcset", "action", "data"):
                assert re.match(r"#|data:", value), (tag, name, value)
    assert not page.all("link") and not page.all("script") and not page.all("iframe")
    style = report.html[report.html.index("<style>") : report.html.index("</style>")]
    assert "@import" not in style and "url(" not in style
    assert not re.search(r"https?://", report.html)
    (policy,) = [m for m in page.all("meta") if "http-equiv" in m]
    assert policy["content"].startswith("default-src 'none'")


def test_names_are_escaped(report, page):
    assert EVIL not in report.html
    assert "<b>bold</b>" not in report.html and "<img src=x>" not in report.html
    assert html.escape(EVIL, quote=False).split("&quot")[0][:12] in report.html
    models = [row[0].strip() for row in page.tables["scores"]]
    assert models == ["Model", "plain", EVIL, "<b>bold</b> (baseline)"]
    # as an attribute it must not end the attribute
    labels = [a["aria-label"] for a in page.all("svg") if "aria-label" in a]
    assert any(EVIL in label for label in labels)


def test_it_can_be_read_without_eyes(page):
    assert page.all("html") == [{"lang": "en"}]
    for attributes in page.all("th"):
        assert attributes["scope"] in ("col", "row")
    n_tables = len(page.all("table"))
    assert len(page.all("caption")) == n_tables >= 5
    for attributes in page.all("svg"):
        assert attributes.get("aria-hidden") or (
            attributes["role"] == "img" and len(attributes["aria-label"]) > 20
        )
    assert len(page.all("h1")) == 1
    assert len(page.all("figure")) == len(page.all("figcaption")) >= 8


def test_colours_follow_the_page(report):
    """Figures have no background and no colour that one of the schemes would hide."""
    figures = re.findall(r"<figure>.*?</figure>", report.html, flags=re.DOTALL)
    for figure in figures:
        colours = set(re.findall(r": (#[0-9a-f]{6})\b", figure))
        assert not colours & {*VARIABLES, "#0072b2", "#e69f00"}
        assert "var(--" in figure and "<metadata" not in figure
    style = report.html[: report.html.index("</style>")]
    light, dark = re.findall(r":root \{(.*?)\}", style, flags=re.DOTALL)[:2]
    names = re.findall(r"(--[\w-]+): #", light)
    assert set(names) == set(re.findall(r"(--[\w-]+): #", dark))
    for scheme in (light, dark):
        value = dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6})", scheme))
        for paper in ("--paper", "--card"):
            for text in ("--ink", "--muted", "--accent", "--good", "--bad"):
                assert _contrast(value[text], value[paper]) >= 4.5, (text, paper)
            for i in range(1, 7):
                assert _contrast(value[f"--c{i}"], value[paper]) >= 3, i
        assert _contrast(value["--warn"], value["--warn-paper"]) >= 4.5
        assert _contrast(value["--ink"], value["--warn-paper"]) >= 4.5


def _contrast(a, b):
    """Contrast of two colours by the Web Content Accessibility Guidelines."""
    low, high = sorted(_luminance(colour) for colour in (a, b))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour):
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    parts = np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return parts @ [0.2126, 0.7152, 0.0722]


def test_places_are_rounded_and_labels_are_not():
    figure, (axis,) = new_figure(2)
    axis.plot([1 / 3, 2 / 3], [1 / 7, 2 / 7], color="#0072b2", label="0.123456")
    axis.set_xticks([0.5], ["0.123456"])
    with styled():
        svg = as_svg(figure, "name", "of 0.123456", ["#0072b2"])
    assert svg.count("0.123456") == 2
    coordinates = " ".join(re.findall(r' d="([^"]*)"', svg))
    assert re.search(r"\.\d\d\b", coordinates)
    assert not re.search(r"\.\d\d\d", coordinates)
    assert "var(--c1)" in svg


def test_numbers_of_the_page_are_those_of_the_tables(report, page):
    header, *rows = page.tables["scores"]
    assert header[1].split() == ["CORR", "24", "eras"]
    summary = report.tables["summary"].loc["corr"]
    for row, (_, expected) in zip(rows, summary.iterrows()):
        numbers = [n.replace("\N{MINUS SIGN}", "-") for n in row[1].split(" to ")]
        mean, low = numbers[0].split()
        assert [float(n) for n in (mean, low, numbers[1])] == pytest.approx(
            [expected["mean"], expected["mean_low"], expected["mean_high"]], abs=5.1e-5
        )
    compared = page.tables["comparison"][1:]
    table = report.tables["comparison"].loc["corr"]
    for row, (_, expected) in zip(compared, table.iterrows()):
        assert float(row[1].split()[0].replace("\N{MINUS SIGN}", "-")) == pytest.approx(
            expected["difference"], abs=5.1e-5
        )


def test_notebook_shows_it_in_a_frame(report):
    shown = report._repr_html_()
    (frame,) = Page(shown).all("iframe")
    assert frame["srcdoc"] == report.html
    assert frame["title"]


def test_pages_with_little_on_them():
    """Models, eras and metrics without a score, one era, one model."""
    data = tournament()
    models = noisy_models(data).assign(constant=1.0, absent=np.nan)
    options = {"meta_model": data.meta_model, "n_resamples": 20}
    page = Page(diagnostics_report(data.target, models, **options).html)
    rows = [row[0].strip() for row in page.tables["scores"]]
    assert rows == ["Model", "one (baseline)", "two", "constant", "absent"]
    first = data.eras == "0001"
    for name in ("one", "constant", "absent"):
        one = models.loc[first, name]
        html = diagnostics_report(data.target[first], one, **options).html
        Page(html)
        assert "nan" not in html


def test_fnc_of_more_features_than_rows():
    data = tournament()
    features = pd.DataFrame(
        np.random.default_rng(0).integers(0, 5, (960, 50)), data.data.index
    )
    made = diagnostics_report(
        data.target, noisy_models(data), features=features, n_resamples=20
    )
    (said,) = made.warnings.query("kind == 'no score'")["message"]
    assert said.startswith("FNC has no score in any era: eras with no more rows")
    assert "details-fnc" not in made.html and "exposure-eras" in made.html


@pytest.mark.slow
def test_size_of_five_models_and_a_thousand_eras():
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product(
        [[f"{era:04d}" for era in range(1, 1001)], range(20)], names=["era", "id"]
    )
    y = pd.Series(rng.normal(size=len(index)), index, name="target_ender_20")
    models = pd.DataFrame(
        rng.normal(size=(len(index), 5)), index, [f"model {i}" for i in range(5)]
    )
    made = diagnostics_report(
        y,
        models,
        meta_model=models["model 0"] + rng.normal(size=len(index)),
        benchmark=models["model 1"] + rng.normal(size=len(index)),
        features=pd.DataFrame(rng.integers(0, 5, (len(index), 30)), index),
        n_resamples=50,
    )
    assert len(made.html.encode()) < 2e6


@pytest.mark.parametrize("name", [r"models\xgb", r"a\1b", r"\g<0>"])
def test_a_backslash_in_a_name(name):
    """It was read as a reference to a group: an error, or another text."""
    figure, (axis,) = new_figure(1.0)
    axis.plot([0, 1])
    (element,) = Page(as_svg(figure, "name", name, [])).all("svg")
    assert element["aria-label"] == name
    assert element["viewbox"].startswith("0 0 ")


@pytest.mark.parametrize(
    "level, said", [(0.975, "97.5%"), (0.999, "99.9%"), (0.57, "57%")]
)
def test_level_of_intervals_is_not_rounded(no_figures, level, said):
    """0.999 was written as 100%."""
    data = tournament()
    report = diagnostics_report(
        data.target,
        noisy_models(data),
        n_resamples=20,
        confidence_level=level,
        train_eras=[1],
    )
    assert report.html.count(f"{said} intervals") == 2


def test_eras_of_models_that_differ(no_figures):
    """The header had the largest number of them, for all."""
    data = tournament()
    models = noisy_models(data)
    models.iloc[:40, 0] = np.nan
    report = diagnostics_report(data.target, models, n_resamples=20, train_eras=[1])
    n = report.tables["summary"].loc["corr", "n_eras"]
    assert n["one"] == n["two"] - 1
    header = Page(report.html).tables["scores"][0][1]
    assert f"{n['one']} to {n['two']} eras" in header


def test_the_headline_names_no_model_of_a_few_eras():
    data = tournament()
    predictions = noisy_models(data)
    few = predictions.columns[0]
    eras = predictions.index.get_level_values("era")
    predictions.loc[eras > eras.unique()[3], few] = np.nan
    predictions.loc[eras <= eras.unique()[3], few] = data.target
    found = diagnostics_report(data.target, predictions, horizon=0, n_resamples=50)
    summary = found.tables["summary"].loc["corr"]
    assert summary["mean"].idxmax() == few
    assert f"{few}: mean CORR" not in found.html
    assert f"{summary['mean'].drop(few).idxmax()}: mean CORR" in found.html
