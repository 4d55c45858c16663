import os
import pickle

import pytest

from sknumerai.submission._keys import Keys, find_keys

LINES = "# Numerai\nexport NUMERAI_PUBLIC_ID='PUB'\nNUMERAI_SECRET_KEY = \"SECRET\"\n"


@pytest.fixture(autouse=True)
def no_keys(monkeypatch, tmp_path):
    for name in ("NUMERAI_PUBLIC_ID", "NUMERAI_SECRET_KEY", "SKNUMERAI_KEYS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()


def make_file(path, mode=0o600, text=LINES):
    path.write_text(text)
    path.chmod(mode)
    return path


def test_order_of_places(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"There are no keys.*chmod 600"):
        find_keys()
    make_file(tmp_path / "home" / ".sknumerai_keys")
    assert tuple(find_keys()) == ("PUB", "SECRET")
    named = make_file(tmp_path / "named", text=LINES.replace("PUB'", "NAMED'"))
    monkeypatch.setenv("SKNUMERAI_KEYS", str(named))
    assert find_keys()[0] == "NAMED"
    monkeypatch.setenv("NUMERAI_PUBLIC_ID", " ENV\n")
    with pytest.raises(ValueError, match="NUMERAI_SECRET_KEY is not set") as info:
        find_keys()
    assert "ENV" not in str(info.value)
    monkeypatch.setenv("NUMERAI_SECRET_KEY", "ENVSECRET")
    assert tuple(find_keys()) == ("ENV", "ENVSECRET")
    assert tuple(find_keys(named)) == ("NAMED", "SECRET")
    assert tuple(find_keys(("a", "b"))) == ("a", "b")
    assert find_keys(keys := Keys(("a", "b"))) is keys


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610, 0o777])
def test_files_that_others_can_read(tmp_path, mode):
    path = make_file(tmp_path / "keys", mode)
    with pytest.raises(PermissionError, match=f"mode {mode:o}.*chmod 600 {path}"):
        find_keys(path)
    path.chmod(0o400)
    assert tuple(find_keys(str(path))) == ("PUB", "SECRET")


def test_bad_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file of keys"):
        find_keys(tmp_path / "none")
    path = make_file(tmp_path / "keys", text="NUMERAI_PUBLIC_ID=PUBLIC\n")
    with pytest.raises(ValueError, match="no line NUMERAI_SECRET_KEY") as info:
        find_keys(path)
    assert "PUBLIC\n" not in str(info.value)
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ValueError, match="is no text") as info:
        find_keys(path)
    for bad in [("a",), ("", "SECRET"), ("a", None), ("a", "SEC\nRET"), ("a", "é")]:
        with pytest.raises(ValueError, match=r"pair|no text|no key has") as info:
            find_keys(bad)
        assert "SEC" not in str(info.value).replace("NUMERAI_SECRET_KEY", "")


def test_keys_are_not_shown():
    keys = Keys(("PUB", "SECRET"))
    shown = f"{keys} {keys!r} {keys!s} {[keys]} {keys:>20}"
    assert "SECRET" not in shown and "PUB" not in shown
    assert keys.hide("Token PUB$SECRET is wrong") == "Token ***$*** is wrong"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(keys)
