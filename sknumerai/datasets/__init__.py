"""Data of the tournament: made, written, downloaded and loaded."""

from sknumerai.datasets._benchmarks import load_benchmark_models, load_meta_model
from sknumerai.datasets._check import check_numerai
from sknumerai.datasets._feature_sets import load_feature_sets
from sknumerai.datasets._fetch import fetch_numerai
from sknumerai.datasets._home import get_data_home
from sknumerai.datasets._load import load_numerai
from sknumerai.datasets._make import make_numerai
from sknumerai.datasets._predict import predict_numerai
from sknumerai.datasets._write import write_numerai

__all__ = [
    "check_numerai",
    "fetch_numerai",
    "get_data_home",
    "load_benchmark_models",
    "load_feature_sets",
    "load_meta_model",
    "load_numerai",
    "make_numerai",
    "predict_numerai",
    "write_numerai",
]
