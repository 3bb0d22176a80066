"""The command that writes Gram matrices: values of independent code, and every mistake in one line."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from eqntk_cli.cli.kernel import kernel
from eqntk_cli.errors import StorageError, UserError

SMALL = ("architecture=mlp", "architecture.hidden_layers=1", "group=c2", "precision=float64")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run `eqntk kernel` in an empty folder that holds two small arrays."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.save("a.npy", rng.normal(size=(5, 4, 4, 1)))
    np.save("b.npy", rng.normal(size=(3, 4, 4, 1)))
    app = typer.Typer()
    app.command()(kernel)
    return lambda *words: CliRunner().invoke(app, list(words))


def loaded(path: str | Path):
    """The arrays of a npz or npy file; the file is closed again."""
    stored = np.load(path)
    if isinstance(stored, np.ndarray):
        return stored
    with stored:
        return dict(stored)


def planar_cases(reference_root: Path) -> dict:
    cases = json.loads((reference_root / "planar_kernels.json").read_text())
    return {name: case for name, case in cases.items() if case.get("kind") in ("mlp", "cnn")}


def words_for(case: dict) -> list[str]:
    words = [f"architecture={case['kind']}", f"group={case['group']}"]
    words += [f"architecture.{key}={case[key]}" for key in ("hidden_layers", "activation")]
    words += [f"architecture.{key}={json.dumps(case[key]).replace(' ', '')}" for key in ("W_std", "b_std")]
    if case["kind"] == "cnn":
        words += [f"architecture.filter={case['filter']}", f"architecture.padding={case['padding'].lower()}"]
    return words


@pytest.mark.parametrize("case", ["mlp_relu_d4", "mlp_gelu_c4", "cnn_relu_valid_c4", "cnn_erf_valid_c4"])
def test_arrays_give_the_values_of_an_independent_library(run, reference_root, case):
    values = loaded(reference_root / "planar_kernels.npz")
    np.save("x1.npy", values["x1"])
    np.save("x2.npy", values["x2"])
    words = words_for(planar_cases(reference_root)[case])
    done = run("--x1", "x1.npy", "--x2", "x2.npy", "--out", "k.npz", "--json", "precision=float64", *words)
    assert done.exit_code == 0, done.exception
    got = loaded("k.npz")
    assert set(got) == {"nngp", "ntk"}
    for name in got:
        assert got[name].dtype == np.float64
        np.testing.assert_allclose(got[name], values[f"{case}/{name}"], rtol=1e-10)
    report = json.loads(done.stdout)
    assert report["pairs"] == 6
    assert report["route"] == "collapsed"
    assert {"compile_s", "compute_s", "peak_bytes"} <= set(report)
    assert 1 << 20 < report["peak_bytes"] < 1 << 35


@pytest.mark.slow
def test_all_planar_values(run, reference_root):
    values = loaded(reference_root / "planar_kernels.npz")
    np.save("x1.npy", values["x1"])
    np.save("x2.npy", values["x2"])
    for name, case in planar_cases(reference_root).items():
        for route in ("auto", "recursion") if name.endswith("_c4") else ("auto",):
            words = (f"route={route}", "precision=float64", *words_for(case))
            done = run("--x1", "x1.npy", "--x2", "x2.npy", "--out", "k.npz", "--force", *words)
            assert done.exit_code == 0, done.exception
            for kind in ("nngp", "ntk"):
                np.testing.assert_allclose(loaded("k.npz")[kind], values[f"{name}/{kind}"], rtol=1e-10)


def test_one_array_gives_a_square_that_is_exactly_symmetric(run):
    assert run("--x1", "a.npy", "--out", "k.npz", *SMALL).exit_code == 0
    assert run("--x1", "a.npy", "--x2", "a.npy", "--out", "cross.npz", *SMALL).exit_code == 0
    for name in ("nngp", "ntk"):
        square = loaded("k.npz")[name]
        np.testing.assert_array_equal(square, square.T)
        np.testing.assert_allclose(square, loaded("cross.npz")[name], rtol=1e-13)


def test_routes_agree_and_are_named(run):
    routes = []
    for route in ("collapsed", "recursion"):
        done = run("--x1", "a.npy", "--out", f"{route}.npz", "--json", f"route={route}", *SMALL)
        routes.append(json.loads(done.stdout)["route"])
    assert routes == ["collapsed", "recursion"]
    np.testing.assert_allclose(loaded("collapsed.npz")["ntk"], loaded("recursion.npz")["ntk"], rtol=1e-12)


def test_signals_on_the_sphere_give_the_values_of_independent_code(run, reference_root):
    values = loaded(reference_root / "so3_kernels.npz")
    case = json.loads((reference_root / "so3_kernels.json").read_text())["so3_erf_2"]
    np.save("x1.npy", values["x1"])
    np.save("x2.npy", values["x2"])
    tolerance = "architecture.quadrature_tolerance=1e-4"
    words = words_for({**case, "kind": "spherical_mlp", "filter": None, "padding": None})
    done = run("--x1", "x1.npy", "--x2", "x2.npy", "--out", "k.npz", "precision=float64", *words, tolerance)
    assert done.exit_code == 0, done.exception
    for name in ("nngp", "ntk"):
        np.testing.assert_allclose(loaded("k.npz")[name], values[f"so3_erf_2/{name}"], rtol=1e-4)


def test_average_pooling_inside_the_network(run):
    """Where the windows fit both routes agree; the note says what the plain kernel costs."""
    words = ("--x1", "a.npy", "--x2", "b.npy", "group=d4", "precision=float64", "architecture=cnn")
    for route in ("auto", "recursion"):
        pooled = ("--out", f"{route}.npz", "--json", f"route={route}", "architecture.average_pool=2")
        done = run(*words, *pooled)
        assert done.exit_code == 0, done.exception
        assert any("offsets" in note for note in json.loads(done.stdout)["notes"]) == (route == "auto")
    for name in ("nngp", "ntk"):
        np.testing.assert_allclose(loaded("auto.npz")[name], loaded("recursion.npz")[name], rtol=1e-12)
    assert run(*words, "--out", "without.npz").exit_code == 0
    assert abs(loaded("without.npz")["ntk"] / loaded("auto.npz")["ntk"] - 1).max() > 1e-3


def test_a_data_set_gives_train_and_cross_kernels_and_targets(run):
    dataset = ("dataset=digits", "dataset.n_train=12", "dataset.n_test=5", "dataset.image_size=8", *SMALL)
    assert run("--out", "train.npz", "--targets", "y.npy", *dataset).exit_code == 0
    assert run("--out", "cross.npz", "--rows", "test", "--columns", "train", *dataset).exit_code == 0
    assert run("--out", "test.npz", "--rows", "test", "--dtype", "float32", *dataset).exit_code == 0
    assert loaded("train.npz")["ntk"].shape == (12, 12)
    assert loaded("cross.npz")["ntk"].shape == (5, 12)
    assert loaded("test.npz")["ntk"].dtype == np.float32
    assert loaded("y.npy").shape == (12, 10)
    eigenvalues = np.linalg.eigvalsh(loaded("train.npz")["ntk"])
    assert eigenvalues[0] > 0


def test_tiles_of_another_computation_leave_two_ways_out(run):
    Path("k.npz.partial").mkdir()
    Path("k.npz.partial/manifest.json").write_text('{"identity": {}, "grid": {}}')
    done = run("--x1", "a.npy", "--out", "k.npz", *SMALL)
    said = r"holds tiles of another computation \(.*\); remove that folder to start anew. Or choose another --out."
    assert done.exit_code != 0
    assert re.search(said, str(done.exception))


def test_the_same_command_overwrites_its_result(run):
    for _ in range(2):
        assert run("--x1", "a.npy", "--out", "k.npz", *SMALL).exit_code == 0
    assert not list(Path().glob("*.partial"))


def test_the_result_of_other_settings_is_kept_unless_forced(run):
    assert run("--x1", "a.npy", "--out", "k.npz", *SMALL).exit_code == 0
    first = Path("k.npz").read_bytes()
    for words, said in (
        (("--x1", "a.npy", "architecture.b_std=0.3"), "(architecture.b_std was 0.1, is 0.3)"),
        (("--x1", "b.npy"), "(x1 was "),
        (("--x1", "a.npy", "--dtype", "float32"), "(dtype was float64, is float32)"),
    ):
        done = run("--out", "k.npz", *SMALL, *words)
        assert isinstance(done.exception, StorageError)
        assert said in str(done.exception)
        assert str(done.exception).endswith("choose another file. --force replaces it.")
        assert Path("k.npz").read_bytes() == first
    assert run("--x1", "b.npy", "--out", "k.npz", "--force", *SMALL).exit_code == 0
    assert loaded("k.npz")["ntk"].shape == (3, 3)


def test_a_file_of_somebody_else_is_kept(run):
    Path("k.npz").write_text("my own")
    done = run("--x1", "a.npy", "--out", "k.npz", *SMALL)
    assert "is there already and does not say what it is" in str(done.exception)
    assert Path("k.npz").read_text() == "my own"


def wrong_files() -> None:
    np.save("nan.npy", np.full((2, 4, 4, 1), np.nan))
    np.save("flat.npy", np.zeros((2, 16)))
    np.save("none.npy", np.zeros((0, 4, 4, 1)))
    np.save("other.npy", np.ones((2, 6, 6, 1)))
    np.save("wide.npy", np.ones((2, 4, 6, 1)))
    np.save("words.npy", np.array(["a"]))
    Path("text.npy").write_text("no array")
    np.savez("archive.npz", a=np.ones(3))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--x1", "gone.npy"), "no file gone.npy"),
        (("--x1", "text.npy"), "text.npy cannot be read"),
        (("--x1", "archive.npz"), "single array"),
        (("--x1", "words.npy"), "cannot be read|expected real numbers"),
        (("--x1", "nan.npy"), r"nan.npy holds NaN or infinity \(first in row 0\)"),
        (("--x1", "flat.npy"), "expected four axes"),
        (("--x1", "none.npy"), "without any numbers"),
        (("--x1", "a.npy", "--x2", "other.npy"), r"\(4, 4, 1\), those of other.npy \(6, 6, 1\)"),
        (("--x1", "wide.npy", "group=c4"), "square"),
        (("--x1", "a.npy", "group=so3"), "group=so3"),
        (("--x1", "a.npy", "group=c3"), "c3"),
        (("--x1", "a.npy", "architecture=spherical_mlp", "group=so3"), "equiangular"),
        (("--x1", "a.npy", "route=augmented"), "route=augmented.*auto | collapsed | recursion"),
        (("--x1", "a.npy", "architecture=cnn", "architecture.filter=[3,1]", "group=c4", "route=collapsed"), "does not"),
        (("--x1", "a.npy", "architecture=cnn", "architecture.average_pool=5"), "average_pool=5 .* at most 4"),
        (("--x1", "a.npy", "architecture.average_pool=2"), "average_pool=2 .* 1 with architecture=mlp"),
        (("--x1", "a.npy", "--rows", "test"), "leave them out with --x1"),
        (("--x2", "a.npy"), "--x2 needs --x1"),
        (("--x1", "a.npy", "--memory", "0"), "--memory 0"),
    ],
)
def test_a_mistake_is_one_line(run, words, message):
    wrong_files()
    done = run("--out", "k.npz", *SMALL, *words)
    assert isinstance(done.exception, UserError), done.exception
    with pytest.raises(UserError, match=message):
        raise done.exception
    assert "\n" not in str(done.exception)
    assert not Path("k.npz").exists()


def test_a_folder_that_is_not_there_is_named(run):
    done = run("--x1", "a.npy", "--out", "nowhere/k.npz", *SMALL)
    assert "no folder nowhere" in str(done.exception)


def test_nothing_heavy_is_imported_before_it_is_needed():
    code = (
        "import sys, eqntk_cli.cli.kernel, eqntk_cli.cli.predict; sys.exit(bool({'jax', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
