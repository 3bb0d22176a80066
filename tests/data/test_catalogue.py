import hashlib

import pytest
from file_server import serving

from eqntk_cli.data import catalogue
from eqntk_cli.data.entry import Entry, RemoteFile, search_folders
from eqntk_cli.errors import ConfigError, DataError

CONTENT = {"a.bin": b"first", "b.bin": b"second", "a_64.bin": b"larger"}


def remote(name: str, url: str = "http://nowhere.invalid/") -> RemoteFile:
    return RemoteFile(name, url, hashlib.md5(CONTENT[name]).hexdigest())


@pytest.fixture
def known(monkeypatch):
    """A catalogue that the test fills."""
    entries: list[Entry] = []
    monkeypatch.setattr(catalogue, "entries", lambda: entries)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return entries


def entry(name: str = "pair", **changes) -> Entry:
    fixed = {"family": "qm9", "task": "regression", "samples": (("all", 2),), "licence": "CC0", "about": "made up"}
    return Entry(**{"name": name, **fixed, **changes})


def test_stock_says_where_files_are(known, tmp_path):
    known += [entry(files=(remote("a.bin"), remote("b.bin"))), entry("inside", comes_with="package")]
    (tmp_path / "a.bin").write_bytes(CONTENT["a.bin"])
    pair, inside = catalogue.stock(str(tmp_path))
    assert (pair.here, pair.paths) == (False, ())
    assert inside.here
    (tmp_path / "b.bin").write_bytes(CONTENT["b.bin"])
    pair, _ = catalogue.stock(str(tmp_path))
    assert (pair.here, pair.size) == (True, 11)


def test_fetch_takes_what_is_missing_and_check_agrees(known, tmp_path):
    with serving(CONTENT["a.bin"]) as server:
        known.append(entry("single", files=(remote("a.bin", server.url),), optional=(remote("a_64.bin"),)))
        assert catalogue.fetch("single", str(tmp_path)) == [tmp_path / "a.bin"]
        assert catalogue.fetch("single", str(tmp_path)) == [tmp_path / "a.bin"]
        assert len(server.ranges) == 1
    assert catalogue.check("single", str(tmp_path)) == [tmp_path / "a.bin"]
    (tmp_path / "a.bin").write_bytes(b"another")
    with pytest.raises(DataError, match="not the official file"):
        catalogue.check("single", str(tmp_path))


def test_a_larger_version_from_a_mirror(known, tmp_path):
    known.append(entry("a", files=(remote("a.bin"),), optional=(remote("a_64.bin"),)))
    with serving(CONTENT["a_64.bin"]) as server:
        mirror = server.url.removesuffix("file.bin")
        assert catalogue.fetch("a_64", str(tmp_path), mirror) == [tmp_path / "a_64.bin"]


def test_files_go_to_the_cache_by_default(known, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("EQNTK_DATA", raising=False)
    (folder,) = search_folders("qm9", None)
    with serving(CONTENT["a.bin"]) as server:
        known.append(entry(files=(remote("a.bin", server.url),)))
        assert catalogue.fetch("pair") == [folder / "a.bin"]
    assert catalogue.check("pair") == [folder / "a.bin"]
    assert "eqntk" in folder.parts


def test_mistakes(known, tmp_path):
    known += [entry(files=(remote("a.bin"), remote("b.bin"))), entry("inside", comes_with="the-package")]
    with pytest.raises(ConfigError, match=r"did you mean pair\?"):
        catalogue.fetch("par")
    with pytest.raises(ConfigError, match="comes with the package the-package"):
        catalogue.fetch("inside")
    with pytest.raises(ConfigError, match="no files of its own"):
        catalogue.check("inside")
    with pytest.raises(ConfigError, match="pair has 2"):
        catalogue.fetch("pair", str(tmp_path), "http://mirror.invalid/a.bin")
    with pytest.raises(DataError, match=r"no a\.bin in"):
        catalogue.check("pair", str(tmp_path))


def test_a_damaged_medmnist_file_is_described(data_root, tmp_path):
    assert catalogue.check("retinamnist", str(data_root / "medmnist"))
    (tmp_path / "retinamnist.npz").write_bytes((data_root / "medmnist" / "retinamnist.npz").read_bytes()[:5000])
    with pytest.raises(DataError, match="no readable npz"):
        catalogue.check("retinamnist", str(tmp_path))
