"""A file that cannot be written is told before the work."""

import pytest

from sknumerai.utils._output_path import check_output


def test_a_file_in_a_folder_is_given_back(tmp_path):
    assert check_output(str(tmp_path / "a.csv")) == tmp_path / "a.csv"
    (tmp_path / "a.csv").touch()
    assert check_output(tmp_path / "a.csv", "save") == tmp_path / "a.csv"


@pytest.mark.parametrize("caller, before", [(None, "^"), ("save", "^save: ")])
def test_what_cannot_be_written_is_told(tmp_path, caller, before):
    with pytest.raises(IsADirectoryError, match=before + ".*is a folder; name a file"):
        check_output(tmp_path, caller)
    with pytest.raises(
        FileNotFoundError, match=before + "The folder .*Create it first"
    ):
        check_output(tmp_path / "none" / "a.csv", caller)


def test_a_folder_without_permission_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(PermissionError, match="cannot be written to"):
        check_output(tmp_path / "a.csv")
