"""A user's own structures: what is read, how they are split, and every malformed file in one clear line."""

import numpy as np
import pytest
from own_files import molecules, structures

from eqntk_cli.errors import ConfigError, DataError


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
