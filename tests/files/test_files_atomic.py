"""A file is whole or absent, and what the disk refuses is said in one line."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from eqntk_cli.errors import DiskError, StorageError
from eqntk_cli.files.atomic import disk_errors, make_folder, whole_file, write_bytes, write_text


def test_texts_keep_their_bytes(tmp_path):
    write_text(tmp_path / "a", "ü\r\n\n")
    write_bytes(tmp_path / "b", b"\0\1")
    assert (tmp_path / "a").read_bytes() == "ü\r\n\n".encode()
    assert (tmp_path / "b").read_bytes() == b"\0\1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_an_error_leaves_the_old_file(tmp_path):
    write_text(tmp_path / "a", "old")
    with pytest.raises(RuntimeError, match="bug"), whole_file(tmp_path / "a") as file:  # noqa: PT012
        file.write(b"new")
        raise RuntimeError("bug")
    assert (tmp_path / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_file_is_held_until_it_has_its_name(tmp_path, monkeypatch):
    replace, seen = Path.replace, []

    def watched(beside, target):
        with beside.open("rb") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        seen.append(target.name)
        return replace(beside, target)

    monkeypatch.setattr(Path, "replace", watched)
    write_text(tmp_path / "a", "new")
    assert seen == ["a"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk(tmp_path, number):
    with pytest.raises(DiskError, match=r"the disk that holds \S+ is full \(.*\); free some space\.$"):  # noqa: SIM117
        with disk_errors(tmp_path):
            raise OSError(number, os.strerror(number))


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(StorageError, match=r"cannot write in \S+nowhere \(No such file or directory\); check"):
        write_text(tmp_path / "nowhere" / "a", "")
    write_text(tmp_path / "file", "")
    with pytest.raises(DiskError, match="cannot write in"):
        make_folder(tmp_path / "file" / "below")
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_what_a_killed_process_left_beside_goes_and_what_a_live_one_writes_stays(tmp_path):
    for name in (".a.1.tmp", ".a.2.tmp", ".ab.1.tmp", ".a.3.part"):
        (tmp_path / name).write_text("half")
    with (tmp_path / ".a.2.tmp").open("rb+") as live:
        fcntl.flock(live, fcntl.LOCK_EX)
        write_text(tmp_path / "a", "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.2.tmp", ".a.3.part", ".ab.1.tmp", "a"]
    with whole_file(tmp_path / "a", among_many=True) as file:
        file.write(b"x")
        (beside,) = tmp_path.glob(f".a.{os.getpid()}.tmp")
        with beside.open("rb") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert (tmp_path / ".a.2.tmp").exists()


def test_a_file_beside_that_was_cleared_away_before_it_was_held_is_made_again(tmp_path, monkeypatch):
    real, cleared = fcntl.flock, []

    def flock(file, kind):
        if not cleared:  # another writer of the same file takes it for rubbish in this very moment
            cleared.append(os.unlink(file.name))
        real(file, kind)

    monkeypatch.setattr(fcntl, "flock", flock)
    write_text(tmp_path / "a", "whole")
    assert cleared
    assert (tmp_path / "a").read_text() == "whole"
