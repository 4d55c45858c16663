"""Small files in the official layout."""

import numpy as np
import pandas as pd

TARGETS = ("target_ender_20", "target_ender_60", "target_cyrusd_20")


def make_frame(eras=range(1, 7), n_rows=5, n_features=6, *, seed=0, data_type=None):
    """Rows in the official layout: ids in the index, target = target_ender_60."""
    rng = np.random.default_rng(seed)
    eras = [
        e if isinstance(e, str) else f"{e:04d}" for e in eras for _ in range(n_rows)
    ]
    n = len(eras)
    columns = {"era": eras}
    if data_type is not None:
        columns["data_type"] = data_type
    codes = rng.integers(0, 5, (n, n_features)).astype(np.int8)
    columns |= {f"feature_{chr(97 + i)}": codes[:, i] for i in range(n_features)}
    columns |= {t: (rng.integers(0, 5, n) / 4).astype(np.float32) for t in TARGETS}
    columns["target"] = columns["target_ender_60"]
    ids = [f"n{i:07x}{seed:02x}" for i in rng.permutation(n)]
    return pd.DataFrame(columns, index=pd.Index(ids, name="id"))


def features_of(frame):
    """The codes of a frame, as written."""
    return frame.filter(like="feature").to_numpy()
