"""Which file of a tournament gets what from an era."""

# SPDX-License-Identifier: BSD-3-Clause

import pyarrow as pa

from sknumerai.datasets._make import RESOLVES_AFTER
from sknumerai.datasets._targets import resolve_target
from sknumerai.datasets._tournament import BENCHMARK_NAMES, META_MODEL_NAME

# Compressed size of a feature code and of a target, in bytes: measured
_CODE_BYTES, _TARGET_BYTES, _ROW_BYTES = 0.4, 0.3, 80
OFFICIAL = {
    "train": ("train.parquet", "train_benchmark_models.parquet"),
    "validation": (
        "validation.parquet",
        "validation_benchmark_models.parquet",
        "meta_model.parquet",
        "validation_example_preds.parquet",
        "validation_example_preds.csv",
    ),
    "live": (
        "live.parquet",
        "live_benchmark_models.parquet",
        "live_example_preds.parquet",
        "live_example_preds.csv",
    ),
}


class Plan:
    """What goes into which file.

    Parameters
    ----------
    tournament : Tournament
        Where eras come from. Its first target is the alias, the others are `names`.

    names : list of str
        Targets to write.

    alias : str
        What ``target`` is.

    last_train, last : int
        Last era of the training and of the validation file.

    oracle : bool
        Whether the oracle is written.
    """

    def __init__(self, tournament, names, alias, last_train, last, oracle):
        self.tournament = tournament
        self.names = names
        self.last_train, self.last = last_train, last
        self.oracle = oracle
        horizons = [resolve_target(name, alias)[1] for name in names]
        self.resolved = [last - RESOLVES_AFTER[h] for h in horizons]
        self.last_scored = last - RESOLVES_AFTER[int(alias[-2:])]
        self.first_benchmark = max(1, round(last_train * 158 / 574))
        n_meta = max(1, round((last - last_train) * 87 / 658))
        self.first_meta = max(last_train + 1, last - 13 - n_meta + 1)
        self.last_meta = max(self.first_meta, last - 13)

    def eras(self, split):
        """Return the era numbers of a split."""
        return {
            "train": range(1, self.last_train + 1),
            "validation": range(self.last_train + 1, self.last + 1),
            "live": range(self.last + 1, self.last + 2),
        }[split]

    def missing_files(self, path):
        """Return the files of each split that are not there yet."""
        todo = {}
        for split, files in OFFICIAL.items():
            if self.oracle and split == "validation":
                files = (*files, "validation_oracle.parquet")
            files = [f for f in files if not (path / f).exists()]
            if files:
                todo[split] = files
        return todo

    def columns(self, file):
        """Return the columns of a file and their types."""
        text, number = pa.string(), pa.float32()
        if file in ("train.parquet", "validation.parquet", "live.parquet"):
            names = [] if file == "live.parquet" else self.names
            return {
                "era": text,
                "data_type": text,
                **dict.fromkeys(self.tournament.layout.names, pa.int8()),
                **dict.fromkeys(names, number),
            }
        if file == "meta_model.parquet":
            return {"era": text, "data_type": text, META_MODEL_NAME: number}
        if file == "validation_oracle.parquet":
            return {"era": text, "oracle": number, "stable_oracle": number}
        if file.endswith("benchmark_models.parquet"):
            return {"era": text, **dict.fromkeys(BENCHMARK_NAMES, number)}
        return {"prediction": number}

    def values(self, file, era):
        """Return what an era adds to a file, or None."""
        n = len(era.ids)
        live = era.number > self.last
        label = "X" if live else f"{era.number:04d}"
        if live:
            kind = "live"
        elif era.number <= self.last_train:
            kind = "train"
        else:
            kind = "validation" if era.number <= self.last_scored else "test"
        label, kind = (pa.repeat(pa.scalar(x, pa.string()), n) for x in (label, kind))
        if file in ("train.parquet", "validation.parquet", "live.parquet"):
            columns = [label, kind, *era.codes]
            if not live:
                # the first target is the alias, drawn for the oracle
                for y, resolved in zip(era.targets[1:], self.resolved):
                    unknown = era.number > resolved
                    columns.append(pa.nulls(n, pa.float32()) if unknown else y)
            return columns
        if file == "meta_model.parquet":
            if not self.first_meta <= era.number <= self.last_meta:
                return None
            return [label, kind, era.meta_model]
        if file == "validation_oracle.parquet":
            return [label, era.oracle, era.stable_oracle]
        if file.endswith("benchmark_models.parquet"):
            if era.number < self.first_benchmark:
                return None
            return [label, *era.benchmark]
        return [era.benchmark[1]]

    def size(self, split, files):
        """Return about how many bytes some files will have."""
        per_row = 0
        for file in files:
            per_row += _ROW_BYTES
            if file == f"{split}.parquet":
                per_row += _CODE_BYTES * self.tournament.features.n_features
                per_row += _TARGET_BYTES * len(self.names)
        return per_row * sum(self.tournament.rows_of(era) for era in self.eras(split))
