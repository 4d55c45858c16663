import json

import numpy as np
import pytest

from sknumerai.datasets import check_numerai, fetch_numerai
from tests.datasets.local_server import serving
from tests.datasets.numerai_files import make_frame
from tests.datasets.test_fetch import parquet


def official(seed=0, last=11, resolved=9, n_features=6):
    """A validation file whose last eras are not resolved."""
    frame = make_frame(range(1, last + 1), 20, n_features, seed=seed)
    frame.insert(1, "data_type", "validation")
    late = frame["era"] > f"{resolved:04d}"
    frame.loc[late, ["target", "target_ender_60"]] = np.nan
    frame.loc[late, "data_type"] = "test"
    return frame


def features_json(n_features, targets):
    names = [f"feature_{chr(97 + i)}" for i in range(n_features)]
    sets = {"small": names[:2], "all": names}
    return json.dumps({"feature_sets": sets, "targets": targets}).encode()


@pytest.fixture
def server():
    with serving() as fake:
        fake.files = {
            "v5.3/features.json": features_json(6, ["target_ender_20"]),
            "v5.3/validation.parquet": parquet(official()),
        }
        yield fake


def check(server, home, **kwargs):
    return check_numerai("v5.3", data_home=home, api=server, **kwargs)


def fetch(server, home, **kwargs):
    names = ["validation.parquet", "features.json"]
    options = {"data_home": home, "api": server, "verbose": 0, **kwargs}
    return fetch_numerai("v5.3", None, files=names, **options)


def states(report):
    return {f.name: f.state for f in report.files}


def test_nothing_here(server, tmp_path):
    report = check(server, tmp_path)
    assert set(states(report).values()) == {"not here"}
    assert report.changes == []
    assert report.summaries == {}
    assert "not here" in str(report)
    # nothing was written
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError, match=r"no files of 'v5\.3'"):
        check(server, tmp_path, online=False)


def test_up_to_date(server, tmp_path):
    fetch(server, tmp_path)
    report = check(server, tmp_path)
    assert set(states(report).values()) == {"up to date"}
    assert report.up_to_date
    assert report.changes == []
    summary = report.summaries["validation.parquet"]
    assert (summary.n_rows, summary.n_eras) == (220, 11)
    assert (summary.first_era, summary.last_era) == ("0001", "0011")
    assert summary.alias_of == ["target_ender_60"]
    assert summary.resolved == {
        "target_ender_20": "0011",
        "target_ender_60": "0009",
        "target_cyrusd_20": "0011",
        "target": "0009",
    }
    assert summary.data_types == {"validation": 180, "test": 40}
    text = str(report)
    for part in (
        "220 rows, 11 eras, 0001 to 0011; 6 features, 4 targets",
        "target equals target_ender_60",
        "resolved to era 0009: target_ender_60, target",
        "No changes",
    ):
        assert part in text


def test_what_changed(server, tmp_path):
    fetch(server, tmp_path)
    new = official(seed=1, last=13, resolved=10, n_features=8)
    new = new.drop(columns=["feature_a", "target_cyrusd_20"])
    new["target"] = new["target_ender_20"]
    server.files["v5.3/validation.parquet"] = parquet(new)
    server.files["v5.3/features.json"] = features_json(8, ["target_ender_60"])
    server.files["v5.4/features.json"] = b"{}"
    report = check(server, tmp_path)
    assert set(states(report).values()) == {"changed on the server"}
    assert not report.up_to_date
    assert report.versions == ["v5.3", "v5.4"]
    assert report.changes == [
        "the server has the newer version v5.4",
        "features.json has changed on the server",
        "on the server, set 'all': 2 added, feature_g, feature_h",
        "on the server, targets: 1 added, target_ender_60",
        "on the server, targets: 1 removed, target_ender_20",
        "validation.parquet has changed on the server",
    ]
    fetch(server, tmp_path, update=True)
    report = check(server, tmp_path)
    assert set(states(report).values()) == {"up to date"}
    moved = "the bare target equalled target_ender_60 and now equals target_ender_20"
    assert report.changes == [
        "the server has the newer version v5.4",
        "validation.parquet: rows 220 -> 260",
        "validation.parquet: eras 0001 to 0011 -> 0001 to 0013",
        "validation.parquet: 2 features added: feature_g, feature_h",
        "validation.parquet: 1 features removed: feature_a",
        "validation.parquet: 1 targets removed: target_cyrusd_20",
        f"validation.parquet: {moved}",
        "validation.parquet: resolved to era 0011 -> 0013: target_ender_20",
        "validation.parquet: resolved to era 0009 -> 0010: target_ender_60",
        "validation.parquet: resolved to era 0009 -> 0013: target",
        "validation.parquet: rows of type test 40 -> 60",
        "validation.parquet: rows of type validation 180 -> 200",
    ]


def test_update_before_the_first_check(server, tmp_path):
    """The old file is gone when the check comes."""
    fetch(server, tmp_path)
    server.files["v5.3/validation.parquet"] = parquet(official(last=12))
    fetch(server, tmp_path, update=True)
    assert "validation.parquet: rows 220 -> 240" in check(server, tmp_path).changes


def test_damaged_file_is_replaced(server, tmp_path):
    fetch(server, tmp_path)
    path = tmp_path / "v5.3" / "validation.parquet"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match="is not a whole parquet file"):
        check(server, tmp_path)
    fetch(server, tmp_path, update=True)
    assert check(server, tmp_path).up_to_date


def test_offline(server, tmp_path):
    fetch(server, tmp_path)
    report = check_numerai("v5.3", online=False, data_home=tmp_path, api="nobody")
    assert report.versions is None
    assert set(states(report).values()) == {"here"}
    assert report.up_to_date
    new = official(seed=1, last=12, resolved=10)
    new.to_parquet(tmp_path / "v5.3" / "validation.parquet")
    report = check_numerai("v5.3", online=False, data_home=tmp_path)
    assert "validation.parquet: rows 220 -> 240" in report.changes


def test_file_that_is_only_here(server, tmp_path):
    fetch(server, tmp_path)
    official().to_parquet(tmp_path / "v5.3" / "mine.parquet")
    assert states(check(server, tmp_path))["mine.parquet"] == "not on the server"


def test_features_that_cannot_be_read_from_the_server(server, tmp_path):
    fetch(server, tmp_path)
    server.files["v5.3/features.json"] = b"{"
    with pytest.raises(ConnectionError, match=r"features\.json could not be read"):
        check(server, tmp_path)


def test_unknown_version(server, tmp_path):
    with pytest.raises(ValueError, match=r"no data set 'v5\.9'"):
        check_numerai("v5.9", data_home=tmp_path, api=server)
