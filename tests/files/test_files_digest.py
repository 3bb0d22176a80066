"""Fingerprints against hashlib on the bytes in one piece."""

import hashlib

import numpy as np
import pytest

from eqntk_cli.files.digest import array_digest, bytes_digest, file_digest, matches, text_digest


@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (2500, 2, 2)])
def test_arrays_are_read_in_pieces_and_in_c_order(shape):
    values = np.asarray(np.random.default_rng(0).normal(size=shape))
    assert bytes_digest(values) == hashlib.sha256(values.tobytes()).hexdigest()
    assert bytes_digest(np.asfortranarray(values)) == bytes_digest(values)
    whole = f"<f8{shape}".encode() + values.tobytes()
    assert array_digest([values, values]) == hashlib.sha256(whole + whole).hexdigest()


def test_type_and_shape_count():
    zeros = np.zeros((2, 3))
    others = [zeros.reshape(3, 2), zeros.view(np.int64), np.zeros((2, 4))]
    assert len({array_digest([values]) for values in (zeros, *others)}) == 4


def test_files_and_texts(tmp_path):
    (tmp_path / "a").write_text("abc")
    assert file_digest(tmp_path / "a") == text_digest("abc") == hashlib.sha256(b"abc").hexdigest()
    assert matches(tmp_path / "a", "md5:900150983CD24FB0D6963F7D28E17F72")
    assert not matches(tmp_path / "a", "sha256:0")
