"""Make the README's picture of a report: a blend on the synthetic tournament.

    python docs/make_screenshot.py

writes `docs/images/report.png`, and with ``--report report.html`` the page too. Needs the
extra `plot` and a Chromium (Debian's package `chromium`), and takes about a minute.
"""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

import pandas as pd
from PIL import Image
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_limits

from sknumerai.datasets import make_numerai
from sknumerai.inspection import diagnostics_report
from sknumerai.neural_network import MLPRegressor

OUT = Path(__file__).parent / "images" / "report.png"
WIDTH, HEIGHT = 1280, 2356
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def make_report():
    """Fit two models and their blend, and report on later eras."""
    data = make_numerai(
        420,
        n_samples_per_era=300,
        n_features=42,
        targets="target_ender_60",
        signal=3,
        first_era=781,
        random_state=0,
    )
    X, y = data.data, data.target
    train, later = slice("0781", "0984"), slice("1001", "1200")
    net = MLPRegressor((32,), dropout=0.2, max_epochs=8, random_state=0)
    models = {"ridge": Ridge(alpha=1000.0), "perceptron": net}
    with threadpool_limits(1):
        y_pred = pd.DataFrame(
            {
                name: model.fit(X.loc[train], y.loc[train]).predict(X.loc[later])
                for name, model in models.items()
            },
            index=X.loc[later].index,
        )
    ranks = y_pred.groupby(level="era").rank(pct=True)
    y_pred["blend"] = ranks.mean(axis=1)
    return diagnostics_report(
        y.loc[later],
        y_pred,
        meta_model=data.meta_model.loc["1080":],
        benchmark=data.benchmark[["v53_lgbm_ender60"]],
        features=X.loc[later],
        train_eras=X.loc[train].index.unique("era"),
        baseline="ridge",
        title="A blend on the synthetic tournament",
    )


def take_picture(page, out):
    """Show the page in a browser, and write what it shows with few colours."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit(f"none of {BROWSERS} is installed: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder, "shot.png")
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu",
            "--hide-scrollbars", "--disable-dev-shm-usage",
            "--force-color-profile=srgb", "--blink-settings=preferredColorScheme=1",
            f"--user-data-dir={folder}/profile", f"--window-size={WIDTH},{HEIGHT}",
            f"--screenshot={shot}", page.resolve().as_uri(),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
        with Image.open(shot) as image:
            few = image.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    out.parent.mkdir(exist_ok=True)
    few.save(out, optimize=True)


def main():
    """Make the report and take its picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--report", type=Path, help="file for the page too")
    parser.add_argument("--out", type=Path, default=OUT, help="the picture")
    args = parser.parse_args()
    report = make_report()
    print(report)
    with tempfile.TemporaryDirectory() as folder:
        page = args.report or Path(folder, "report.html")
        report.save(page)
        take_picture(page, args.out)
    print(f"wrote {args.out} ({args.out.stat().st_size / 1e3:.0f} kB)")


if __name__ == "__main__":
    main()
