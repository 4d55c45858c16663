"""Time and memory of loading a train file, against pandas.read_parquet and polars.

    python benchmarks/bench_loading.py [--rows 2700000] [--features 780] [--folder DIR]

Writes a synthetic train file of codes 0..4 (2.1 GB as int8 by default) once, and loads
it in fresh processes. Memory is RssAnon of /proc/self/status, which leaves out pages of
files: those of the memory map are the system's to take back. Linux only.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from anonymous_memory import Peak, rss_anon

N_ERAS = 574
HORIZONS = (20, 60)


def write(path, n_rows, n_features, row_group, n_eras=N_ERAS):
    """Write a train file in the official layout, one row group at a time."""
    rng = np.random.default_rng(0)
    features = [f"feature_{i}" for i in range(n_features)]
    targets = ["target", *(f"target_ender_{h}" for h in HORIZONS)]
    schema = pa.schema(
        [("era", pa.string())]
        + [(name, pa.int8()) for name in features]
        + [(name, pa.float32()) for name in targets]
        + [("id", pa.string())]
    )
    temporary = path.with_suffix(".tmp")
    with pq.ParquetWriter(temporary, schema) as writer:
        for start in range(0, n_rows, row_group):
            rows = np.arange(start, min(start + row_group, n_rows))
            y = [rng.integers(0, 5, len(rows)).astype(np.float32) / 4 for _ in HORIZONS]
            columns = [[f"{1 + r * n_eras // n_rows:04d}" for r in rows.tolist()]]
            columns += [
                rng.integers(0, 5, len(rows), dtype=np.int8) for _ in range(n_features)
            ]
            columns += [y[-1], *y]
            columns += [[f"n{r * 2654435761 % 2**60:015x}" for r in rows.tolist()]]
            writer.write_table(
                pa.table([pa.array(c) for c in columns], schema=schema),
                row_group_size=row_group,
            )
    temporary.rename(path)


def run_pandas(path, folder):
    import pandas as pd

    return pd.read_parquet(path)


def run_polars(path, folder):
    import polars

    return polars.read_parquet(path)


def run_sknumerai(path, folder):
    from sknumerai.datasets import load_numerai

    return load_numerai(path, cache_dir=folder, verbose=0).data


def run_every_fourth(path, folder):
    from sknumerai.datasets import load_numerai

    return load_numerai(path, cache_dir=folder, every=4, verbose=0).data


JOBS = {
    "pandas": run_pandas,
    "polars": run_polars,
    "whole": run_sknumerai,
    "every": run_every_fourth,
}


def child(job, path, folder):
    """Run one job in this process and print what it took."""
    import pandas as pd  # noqa: F401
    import sklearn.utils  # noqa: F401

    import sknumerai.datasets  # noqa: F401

    start = time.perf_counter()
    with Peak(0.005) as watch:
        data = JOBS[job](path, folder)
        seconds = time.perf_counter() - start
    sizes = {"peak": watch.peak, "after": rss_anon(), "before": watch.before}
    result = {name: size / 2**20 for name, size in sizes.items()}
    print(json.dumps({**result, "seconds": seconds, "shape": data.shape}))


def measure(job, path, folder):
    """Run one job in a fresh process."""
    command = [sys.executable, __file__, "--child", job, str(path), str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"killed ({done.returncode})"]
        return {"failed": lines[-1]}
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_700_000)
    parser.add_argument("--features", type=int, default=780)
    parser.add_argument("--row-group", type=int, default=1 << 20)
    parser.add_argument("--folder", help="where the file goes, and stays")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument(
        "--without-pandas", action="store_true", help="without polars too"
    )
    args = parser.parse_args()
    if args.child:
        child(*args.child)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(args.folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        group = min(args.row_group, args.rows)
        path = folder / f"bench_{args.rows}_{args.features}_{group}.parquet"
        if not path.exists():
            write(path, args.rows, args.features, group)
        size = args.rows * args.features / 1e9
        print(
            f"{args.rows:,} rows x {args.features} features, {size:.2f} GB as int8; "
            f"parquet {path.stat().st_size / 1e9:.2f} GB in row groups of {group:,} rows"
        )
        print(f"{'':34}{'seconds':>9}{'peak RssAnon, MB':>18}{'after, MB':>11}")
        jobs = [
            ("load_numerai, converting", "whole", temporary),
            ("load_numerai, second load", "whole", temporary),
            ("  every=4, from the map", "every", temporary),
            ("  every=4, second load", "every", temporary),
            ("load_numerai, every=4, converting", "every", f"{temporary}/other"),
        ]
        if not args.without_pandas:
            jobs.append(("pandas.read_parquet", "pandas", temporary))
            if importlib.util.find_spec("polars"):
                jobs.append(("polars.read_parquet", "polars", temporary))
        for name, job, cache in jobs:
            r = measure(job, path, cache)
            if "failed" in r:
                print(f"{name:34} {r['failed']}")
                continue
            print(f"{name:34}{r['seconds']:9.2f}{r['peak']:18.0f}{r['after']:11.0f}")
        if not importlib.util.find_spec("polars"):
            print("polars not installed")
        print("Before loading, with the packages imported:", round(r["before"]), "MB")


if __name__ == "__main__":
    main()
