"""A user's own files: what is read, and every malformed file in one clear line."""

import shlex

import numpy as np
import pytest

from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig
from eqntk_cli.data.own_file import explain
from eqntk_cli.data.registry import load_data
from eqntk_cli.errors import ConfigError, DataError

MLP = ArchitectureConfig(name="mlp")
SPHERE = ArchitectureConfig(name="spherical_mlp", bandlimit=2)


def arrays(**changes) -> dict[str, np.ndarray]:
    """Six training and six test images with classes; a value None leaves the array out."""
    rng = np.random.default_rng(0)
    made = {
        "x_train": rng.integers(256, size=(6, 5, 5, 3), dtype=np.uint8),
        "y_train": np.arange(6) % 3,
        "x_test": rng.integers(256, size=(6, 5, 5, 3), dtype=np.uint8),
        "y_test": np.arange(6) % 3,
    }
    return {key: value for key, value in {**made, **changes}.items() if value is not None}


def images(file, **changes):
    settings = {"n_train": 4, "n_test": 3, "n_ood": 2, **changes}
    return load_data(DatasetConfig(name="arrays", family="arrays", files=file, **settings), MLP)


def molecules(count=8, **keys):
    from ase import Atoms

    rng = np.random.default_rng(1)
    made = []
    for number in range(count):
        atoms = Atoms("OH2", [[0, 0, 0], [0.96, 0, 0], [0, 0.96, 0]] + 0.05 * rng.normal(size=(3, 3)))
        atoms.info = {"made": float(rng.normal()), "family": f"f{number // 2}", **keys}
        made.append(atoms)
    return made


def structures(file, **changes):
    settings = {"n_train": 4, "n_test": 2, "n_ood": 1, "target": "made", "kind": "molecules", **changes}
    return load_data(DatasetConfig(name="structures", family="structures", files=str(file), **settings), SPHERE)


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


def test_structures_from_extxyz_and_a_database(tmp_path):
    from ase.io import write as save

    made = molecules()
    save(tmp_path / "a.extxyz", made)
    bundle = structures(tmp_path / "a.extxyz", unit="eV")
    assert (bundle.target.name, bundle.target.unit, bundle.train_y.shape) == ("made", "eV", (4, 1))
    per_atom = structures(tmp_path / "a.extxyz", unit="eV", per="atom")
    assert per_atom.target.unit == "eV/atom"
    assert per_atom.target.scale == pytest.approx(bundle.target.scale / 3)


def in_sdf(made, file):
    from ase.io import write as save

    for number, atoms in enumerate(made):
        save(file.with_name("one.sdf"), atoms, format="sdf")
        fields = "".join(f">  <{key}>\n{value}\n\n" for key, value in atoms.info.items())
        record = file.with_name("one.sdf").read_text().replace("$$$$", f"{fields}$$$$")
        file.write_text((file.read_text() if number else "") + record)


def in_db(made, file):
    from ase.db import connect

    with connect(file) as database:
        for atoms in made:
            database.write(atoms, **atoms.info)


@pytest.mark.parametrize(("save", "name"), [(in_sdf, "a.sdf"), (in_db, "a.db"), (in_db, "a.json")])
def test_other_files_hold_the_same_structures(save, name, tmp_path):
    from ase.io import write as save_extxyz

    made = molecules()
    for atoms in made:
        atoms.positions = atoms.positions.round(4)  # an sdf file has four places
    save_extxyz(tmp_path / "a.extxyz", made)
    save(made, tmp_path / name)
    got, want = (structures(tmp_path / file, split_by="family") for file in (name, "a.extxyz"))
    np.testing.assert_allclose(got.train_y, want.train_y, rtol=1e-12)
    np.testing.assert_allclose(got.train_x.signals, want.train_x.signals, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_groups_stay_on_one_side_of_the_split(seed, tmp_path):
    from ase.io import write as save

    made = molecules()
    save(tmp_path / "a.extxyz", made)
    family_of = {round(atoms.info["made"], 6): atoms.info["family"] for atoms in made}
    bundle = structures(tmp_path / "a.extxyz", n_train=4, n_test=4, split_by="family", split_seed=seed)
    sides = [
        {family_of[round(float(y), 6)] for y in bundle.target.physical(values)[:, 0]}
        for values in (bundle.train_y, bundle.test_y)
    ]
    assert [len(side) for side in sides] == [2, 2]
    assert not sides[0] & sides[1]


def test_a_split_through_a_group_is_refused(tmp_path):
    from ase.io import write as save

    save(tmp_path / "a.extxyz", molecules())
    with pytest.raises(ConfigError, match="a group of dataset.split_by=family on both sides"):
        structures(tmp_path / "a.extxyz", n_train=5, n_test=3, split_by="family")
    with pytest.raises(DataError, match="structure 0 has no batch, by which dataset.split_by splits"):
        structures(tmp_path / "a.extxyz", split_by="batch")


STRUCTURES = {
    "missing key": (lambda made: made[3].info.pop("made"), r"structure 3 has no made\. No number is common"),
    "text": (lambda made: made[2].info.update(made="high"), "structure 2: made is 'high', expected one finite number"),
    "nan": (lambda made: made[2].info.update(made=float("nan")), "structure 2: made is 'nan'"),
    "periodic": (lambda made: (made[1].set_cell([9, 9, 9]), made[1].set_pbc(True)), "structure 1 is periodic"),
    "copies": (lambda made: made.append(made[4].copy()), "structure 8 is an exact copy of structure 4"),
    "no element": (lambda made: made[5].set_atomic_numbers([0, 1, 1]), "structure 5 has an atom X"),
    "overlap": (lambda made: made[0].set_positions(np.zeros((3, 3))), "structure 0: atoms 0 and 1 overlap"),
}


@pytest.mark.parametrize("kind", STRUCTURES)
def test_a_malformed_file_of_structures_is_one_clear_line(tmp_path, kind):
    from ase.io import write as save

    change, words = STRUCTURES[kind]
    made = molecules()
    change(made)
    save(tmp_path / "a.extxyz", made)
    with pytest.raises(DataError, match=words) as caught:
        structures(tmp_path / "a.extxyz", n_train=6)
    assert "\n" not in str(caught.value)


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
