"""QM9 in its three layouts, bundles of molecules, and every damaged file by name."""

import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig
from eqntk_cli.data.molecules.baselines import values
from eqntk_cli.data.registry import load_data
from eqntk_cli.data.sources.qm9 import open_source
from eqntk_cli.errors import ConfigError, DataError
from eqntk_cli.targets.units import MEV_PER_HARTREE, MEV_PER_KCAL_PER_MOL

ARCHITECTURE = ArchitectureConfig(name="spherical_mlp", bandlimit=2)
PROPERTIES = (
    "157.7118 157.70997 157.70699 0. 13.21 -0.3877 0.1171 0.5048 35.3641 0.044749 "
    "-40.47893 -40.476062 -40.475117 -40.498597 6.469"
)
HEADER = "gdb 1\t" + PROPERTIES.replace(" ", "\t")
METHANE = f"""5
{HEADER}\t
C\t-0.0126981359\t 1.0858041578\t 0.0080009958\t-0.535689
H\t 0.002150416\t-0.0060313176\t 0.0019761204\t 0.133921
H\t 1.0117308433\t 1.4637511618\t 0.0002765748\t 0.133922
H\t-0.540815069\t 1.4475266138\t-8.766437152*^-1\t 0.133923
H\t-0.5238136345\t 1.4379326443\t 0.9063972942\t 0.133923
1341.307\t1341.3284\t1341.365\t1562.6731\t1562.7453\t3038.3205\t3151.6034\t3151.6788\t3151.7078
C\tC\t
InChI=1S/CH4/h1H4\tInChI=1S/CH4/h1H4
"""
SDF = """gdb_1
 -OEChem-03231823243D

  5  4  0     0  0  0  0  0  0999 V2000
   -0.0127    1.0858    0.0080 C   0  0  0  0  0  0  0  0  0  0  0  0
    0.0022   -0.0060    0.0020 H   0  0  0  0  0  0  0  0  0  0  0  0
    1.0117    1.4638    0.0003 H   0  0  0  0  0  0  0  0  0  0  0  0
   -0.5408    1.4475   -0.8766 H   0  0  0  0  0  0  0  0  0  0  0  0
   -0.5238    1.4379    0.9064 H   0  0  0  0  0  0  0  0  0  0  0  0
  1  2  1  0  0  0  0
M  END
$$$$
"""
TABLE = "mol_id,A,mu,u0\ngdb_1,157.7118,0,-40.47893\n"


def _dataset(root: Path, **settings) -> DatasetConfig:
    wanted = {"n_train": 1, "n_test": 1, "n_ood": 0, **settings}
    return DatasetConfig(name="qm9", family="qm9", root=str(root), **wanted)


def _raw_files(folder: Path, texts: dict[int, str]) -> Path:
    for index, text in texts.items():
        (folder / f"dsgdb9nsd_{index:06d}.xyz").write_text(text)
    return folder


def _official(folder: Path, texts: dict[int, str]) -> Path:
    files = _raw_files(folder / "texts", texts) if (folder / "texts").mkdir() is None else folder
    with tarfile.open(folder / "dsgdb9nsd.xyz.tar.bz2", "w:bz2") as archive:
        for file in sorted(files.iterdir()):
            archive.add(file, file.name)
    return folder


def test_the_raw_layout_with_its_odd_exponents(tmp_path: Path) -> None:
    source = open_source(_dataset(_official(tmp_path, {1: METHANE})))
    (methane,) = source.read(np.array([0]))
    assert methane.name == "gdb_1"
    assert methane.numbers.tolist() == [6, 1, 1, 1, 1]
    assert methane.positions[3, 2] == pytest.approx(-0.8766437152)
    assert methane.properties["A"] == 157.7118
    assert methane.properties["gap"] == 0.5048
    assert methane.properties["cv"] == 6.469
    assert values(source.targets["u0"], [methane])[0] == pytest.approx(-40.47893 * MEV_PER_HARTREE)
    # the published atomisation energy of methane in kcal/mol
    assert values(source.targets["u0_atom"], [methane])[0] == pytest.approx(-395.9996 * MEV_PER_KCAL_PER_MOL, rel=1e-5)


def test_the_sdf_layout(tmp_path: Path) -> None:
    (tmp_path / "gdb9.sdf").write_text(SDF)
    (tmp_path / "gdb9.sdf.csv").write_text(TABLE)
    (methane,) = open_source(_dataset(tmp_path)).read(np.array([0]))
    assert methane.numbers.tolist() == [6, 1, 1, 1, 1]
    assert methane.positions[2].tolist() == [1.0117, 1.4638, 0.0003]
    assert methane.properties["u0"] == -40.47893
    (tmp_path / "gdb9.sdf.csv").write_text(TABLE + "gdb_2,1,2,3\n")
    with pytest.raises(DataError, match="ends before gdb_2"):
        open_source(_dataset(tmp_path)).read(np.array([1]))


def test_the_plain_layout_equals_the_original_raw_files(data_root: Path, tmp_path: Path) -> None:
    plain = open_source(_dataset(data_root / "qm9"))
    shutil.copy(data_root / "qm9" / "qm9_raw_original_22.tar.gz", tmp_path)
    raw = open_source(_dataset(tmp_path))
    assert (plain.size, raw.size) == (5000, 22)
    matched = 0
    for molecule in raw.read(np.arange(22)):
        index = int(molecule.name.removeprefix("gdb_"))
        if index not in plain._indices:
            continue
        (other,) = plain.read(np.array([plain._indices.index(index)]))
        assert other.numbers.tolist() == molecule.numbers.tolist()
        np.testing.assert_allclose(other.positions, molecule.positions, atol=1e-9)
        for key, value in molecule.properties.items():
            assert other.properties[key] == pytest.approx(value, rel=1e-7)
        matched += 1
    assert matched == 7


def test_the_raw_layout_at_size(data_root: Path, tmp_path: Path) -> None:
    shutil.copy(data_root / "qm9" / "qm9_5000_REASSEMBLED_rawlayout.tar.gz", tmp_path / "qm9_xyz.tar.gz")
    source, plain = open_source(_dataset(tmp_path)), open_source(_dataset(data_root / "qm9"))
    rows = np.array([0, 77, 4999])
    for mine, other in zip(source.read(rows), plain.read(rows), strict=True):
        assert mine.name == other.name
        assert mine.properties["u0"] == other.properties["u0"]


def test_atomisation_energies_agree_with_the_published_ones(data_root: Path) -> None:
    source = open_source(_dataset(data_root / "qm9"))
    molecules = source.read(np.arange(0, 5000, 50))
    for name in ("u0_atom", "u298_atom", "h298_atom", "g298_atom"):
        stored = np.array([molecule.properties[name] for molecule in molecules])
        energies = values(source.targets[name], molecules) / MEV_PER_KCAL_PER_MOL
        assert abs(energies - stored).max() < 0.003  # kcal/mol, the rounding of the atomic references
    assert len(source.targets) == 19


def test_a_bundle_of_real_molecules(data_root: Path) -> None:
    dataset = _dataset(data_root / "qm9", n_train=20, n_test=6, n_ood=4, target="gap")
    bundle = load_data(dataset, ARCHITECTURE)
    assert bundle.domain.sphere.channels == 10
    assert bundle.train_x.signals.shape == (20, bundle.domain.atoms, 4, 10)
    assert bundle.train_y.mean() == pytest.approx(0, abs=1e-12)
    assert bundle.train_y.std() == pytest.approx(1)
    assert bundle.target.unit == "meV"
    assert np.isnan(bundle.ood_y).all()
    mask, signals = bundle.train_x.mask, bundle.train_x.signals
    assert not signals[mask == 0].any()
    power = np.einsum("malc->c", signals**2) / (4 * np.pi * mask.sum())
    np.testing.assert_allclose(power[power > 0], 1, rtol=1e-12)
    assert (power == 0).tolist() == [False] * 8 + [True, True]  # no fluorine among these molecules
    larger = load_data(_dataset(data_root / "qm9", n_train=30, n_test=6, n_ood=0, target="gap"), ARCHITECTURE)
    physical = bundle.target.physical(bundle.train_y)
    np.testing.assert_allclose(larger.target.physical(larger.train_y)[:20], physical, rtol=1e-12)
    np.testing.assert_allclose(larger.target.physical(larger.test_y), bundle.target.physical(bundle.test_y), rtol=1e-12)


def test_baselines(data_root: Path) -> None:
    root = data_root / "qm9"
    atomic = load_data(_dataset(root, n_train=10, n_test=3, target="u0", baseline="atomic"), ARCHITECTURE)
    energies = load_data(_dataset(root, n_train=10, n_test=3, target="u0_atom"), ARCHITECTURE)
    np.testing.assert_allclose(
        atomic.target.physical(atomic.test_y), energies.target.physical(energies.test_y), rtol=1e-9
    )
    linear = load_data(_dataset(root, n_train=40, n_test=3, target="u0", baseline="linear"), ARCHITECTURE)
    assert linear.target.scale < 0.3 * energies.target.scale
    assert "linear baseline" in linear.notes[-1]
    with pytest.raises(ConfigError, match=r"baseline=atomic is not possible for dataset.target=gap; expected u0"):
        load_data(_dataset(root, target="gap", baseline="atomic"), ARCHITECTURE)


def test_inconsistent_molecules_are_left_out(tmp_path: Path) -> None:
    folder = _official(tmp_path, {index: METHANE for index in (1, 2, 3)})
    listed = tmp_path / "list.txt"
    listed.write_text("The following molecules failed:\n\n   2   C\n   9   N\n")
    source = open_source(_dataset(folder, exclude=str(listed)))
    assert [molecule.name for molecule in source.read(np.arange(source.size))] == ["gdb_1", "gdb_3"]
    assert "1 molecules that failed" in source.notes[0]
    listed.rename(tmp_path / "uncharacterized.txt")
    assert open_source(_dataset(folder)).size == 2
    with pytest.raises(DataError, match="is no file"):
        open_source(_dataset(folder, exclude=str(listed)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("C\t-0.01", "Xe\t-0.01", "gdb_7 has an atom of the unknown element 'Xe'"),
        ("5\ngdb", "9\ngdb", "gdb_7 ends after 10 lines, expected 9 atoms in at least 11"),
        ("5\ngdb", "five\ngdb", "gdb_7: line 1 is 'five', expected the number of atoms"),
        ("\t35.3641", "", "gdb_7: line 2 has 16 fields"),
        ("1.0117308433", "1.01x", "gdb_7: '1.01x' on line 5 is no number"),
        (
            "1.0117308433\t 1.4637511618\t 0.0002765748",
            "0.002150416\t-0.0060313176\t 0.0019761204",
            "gdb_7: atoms 1 and 2",
        ),
        ("-40.47893", "nan", "gdb_7 lacks the property u0"),
    ],
)
def test_a_damaged_molecule_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in METHANE
    folder = _raw_files(tmp_path, {1: METHANE, 7: METHANE.replace(old, new)})
    with pytest.raises(DataError, match=message):
        load_data(_dataset(folder), ARCHITECTURE)


def test_an_empty_molecule_is_named(tmp_path: Path) -> None:
    empty = "0\n" + HEADER + "\n"
    with pytest.raises(DataError, match="gdb_7 has no atoms"):
        load_data(_dataset(_raw_files(tmp_path, {1: METHANE, 7: empty})), ARCHITECTURE)


def test_a_truncated_archive_is_named_and_kept(data_root: Path, tmp_path: Path) -> None:
    whole = (data_root / "qm9" / "qm9_raw_original_22.tar.gz").read_bytes()
    path = tmp_path / "qm9_raw.tar.gz"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"qm9_raw.tar.gz cannot be read to its end .* truncated or damaged"):
        open_source(_dataset(tmp_path))
    assert path.exists()


def test_a_link_in_an_archive_is_named(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "dsgdb9nsd.xyz.tar.bz2", "w:bz2") as archive:
        link = tarfile.TarInfo("dsgdb9nsd_000007.xyz")
        link.type, link.linkname = tarfile.SYMTYPE, "elsewhere.xyz"
        archive.addfile(link)
    with pytest.raises(DataError, match=r"tar.bz2: dsgdb9nsd_000007.xyz is a link or a folder, expected a file"):
        open_source(_dataset(tmp_path)).read(np.array([0]))


def test_files_that_are_no_text(tmp_path: Path) -> None:
    latin = METHANE.replace("InChI", "Ångström").encode("latin-1")
    (tmp_path / "dsgdb9nsd_000001.xyz").write_bytes(latin)
    with pytest.raises(DataError, match=r"dsgdb9nsd_000001.xyz is no text in UTF-8 \(byte \d+\)"):
        open_source(_dataset(tmp_path)).read(np.array([0]))
    (tmp_path / "dsgdb9nsd_000001.xyz").unlink()
    (tmp_path / "dsgdb9nsd.xyz.tar.bz2").write_bytes(_official_bytes(tmp_path, latin))
    with pytest.raises(DataError, match=r"tar.bz2: dsgdb9nsd_000001.xyz is no text"):
        open_source(_dataset(tmp_path)).read(np.array([0]))
    (tmp_path / "dsgdb9nsd.xyz.tar.bz2").unlink()
    (tmp_path / "gdb9.sdf").write_bytes(SDF.encode() + b"\xff\n")
    (tmp_path / "gdb9.sdf.csv").write_text(TABLE + "gdb_2,1,2,3\n")
    with pytest.raises(DataError, match=r"gdb9.sdf: line 13 is no text"):
        open_source(_dataset(tmp_path)).read(np.array([1]))
    (tmp_path / "gdb9.sdf.csv").write_bytes(TABLE.encode() + b"\xe5\n")
    with pytest.raises(DataError, match=r"gdb9.sdf.csv is no text"):
        open_source(_dataset(tmp_path))
    (tmp_path / "list.txt").write_bytes(b"1 \xe5\n")
    (tmp_path / "gdb9.sdf.csv").write_text(TABLE)
    with pytest.raises(DataError, match=r"list.txt is no text"):
        open_source(_dataset(tmp_path, exclude=str(tmp_path / "list.txt")))


def _official_bytes(folder: Path, content: bytes) -> bytes:
    text = folder / "text"
    text.write_bytes(content)
    with tarfile.open(folder / "packed", "w:bz2") as archive:
        archive.add(text, "dsgdb9nsd_000001.xyz")
    return (folder / "packed").read_bytes()


def test_missing_files_and_unknown_targets(tmp_path: Path, data_root: Path) -> None:
    with pytest.raises(DataError, match="holds no files of QM9"):
        open_source(_dataset(tmp_path))
    with pytest.raises(ConfigError, match=r"dataset.target=logp is not possible; qm9 has A, B"):
        load_data(_dataset(data_root / "qm9", target="logp"), ARCHITECTURE)
    with pytest.raises(ConfigError, match=r"qm9 has 5000 molecules"):
        load_data(_dataset(data_root / "qm9", n_train=5000), ARCHITECTURE)
    (tmp_path / "dsgdb9nsd_000001.xyz").write_text("1\n\nC 0 0 0\n")
    with pytest.raises(DataError, match="plain xyz files without properties"):
        open_source(_dataset(tmp_path))
