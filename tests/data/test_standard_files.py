"""MNIST, FashionMNIST and CIFAR-10 from small files of their formats: fetched, read, refused where they are broken."""

import gzip
import hashlib
import io
import struct
import tarfile
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from eqntk_cli.config.compose import compose
from eqntk_cli.data import catalogue
from eqntk_cli.data.entry import RemoteFile
from eqntk_cli.data.formats.idx import IdxSet, family, read_idx, read_pair
from eqntk_cli.data.registry import families, load_data
from eqntk_cli.data.sources import cifar10, fashionmnist, mnist
from eqntk_cli.errors import DataError

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, size=(12, 6, 5), dtype=np.uint8)
LABELS = (np.arange(12) % 10).astype(np.uint8)


def idx(array, kind=8, promised=None):
    header = struct.pack(">HBB", 0, kind, array.ndim) + struct.pack(f">{array.ndim}I", *(promised or array.shape))
    return gzip.compress(header + array.tobytes(), mtime=0)


def small(known, contents):
    """The set with the MD5 sums of these four files."""
    return replace(known, md5=tuple(hashlib.md5(data).hexdigest() for data in contents), samples=(12, 10))


@pytest.fixture
def digits(tmp_path, monkeypatch):
    """A folder with a small MNIST, and the program told so."""
    contents = [idx(PIXELS), idx(LABELS), idx(PIXELS[:10] ^ 255), idx(LABELS[:10])]
    known: IdxSet = small(mnist.MNIST, contents)
    folder = tmp_path / "files"
    folder.mkdir()
    for file, data in zip(known.entry.files, contents, strict=True):
        (folder / file.name).write_bytes(data)
    monkeypatch.setitem(families(), "mnist", family(known))
    return folder


@pytest.fixture
def served(digits, monkeypatch, tmp_path):
    """The same files on a web server of this machine, and an empty cache."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("EQNTK_DATA", raising=False)
    handler = partial(_Quiet, directory=str(digits))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def bundle(name, *words):
    config = compose([f"dataset={name}", "dataset.n_train=6", "dataset.n_test=4", "dataset.n_ood=2", *words])
    return load_data(config.dataset, config.architecture)


def test_small_mnist_is_read(digits):
    data = bundle("mnist", f"dataset.root={digits}", "dataset.normalise=false")
    assert data.train_x.shape == (6, 6, 5, 1)
    stored = {image.tobytes(): label for image, label in zip(PIXELS, LABELS, strict=True)}
    for image, label in zip(data.train_x[..., 0], data.train_labels[:, 0], strict=True):
        assert stored[np.round(image * 255).astype(np.uint8).tobytes()] == label
    assert data.output_names == tuple("0123456789")


def test_small_mnist_is_fetched_and_checked(served, tmp_path):
    data = bundle("mnist", f"dataset.url={served}")
    assert data.test_x.shape == (4, 6, 5, 1)
    assert len(list((tmp_path / "cache").rglob("*.gz"))) == 4
    paths = catalogue.fetch("mnist", str(tmp_path / "mine"), served)
    assert catalogue.check("mnist", str(tmp_path / "mine")) == paths


def test_another_file_under_the_address_is_refused(served, digits):
    (digits / "t10k-labels-idx1-ubyte.gz").write_bytes(idx(LABELS))
    with pytest.raises(DataError, match="not the expected file: checksum"):
        bundle("mnist", f"dataset.url={served}")


def test_a_missing_file_says_how_to_get_it(digits):
    (digits / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"holds no t10k-labels-idx1-ubyte.gz; .*eqntk data fetch mnist --root"):
        bundle("mnist", f"dataset.root={digits}")


def header_alone(_):
    return gzip.compress(b"\0\0\x08")


MALFORMED = {
    "not packed": (lambda data: gzip.decompress(data), "cannot be unpacked"),
    "cut off": (lambda data: data[:-9], "cannot be unpacked"),
    "damaged": (lambda data: data[:40] + b"\xff" * 30 + data[70:], "cannot be unpacked"),
    "a page": (lambda _: b"<html>", "cannot be unpacked"),
    "short header": (header_alone, "ends within its header"),
    "floats": (lambda _: idx(PIXELS, kind=0x0D), "begins with other bytes"),
    "1e12 promised": (
        lambda _: idx(PIXELS, promised=(10**4, 10**4, 10**4)),
        "promises 1000000000000 bytes and holds 360",
    ),
    "too few": (lambda _: idx(PIXELS, promised=(13, 6, 5)), "promises 390 bytes and holds 360"),
    "too many": (lambda _: idx(PIXELS, promised=(11, 6, 5)), "promises 330 bytes and holds more than 330"),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_idx_file_is_one_clear_line(kind, tmp_path, digits):
    change, words = MALFORMED[kind]
    file = tmp_path / "images.gz"
    file.write_bytes(change(idx(PIXELS)))
    with pytest.raises(DataError, match=words) as error:
        read_idx(file)
    assert "\n" not in str(error.value)
    (digits / "train-images-idx3-ubyte.gz").write_bytes(file.read_bytes())
    with pytest.raises(DataError, match=f"is not the official file .*{words}.*eqntk data fetch mnist"):
        bundle("mnist", f"dataset.root={digits}")


PAIRS = {
    "other axes": (PIXELS.reshape(12, 30), LABELS, "expected .images, height, width."),
    "fewer labels": (PIXELS, LABELS[:9], "one for each image"),
    "a class too many": (PIXELS, LABELS + 1, "label 10 of sample 9, expected 0 to 9"),
}


@pytest.mark.parametrize("kind", PAIRS)
def test_files_that_do_not_belong_together(kind, tmp_path):
    pixels, labels, words = PAIRS[kind]
    files = tmp_path / "images.gz", tmp_path / "labels.gz"
    for file, array in zip(files, (pixels, labels), strict=True):
        file.write_bytes(idx(array))
    with pytest.raises(DataError, match=words):
        read_pair(*files)


PHOTOGRAPHS = RNG.integers(0, 256, size=(24, 3, 32, 32), dtype=np.uint8)
CLASSES = np.arange(24) % 10


def records(count=24, classes=CLASSES):
    return [bytes([label]) + image.tobytes() for image, label in zip(PHOTOGRAPHS[:count], classes, strict=False)]


def archive(made, left_out=()):
    """A CIFAR archive of 4 records in each file."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for number, name in enumerate(name for files in cifar10.FILES.values() for name in files):
            data = b"".join(made[4 * number : 4 * number + 4])
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(data)
            if name not in left_out:
                tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """A folder with a small CIFAR-10, and the program told so."""
    monkeypatch.setattr(cifar10, "RECORDS", 4)
    data = archive(records())
    known = RemoteFile(cifar10.ARCHIVE.name, "", hashlib.md5(data).hexdigest())
    monkeypatch.setattr(cifar10, "ARCHIVE", known)
    (tmp_path / known.name).write_bytes(data)
    return tmp_path


def test_small_cifar_is_read(photographs):
    data = bundle("cifar10", f"dataset.root={photographs}", "dataset.normalise=false")
    assert data.train_x.shape == (6, 32, 32, 3)
    stored = {image.transpose(1, 2, 0).tobytes(): label for image, label in zip(PHOTOGRAPHS, CLASSES, strict=True)}
    for image, label in zip(data.train_x, data.train_labels[:, 0], strict=True):
        assert stored[np.round(image * 255).astype(np.uint8).tobytes()] == label
    assert data.output_names[0] == "airplane"


BROKEN = {
    "cut off": (lambda: archive(records())[:-2000], "cannot be unpacked"),
    "no archive": (lambda: b"<html>", "cannot be unpacked"),
    "a file missing": (lambda: archive(records(), ["data_batch_3.bin"]), "holds no data_batch_3.bin"),
    "a file too short": (lambda: archive(records(23)), "test_batch.bin holds 9219 bytes, expected 12292"),
    "another class": (lambda: archive(records(classes=CLASSES + 5)), "class 12 of record 3, expected 0 to 9"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_malformed_archive_is_one_clear_line(kind, photographs):
    make, words = BROKEN[kind]
    (photographs / cifar10.ARCHIVE.name).write_bytes(make())
    with pytest.raises(DataError, match=f"is not the official archive .*{words}.*eqntk data fetch cifar10") as error:
        bundle("cifar10", f"dataset.root={photographs}")
    assert "\n" not in str(error.value)


def test_the_list_of_data_sets_has_them():
    known = {item.entry.name: item.entry for item in catalogue.stock()}
    assert dict(known["mnist"].samples) == dict(known["fashionmnist"].samples) == {"train": 60_000, "test": 10_000}
    assert dict(known["cifar10"].samples) == {"train": 50_000, "test": 10_000}
    assert len(fashionmnist.FASHION.label_names) == len(cifar10.NAMES) == 10
