"""Room is refused before it is missing, and given back."""

from types import SimpleNamespace

import pytest

from eqntk_cli.errors import DiskError
from eqntk_cli.files.room import Reserve, readable, require_room


def test_room(tmp_path):
    require_room(tmp_path, 1, "the numbers")
    with pytest.raises(
        DiskError,
        match=r"^the numbers need 888\.2 PiB and 64 KiB beside them, and the disk .* free; free some space\.$",
    ):
        require_room(tmp_path, 10**18, "the numbers")
    with pytest.raises(DiskError, match=r"free some space, or ask for fewer\.$"):
        require_room(tmp_path, 10**18, "the numbers", "ask for fewer")


def test_what_is_needed_is_more_than_what_is_free(tmp_path, monkeypatch):
    """The numbers would fit, but not with the small files beside them."""
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=30 << 10))
    with pytest.raises(DiskError, match=r"^the numbers need 11 KiB and 64 KiB beside them, .* has 30 KiB free"):
        require_room(tmp_path, 11 << 10, "the numbers")


def test_a_reserve_holds_room_until_released(tmp_path):
    with Reserve(tmp_path, 5000) as reserve:
        (file,) = tmp_path.iterdir()
        assert file.stat().st_blocks * 512 >= 5000
        reserve.release()
        assert list(tmp_path.iterdir()) == []
    with pytest.raises(RuntimeError), Reserve(tmp_path, 5000):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


SIZES = [
    (512, "512 bytes"),
    (3072, "3 KiB"),
    (20 << 20, "20 MiB"),
    (3 << 29, "1.5 GiB"),
    (5 << 50, "5.0 PiB"),
    (1e21, "867.4 EiB"),
]


@pytest.mark.parametrize(("size", "words"), SIZES)
def test_sizes(size, words):
    assert readable(size) == words
