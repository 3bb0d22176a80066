import errno
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from file_server import serving

from eqntk_cli.data import download as module
from eqntk_cli.data.download import download
from eqntk_cli.errors import ConfigError, DataError, StorageError
from eqntk_cli.files import room

DATA = np.random.default_rng(0).bytes(3_000_000)
MD5 = f"md5:{hashlib.md5(DATA).hexdigest()}"
SHA256 = f"sha256:{hashlib.sha256(DATA).hexdigest()}"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server():
    with serving(DATA) as state:
        yield state


def left(path: Path) -> set[str]:
    return {entry.name for entry in path.iterdir()}


@pytest.mark.parametrize("expected", [MD5, SHA256, MD5.upper().replace("MD5:", "md5:"), None])
def test_a_file_comes_whole_and_alone(tmp_path, server, expected):
    path = download(server.url, tmp_path / "deep" / "folder" / "a.bin", expected)
    assert path.read_bytes() == DATA
    assert left(path.parent) == {"a.bin"}


def test_a_file_that_is_right_is_not_fetched_again(tmp_path, server):
    (tmp_path / "a.bin").write_bytes(DATA)
    download(server.url, tmp_path / "a.bin", MD5)
    assert server.ranges == []


def test_a_damaged_file_is_replaced(tmp_path, server):
    (tmp_path / "a.bin").write_bytes(DATA[:100])
    assert download(server.url, tmp_path / "a.bin", MD5).read_bytes() == DATA


def test_the_address_of_a_folder(tmp_path, server):
    folder = server.url.removesuffix("file.bin")
    assert download(folder, tmp_path / "a.bin", MD5).read_bytes() == DATA


def test_a_broken_connection_is_continued(tmp_path, server, monkeypatch):
    monkeypatch.setattr(module, "_CHUNK_BYTES", 1000)
    server.answers = ["cut", "cut", 503, "range"]
    assert download(server.url, tmp_path / "a.bin", MD5, pause=0.001).read_bytes() == DATA
    quarter = len(DATA) // 4
    assert server.ranges == [None, f"bytes={2 * quarter}-", f"bytes={3 * quarter}-", f"bytes={3 * quarter}-"]
    assert server.sent == len(DATA)


def test_a_killed_process_is_continued_by_the_next(tmp_path, server):
    server.answers = ["hold", "range"]
    code = (
        "from pathlib import Path; from eqntk_cli.data.download import download;"
        f"download({server.url!r}, Path('a.bin'))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    child = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=environment)
    try:
        assert server.half_sent.wait(60)
        deadline = time.monotonic() + 30
        while not _size(tmp_path / "a.bin.part") and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    kept = _size(tmp_path / "a.bin.part")
    assert 0 < kept < len(DATA)
    assert not (tmp_path / "a.bin").exists()
    assert download(server.url, tmp_path / "a.bin", MD5).read_bytes() == DATA
    assert server.ranges == [None, f"bytes={kept}-"]
    assert left(tmp_path) == {"a.bin"}


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def test_a_server_that_ignores_range(tmp_path, server):
    server.answers = ["whole"]
    (tmp_path / "a.bin.part").write_bytes(DATA[:1000])
    assert download(server.url, tmp_path / "a.bin", MD5).read_bytes() == DATA
    assert server.ranges == ["bytes=1000-"]


@pytest.mark.parametrize("rest", [DATA, DATA + b"more"])
def test_a_part_that_is_complete_or_too_long(tmp_path, server, rest):
    (tmp_path / "a.bin.part").write_bytes(rest)
    assert download(server.url, tmp_path / "a.bin", MD5, pause=0.001).read_bytes() == DATA
    assert len(server.ranges) == (0 if rest == DATA else 2)


def test_a_part_of_another_file_is_dropped(tmp_path, server):
    (tmp_path / "a.bin.part").write_bytes(b"x" * 1000)
    assert download(server.url, tmp_path / "a.bin", MD5).read_bytes() == DATA
    assert server.ranges == ["bytes=1000-", None]


def test_a_wrong_checksum_keeps_nothing(tmp_path, server):
    wrong = f"md5:{'0' * 32}"
    with pytest.raises(DataError, match=f"{MD5[4:]}, expected {wrong}"):
        download(server.url, tmp_path / "a.bin", wrong)
    assert not {"a.bin", "a.bin.part"} & left(tmp_path)


@pytest.mark.parametrize("status", [403, 404, 202])
def test_an_answer_that_is_no_file(tmp_path, server, status):
    server.answers = [status]
    with pytest.raises(DataError, match=f"answered {status}"):
        download(server.url, tmp_path / "a.bin", MD5)
    assert len(server.ranges) == 1


def test_a_server_that_keeps_failing_leaves_the_part(tmp_path, server, monkeypatch):
    monkeypatch.setattr(module, "_CHUNK_BYTES", 1000)
    server.answers = ["cut", 503]
    with pytest.raises(DataError, match=r"status 503.*1\.5 MB are kept"):
        download(server.url, tmp_path / "a.bin", MD5, attempts=3, pause=0.001)
    assert _size(tmp_path / "a.bin.part") == len(DATA) // 2
    assert len(server.ranges) == 4


def test_nobody_answers(tmp_path):
    with serving(b"") as state:
        url = state.url
    with pytest.raises(DataError, match="Connection refused") as caught:
        download(url, tmp_path / "a.bin", MD5, attempts=2, pause=0.001)
    assert "\n" not in str(caught.value)
    assert "0x" not in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/file", "no address"])
def test_an_address_that_is_none(tmp_path, url):
    with pytest.raises(ConfigError, match="expected an http or https address"):
        download(url, tmp_path / "a.bin", MD5)


def test_too_little_room_is_said_before_a_byte_is_written(tmp_path, server, monkeypatch):
    usage = namedtuple("Usage", "total used free")
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: usage(10, 9, 1000))
    with pytest.raises(StorageError, match=r"a.bin need 3 MiB and .* 1000 bytes free; free some space"):
        download(server.url, tmp_path / "a.bin", MD5)
    assert _size(tmp_path / "a.bin.part") == 0


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "is full"), (errno.EROFS, "Read-only")])
def test_what_the_file_system_refuses(tmp_path, server, monkeypatch, number, words):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module, "require_room", refuse)
    with pytest.raises(StorageError, match=words):
        download(server.url, tmp_path / "a.bin", MD5)


def test_a_folder_that_is_a_file(tmp_path, server):
    (tmp_path / "taken").write_text("")
    with pytest.raises(StorageError, match="cannot write in .*Not a directory|cannot write in .*File exists"):
        download(server.url, tmp_path / "taken" / "a.bin", MD5)


def test_two_that_want_the_same_file_fetch_it_once(tmp_path, server):
    server.answers = ["hold", "range"]
    threads = [threading.Thread(target=download, args=(server.url, tmp_path / "a.bin", MD5)) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert server.half_sent.wait(30)
    server.released.set()
    for thread in threads:
        thread.join(30)
    assert (tmp_path / "a.bin").read_bytes() == DATA
    assert server.ranges == [None]
    assert left(tmp_path) == {"a.bin"}
