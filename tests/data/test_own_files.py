"""What `eqntk data check` says of a user's own files, and settings that do not name them."""

import shlex

import numpy as np
import pytest
from own_files import arrays, images, molecules, structures

from eqntk_cli.data.own_file import explain
from eqntk_cli.data.registry import load_data
from eqntk_cli.errors import ConfigError, DataError


def test_files_and_targets_that_are_not_named(tmp_path):
    from ase.io import write as save

    save(tmp_path / "a.extxyz", molecules())
    with pytest.raises(ConfigError, match=r"dataset.target is needed.*Every structure has made"):
        structures(tmp_path / "a.extxyz", target=None)
    with pytest.raises(ConfigError, match="needs dataset.files=FILE"):
        images(None)
    (tmp_path / "b.extxyz").write_text("nothing")
    (tmp_path / "b.db").write_bytes(b"SQLite format 3" + b"nothing" * 99)
    for name in ("b.extxyz", "b.db"):
        with pytest.raises(DataError, match="cannot be read by ASE"):
            structures(tmp_path / name)


def test_a_file_is_explained(tmp_path):
    from ase.io import write as save

    save(tmp_path / "a.extxyz", molecules())
    said = "\n".join(explain([tmp_path / "a.extxyz"]))
    assert "8 structures of H, O" in said
    assert "dataset.target=made" in said
    np.savez(tmp_path / "a.npz", **arrays())
    assert "6 training and 6 test images of shape (5, 5, 3)" in "\n".join(explain([tmp_path / "a.npz"]))


def test_files_that_belong_together_are_explained_together(tmp_path):
    files = [tmp_path / name for name in ("x.npy", "y.npy")]
    for file, name in zip(files, ("x_train", "y_train"), strict=True):
        np.save(file, arrays()[name])
    said = list(explain(files, task="ordinal-regression"))
    assert "4 training and 2 test images" in said[0]
    assert said[1].startswith("task ordinal-regression")
    assert f"'dataset.files=[{files[0]},{files[1]}]' dataset.task=ordinal-regression dataset.n_train=4" in said[2]
    assert "check it with its partner" in list(explain(files[:1]))[1]
    np.save(files[1], np.linspace(0, 1, 6))
    with pytest.raises(DataError, match="needs whole numbers for classes, got fractions"):
        list(explain(files, task="multi-class"))


def test_what_is_told_of_a_file_is_a_command_that_runs(tmp_path):
    from ase.io import write as save

    from eqntk_cli.architectures.checks import check
    from eqntk_cli.config.compose import compose

    np.savez(tmp_path / "a b.npz", **arrays())
    save(tmp_path / "a.extxyz", molecules())
    for file in ("a b.npz", "a.extxyz"):
        command = list(explain([tmp_path / file]))[-1].removeprefix("use it: eqntk train ")
        config = compose(shlex.split(command))
        check(config)
        assert load_data(config.dataset, config.architecture).train_y.size


def test_several_numbers_are_to_be_chosen_from(tmp_path):
    from ase.io import write as save

    save(tmp_path / "a.extxyz", molecules(other=1.5))
    assert "--target made" in list(explain([tmp_path / "a.extxyz"]))[-1]
    with pytest.raises(ConfigError, match="are for arrays"):
        list(explain([tmp_path / "a.extxyz"], task="regression"))
