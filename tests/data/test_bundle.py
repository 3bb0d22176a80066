from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from eqntk_cli.data.bundle import DataBundle
from eqntk_cli.domains.pixels import PixelGrid
from eqntk_cli.errors import DataError
from eqntk_cli.targets.scale import TargetScale


class Masked(NamedTuple):
    signal: np.ndarray
    mask: np.ndarray


def bundle(**changes) -> DataBundle:
    rng = np.random.default_rng(0)
    parts = {
        f"{split}_{part}": rng.standard_normal((count, *shape))
        for split, count in (("train", 3), ("test", 2), ("ood", 2))
        for part, shape in (("x", (4, 4, 1)), ("y", (1,)))
    }
    labels = {"train_labels": np.zeros((3, 1), np.int64), "test_labels": np.ones((2, 1), np.int64), "ood_labels": None}
    fixed = {"name": "made", "task": "binary-class", "domain": PixelGrid(4, 4, 1), "output_names": ("yes",)}
    return DataBundle(**{**parts, **labels, **fixed, "target": TargetScale("made"), **changes})


def test_physical_units():
    assert TargetScale("gap", "eV", mean=3.0, scale=2.0).physical(np.array(0.5)) == pytest.approx(4.0)


def test_equal_arrays_have_equal_fingerprints():
    assert bundle().fingerprint() == bundle().fingerprint()
    assert set(bundle().fingerprint()) == {"train", "test", "ood", "all"}


@pytest.mark.parametrize(
    ("split", "change"),
    [
        ("train", lambda b: replace(b, train_x=np.nextafter(b.train_x, 9))),
        ("train", lambda b: replace(b, train_y=-b.train_y)),
        ("train", lambda b: replace(b, train_labels=b.train_labels + 1)),
        ("train", lambda b: replace(b, train_x=b.train_x.astype(np.float32))),
        ("test", lambda b: replace(b, test_x=b.test_x.reshape(2, 2, 8, 1))),
        ("ood", lambda b: replace(b, ood_y=b.ood_y + 1)),
    ],
)
def test_any_change_of_an_array_changes_its_fingerprint_only(split, change):
    before, after = bundle().fingerprint(), change(bundle()).fingerprint()
    assert {key for key in before if before[key] != after[key]} == {split, "all"}


def test_pytrees_of_samples():
    sample = Masked(np.ones((3, 2, 2)), np.ones((3, 2), bool))
    first = bundle(train_x=sample)
    second = bundle(train_x=sample._replace(mask=np.zeros((3, 2), bool)))
    assert first.fingerprint()["train"] != second.fingerprint()["train"]


@pytest.mark.parametrize(
    ("field", "words"), [("train_x", "train samples"), ("test_y", "test samples"), ("ood_x", "ood")]
)
def test_samples_that_are_not_finite_are_refused(field, words):
    values = getattr(bundle(), field).copy()
    values[1] = np.nan
    with pytest.raises(DataError, match=f"1 of the {words}.*sample 1"):
        bundle(**{field: values})


def test_unknown_targets_are_allowed_off_the_distribution():
    assert np.isnan(bundle(ood_y=np.full((2, 1), np.nan)).ood_y).all()


def test_targets_of_another_length_are_refused():
    with pytest.raises(DataError, match=r"\(2, 1\), expected \(3, 1\)"):
        bundle(train_y=np.zeros((2, 1)))
