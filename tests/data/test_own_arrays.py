"""A user's own arrays: what is read, and every malformed file in one clear line."""

import numpy as np
import pytest
from own_files import arrays, images

from eqntk_cli.errors import DataError


@pytest.mark.parametrize(
    ("y", "task", "outputs"),
    [
        (np.arange(6) % 3, "multi-class", 3),
        (np.arange(6) % 2, "binary-class", 2),
        (np.array([[1, 0], [1, 1], [0, 1], [0, 0], [1, 1], [1, 0]]), "multi-label, binary-class", 2),
        (np.linspace(0, 1, 6), "regression", 1),
    ],
)
def test_the_task_follows_from_the_targets(tmp_path, y, task, outputs):
    np.savez(tmp_path / "a.npz", **arrays(y_train=y, y_test=y))
    bundle = images(str(tmp_path / "a.npz"), unit="eV")
    assert (bundle.task, bundle.train_y.shape) == (task, (4, outputs))
    assert bundle.target.unit == ("eV" if task == "regression" else "")
    assert (bundle.train_labels is None) == (task == "regression")
    assert bundle.domain.shape == (5, 5, 3)


def test_a_declared_task_and_names_of_classes(tmp_path):
    np.savez(tmp_path / "a.npz", **arrays(), label_names=np.array(["low", "mid", "high"]))
    assert images(str(tmp_path / "a.npz"), task="ordinal-regression").output_names == ("low", "mid", "high")
    physical = images(str(tmp_path / "a.npz"), task="regression")
    assert set(physical.target.physical(physical.train_y).round(9).ravel()) <= {0.0, 1.0, 2.0}


def test_npy_files_and_a_split_of_ones_own(tmp_path):
    made = arrays()
    x, y = (np.concatenate([made[f"{name}_train"], made[f"{name}_test"]]) for name in "xy")
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    np.savez(tmp_path / "a.npz", x=x, y=y, split=np.arange(12) // 6)
    np.savez(tmp_path / "b.npz", **made)
    ours, theirs = (images(str(tmp_path / f"{name}.npz")) for name in "ab")
    assert ours.fingerprint() == theirs.fingerprint()
    pair = [str(tmp_path / "x.npy"), str(tmp_path / "y.npy")]
    assert images(pair).fingerprint() == images(pair).fingerprint()
    assert images(pair).fingerprint() != images(pair, split_seed=1).fingerprint()


def write(folder, **changes):
    np.savez(folder / "a.npz", **arrays(**changes))
    return folder / "a.npz"


def objects(folder):
    np.savez(folder / "a.npz", **arrays(y_train=np.array([{}, 1, 2, 3, 4, 5], dtype=object)))
    return folder / "a.npz"


def promised(folder):
    with (folder / "x.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (10**6, 1000, 1000)}
        )
    np.save(folder / "y.npy", np.zeros(3, int))
    return [str(folder / "x.npy"), str(folder / "y.npy")]


def cut(folder):
    content = write(folder).read_bytes()
    (folder / "a.npz").write_bytes(content[: len(content) // 2])
    return folder / "a.npz"


def text_file(folder):
    (folder / "a.npz").write_text("x,y\n1,2\n")
    return folder / "a.npz"


NAN = np.where(np.arange(6)[:, None, None] == 2, np.nan, np.random.default_rng(0).normal(size=(6, 5, 5)))
SAME = np.where(np.arange(3) == 1, 7, arrays()["x_train"]).astype(np.uint8)
FIRST = np.random.default_rng(5).normal(size=(6, 3, 8, 8))
COPIED = np.concatenate([arrays()["x_test"][:5], arrays()["x_train"][3:4]])
MALFORMED = {
    "pickled objects": (objects, "y_train holds pickled Python objects"),
    "labels as text": (lambda f: write(f, y_train=np.array(list("abcabc"))), "y_train holds text"),
    "1e12 numbers promised": (promised, "promises .* holds 0 bytes"),
    "cut off": (cut, "is no .npz archive"),
    "no archive": (text_file, "is no .npz archive"),
    "nan": (lambda f: write(f, x_train=NAN, x_test=NAN[3:], y_test=np.arange(3)), "x_train: sample 2 holds NaN"),
    "nan target": (lambda f: write(f, y_train=np.array([0, 1, np.nan, 2, 1, 0])), "train targets .* sample 2"),
    "channels first": (lambda f: write(f, x_train=FIRST, x_test=FIRST + 1), "looks like channels first"),
    "flat rows": (lambda f: write(f, x_train=np.ones((6, 75))), r"has shape \(6, 75\), expected"),
    "fewer labels": (lambda f: write(f, y_train=np.arange(5) % 3), r"expected one row of each per sample"),
    "other size": (lambda f: write(f, x_test=arrays()["x_test"][:, :4]), "expected one shape"),
    "missing array": (lambda f: write(f, x_test=None), "expected x_train, y_train, x_test, y_test"),
    "negative label": (lambda f: write(f, y_train=np.arange(6) % 3 - 1), "labels run from -1 to 2"),
    "a gap among the classes": (lambda f: write(f, y_train=np.arange(6) % 3 * 3), "no sample has label 4 of 0 to 6"),
    "a huge label": (lambda f: write(f, y_train=np.array([0, 1, 2, 0, 1, 2**40])), "no sample has label 3 of 0 to"),
    "bytes and fractions": (lambda f: write(f, x_test=arrays()["x_test"] * 1.0), "save both in one type"),
    "one-hot": (lambda f: write(f, y_train=np.eye(6, dtype=int)[:, :6], y_test=np.eye(6, dtype=int)), "one-hot"),
    "constant channel": (lambda f: write(f, x_train=SAME), "channel 1 is 7 in every training image"),
    "copies": (lambda f: write(f, x_test=COPIED), "test sample 5 is an exact copy of training sample 3"),
    "complex": (lambda f: write(f, x_train=np.ones((6, 5, 5)) * 1j), "has type complex128"),
    "no samples": (lambda f: write(f, x_train=np.ones((0, 5, 5)), y_train=np.ones(0, int)), "has no samples"),
    "column by column": (lambda f: write(f, x_train=np.asfortranarray(FIRST)), "^[^(]*x_train.* column by column"),
    "a folder": (lambda f: f, "is no file"),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_file_of_images_is_one_clear_line(tmp_path, kind):
    make, words = MALFORMED[kind]
    file = make(tmp_path)
    with pytest.raises(DataError, match=words) as caught:
        images(file if isinstance(file, list) else str(file))
    assert "\n" not in str(caught.value)
